"""Groups of samples, spread over threads, each run to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from snnc.backends.reference.exits import AnySession, Course, Visit
from snnc.backends.reference.layout import Workspace
from snnc.backends.reference.plan import Plan
from snnc.backends.reference.results import Results
from snnc.backends.reference.session import Session
from snnc.backends.reference.synapses import FanOut
from snnc.ir import model
from snnc.ir.tensors import Array

Progress = Callable[[int, int], None]
"""Called with the number of sample-steps done and their total."""


class Job:
    """One run, shared by its threads."""

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Array],
        steps: int,
        block_steps: Callable[[int, int], int],
        first: int,
        results: Results,
        record: Sequence[str],
        record_membrane: Sequence[str],
        course: Course,
        fan_outs: Mapping[str, FanOut],
    ) -> None:
        self.stop = threading.Event()
        self.done = 0
        self._plan = plan
        self._inputs = inputs
        self._steps = steps
        self._block_steps = block_steps
        self._first = first
        self._results = results
        self._record = record
        self._record_membrane = record_membrane
        self._course = course
        self._fan_outs = fan_outs
        self._lock = threading.Lock()
        self._local = threading.local()

    def run(self, group: range) -> Iterator[None]:
        """One group of samples; yields after every block."""
        work: Workspace | None = getattr(self._local, "work", None)
        if work is None:
            work = self._local.work = Workspace(self._plan.dtype)
        block = self._block_steps(len(group), self._steps)
        session = self._session(group, block, work)
        visit = Visit(self._course, session, self._results, group)
        for stage in self._course.stages.stages:
            if session.samples and stage is not self._course.stages.stages[0]:
                session.begin(stage)
            while session.samples and session.time < stage.limit and not self.stop.is_set():
                steps = self._course.most_steps(stage, session, block)
                running = session.samples
                left = visit.take(stage, session.advance(steps))
                # Order `depth` has no total of steps: only those of its last stage are counted.
                if stage.last:
                    self._advance(steps * running)
                self._advance(left * (self._steps - (session.time if stage.last else 0)))
                yield
        if session.samples and not self.stop.is_set():
            self._results.put_departure(group, session.finish())

    def _session(self, group: range, block: int, work: Workspace) -> AnySession:
        return Session(
            self._plan,
            self._cut(group),
            samples=len(group),
            first=self._first + group.start,
            block=block,
            work=work,
            record=self._record,
            record_membrane=self._record_membrane,
            stages=self._course.stages,
            fan_outs=self._fan_outs,
        )

    def _advance(self, done: int) -> None:
        """Count sample-steps that are done; those that a resting sample is spared are done too."""
        with self._lock:
            self.done += done

    def drain(self, group: range) -> None:
        """One group of samples, to its end."""
        for _ in self.run(group):
            pass

    def _cut(self, group: range) -> dict[str, Array]:
        cut = {}
        for entry in self._plan.network.inputs:
            array = self._inputs[entry.name]
            rows = slice(group.start, group.stop)
            events = isinstance(entry.coding, model.Events)
            cut[entry.name] = array[:, rows] if events else array[rows]
        return cut


@lru_cache(maxsize=1)
def _blas() -> Any:
    return ThreadpoolController()


def run_groups(
    job: Job, groups: Sequence[range], progress: Progress | None, total: int, threads: int
) -> None:
    """All groups, one BLAS thread per worker: many small products gain nothing from more."""
    with _blas().limit(limits=1, user_api="blas"):
        if min(threads, len(groups)) <= 1:
            for group in groups:
                for _ in job.run(group):
                    if progress is not None:
                        progress(job.done, total)
            return
        _run_threads(job, groups, progress, total, threads)


def _run_threads(
    job: Job, groups: Sequence[range], progress: Progress | None, total: int, threads: int
) -> None:
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="snnc")
    try:
        pending: set[Future[None]] = {pool.submit(job.drain, group) for group in groups}
        while pending:
            # A short wait, so that Ctrl-C and the progress bar are served.
            finished, pending = wait(pending, timeout=0.1, return_when="FIRST_EXCEPTION")
            for future in finished:
                future.result()
            if progress is not None:
                progress(job.done, total)
    finally:
        job.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)

"""Samples spread over threads: each takes the next few until none are left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from snnc.backends.reference.groups import Progress
from snnc.ir.tensors import Array

_PART_S = 0.05
"""Length of a part of the work: short enough that Ctrl-C is served soon."""

_LEAST_S = 0.001
"""Length of a part towards the end, where shorter ones balance threads: a call has a cost."""

_MOST_SAMPLES = 64

Part = Callable[[Array, int, int], None]
"""Runs some samples: in a state, from a first one on, so many."""


class _Queue:
    """Samples that nobody has taken yet."""

    def __init__(self, samples: int, threads: int) -> None:
        self._lock = threading.Lock()
        self._samples = samples
        self._threads = threads
        self._next = 0
        self.done = 0
        self.stop = threading.Event()

    def take(self, wished: int, least: int) -> range:
        """At most `wished` samples, fewer towards the end, so that no thread waits for another."""
        with self._lock:
            left = self._samples - self._next
            count = max(least, min(wished, left // (2 * self._threads)))
            start, self._next = self._next, min(self._next + count, self._samples)
            return range(start, self._next)

    def finish(self, count: int) -> None:
        """Count samples that are done."""
        with self._lock:
            self.done += count

    def drain(self, part: Part, state: Array) -> None:
        """Work until nothing is left or somebody says stop."""
        wished = least = 1
        while not self.stop.is_set():
            taken = self.take(wished, least)
            if not taken:
                return
            begun = time.perf_counter()
            part(state, taken.start, len(taken))
            rate = len(taken) / max(time.perf_counter() - begun, 1e-9)
            wished, least = (
                max(1, min(_MOST_SAMPLES, int(seconds * rate))) for seconds in (_PART_S, _LEAST_S)
            )
            self.finish(len(taken))


def run_parts(
    part: Part,
    new_state: Callable[[], Array],
    samples: int,
    steps: int,
    threads: int,
    progress: Progress | None,
) -> None:
    """Run all samples.

    Args:
        part: runs some of them; called in several threads at the same time.
        new_state: memory for one thread.
        samples: how many there are.
        steps: time steps of each, for the progress alone.
        threads: how many work at the same time.
        progress: called now and then, in the calling thread.
    """
    queue = _Queue(samples, max(1, threads))
    pool = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="snnc-c")
    try:
        pending: set[Future[None]] = {
            pool.submit(queue.drain, part, new_state()) for _ in range(threads)
        }
        while pending:
            # A short wait, so that Ctrl-C and the progress bar are served.
            finished, pending = wait(pending, timeout=0.1, return_when="FIRST_EXCEPTION")
            for future in finished:
                future.result()
            if progress is not None:
                progress(queue.done * steps, samples * steps)
    finally:
        queue.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)

"""`snnc.compile`: from an ONNX file to a checked spiking program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.base import Target
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.auto import Search, Searcher, Trial
from snnc.driver.calibration import Calibration, calibrate
from snnc.driver.checks import CHECKED_SAMPLES, CheckPasses
from snnc.driver.compiled import Compiled
from snnc.driver.hooks import KeepQuantised
from snnc.driver.pipeline import (
    build_pipeline,
    candidate_pipelines,
    check_printed,
    check_stop,
    run_passes,
)
from snnc.driver.product import GOLDEN_SAMPLES
from snnc.driver.report import build_report
from snnc.driver.samples import DataLike, Subset, notes_of
from snnc.driver.source import as_coded, open_source, random_inputs
from snnc.driver.targets import check_target, find_target
from snnc.evaluation.evaluate import ProgressSink, Samples
from snnc.evaluation.levels import level_notes
from snnc.ir.model import Network
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Pass
from snnc.passes.defaults import Choice, default_pipeline
from snnc.passes.manager import Hook

DEFAULT_STEPS = 32
DEFAULT_MAX_DROP = 0.5
DEFAULT_MAX_STEPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What a compilation was asked for; `compile_model` documents the fields."""

    target: str = "reference"
    steps: int | None = None
    passes: str | None = None
    auto: bool = False
    max_drop: float = DEFAULT_MAX_DROP
    max_steps: int = DEFAULT_MAX_STEPS
    seed: int = 0
    preprocessing: Preprocessing | None = None
    check_passes: bool = False
    stop_after: str | None = None
    hooks: tuple[Hook, ...] = ()
    progress: ProgressSink | None = None
    tried: Callable[[Trial, float], None] | None = None

    def checked(self) -> CompileOptions:
        """These options, refused where they contradict each other or are out of range.

        Raises:
            UsageError: SN936, SN938.
        """
        ranges = (
            (self.steps is None or self.steps >= 1, "steps", self.steps, "at least 1"),
            (self.max_steps >= 1, "max_steps", self.max_steps, "at least 1"),
            (self.max_drop >= 0, "max_drop", self.max_drop, "at least 0"),
            (self.seed >= 0, "seed", self.seed, "at least 0"),
        )
        for fine, name, value, accepted in ranges:
            if not fine:
                text = f"{name} is {value}; it must be {accepted}"
                raise UsageError(Diagnostic("SN938", text))
        if self.auto and (self.passes is not None or self.stop_after is not None):
            text = "--auto chooses the pipeline itself, so --passes and --stop-after contradict it"
            raise UsageError(Diagnostic("SN936", text, help="leave one of them out"))
        return self


def compile_model(
    model: str | PathLike[str],
    *,
    target: str = "reference",
    calibration: DataLike | None = None,
    preprocessing: Preprocessing | None = None,
    steps: int | None = None,
    passes: str | None = None,
    auto: bool = False,
    max_drop: float = DEFAULT_MAX_DROP,
    max_steps: int = DEFAULT_MAX_STEPS,
    seed: int = 0,
    check_passes: bool = False,
    stop_after: str | None = None,
    hooks: Sequence[Hook] = (),
    progress: ProgressSink | None = None,
    tried: Callable[[Trial, float], None] | None = None,
) -> Compiled:
    """Compile a trained network into a spiking program.

    Args:
        model: an ONNX file, or a `.snn` file of stage ann.
        target: what to compile for, a name of `snnc targets`.
        calibration: samples that scales and corrections are chosen on: `PATH[:SPLIT][[A:B]]`,
            samples `(N, *shape)` in the network's units, or a pair of samples and labels. Some
            hundred training samples are enough.
        preprocessing: of data files; stored in the program. Arrays are taken as they are.
        steps: time steps to compile for; by default 32, and for a network that comes to rest by
            itself as many as it may need.
        passes: a pipeline as text. By default it is chosen by the network (whether its activations
            are quantised) and the target; the report says which it is and why.
        auto: search pipeline and steps for the fewest steps (at most `max_steps`) whose accuracy
            is within `max_drop` points of the ANN; half of the calibration data is held out.
        max_drop: for `auto`.
        max_steps: for `auto`.
        seed: of everything random.
        check_passes: compare every layer with onnxruntime after every pass.
        stop_after: name of the last pass to run; the target is then not asked.
        hooks: called between passes.
        progress: called with (label, done, total).
        tried: called with each trial of `auto` and the accuracy of the ANN.

    Returns:
        The compiled network, which can be run, evaluated and saved.

    Raises:
        InputError: the model, the data or the network for the target is rejected.
        UsageError: a file is missing or an option makes no sense.
    """
    options = CompileOptions(
        target=target,
        steps=steps,
        passes=passes,
        auto=auto,
        max_drop=max_drop,
        max_steps=max_steps,
        seed=seed,
        preprocessing=preprocessing,
        check_passes=check_passes,
        stop_after=stop_after,
        hooks=tuple(hooks),
        progress=progress,
        tried=tried,
    )
    return _Compilation(model, calibration, options.checked()).result()


class _Compilation:
    """One run of the driver; its methods are the steps in order."""

    def __init__(
        self, model: str | PathLike[str], calibration: DataLike | None, options: CompileOptions
    ) -> None:
        self.options = options
        self.target: Target = find_target(options.target)
        self.preprocessing = options.preprocessing or Preprocessing()
        self.data_name = fspath(calibration) if isinstance(calibration, str | PathLike) else ""
        self.choice: Choice | None = None
        self.passes: tuple[Pass, ...] = ()
        if options.passes is not None:  # a wrong name is told before the model is read
            self._take(options.passes)
        self.source, self.data = open_source(model, calibration, self.preprocessing, options.seed)
        if options.passes is None and not options.auto:
            limits = self.target.limits
            self.choice = default_pipeline(self.source.network, limits, options.steps)
            self._take(self.choice.spec)
        self.checks: CheckPasses | None = None
        self.kept = KeepQuantised()
        self.notes: list[str] = []

    def _take(self, pipeline: str) -> None:
        """Use a pipeline, after the options that name its passes were checked against it."""
        self.passes = build_pipeline(pipeline, self.target)
        check_stop(self.passes, self.options.stop_after)
        check_printed(self.options.hooks, self.passes)

    def result(self) -> Compiled:
        """Everything from calibration to the report."""
        search = self._search() if self.options.auto else None
        steps = self.options.steps if search is None else search.best.steps
        if search is not None:
            self._take(search.best.pipeline)
        calibration = self._calibrate(self.data)
        network = self._run(self.passes, steps, calibration, watched=True)
        if self.options.stop_after is None:
            check_target(self.target, network)
        golden = self._golden(calibration, network)
        compiled = Compiled(
            network=network,
            ann=self.source.network,
            quantised=self.kept.beside(self.source.network),
            target=self.target.name,
            steps=steps or DEFAULT_STEPS if network.schedule is None else network.schedule.steps,
            seed=self.options.seed,
            preprocessing=self.preprocessing,
            reference=self.source.ann,
            model_sha256=self.source.sha256,
            calibration_record=self._record(calibration),
            golden_inputs=golden,
        )
        return replace(compiled, report=self._report(compiled, search))

    def _calibrate(self, data: Samples | None) -> Calibration:
        if data is None:
            return Calibration()
        return calibrate(self.source.network, self.source.ann, data, self.options.progress)

    def _run(
        self, passes: Sequence[Pass], steps: int | None, calibration: Calibration, *, watched: bool
    ) -> Network:
        context = Context(
            statistics=calibration.statistics,
            calibration=calibration.samples,
            steps=steps or DEFAULT_STEPS,
            steps_given=steps is not None,
            seed=self.options.seed,
            progress=self.options.progress,
        )
        hooks: list[Hook] = []
        if watched:
            hooks.extend((*self.options.hooks, self.kept))
            if self.options.check_passes:
                self.checks = CheckPasses(self.source.ann, self._check_inputs(calibration))
                hooks.append(self.checks)
        stop = self.options.stop_after if watched else None
        network = run_passes(self.source.network, passes, context, hooks, stop)
        if watched:
            self.notes.extend(context.notes)
        return network

    def _check_inputs(self, calibration: Calibration) -> Array:
        from snnc.driver.calibration import require_single_input

        require_single_input(self.source.network)
        samples = calibration.samples
        if samples is None:
            samples = random_inputs(self.source.network, CHECKED_SAMPLES, self.options.seed)
        return samples[self.source.network.inputs[0].name]

    def _search(self) -> Search:
        if self.data is None:
            cure = "pass --calibration DATA with labels"
            text = "--auto needs labelled calibration data to measure accuracies"
            raise InputError(Diagnostic("SN928", text, help=cure))
        fitted = self._calibrate(Subset(self.data, held_out=False))

        def compile_for(pipeline: str, steps: int) -> Network:
            return self._run(build_pipeline(pipeline, self.target), steps, fitted, watched=False)

        return Searcher(
            compile_for=compile_for,
            held_out=Subset(self.data, held_out=True),
            ann=self.source.ann,
            max_drop=self.options.max_drop,
            max_steps=self.options.max_steps,
            tried=self.options.tried,
            progress=self.options.progress,
        ).search(candidate_pipelines(self.source.network, self.target.limits))

    def _golden(self, calibration: Calibration, network: Network) -> Mapping[str, Array]:
        samples = calibration.samples
        if samples is None:
            samples = random_inputs(self.source.network, GOLDEN_SAMPLES, self.options.seed)
        first = {n: np.ascontiguousarray(x[:GOLDEN_SAMPLES]) for n, x in samples.items()}
        return as_coded(network, first)

    def _record(self, calibration: Calibration) -> dict[str, Any]:
        """What the manifest says of the calibration data; no folder of this machine is in it."""
        name = self.data_name
        return {"data": Path(name).name if name else "", "samples": calibration.count}

    def _report(self, compiled: Compiled, search: Search | None) -> dict[str, Any]:
        notes = [*self.source.notes, *self.notes]
        if self.data is not None:
            notes.extend(notes_of(self.data))
        if search is not None:
            notes.extend(search.notes())
        notes.extend(level_notes(compiled.network, self.source.network, compiled.steps))
        checks = self.checks.results if self.checks is not None else []
        return build_report(compiled, self.source, self.choice, search, checks, notes)


__all__ = ["CompileOptions", "compile_model"]

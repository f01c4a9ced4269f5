"""`snnc.compile`: from an ONNX file to a checked spiking program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike

from snnc.data.preprocessing import Preprocessing
from snnc.driver.auto import Trial
from snnc.driver.compilation import Compilation
from snnc.driver.compiled import Compiled
from snnc.driver.samples import DataLike
from snnc.driver.wishes import DEFAULT_MAX_STEPS, CompileOptions
from snnc.evaluation.evaluate import ProgressSink
from snnc.passes.manager import Hook


def compile_model(
    model: str | PathLike[str],
    *,
    target: str = "reference",
    calibration: DataLike | None = None,
    preprocessing: Preprocessing | None = None,
    steps: int | None = None,
    passes: str | None = None,
    coding: str | None = None,
    classifiers: str | None = None,
    auto: bool = False,
    exit: str | None = None,
    exit_data: DataLike | None = None,
    max_drop: float | None = None,
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
            itself as many as it may need. With coding `ttfs` those of one window.
        passes: a pipeline as text. By default it is chosen by the network (whether its activations
            are quantised) and the target; the report says which it is and why.
        coding: `rate`, a number of spikes, or `ttfs`, the time of a single spike; by default rate,
            unless the network was trained with spike times.
        classifiers: internal classifiers to insert, trained on labelled calibration data: `auto`,
            `auto,count=1`, or names of populations (`conv2,conv4`); options are those of the pass
            insert-classifiers.
        auto: search pipeline and steps for the fewest steps (at most `max_steps`) whose accuracy
            is within `max_drop` points of the ANN; half of the calibration data is held out.
        exit: when a sample may stop early: a policy of `snnc passes` with options, for example
            `confidence`, `bayes` or `confidence{threshold=0.6}`. What is not given is fitted on
            labelled data.
        exit_data: labelled data for that, which should not be what the network was trained on; by
            default the calibration data.
        max_drop: points that `auto` may lose against the ANN (0.5 by default), and those that an
            exit may lose against the full length (0 by default).
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
        coding=coding,
        classifiers=classifiers,
        auto=auto,
        exit=exit,
        exit_data=exit_data is not None,
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
    return Compilation(model, calibration, exit_data, options.checked()).result()


__all__ = ["CompileOptions", "compile_model"]

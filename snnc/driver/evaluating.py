"""`snnc.evaluate`: measure anything that snnc can read on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from snnc.compiler import compile_model
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.compiled import Compiled
from snnc.driver.loading import kind_of, load
from snnc.driver.samples import DataLike
from snnc.evaluation.evaluate import ProgressSink
from snnc.evaluation.exits import ExitMode
from snnc.evaluation.result import Evaluation
from snnc.ir.model import Phased


def evaluate(
    subject: Compiled | str | PathLike[str],
    data: DataLike,
    *,
    calibration: DataLike | None = None,
    steps: int | None = None,
    preprocessing: Preprocessing | None = None,
    batch: int | None = None,
    dtype: str | None = None,
    exact: bool = False,
    exits: ExitMode = "compare",
    engine: str | None = None,
    progress: ProgressSink | None = None,
    **compile_options: Any,
) -> Evaluation:
    """Measure a spiking network: accuracy at every step, agreement, spikes, errors per layer.

    Args:
        subject: a compiled network, a program directory, a `.snn` file, or an ONNX file, which is
            compiled in memory first.
        data: `PATH[:SPLIT][[A:B]]`, samples, or samples and labels; events are (T, N, *shape).
        calibration: for a model that is compiled: what to calibrate on.
        steps: time steps; by default those compiled for (of an ONNX file as for `snnc.compile`).
        preprocessing: of data files; by default that of the program directory.
        batch: samples per batch, by default chosen by the network's size; changes no result.
        dtype: `float32`, `float64` or `integer`: what the simulator computes in; see `Simulator`.
        exact: compare every spike count with the integers of the quantised ANN, in float64.
        exits: of a network that has an exit policy: `compare` measures the full-length run and the
            run with exits, `run` only the latter, `off` only the former.
        engine: `reference`, or `c`: the C program of target c, built for this processor. By default
            `c` for what was compiled for target c. An ONNX file with `c` is compiled for target c.
        progress: called with (label, done, total).
        **compile_options: for an ONNX file or stage-ann network, as in `snnc.compile`.

    Returns:
        The measures; `as_dict()` gives the JSON object of `snnc eval --json`.

    Raises:
        InputError: model, network or data is rejected.
        UsageError: a file is missing, or options for compiling meet a compiled network (SN936),
            or `exits` is `run` and the network has no exit policy (SN945).
    """
    compiled = prepare(
        subject,
        calibration=calibration,
        steps=steps,
        preprocessing=preprocessing,
        progress=progress,
        **_for_engine(engine, compile_options, subject),
    )
    timed = isinstance(compiled.network.schedule, Phased)
    measured = compiled.evaluate(
        data,
        # For a model that is compiled to spike times they are those of a window.
        steps=None if timed and compiled is not subject and not compiled.path else steps,
        preprocessing=preprocessing,
        batch=batch,
        dtype=dtype,
        exact=exact,
        exits=exits,
        engine=engine,
        progress=progress,
    )
    if compiled is subject or compiled.path or not compiled.report.get("exit"):
        return measured
    # An exit that was fitted only for this evaluation is told of here or nowhere.
    return replace(measured, notes=(*compiled.report["notes"], *measured.notes))


def _for_engine(
    engine: str | None,
    options: Mapping[str, Any],
    subject: Compiled | str | PathLike[str],
) -> dict[str, Any]:
    """Options for compiling: engine c runs what was compiled for target c."""
    found = dict(options)
    to_compile = not isinstance(subject, Compiled) and kind_of(subject) == "onnx"
    if engine == "c" and to_compile and found.get("target") is None:
        found["target"] = "c"
    return found


def prepare(
    subject: Compiled | str | PathLike[str],
    *,
    calibration: DataLike | None = None,
    steps: int | None = None,
    preprocessing: Preprocessing | None = None,
    progress: ProgressSink | None = None,
    **compile_options: Any,
) -> Compiled:
    """The compiled form of anything `evaluate` takes.

    Raises:
        InputError: model or data is rejected.
        UsageError: SN936, options for compiling were given with a compiled network.
    """
    if isinstance(subject, Compiled):
        return _as_it_is(subject, calibration, compile_options)
    if kind_of(subject) != "onnx":
        loaded = load(subject)
        if loaded.network.stage != "ann" or kind_of(subject) == "program":
            return _as_it_is(loaded, calibration, compile_options)
    options = {name: value for name, value in compile_options.items() if value is not None}
    if steps is not None:
        options["steps"] = steps
    return compile_model(
        subject,
        calibration=calibration,
        preprocessing=preprocessing,
        progress=progress,
        **options,
    )


def _as_it_is(
    compiled: Compiled, calibration: DataLike | None, compile_options: Mapping[str, Any]
) -> Compiled:
    """A compiled network; options that would have to change it are refused."""
    extra = sorted(name for name, value in compile_options.items() if value is not None)
    if calibration is not None:
        extra.append("calibration")
    if extra:
        text = f"{', '.join(extra)} would change how the network is compiled, but it already is"
        raise UsageError(Diagnostic("SN936", text, help="give the ONNX file instead"))
    compiled.require_spiking()
    return compiled

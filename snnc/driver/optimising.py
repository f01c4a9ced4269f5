"""Passes on a network that is already in text form."""

from __future__ import annotations

from os import PathLike, fspath

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, UsageError
from snnc.driver.calibration import (
    Calibration,
    calibrate,
    first_samples,
    require_single_input,
)
from snnc.driver.classifiers import labelled
from snnc.driver.loading import kind_of, load
from snnc.driver.pipeline import build_pipeline, check_printed, check_stop, run_passes
from snnc.driver.samples import DataLike, open_samples
from snnc.driver.targets import find_target
from snnc.driver.wishes import DEFAULT_STEPS
from snnc.evaluation.evaluate import ProgressSink, Samples
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir.model import Network
from snnc.passes.base import Context
from snnc.passes.defaults import Choice, default_pipeline
from snnc.passes.manager import Hook


def optimise(
    path: str | PathLike[str],
    passes: str | None = None,
    *,
    calibration: DataLike | None = None,
    preprocessing: Preprocessing | None = None,
    steps: int | None = None,
    seed: int = 0,
    hooks: tuple[Hook, ...] = (),
    stop_after: str | None = None,
    progress: ProgressSink | None = None,
) -> tuple[Network, tuple[str, ...]]:
    """The network after the passes, and what the passes had to say.

    Args:
        path: a `.snn` file or a program directory (its final network).
        passes: the pipeline as text; by default, for a network of stage ann, what compiling it
            for the reference simulator would choose, and the choice is told.
        calibration: data for passes that need it; activations are the interpreter's, so passes
            that need those want a network of stage ann.
        preprocessing: of data files.
        steps: time steps; by default those of the network's schedule, else 32.
        seed: seed of everything random.
        hooks: called between passes.
        stop_after: name of the last pass to run.
        progress: called with (label, done, total).

    Raises:
        InputError: the network or the data is rejected, or a pass does not apply.
        UsageError: unknown passes or options, a missing file, or an ONNX file.
    """
    if kind_of(path) == "onnx":
        text = f"{fspath(path)} is not a network in text form"
        cure = "`snnc compile MODEL.onnx --dump-ir DIR` writes the network after every pass"
        raise UsageError(Diagnostic("SN924", text, where=fspath(path), help=cure))
    network = load(path).network
    told: tuple[str, ...] = ()
    if passes is None:
        choice = _choice(network, steps)
        passes = choice.spec
        told = (f"pipeline {choice.spec}: {choice.reason}",)
    chosen = build_pipeline(passes)
    check_stop(chosen, stop_after)
    check_printed(hooks, chosen)
    data = _open(network, calibration, preprocessing)
    gathered = Calibration()
    if data is not None:
        gathered = _gathered(network, data, progress)
    scheduled = DEFAULT_STEPS if network.schedule is None else network.schedule.steps
    context = Context(
        statistics=gathered.statistics,
        calibration=gathered.samples,
        labelled=labelled(data),
        steps=steps or scheduled,
        steps_given=steps is not None or network.schedule is not None,
        seed=seed,
        progress=progress,
    )
    result = run_passes(network, chosen, context, hooks, stop_after)
    return result, (*told, *context.notes)


def _gathered(network: Network, data: Samples, progress: ProgressSink | None) -> Calibration:
    """What passes may use of the data: of a spiking network the samples alone, no activations."""
    if network.stage == "ann":
        return calibrate(network, InterpretedAnn(network), data, progress)
    return first_samples(network, data)


def _choice(network: Network, steps: int | None) -> Choice:
    """The default pipeline of a network.

    Raises:
        UsageError: SN936, it is past stage ann, so no pipeline is the obvious one.
    """
    if network.stage != "ann":
        text = f"network {network.name} is at stage {network.stage}, which has no default pipeline"
        raise UsageError(Diagnostic("SN936", text, help="name the passes with --passes"))
    return default_pipeline(network, find_target("reference").limits, steps)


def _open(
    network: Network, calibration: DataLike | None, preprocessing: Preprocessing | None
) -> Samples | None:
    """The calibration data."""
    if calibration is None:
        return None
    require_single_input(network)
    shape = network.inputs[0].shape
    return open_samples(calibration, shape, preprocessing or Preprocessing())

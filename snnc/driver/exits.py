"""Exit policies in a compilation: the data they are fitted on, the fit, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnc.backends.base import Limits, Target
from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.source import as_coded
from snnc.driver.wishes import CompileOptions
from snnc.evaluation.evaluate import ProgressSink, Samples
from snnc.evaluation.inputs import affordable_batch
from snnc.evaluation.reference import AnnReference, head_values
from snnc.exits.labels import checked_labels
from snnc.exits.recorded import Recorded, unheard
from snnc.exits.requests import Request, check_network, complete
from snnc.ir import model as m
from snnc.ir.fields import write_call
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.tensors import Array
from snnc.ir.verify import verify
from snnc.options import format_options, format_spec

COUNTING = "spike-heads"
"""The pass that makes heads count spikes; bayes needs it where they read membrane potentials."""

INTEGER = "integer_"
"""What the text form puts before the name of a policy that compares whole numbers."""

FITTING = "fit-exit"
"""What `Network.passes` calls a fit on data; no pass, since it cannot be run without the data."""

_BATCH = 256

PERIOD = 2
"""Every second sample chooses the threshold; the others fit temperature and scale."""

SAME_DATA = (
    "the exit policy was fitted on the calibration data; if the network was trained on it, too, it "
    "looks easier than the world is: give held-out labelled samples with --exit-data"
)

TRAINED_ON_PART = (
    "the inserted classifiers were trained on every second calibration sample only: the others "
    "choose the threshold of the exit policy; with --exit-data all of them train"
)

TRAINED_ON_EXIT_DATA = (
    "the inserted classifiers were trained on calibration samples that are in the exit data, too, "
    "and look better there than they are: give --exit-data other samples, or none"
)


@dataclass(frozen=True, slots=True)
class Exited:
    """A network with its exit policy, what the report says of it, and notes.

    `choosing`: the samples that chose the threshold of a fitted policy.
    """

    network: m.Network
    record: dict[str, Any]
    notes: tuple[str, ...] = ()
    choosing: Recorded | None = None


def check_executed(target: Target, policy: str) -> None:
    """Refuse a policy, by its name in the text form, that the target does not execute.

    The integer form of a policy counts as the policy.

    Raises:
        UsageError: SN936.
    """
    executed = target.limits.exits
    if policy.removeprefix(INTEGER) in executed:
        return
    has = f"it has {', '.join(executed)}" if executed else "it stops no sample early"
    text = f"target {target.name} does not execute the exit policy {policy}; {has}"
    raise UsageError(Diagnostic("SN936", text, help="`snnc targets` tells what targets can do"))


def check_needed(request: Request, options: CompileOptions) -> None:
    """Refuse options for fitting where nothing is left to be fitted.

    Raises:
        UsageError: SN936.
    """
    if not complete(request):
        return
    useless = ["--exit-data"] if options.exit_data else []
    if options.max_drop is not None and not options.auto:
        useless.append("--max-drop")
    if useless:
        text = f"--exit {format_spec(request)} is given in full, so {useless[0]} decides nothing"
        raise UsageError(Diagnostic("SN936", text, "command line", f"leave {useless[0]} out"))


def counts_spikes(request: Request) -> bool:
    """Whether the policy compares spike counts of heads, so that heads must spike."""
    return request.name == "bayes"


def followed(limits: Limits, request: Request | None) -> Limits:
    """What a target can do, less what the policy cannot follow: counts need input in every step."""
    if request is None or not counts_spikes(request):
        return limits
    return replace(limits, gated_input=False)


def reads_membranes(network: m.Network) -> bool:
    """Whether a head reads a membrane potential, so that fusing heads needs spikes first."""
    return any(isinstance(head.readout, m.Membrane) for head in network.heads)


def fit_exit(
    network: m.Network,
    ann: AnnReference,
    data: Samples,
    request: Request,
    max_drop: float,
    progress: ProgressSink | None = None,
) -> Exited:
    """The network with the policy that fits what was asked for, on labelled data.

    Args:
        network: spiking, without an exit.
        ann: the trained network with the same heads.
        data: labelled; every second sample chooses the threshold, the others fit the rest.
        request: the policy, and what of it is already decided.
        max_drop: accepted loss against the full length, in points.
        progress: called with (label, done, total).

    Raises:
        UsageError: the request does not fit the network (SN953, SN954).
        InputError: labels are missing, too few or of no class (SN95x).
    """
    from snnc.exits.fit import fit  # scipy is slow to import

    check_network(network, request)
    fitting, chosen_on = halves(record(network, ann, data, progress))
    found = fit(network, request, fitting, chosen_on, max_drop)
    spec = format_options(FITTING, {"policy": format_spec(request), "max_drop": float(max_drop)})
    exited = replace(
        network.with_arrays(found.arrays), exit=found.policy, passes=(*network.passes, spec)
    )
    _require_valid(exited)
    notes = tuple(str(note) for note in found.record.get("notes", ()))
    report = {"fitted": True, "text": text_of(exited), **found.record}
    return Exited(exited, report, notes, chosen_on)


def require_labels(network: m.Network, data: Samples | None) -> None:
    """Refuse data that no policy can be fitted on, before anything is compiled.

    Raises:
        InputError: SN950 to SN955, labels are missing, too few, or of no class of the network.
    """
    if data is None:
        text = "an exit policy is fitted on labelled data, and there is no data"
        cure = "give --calibration or --exit-data, or a policy in full: confidence{threshold=0.6}"
        raise InputError(Diagnostic("SN950", text, help=cure))
    labels = labels_of(data)
    samples = 0 if labels is None else len(labels)
    checked_labels(network, *halves(Recorded({"": np.zeros((1, samples, 0))}, labels)))


def labels_of(data: Samples) -> Array | None:
    """All labels of a data set, or None; samples are read only where it cannot tell without."""
    if hasattr(data, "labels"):
        known: Array | None = data.labels
        return known
    parts = [y for _, y in data.batches(_BATCH)]
    found = [y for y in parts if y is not None]
    return np.concatenate(found) if found and len(found) == len(parts) else None


def halves(recorded: Recorded) -> tuple[Recorded, Recorded]:
    """The samples that fit temperature and scale, and those that choose the threshold."""
    labels = recorded.labels
    held = choosing(np.zeros(recorded.samples, np.int64) if labels is None else labels)
    return recorded.part(~held), recorded.part(held)


def choosing(labels: Array) -> Array:
    """Which samples (N,) bool choose the threshold: every second one.

    Where one part would then lack a class that the other has (labels that go round, as 0, 1, 0, 1),
    it is every second sample of each class.
    """
    held: Array = np.arange(len(labels)) % PERIOD == PERIOD - 1
    if np.array_equal(np.unique(labels[held]), np.unique(labels[~held])):
        return held
    order = np.argsort(labels, kind="stable")
    _, first, inverse = np.unique(labels[order], return_index=True, return_inverse=True)
    held[order] = (np.arange(len(labels)) - first[inverse]) % PERIOD == PERIOD - 1
    return held


def given_record(network: m.Network, request: Request) -> dict[str, Any]:
    """What the report says of a policy that was given in full: nothing was measured."""
    return {"fitted": False, "policy": request.name, "text": text_of(network)}


def text_of(network: m.Network) -> str:
    """The exit policy of a network as its text form prints it; empty without one."""
    return "" if network.exit is None else write_call(network.exit)


def policy_name(network: m.Network) -> str:
    """The policy's name in the text form; a fit of `confidence` may end in `margin`."""
    return "" if network.exit is None else KEYWORD_OF[type(network.exit)]


def is_given(request: Request | None) -> bool:
    """Whether a policy needs no data because all of it was given."""
    return request is not None and complete(request)


def record(
    network: m.Network, ann: AnnReference, data: Samples, progress: ProgressSink | None = None
) -> Recorded:
    """Read-outs of every head over the whole schedule, for all samples of a data set.

    Memory holds the read-outs of all samples, (T, N, K) per head, and one batch of everything else.
    Of a schedule of phases the steps before the first head's window are left out.
    """
    simulator = Simulator(network)
    entry = network.inputs[0].name
    outputs: dict[str, list[Array]] = {head.name: [] for head in network.heads}
    logits: dict[str, list[Array]] = {head.name: [] for head in network.heads}
    labels: list[Array] = []
    settled: list[Array] = []
    done, skipped = 0, unheard(network)
    _tell(progress, 0, len(data))
    for x, y in data.batches(affordable_batch(network)):
        if y is not None:
            labels.append(y)
        trace = simulator.run(as_coded(network, {entry: x}), first=done, exits=False)
        if trace.settled is not None:
            settled.append(trace.settled)
        for name, values in head_values(ann, x, outputs).items():
            outputs[name].append(trace.outputs[name][skipped:].copy())
            logits[name].append(values)
        done += len(x)
        _tell(progress, done, len(data))
    return Recorded(
        {name: np.concatenate(parts, axis=1) for name, parts in outputs.items()},
        np.concatenate(labels).astype(np.int64) if labels else None,
        np.concatenate(settled) if settled else None,
        {name: np.concatenate(parts) for name, parts in logits.items()},
        skipped,
    )


def manifest_entry(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the manifest says of the exit: the policy and what it was fitted on; None without."""
    record = report.get("exit")
    if record is None:
        return None
    kept = ("policy", "text", "integer", "fitted", "data")
    return {key: record[key] for key in kept if key in record}


def _tell(progress: ProgressSink | None, done: int, total: int) -> None:
    if progress is not None:
        progress("fitting the exit", done, total)


def _require_valid(network: m.Network) -> None:
    """A fit that breaks an invariant of the IR is a bug, and never reaches a program directory."""
    broken = [d for d in verify(network) if d.severity == "error"]
    if broken:
        reasons = "; ".join(str(d) for d in broken)
        raise RuntimeError(f"the fitted exit policy is not valid: {reasons}")

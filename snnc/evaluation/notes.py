"""What a reader of an evaluation should know beside its figures."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.evaluation.exits import ExitReport
from snnc.evaluation.inputs import takes_events
from snnc.evaluation.reference import AnnReference
from snnc.evaluation.settling import Settling
from snnc.ir import model as m
from snnc.ir.linear import macs

NO_PROBABILITY = 0.1
"""Expected calibration errors above this say that nobody should read a confidence as one."""


def network_notes(
    network: m.Network,
    ann: AnnReference | None,
    steps: int,
    *,
    labelled: bool,
    runs: tuple[bool, ...] = (),
) -> Iterator[str]:
    """Why some measures are missing or what they mean.

    Args:
        network: the spiking network.
        ann: what it is compared with.
        steps: time steps of the run.
        labelled: whether there are labels.
        runs: of the runs that were made, which are with exits.
    """
    if ann is None:
        yield "no ANN to compare with: ann_accuracy, agreement and layer errors are null"
    elif ann.engine == "interpreter":
        yield "the ANN is the stored network of stage ann, computed by the interpreter"
    if not labelled:
        yield "the data has no labels: accuracies are null"
    if takes_events(network) and ann is not None:
        yield "the ANN is given the mean of the events over the time steps"
    yield from _graded_notes(network, steps)
    if len(network.heads) > 1 and runs != (True,):
        names = ", ".join(h.name for h in network.heads)
        where = " at full length" if True in runs else ""
        yield f"of the heads {names} the last one answers{where}"


def _graded_notes(network: m.Network, steps: int) -> Iterator[str]:
    """What graded inputs cost where they are sent in every step."""
    graded = {i.name for i in network.inputs if isinstance(i.coding, m.Graded)}
    if not graded or network.schedule is None:
        return
    synapses = sum(
        macs(incoming.ops, network.source_shape(incoming.source), network.array)
        for population in network.populations
        for incoming in population.incoming
        if incoming.source in graded
    )
    driven = network.schedule.drive(steps)
    yield (
        f"graded input spikes are sent in each of {driven} steps: up to {synapses * driven:,} "
        "operations a sample, which the counts and the energy estimates leave out, since a host "
        "can add up their constant current once"
    )


def rest_notes(network: m.Network, settled: Settling | None, steps: int) -> Iterator[str]:
    """Of a network with gated input: what ended before it came to rest.

    Args:
        network: the spiking network.
        settled: when samples came to rest, None for other networks.
        steps: time steps of the run.
    """
    schedule = network.schedule
    if not isinstance(schedule, m.Gated) or settled is None or settled.unsettled == 0:
        return
    text = f"{settled.unsettled:,} of {settled.samples:,} samples had not come to rest"
    if steps < schedule.window:
        yield (
            f"{steps} time steps are fewer than the window of {schedule.window} in which input "
            f"acts, so {text}: read-outs are those of {steps} steps, not the quantised ANN's"
        )
    elif network.stage == "fixed":
        yield f"{text} after {steps} time steps: compile for more --steps"
    else:
        yield f"{text} after {steps} time steps: more --steps make them exact"


def exit_notes(network: m.Network, found: ExitReport) -> Iterator[str]:
    """What a reader should know about the figures of an exit policy, good news or not."""
    if found.full is None:
        yield (
            "only the run with exits was made: accuracy, steps, spikes and energy are those with "
            "exits; accuracy by step and layer errors were not measured"
        )
    if isinstance(network.exit, m.Bayes):
        together = " and ".join(network.exit.heads)
        yield f"bayes fuses {together}: what they say together counts as the last one's answer"
    probable = m.Confidence | m.Margin | m.Entropy | m.IntegerConfidence
    if not isinstance(network.exit, probable):
        yield f"the policy {found.policy} has no confidence, so no calibration error"
    if found.ece is not None and found.ece > NO_PROBABILITY:
        yield (
            "the confidence at the exit is a score here, not a probability: alpha is chosen for "
            f"speed, and confidence is {100 * found.ece:.0f} points away from accuracy on average"
        )
    fixed = found.fixed
    if fixed is None or found.accuracy is None or isinstance(network.exit, m.Fixed):
        return
    rival = fixed.as_accurate
    if rival is not None and rival.mean_steps <= _steps(found) + 1e-9:
        yield (
            f"on this data stopping every sample after {rival.step} time steps is as accurate "
            f"({100 * rival.accuracy:.2f} % against {100 * found.accuracy:.2f} % with exits) and "
            f"not slower ({rival.mean_steps:.2f} against {_steps(found):.2f} steps on average)"
        )


def _steps(found: ExitReport) -> float:
    """Mean time steps, where layers ran for different times those of the whole network."""
    cost = found.stopped
    return cost.equivalent_steps if found.order == "depth" else cost.steps

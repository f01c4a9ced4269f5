"""What a reader of an evaluation should know of a network of spike times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snnc.evaluation.exits import ExitReport
from snnc.evaluation.phases import timed_spikes
from snnc.ir import model as m
from snnc.ir.exits import asked_heads
from snnc.ir.head_windows import head_windows


def phase_notes(network: m.Network, steps: int, spikes: Mapping[str, float]) -> Iterator[str]:
    """What accuracy by step and counts mean where a spike's time is its value.

    Args:
        network: the spiking network.
        steps: time steps of the run.
        spikes: mean spikes of a sample, by source.
    """
    found, schedule = timed_spikes(network, spikes), network.schedule
    if found is None or schedule is None:
        return
    if steps < schedule.steps:
        yield (
            f"the run ended after {steps} of {schedule.steps} time steps, before all windows had "
            "passed: layers behind them are compared as if they had nothing to say"
        )
    if found.opens > 1:
        yield (
            f"the last head says nothing before step {found.opens}: until then accuracy by step is "
            "that of always naming the first class"
        )
    yield (
        "every neuron fires once at most; layer errors compare the value that each spike time "
        "stands for with the ANN's activation"
    )
    if found.multiplications:
        yield (
            "a synaptic operation adds a weight; what spikes of one step are worth then multiplies "
            f"their sum, once per neuron and step: up to {found.multiplications:,} multiplications "
            "a sample, which energy estimates leave out"
        )


def saving_notes(network: m.Network, found: ExitReport) -> Iterator[str]:
    """What exits can save at all, layer after layer: the steps and spikes of what comes last."""
    schedule = network.schedule
    if not isinstance(schedule, m.Phased) or network.exit is None or found.full is None:
        return
    windows = head_windows(network)
    first = min(windows[name].start for name in asked_heads(network.exit))
    saved = found.full.steps - found.stopped.steps
    spikes = found.full.spikes - found.stopped.spikes
    yield (
        f"layers fire one after the other, and no head says anything before step {first} of "
        f"{schedule.steps}: exits saved {saved:.1f} of the {schedule.steps - first + 1} steps from "
        f"then on and {spikes:,.1f} of {found.full.spikes:,.1f} spikes; what fired before is spent"
    )

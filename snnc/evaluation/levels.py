"""Many quantisation levels need many time steps: saying so, and what to do instead."""

from __future__ import annotations

import math
from collections.abc import Iterator

from snnc.ir import model as m
from snnc.passes.defaults import MANY_LEVELS
from snnc.passes.staircases import depth, span

FEWER_LEVELS = (
    "fewer levels need fewer steps: put requantize{bits=4,layers=all},calibrate-bias in front of "
    "map-quantized, or train with activations of 2 to 4 bits"
)


def most_levels(network: m.Network) -> int:
    """The largest number of quantisation levels of a layer, 0 where none is quantised.

    At stage ann that of the staircases; among spikes the largest count a neuron is held to.
    """
    return max((_levels(p.neuron) for p in network.populations), default=0)


def _levels(neuron: m.Neuron) -> int:
    if isinstance(neuron, m.Quantized):
        return span(neuron)
    if isinstance(neuron, m.IF):
        return max(neuron.max_spikes or 0, -(neuron.min_spikes or 0))
    return 0


def level_notes(network: m.Network, ann: m.Network | None, steps: int) -> Iterator[str]:
    """What many levels mean for a run of `steps` time steps; nothing where there are few.

    Args:
        network: the spiking network.
        ann: the network it was made from; its levels count where no pass chose others.
        steps: time steps of the run.
    """
    levels = levels_of(network, ann)
    if levels <= MANY_LEVELS:
        return
    text = f"activations have up to {levels} levels ({math.ceil(math.log2(levels + 1))} bits)"
    if not isinstance(network.schedule, m.Gated):
        yield (
            f"{text}; a rate over {steps} time steps has {steps + 1}, and only more steps bring "
            f"the accuracy back; {FEWER_LEVELS}"
        )
        return
    needed = network.schedule.window + depth(network)
    if steps < needed:
        yield (
            f"{text}, so the network needs about {needed} time steps to be exact and {steps} are "
            f"too few for it; {FEWER_LEVELS}"
        )
    else:
        yield f"{text}, so a sample takes about {needed} time steps; {FEWER_LEVELS}"


def levels_of(network: m.Network, ann: m.Network | None) -> int:
    """The most levels of a spiking network: its own, else those of the ANN it was made from."""
    levels = most_levels(network)
    if not levels and ann is not None and not _requantised(network):
        return most_levels(ann)
    return levels


def _requantised(network: m.Network) -> bool:
    return any(spec.startswith("requantize") for spec in network.passes)

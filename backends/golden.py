"""Which samples a program checks itself with."""

from __future__ import annotations

import math
from collections.abc import Mapping

from snnc.ir import model as m
from snnc.ir.tensors import Array


def affordable(network: m.Network, most: int) -> int:
    """Samples whose packed spikes, positive and negative, take at most `most` bytes; at least 1."""
    assert network.schedule is not None
    bits = 2 * sum(math.prod(p.shape) for p in network.populations)
    return max(1, most * 8 // (bits * network.schedule.steps))


def first_samples(network: m.Network, given: Mapping[str, Array], samples: int) -> dict[str, Array]:
    """The first samples of each input; those of events have time in front."""
    return {
        i.name: given[i.name][:, :samples]
        if isinstance(i.coding, m.Events)
        else given[i.name][:samples]
        for i in network.inputs
    }

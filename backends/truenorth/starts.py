"""Where potentials start, so that every layer begins its first step as the network says.

A layer's first input comes `L` ticks after the start, and a leak, which a bias becomes, acts from
tick 0 on. So a neuron starts at `V0 - leak * L`, less what arrives before: a neuron with a negative
leak can start above its threshold and fire on its way down. With soft reset each such spike takes
a threshold away, so the start is that much higher again. What fires before its time arrives at its
targets before theirs, and is always the same: their starts make up for it. The host does not count
spikes before a layer's first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.layers import Layer
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """How a layer starts.

    Attributes:
        potentials: int64 (units,) at tick 0.
        early: bool (L, units): spikes before the first step, by tick.
        lost: bool (units,): units for which there is no such start; a clock must bring their bias.
    """

    potentials: Array
    early: Array
    lost: Array


def starts_of(
    layers: Sequence[Layer], ticks: Mapping[str, int], leaks: Mapping[str, Array]
) -> dict[str, Start]:
    """The start of every layer.

    Args:
        layers: in topological order.
        ticks: first tick of each layer.
        leaks: int64 (units,): leak of each neuron, without what a clock brings.
    """
    found: dict[str, Start] = {}
    late = {key[0] for layer in layers for key in layer.keys if key[2] > 0}
    for layer in layers:
        arrives = _arrivals(layer, found, ticks)
        start = _start(layer, arrives, leaks[layer.name])
        if layer.name in late:
            # Behind a delay an early spike would be one of the first steps.
            lost = start.lost | start.early.any(axis=0)
            start = Start(start.potentials, start.early & ~lost, lost)
        found[layer.name] = start
    return found


def starts_in(core_map: CoreMap, layers: Sequence[Layer]) -> dict[str, Start]:
    """How the layers of a map begin, by its own leaks and first ticks.

    With many ticks a step nothing fires early: gates are held down.
    """
    if core_map.ticks_per_step > 1:
        return {}
    leaks = {}
    for index, layer in enumerate(layers):
        own = core_map.layer_of == index
        leaks[layer.name] = np.zeros(layer.units, np.int64)
        leaks[layer.name][core_map.unit_of[own]] = core_map.leaks[own]
    return starts_of(layers, {layer.name: layer.first_tick for layer in core_map.layers}, leaks)


def _arrivals(layer: Layer, known: Mapping[str, Start], ticks: Mapping[str, int]) -> Array:
    """What early spikes add to each unit in each tick before the first, int64 (L, units)."""
    first = ticks[layer.name]
    found = np.zeros((first, layer.units), np.int64)
    for key in layer.keys:
        source = known.get(key[0])
        if source is None or key[2] > 0 or not source.early.any():
            continue
        shift = first - ticks[key[0]]
        sums = layer.block(key) @ source.early.T.astype(np.int64)
        found[shift : shift + len(source.early)] += np.asarray(sums).T
    return found


def _start(layer: Layer, arrives: Array, leaks: Array) -> Start:
    if layer.memoryless:
        return _gates(layer, arrives, leaks)
    first = len(arrives)
    plain = layer.starts_at - first * leaks - arrives.sum(axis=0)
    potentials = plain
    # Every spike needs a higher start, which can bring another spike, but never more than a tick.
    for _ in range(first + 1):
        early = _fired(layer, potentials, arrives, leaks)
        higher = plain + _taken(layer, early)
        if np.array_equal(higher, potentials):
            break
        potentials = higher
    lost = early.any(axis=0) & (layer.reset == "zero")
    return Start(potentials, early & ~lost, lost)


def _taken(layer: Layer, early: Array) -> Array:
    """What early spikes take from each potential; what a reset to zero takes is not known."""
    spikes = early.sum(axis=0) if layer.reset == "subtract" else np.zeros(layer.units, np.int64)
    taken: Array = spikes * layer.thresholds
    return taken


def _fired(layer: Layer, potentials: Array, arrives: Array, leaks: Array) -> Array:
    """The spikes before the first step from given potentials, bool (L, units)."""
    now, spikes = potentials.copy(), np.zeros(arrives.shape, bool)
    for tick, sums in enumerate(arrives):
        now = now + sums + leaks
        spikes[tick] = (now >= layer.thresholds) & layer.alive
        if layer.reset == "subtract":
            now = now - layer.thresholds * spikes[tick]
    return spikes


def _gates(layer: Layer, arrives: Array, leaks: Array) -> Start:
    """Gates forget, so they start at 0; they fire early where the bias alone is enough."""
    early = ((arrives + leaks) >= 1) & layer.alive
    none = np.zeros(layer.units, np.int64)
    return Start(none, early, np.zeros(layer.units, bool))

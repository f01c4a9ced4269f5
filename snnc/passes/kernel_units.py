"""How finely spikes that are worth something by their time are worth it, in whole numbers.

A spike of step t is worth `values[t]`; in whole numbers it is worth `round(K * values[t])`. A
potential then counts in units of `weight unit / K`, so all sources that meet in a population have
one K, whatever their kernels are. It is as large as 24 bits of potential and as many weights of
full width allow, because a coarse kernel tells neighbouring spike times less well apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.reach import Reach, reach_of_values
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.phases import PASSING, kernels
from snnc.ir.tensors import Array
from snnc.passes.fixed_point import Format
from snnc.passes.integer_layers import Layer, layer_of

LARGEST_VALUE = 2**15 - 1
"""A kernel's largest whole value: 16 bits with sign, of finer ones no spike time would change."""

FEW_CHANNELS = 0.1
"""Share of a layer's channels that may lose bits of their weights for a finer kernel."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """A population that reads spike times, and whether its channels share one factor."""

    population: m.Population
    shared: bool


def whole_values(values: Array, unit: float) -> Array:
    """What a spike of each step is worth, in whole numbers (steps,) int32."""
    rounded: Array = np.rint(values * unit).astype(np.int32)
    return rounded


@dataclass(frozen=True, slots=True, eq=False)
class SpikeValues:
    """Of every source whose spikes are worth something by their time, by name.

    `units`: K. `tables`: what a spike of each step is worth, in whole numbers (steps,).
    """

    units: Mapping[str, float]
    tables: Mapping[str, Array]

    @property
    def reaches(self) -> dict[str, Reach]:
        """What one spike of each can bring at most."""
        return {name: reach_of_values(table, 1) for name, table in self.tables.items()}


def spike_values(
    network: m.Network,
    readers: tuple[Readers, ...],
    steps_of: Mapping[str, float],
    known: Mapping[str, Reach],
    fmt: Format,
    room: float,
) -> SpikeValues:
    """What spikes are worth in whole numbers.

    Args:
        network: of stage snn, with a schedule of phases and single operators.
        readers: the populations with weighted connections.
        steps_of: what one unit of an analog input is worth, by name.
        known: the reach of everything, in the network's present units.
        fmt: what the target's numbers can be.
        room: share of the potential's range to use.

    Raises:
        InputError: a spike would be worth less than one unit (SN776).
    """
    assert network.schedule is not None
    values, steps = kernels(network), network.schedule.steps
    found: dict[str, float] = {}
    for group in groups_of(network):
        largest = max(float(values[name].max()) for name in group)
        fine = float(LARGEST_VALUE)
        for reader in readers:
            if any(i.source in group for i in reader.population.incoming):
                layer = layer_of(network, reader.population, steps_of, known, steps)
                fine = min(fine, _finest(layer, values, fmt, room, largest, reader.shared))
        if fine < 1:
            raise _worth_nothing(network, group)
        found.update(dict.fromkeys(group, fine / largest))
    return SpikeValues(found, {name: whole_values(values[name], k) for name, k in found.items()})


def _worth_nothing(network: m.Network, group: frozenset[str]) -> InputError:
    readers = [p for p in network.populations if any(i.source in group for i in p.incoming)]
    text = (
        f"spikes of {', '.join(sorted(group))} would be worth less than one unit of the potential "
        f"of {', '.join(p.name for p in readers)}: its bias or its sums are too large for weights "
        "of this size"
    )
    nodes = ", ".join(node for p in readers for node in p.origin)
    cure = "normalise the network (normalize), or split the layer"
    return InputError(Diagnostic("SN776", text, nodes, cure))


def groups_of(network: m.Network) -> list[frozenset[str]]:
    """Sources of spike times together with those they meet; running maxima with their sources."""
    found = {name: frozenset([name]) for name in kernels(network)}
    for population in network.populations:
        names = [i.source for i in population.incoming if i.source in found]
        names += [population.name] if isinstance(population.neuron, PASSING) and names else []
        joined = frozenset[str]().union(*(found[name] for name in names))
        found.update(dict.fromkeys(joined, joined))
    return list(dict.fromkeys(found.values()))


def _finest(
    layer: Layer,
    timed: Mapping[str, Array],
    fmt: Format,
    room: float,
    largest: float,
    shared: bool,
) -> float:
    """The largest whole value of a kernel that leaves a reader's weights their bits.

    Where that is less than the weights have, both give up as many bits.
    """
    weights = [s.largest() for s in layer.synapses if s.connection.source in timed]
    weight = np.max(weights, axis=0)
    bound = np.broadcast_to(layer.bounds.potential, layer.shape).reshape(layer.channels, -1)
    potential = bound.max(axis=1)
    if shared:
        weight, potential = weight.max(keepdims=True), potential.max(keepdims=True)
    used = weight > 0
    if not used.any():
        return float(LARGEST_VALUE)
    budget = fmt.potential * room * largest * weight[used] / (potential[used] * fmt.weight)
    value = float(np.quantile(budget, FEW_CHANNELS))
    return value if value > fmt.weight else float(np.sqrt(value * fmt.weight))

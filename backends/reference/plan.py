"""A network made ready to run: kernels and dynamics per population, in one element type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnc.backends.reference.chain import Chain, build_chain
from snnc.backends.reference.layout import NO_HALO, Halo, inner_shape, to_inner, wider
from snnc.backends.reference.rules import Dynamics, build_dynamics
from snnc.ir import linear, model, shapes
from snnc.ir.phases import PASSING, Phases, kernels, phases_of
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One incoming connection.

    `kernel` is what a spike is worth, by the step of the fire window of its source, which reaches
    this reader after `first` steps; None for spikes that are all worth the same.
    """

    source: str
    chain: Chain
    delay: int
    kernel: Array | None = None
    first: int = 0

    def worth(self, value: Array, time: int) -> Array:
        """What the spikes of steps bring, `value` (steps, ...) times the kernel of each step.

        The first of them is the step after `time` others. Behind the kernel nothing is sent.
        """
        if self.kernel is None:
            return value
        places = np.arange(len(value)) + (time - self.first)
        inside = (places >= 0) & (places < len(self.kernel))
        factors = np.where(inside, self.kernel[np.where(inside, places, 0)], 0)
        worth: Array = value * factors.astype(value.dtype).reshape(-1, *(1,) * (value.ndim - 1))
        return worth


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One population. `constant` holds its connections from inputs with direct coding.

    `active` are the steps, from 0, in which it does anything at all; None for all of them.

    `bias` broadcasts against (rows, *inner shape of the summed input), or is None.
    """

    name: str
    shape: Shape
    summed: Shape
    dynamics: Dynamics
    bias: Array | None
    constant: tuple[Connection, ...]
    spiking: tuple[Connection, ...]
    fires: bool
    active: range | None = None

    def acting(self, time: int, first: int, last: int) -> tuple[int, int]:
        """The part of the steps `first` to `last` behind `time` others in which it acts."""
        if self.active is None:
            return first, last
        begin = min(max(first, self.active.start - time), last)
        return begin, min(max(begin, self.active.stop - time), last)


@dataclass(frozen=True, slots=True, eq=False)
class Train:
    """What is kept of the spikes of a source: a border for convolutions, steps for delays."""

    shape: Shape
    halo: Halo
    history: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All that a run needs and that does not depend on its input.

    `loop` is the shortest delay of a connection from a population to itself or to an earlier one:
    no more than so many steps of a population can be taken at once. None without such loops.
    """

    network: model.Network
    dtype: np.dtype[Any]
    phases: Phases | None
    layers: tuple[Layer, ...]
    trains: Mapping[str, Train]
    constants: Mapping[str, Train]
    loop: int | None

    @property
    def window(self) -> int | None:
        """In how many steps input and bias act; None for all."""
        schedule = self.network.schedule
        return schedule.window if isinstance(schedule, model.Gated) else None

    def driven(self, layer: str) -> tuple[int, int | None]:
        """The steps before the first in which input and bias act, and for how many they do."""
        if self.phases is not None:
            return self.phases.integrates[layer], 1
        return 0, self.window


def build_plan(network: model.Network, dtype: np.dtype[Any]) -> Plan:
    """Kernels and dynamics of `network`, computing in `dtype`."""
    direct = {i.name for i in network.inputs if isinstance(i.coding, model.Direct)}
    timing, worth = phases_of(network), kernels(network)
    layers = tuple(_layer(network, p, direct, dtype, timing, worth) for p in network.populations)
    trains: dict[str, Train] = {}
    constants: dict[str, Train] = {}
    sources: list[model.Input | model.Population] = [*network.inputs, *network.populations]
    for source in sources:
        users = [
            c
            for layer in layers
            for c in (*layer.constant, *layer.spiking)
            if c.source == source.name
        ]
        halo = NO_HALO
        for user in users:
            halo = wider(halo, user.chain.pads)
        history = max((user.delay for user in users), default=0)
        table = constants if source.name in direct else trains
        table[source.name] = Train(source.shape, halo, history)
    return Plan(network, dtype, timing, layers, trains, constants, _shortest_loop(network))


def _shortest_loop(network: model.Network) -> int | None:
    known = {entry.name for entry in network.inputs}
    delays = []
    for population in network.populations:
        delays += [i.delay for i in population.incoming if i.source not in known]
        known.add(population.name)
    return min(delays, default=None)


def _layer(
    network: model.Network,
    population: model.Population,
    direct: set[str],
    dtype: np.dtype[Any],
    timing: Phases | None,
    worth: Mapping[str, Array],
) -> Layer:
    lookup = network.array
    summed = shapes.summed_shape(network, population)
    constant: list[Connection] = []
    spiking: list[Connection] = []
    for incoming in population.incoming:
        shape = network.source_shape(incoming.source)
        chain = build_chain(incoming.ops, shape, lookup, dtype)
        connection = Connection(incoming.source, chain, incoming.delay)
        if timing is not None and incoming.source in worth:
            if not isinstance(population.neuron, PASSING):
                connection = replace(connection, kernel=worth[incoming.source])
            first = timing.fires[incoming.source] + incoming.delay
            connection = replace(connection, first=first)
        (constant if incoming.source in direct else spiking).append(connection)
    return Layer(
        name=population.name,
        shape=population.shape,
        summed=summed,
        dynamics=build_dynamics(network, population, summed, dtype),
        bias=_bias(population, summed, lookup, dtype),
        constant=tuple(constant),
        spiking=tuple(spiking),
        fires=not isinstance(population.neuron, model.Integrator),
        active=None if timing is None else timing.active(population),
    )


def _bias(
    population: model.Population, summed: Shape, lookup: linear.Lookup, dtype: np.dtype[Any]
) -> Array | None:
    """The bias as one row (1, *inner shape), every neuron spelt out so that adding it is fast."""
    if population.bias is None:
        return None
    array = linear.broadcast_parameter(population.bias, summed, lookup).astype(dtype)
    full = np.broadcast_to(array, summed)
    return np.ascontiguousarray(to_inner(full, len(summed))).reshape(1, *inner_shape(summed))

"""One population in integers: weights with an exponent, bias, threshold and initial potential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.reference.reach import Bounds, Reach, bounds_of
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array, Shape
from snnc.passes.chains import Chain
from snnc.passes.fixed_point import Format, Sizes, Units, choose_units, round_to_mantissa
from snnc.passes.single_operator import split_factor
from snnc.passes.tensors import NewTensors, compress, full, values_of

Weighted = m.Dense | m.Conv2d

USEFUL = 2
"""See `choose`."""


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """A connection of single operators: its effective weight, float64, in the source's own units.

    `rows` turns a factor per channel (C,) of the population into one per row of the weight.
    """

    connection: m.Incoming
    op: Weighted
    weight: Array
    rows: int

    def with_factor(self, factor: Array) -> Array:
        """The weight in units of `factor` (C,)."""
        spread = factor.repeat(self.rows)
        return np.asarray(self.weight * spread.reshape(-1, *(1,) * (self.weight.ndim - 1)))

    def largest(self) -> Array:
        """The largest |weight| of each channel (C,)."""
        flat = np.abs(self.weight).reshape(len(self.weight) // self.rows, -1)
        found: Array = flat.max(axis=1, initial=0.0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A population that is to be quantised, its parameters spread over channels.

    `bounds`: in the units of the float network.
    """

    population: m.Population
    shape: Shape
    synapses: tuple[Synapses, ...]
    bounds: Bounds

    @property
    def channels(self) -> int:
        """How many factors it can have."""
        return self.shape[0]


def layer_of(
    network: m.Network,
    population: m.Population,
    steps_of: Mapping[str, float],
    known: Mapping[str, Reach],
    steps: int,
) -> Layer:
    """A population made ready.

    Args:
        network: of stage snn, with single operators.
        population: one with weighted connections.
        steps_of: what one unit of an input is worth, by name.
        known: the reach of everything, in the network's present units.
        steps: time steps.
    """
    shape = summed_shape(network, population)
    synapses = synapses_of(network, population, steps_of)
    return Layer(population, shape, synapses, bounds_of(network, population, known, steps))


def synapses_of(
    network: m.Network, population: m.Population, steps_of: Mapping[str, float]
) -> tuple[Synapses, ...]:
    """The connections of a population with their effective weights, exponents included.

    Args:
        network: of stage snn or fixed, with single operators.
        population: one with weighted connections.
        steps_of: what one unit of an input is worth, by name; 1 for all others.
    """
    channels = summed_shape(network, population)[0]
    tensors = NewTensors(network)
    synapses = []
    for connection in population.incoming:
        chain = Chain(
            connection.ops, network.source_shape(connection.source), population.name, tensors
        )
        factor, ops = split_factor(chain)
        op = next(op for op in ops if isinstance(op, m.Dense | m.Conv2d))
        factor *= steps_of.get(connection.source, 1.0)
        weight = network.array(op.weight).astype(np.float64) * factor
        plain = replace(connection, ops=ops)
        synapses.append(Synapses(plain, op, weight, len(weight) // channels))
    return tuple(synapses)


def choose(
    layer: Layer, network: m.Network, fmt: Format, *, shared: bool, room: float
) -> Units | None:
    """The units of a layer; see `choose_units`. `room`: share of the potential's range to use.

    The potential of an integrator must hold whatever can come. That of a neuron that fires may
    saturate where only an input could bring it that no trained network gets: beyond `USEFUL` times
    what it needs to fire in every step, either way.
    """
    population, shape, neuron = layer.population, layer.shape, layer.population.neuron
    potential = by_channel(np.broadcast_to(layer.bounds.potential, shape), shape)
    current = by_channel(np.broadcast_to(layer.bounds.current, shape), shape)
    bias = np.zeros(layer.channels)
    if population.bias is not None:
        bias = by_channel(np.abs(full(network.array(population.bias), shape)), shape)
    threshold = None
    if isinstance(neuron, m.IF):
        values = full(values_of(neuron.threshold, network), population.shape)
        threshold = by_channel(values, population.shape)
        assert network.schedule is not None
        useful = USEFUL * network.schedule.steps * threshold
        potential = np.minimum(potential, np.maximum(useful, current))
    sizes = Sizes(
        weight=np.max([s.largest() for s in layer.synapses], axis=0),
        potential=np.maximum(potential, current) / room,
        threshold=threshold,
        bias=bias,
    )
    return choose_units(sizes, fmt, shared=shared)


def by_channel(values: Array, shape: Shape) -> Array:
    """The largest value of each channel (C,)."""
    largest: Array = values.reshape(shape[0], -1).max(axis=1)
    return largest


def in_integers(
    layer: Layer, network: m.Network, units: Units, fmt: Format, tensors: NewTensors
) -> m.Population:
    """The population in whole numbers; its connections with int8 weights and exponents."""
    population, name = layer.population, layer.population.name
    incoming = tuple(_connection(s, name, units, fmt, tensors) for s in layer.synapses)
    bias = population.bias
    if bias is not None:
        values = full(network.array(bias), layer.shape) * full(units.factor, layer.shape)
        whole = round_to_mantissa(values, fmt.bias_mantissa).astype(np.int32)
        bias = tensors.put(f"{name}.bias", compress(whole))
    neuron, scale = population.neuron, population.scale
    if isinstance(neuron, m.IF):
        neuron = _fire(network, population, neuron, units, fmt, tensors)
    elif isinstance(neuron, m.Integrator):
        # All channels share one factor; what a unit is worth in the ANN's units is its inverse.
        neuron = m.Integrator(_whole(network, population, neuron.v_init, units, tensors, "v_init"))
        worth = full(values_of(scale, network), population.shape)
        worth /= full(units.factor, population.shape)
        scale = tensors.put_parameter(f"{name}.units", compress(worth))
    return replace(population, incoming=incoming, bias=bias, neuron=neuron, scale=scale)


def _connection(
    synapses: Synapses, name: str, units: Units, fmt: Format, tensors: NewTensors
) -> m.Incoming:
    scaled = synapses.with_factor(units.factor)
    largest = float(np.abs(scaled).max(initial=0.0))
    exponent = 0
    while np.rint(largest / 2**exponent) > fmt.weight:
        exponent += 1
    whole = np.rint(scaled / 2**exponent)
    kept = tensors.put(f"{name}.weight", whole.astype(np.int8 if fmt.weight < 128 else np.int16))
    ops = tuple(
        replace(op, weight=kept) if op is synapses.op else op for op in synapses.connection.ops
    )
    if exponent:
        ops = (*ops, m.Scale(float(2**exponent)))
    return replace(synapses.connection, ops=ops)


def _fire(
    network: m.Network,
    population: m.Population,
    neuron: m.IF,
    units: Units,
    fmt: Format,
    tensors: NewTensors,
) -> m.IF:
    shape = population.shape
    given = values_of(neuron.threshold, network)
    assert units.threshold is not None
    if given.ndim <= 1:
        whole = units.threshold
    else:
        whole = round_to_mantissa(
            full(given, shape) * full(units.factor, shape), fmt.threshold_mantissa
        )
    return replace(
        neuron,
        threshold=_parameter(f"{population.name}.threshold", whole, tensors),
        v_init=_whole(network, population, neuron.v_init, units, tensors, "v_init"),
    )


def _whole(
    network: m.Network,
    population: m.Population,
    parameter: m.Parameter,
    units: Units,
    tensors: NewTensors,
    kind: str,
) -> m.Parameter:
    """A parameter in whole units."""
    shape = population.shape
    values = full(values_of(parameter, network), shape) * full(units.factor, shape)
    return _parameter(f"{population.name}.{kind}", compress(np.rint(values)), tensors)


def _parameter(name: str, values: Array, tensors: NewTensors) -> m.Parameter:
    """One number for all neurons where they agree, else a tensor of int32."""
    if values.size and (values == values.flat[0]).all():
        return float(values.flat[0])
    return tensors.put(name, values.astype(np.int32))

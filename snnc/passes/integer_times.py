"""Populations of spike times in whole numbers: their units, and their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.passes.fixed_point import Format, Sizes, Units, choose_units, few_levels
from snnc.passes.integer_layers import Layer, by_channel
from snnc.passes.kernel_units import SpikeValues, whole_values
from snnc.passes.tensors import NewTensors, compress, full, values_of


def choose_timed(
    layer: Layer,
    network: m.Network,
    times: SpikeValues,
    fmt: Format,
    *,
    shared: bool,
    room: float,
) -> Units | None:
    """The units of a layer under a schedule of phases.

    The weights of spikes fill their width; where there are none, those of analog inputs do, which
    else take an exponent. Of a layer that fires the factors are few: each has thresholds of its
    own, a table of them.

    Args:
        layer: the layer, with a unit of spikes worth `1 / K`.
        network: of stage snn.
        times: what spikes are worth.
        fmt: what the target's numbers can be.
        shared: one factor for all channels.
        room: share of the potential's range to use.
    """
    timed = [s.largest() for s in layer.synapses if s.connection.source in times.units]
    weights = timed if any(w.any() for w in timed) else [s.largest() for s in layer.synapses]
    bias = np.zeros(layer.channels)
    if layer.population.bias is not None:
        values = full(network.array(layer.population.bias), layer.shape)
        bias = by_channel(np.abs(values), layer.shape)
    potential = by_channel(np.broadcast_to(layer.bounds.potential, layer.shape), layer.shape)
    sizes = Sizes(np.max(weights, axis=0), potential / room, None, bias)
    found = choose_units(sizes, replace(fmt, exponent=0), shared=shared)
    if found is None or not isinstance(layer.population.neuron, m.TTFS):
        return found
    return replace(found, factor=few_levels(found.factor, fmt.thresholds))


def with_tables(
    network: m.Network,
    population: m.Population,
    units: Units,
    unit: float,
    fmt: Format,
    tensors: NewTensors,
) -> m.Population:
    """A TTFS population with its tables in whole numbers.

    A whole potential is at least a threshold where it is at least the next whole number, so that
    thresholds rounded up are those of the fractions. One beyond the range is never reached.

    Args:
        network: of stage snn.
        population: with its weights and bias in whole numbers.
        units: of its potential.
        unit: K of its own spikes.
        fmt: what the target's numbers can be.
        tensors: take the tables.
    """
    neuron, name = population.neuron, population.name
    assert isinstance(neuron, m.TTFS)
    table = np.ceil(spike_times.thresholds(neuron)[:, None] * units.factor)
    table = np.clip(table, 1, fmt.potential).astype(np.int32)
    if (table == table[:, :1]).all():
        table = table[:, 0]
    whole = m.IntegerTTFS(
        values=tensors.put(f"{name}.values", whole_values(spike_times.values(neuron), unit)),
        thresholds=tensors.put(f"{name}.thresholds", table),
    )
    return replace(population, neuron=whole, scale=in_units(network, population, unit, tensors))


def in_units(
    network: m.Network, population: m.Population, unit: float, tensors: NewTensors
) -> m.Parameter:
    """The scale of a population whose spikes are worth K times what they were."""
    worth = full(values_of(population.scale, network), population.shape) / unit
    return tensors.put_parameter(f"{population.name}.units", compress(worth))


def whole_times(inputs: tuple[m.Input, ...], units: Mapping[str, float]) -> tuple[m.Input, ...]:
    """Inputs whose spike times are worth whole numbers; the host finds the times as before."""
    return tuple(replace(i, coding=_whole(i.coding, units.get(i.name))) for i in inputs)


def _whole(coding: m.Coding, unit: float | None) -> m.Coding:
    if unit is None or not isinstance(coding, m.SpikeTime):
        return coding
    values = whole_values(spike_times.values(coding), unit)
    return m.IntegerSpikeTime(
        coding.tau,
        coding.steps,
        coding.delay,
        coding.threshold,
        coding.rounding,
        tuple(int(v) for v in values),
    )

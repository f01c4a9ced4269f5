"""The values that spike times stand for, in a run of a network of spike times."""

from __future__ import annotations

import numpy as np

from snnc.backends.reference.first_spikes import times_of
from snnc.backends.reference.trace import Trace
from snnc.evaluation.inputs import coded_input
from snnc.ir import model as m
from snnc.ir.interpret import activate, summed_input
from snnc.ir.phases import PASSING, fire_thresholds, kernels
from snnc.ir.spike_times import decode, encode
from snnc.ir.tensors import Array


def decoded_values(
    network: m.Network, trace: Trace, x: Array, part: slice = slice(None)
) -> dict[str, Array]:
    """What inputs and populations said in a run, (n, *shape) float64 by name.

    Times a population's scale they are in ANN units. A spike in step t of a fire window is worth
    the kernel at t (Park and Yoon 2021, eq. 3), none is worth 0; an integrator says its potential,
    a running maximum the largest of what it hears.

    Args:
        network: with a schedule of phases.
        trace: its run.
        x: the samples of `part`, as the host has them.
        part: which of the trace's samples.
    """
    worth = kernels(network)
    entry = network.inputs[0]
    values = {entry.name: coded_input(network, x)}
    if isinstance(entry.coding, m.SpikeTime):
        times, signs = times_of(entry.coding, x)
        values[entry.name] = signs * decode(times, worth[entry.name].astype(np.float64))
    for population in network.populations:
        name, neuron = population.name, population.neuron
        if isinstance(neuron, m.Integrator):
            values[name] = trace.membranes[name][part].astype(np.float64)
        elif isinstance(neuron, PASSING):
            received = summed_input(network, population, values)
            values[name] = largest_of(network, neuron, received)
        else:
            table = worth[name].astype(np.float64)
            values[name] = decode(trace.spike_times[name][part], table)
    return values


def largest_of(network: m.Network, neuron: m.RunningMax2d, received: Array) -> Array:
    """The largest value (n, *shape) of each window of a running maximum."""
    pool = m.MaxPool2d(
        neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
    )
    return activate(pool, received, network)


def spoken(network: m.Network, population: m.Population, potential: Array) -> Array:
    """What a TTFS population says if it fires by its whole `potential` (n, *shape).

    The closed form of encode and decode, with the tables that the simulator fires by.
    """
    neuron = population.neuron
    assert isinstance(neuron, m.TTFS | m.IntegerTTFS)
    table = kernels(network)[population.name].astype(np.float64)
    times = encode(potential, fire_thresholds(network, neuron).astype(np.float64))
    return decode(times, table)


def largest_value(network: m.Network, population: m.Population) -> float:
    """The largest value that a population of spike times can say, in its own units.

    Infinite where its neurons do not fire by themselves.
    """
    if isinstance(population.neuron, m.TTFS | m.IntegerTTFS):
        return float(kernels(network)[population.name][0])
    return np.inf

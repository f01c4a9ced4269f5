"""What the populations of a network of spike times send, in closed form and in order.

The twin of the simulation a window at a time (Park and Yoon 2021, eq. 4 and 5), in the precision of
the samples and one population after another, for passes that choose kernels by what they do. It
knows nothing of early firing, where a neuron fires before all its input has come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.interpret import activate, summed_input
from snnc.ir.tensors import Array

_BATCH = 32


def sent_inputs(network: m.Network, samples: Mapping[str, Array]) -> dict[str, Array]:
    """What the inputs are worth to their readers, arrays (N, *shape) by name."""
    return {i.name: sent_input(i, samples[i.name]) for i in network.inputs}


def sent_input(entry: m.Input, x: Array) -> Array:
    """What samples (N, *shape) of an input are worth to its readers."""
    coding = entry.coding
    return spike_times.surrogate(coding, x) if isinstance(coding, m.SpikeTime) else x


def potentials(
    network: m.Network, population: m.Population, values: Mapping[str, Array]
) -> Iterator[Array]:
    """The potential of a population once all its input has come, in parts (n, *summed shape).

    Args:
        network: Of stage snn, or of stage ann where it is the exact one.
        population: One of it.
        values: What its sources send, (N, *shape) by name.
    """
    count = len(next(iter(values.values())))
    for start in range(0, count, _BATCH):
        part = {i.source: values[i.source][start : start + _BATCH] for i in population.incoming}
        yield summed_input(network, population, part)


def sent(network: m.Network, population: m.Population, values: Mapping[str, Array]) -> Array:
    """What a population sends to its readers, (N, *shape); of an integrator, its potential."""
    neuron = worth(population.neuron)
    return np.concatenate(
        [activate(neuron, z, network) for z in potentials(network, population, values)]
    )


def worth(neuron: m.Neuron) -> m.Neuron:
    """The activation function that a neuron of spike times computes."""
    match neuron:
        case m.RunningMax2d():
            # The earliest spike of one kernel is worth most (Park et al. 2020).
            return m.MaxPool2d(
                neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
            )
        case m.Integrator():
            return m.Identity()
    return neuron


def still_read(network: m.Network, done: int, values: Mapping[str, Array]) -> dict[str, Array]:
    """The values that a population behind number `done` reads."""
    later = {i.source for p in network.populations[done + 1 :] for i in p.incoming}
    return {name: array for name, array in values.items() if name in later}

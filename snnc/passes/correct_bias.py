"""Bias correction of a requantised network against the one before (Nagel et al. 2019, sec. 4.2).

Rounded activations have another mean than the trained ones, which shifts the input of the next
layer on average. Layer by layer, with all earlier layers corrected, each channel's mean input is
brought back to that of the trained network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import activate, evaluate, summed_input
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array
from snnc.passes.layerwise import unit_map
from snnc.passes.tensors import NewTensors, compress, full

_BATCH = 32


def correct_biases(
    network: m.Network, reference: m.Network, samples: Mapping[str, Array]
) -> m.Network:
    """The network with the bias of every channel shifted by the mean error of its input.

    Args:
        network: requantised, of stage ann.
        reference: the network before; populations that both have by name are corrected.
        samples: input arrays (N, *shape) by input name.
    """
    goals = _mean_inputs(reference, samples)
    tensors = NewTensors(network)
    values: dict[str, Array] = dict(samples)
    populations = []
    for index, population in enumerate(network.populations):
        goal = goals.get(population.name)
        # What reads only the network's inputs has no error to correct.
        behind = any(i.source not in samples for i in population.incoming)
        if goal is not None and behind and not isinstance(population.neuron, m.MaxPool2d):
            population = _shifted(network, population, values, goal, tensors)
        populations.append(population)
        attached = tensors.attach(network)
        values[population.name] = np.concatenate(
            [
                activate(population.neuron, z, attached)
                for z in _inputs(attached, population, values)
            ]
        )
        later = {i.source for p in network.populations[index + 1 :] for i in p.incoming}
        values = {name: array for name, array in values.items() if name in later}
    return tensors.attach(network).with_populations(populations)


def _shifted(
    network: m.Network,
    population: m.Population,
    values: Mapping[str, Array],
    goal: Array,
    tensors: NewTensors,
) -> m.Population:
    shape = summed_shape(network, population)
    total, count = np.zeros(shape[0]), 0
    for z in _inputs(tensors.attach(network), population, values):
        total += _channel_sums(z)
        count += z.size // shape[0]
    shift = goal / _channel_units(network, population) - total / count
    bias = np.zeros(shape)
    if population.bias is not None:
        bias = full(tensors.array(population.bias), shape)
    ref = tensors.put(f"{population.name}.bias", compress(bias + full(shift, shape)))
    return replace(population, bias=ref)


def _inputs(
    network: m.Network, population: m.Population, values: Mapping[str, Array]
) -> Iterator[Array]:
    """The summed input of a population, in parts of the samples."""
    count = len(next(iter(values.values())))
    for start in range(0, count, _BATCH):
        part = {i.source: values[i.source][start : start + _BATCH] for i in population.incoming}
        yield summed_input(network, population, part)


def _mean_inputs(network: m.Network, samples: Mapping[str, Array]) -> dict[str, Array]:
    """Mean summed input per channel (C,) of every population, in ANN units."""
    totals: dict[str, Array] = {}
    count = len(next(iter(samples.values())))
    for start in range(0, count, _BATCH):
        part = {name: x[start : start + _BATCH] for name, x in samples.items()}
        values = {**part, **evaluate(network, part)}
        for population in network.populations:
            z = summed_input(network, population, values)
            means = _channel_sums(z) / (z.size // z.shape[1] // len(z) * count)
            totals[population.name] = totals.get(population.name, 0.0) + means
    return {p.name: totals[p.name] * _channel_units(network, p) for p in network.populations}


def _channel_sums(z: Array) -> Array:
    sums: Array = z.sum(axis=(0, *range(2, z.ndim)), dtype=np.float64)
    return sums


def _channel_units(network: m.Network, population: m.Population) -> Array:
    """ANN units per unit of the population, `()` or (C,)."""
    units = unit_map(network, population)
    return units.reshape(units.shape[:1]) if units.ndim else units

"""From the read-out of a head to classes."""

from __future__ import annotations

import math

import numpy as np

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array


def class_count(network: m.Network, head: m.Head) -> int:
    """How many classes a head tells apart: one value per class, or two by the sign of one value."""
    return max(2, math.prod(network.population(head.population).shape))


def class_values(head: m.Head, outputs: Array) -> Array:
    """One value per class of read-outs (..., K), so that the largest one is the answer.

    A single value is a two-class output whose logit is compared with 0 (a sigmoid of it with one
    half). A ReLU that the network leaves to the host comes first: it makes ties.
    """
    if head.readout.host[:1] == ("Relu",):
        outputs = np.maximum(outputs, 0)
    if outputs.shape[-1] > 1:
        return outputs
    return np.concatenate([np.zeros_like(outputs), outputs], axis=-1)


def classify(head: m.Head, outputs: Array) -> Array:
    """The classes (...) of read-outs (..., K), int64: the largest value, the lowest index first."""
    classes: Array = class_values(head, outputs).argmax(axis=-1)
    return classes


def whole(outputs: Array, unit: Array) -> Array:
    """The whole numbers behind read-outs (..., K) of a network of stage fixed, int64.

    These are an integrator's potentials, numbers of spikes, a neuron's potentials or time steps.
    Each was multiplied by its unit (K,), and division brings it back to within two roundings: by
    less than one half, and so rounded to the right number, below 2^51.
    """
    numbers: Array = np.rint(outputs / unit).astype(np.int64)
    return numbers


def read_out_unit(network: m.Network, head: m.Head) -> Array:
    """What one unit of a head's whole read-out counts as, (K,) float64."""
    population = network.population(head.population)
    if is_scaled(population, head):
        return read_out_scale(network, population)
    return np.ones(math.prod(population.shape))


def is_scaled(population: m.Population, head: m.Head) -> bool:
    """Whether the scale of the population acts on what a head reads of it."""
    if isinstance(head.readout, m.Membrane):
        return isinstance(population.neuron, m.Integrator)
    return isinstance(head.readout, m.SpikeCount)


def read_out_scale(network: m.Network, population: m.Population) -> Array:
    """What a read-out counts a spike of each neuron as, or an integrator's potential of 1, (K,)."""
    scale = linear.broadcast_parameter(population.scale, population.shape, network.array)
    flat: Array = np.broadcast_to(scale, population.shape).reshape(-1).astype(np.float64)
    return flat

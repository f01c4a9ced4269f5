"""The executable meaning of stage `ann`: values of populations for a batch of inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from snnc.ir import linear, spike_times
from snnc.ir import model as m
from snnc.ir.staircase import level
from snnc.ir.tensors import Array
from snnc.ir.windows import pool_windows


def evaluate(
    network: m.Network, inputs: Mapping[str, Array], keep: Collection[str] | None = None
) -> dict[str, Array]:
    """Values of the populations named in `keep` (all of them when None), arrays (N, *shape).

    Computes in the dtype of the inputs. A value that nobody needs any more is freed at once, so
    memory is that of the widest cut through the network plus what is kept.

    Raises:
        ValueError: the network is not at stage `ann`, or an input is missing or misshapen.
    """
    if network.stage != "ann":
        raise ValueError(f"the interpreter runs stage ann, not {network.stage}")
    wanted = {p.name for p in network.populations} if keep is None else set(keep)
    values = {i.name: _checked_input(i, inputs) for i in network.inputs}
    last_use = {
        incoming.source: index
        for index, population in enumerate(network.populations)
        for incoming in population.incoming
    }
    kept: dict[str, Array] = {}
    for index, population in enumerate(network.populations):
        values[population.name] = _value(network, population, values)
        if population.name in wanted:
            kept[population.name] = values[population.name]
        for name in [n for n in values if last_use.get(n, -1) <= index]:
            del values[name]
    return kept


def _checked_input(declared: m.Input, inputs: Mapping[str, Array]) -> Array:
    if declared.name not in inputs:
        raise ValueError(f"input {declared.name} is missing")
    array = inputs[declared.name]
    if array.shape[1:] != declared.shape:
        raise ValueError(
            f"input {declared.name} has shape {list(array.shape[1:])} per sample; "
            f"the network takes {list(declared.shape)}"
        )
    return array


def summed_input(
    network: m.Network, population: m.Population, values: Mapping[str, Array]
) -> Array:
    """`bias + sum of ops(source)` of one population for a batch of source values."""
    total: Array | None = None
    for incoming in population.incoming:
        term = linear.apply_chain(incoming.ops, values[incoming.source], network.array)
        total = term if total is None else total + term
    if total is None:
        raise ValueError(f"population {population.name} has no incoming connection")
    if population.bias is not None:
        bias = linear.broadcast_parameter(population.bias, total.shape[1:], network.array)
        total = total + bias.astype(total.dtype, copy=False)
    return total


def activate(neuron: m.Neuron, x: Array, network: m.Network) -> Array:
    """The activation function of an `ann` neuron on a summed input `x` (N, *shape)."""
    if isinstance(neuron, m.Identity):
        return x
    if isinstance(neuron, m.Relu):
        return np.maximum(x, 0)
    if isinstance(neuron, m.Clip):
        return np.minimum(np.maximum(x, 0), _parameter(neuron.high, x, network))
    if isinstance(neuron, m.LeakyRelu):
        return np.where(x >= 0, x, x * _parameter(neuron.slope, x, network))
    if isinstance(neuron, m.Quantized):
        return levels(neuron, x, network) * _parameter(neuron.step, x, network)
    if isinstance(neuron, m.MaxPool2d):
        largest: Array = pool_windows(x, neuron, -np.inf).max(axis=(4, 5))
        return largest
    if isinstance(neuron, m.TTFS):
        return spike_times.surrogate(neuron, x)
    raise ValueError(f"{type(neuron).__name__} is not a neuron of stage ann")


def levels(neuron: m.Quantized, x: Array, network: m.Network) -> Array:
    """The whole number of steps that a quantised neuron makes of a summed input (N, *shape)."""
    step, shift = (_parameter(p, x, network) for p in (neuron.step, neuron.shift))
    return level(x, step, neuron.lowest, neuron.levels, shift, neuron.ties)


def _value(network: m.Network, population: m.Population, values: Mapping[str, Array]) -> Array:
    return activate(population.neuron, summed_input(network, population, values), network)


def _parameter(parameter: m.Parameter, x: Array, network: m.Network) -> Array:
    array = linear.broadcast_parameter(parameter, x.shape[1:], network.array)
    return array.astype(x.dtype, copy=False)


def network_macs(network: m.Network) -> int:
    """Multiply-accumulates of the whole network per sample (dense and convolutions)."""
    return sum(population_macs(network, p) for p in network.populations)


def population_macs(network: m.Network, population: m.Population) -> int:
    """Multiply-accumulates of all connections into a population, per sample."""
    return sum(
        linear.macs(i.ops, network.source_shape(i.source), network.array)
        for i in population.incoming
    )


__all__ = ["activate", "evaluate", "levels", "network_macs", "population_macs", "summed_input"]

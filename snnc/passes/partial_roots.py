"""The neurons behind partial sums: thresholds of the partial ones, and the root that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape
from snnc.passes.partial_sums import Partial, Sums
from snnc.passes.tensors import NewTensors, compress, full, values_of


def with_loads(sums: Sums, loads: Array, tensors: NewTensors) -> tuple[m.Population, ...]:
    """The partial populations with thresholds and initial potentials; `loads`: (C,), the alphas."""
    copies = sums.copies
    starts = loads[:, None] * np.tile(np.arange(copies), 2) + (loads // 2)[:, None]
    thresholds = (copies * loads).repeat(2 * copies)
    found = []
    for partial in sums.partials:
        name = partial.population.name
        neuron = m.IF(
            threshold=_parameter(f"{name}.threshold", thresholds, tensors),
            v_init=_parameter(f"{name}.v_init", starts.reshape(-1), tensors),
        )
        found.append(replace(partial.population, neuron=neuron))
    return tuple(found)


def root_of(
    network: m.Network, sums: Sums, loads: Array, fine: Array, tensors: NewTensors
) -> m.Population:
    """The population itself, which reads its partial sums.

    Args:
        network: that it was in.
        sums: its partial sums.
        loads: (C,), their thresholds.
        fine: (C,), what weight 1 of a partial sum is worth now; where that differs from what it
            was, threshold, bias and initial potential follow.
        tensors: takes what is new.
    """
    population, neuron = sums.population, sums.population.neuron
    assert isinstance(neuron, m.IF)
    strengths = (loads * fine)[:, None] * np.array([1, -1]).repeat(sums.copies)
    incoming = tuple(
        _one_to_one(p, np.where(p.used, strengths, 0), sums.shape, tensors) for p in sums.partials
    )
    if (fine == sums.units).all():
        return replace(population, incoming=incoming)
    share = full(fine / sums.units, sums.shape)
    threshold = full(values_of(neuron.threshold, network), sums.shape)
    threshold = np.maximum(np.rint(threshold * share), 1)
    start = np.rint(full(values_of(neuron.v_init, network), sums.shape) * share)
    neuron = replace(
        neuron,
        threshold=_parameter(f"{population.name}.threshold", threshold, tensors),
        v_init=_parameter(f"{population.name}.v_init", np.minimum(start, threshold - 1), tensors),
    )
    bias = population.bias
    if bias is not None:
        whole = np.rint(full(network.array(bias), sums.shape) * share).astype(np.int32)
        bias = tensors.put(f"{population.name}.bias", compress(whole))
    return replace(population, incoming=incoming, neuron=neuron, bias=bias)


def reached(network: m.Network, root: m.Population, sums: Sums, worth: Array) -> Array:
    """The largest |potential| of each channel of a root (C,), whatever its partial sums send.

    It is at most what all E, or all I, and the bias bring in all steps, beside where it starts; a
    threshold is taken off only from what is above it.

    Args:
        network: that holds the root's tensors, with a schedule.
        root: the population.
        sums: that it reads.
        worth: (C,), what a partial spike is worth to it.
    """
    assert network.schedule is not None
    assert isinstance(root.neuron, m.IF)
    channels = len(sums.units)
    bias = np.zeros(sums.shape)
    if root.bias is not None:
        bias = full(network.array(root.bias), sums.shape)
    start = np.abs(full(values_of(root.neuron.v_init, network), sums.shape))
    used = np.sum([p.used for p in sums.partials], axis=0).reshape(channels, 2, -1).sum(axis=2)
    each = [
        used[:, side] * worth + np.maximum(sign * bias, 0).reshape(channels, -1).max(axis=1)
        for side, sign in ((0, 1), (1, -1))
    ]
    begin = start.reshape(channels, -1).max(axis=1)
    found: Array = begin + network.schedule.steps * np.maximum(*each)
    return found


def _one_to_one(
    partial: Partial, strengths: Array, shape: Shape, tensors: NewTensors
) -> m.Incoming:
    """The connection from a group's partial sums: 2 k of them to each neuron."""
    name = f"{partial.population.name}.strength"
    if len(shape) == 3:
        kept = tensors.put(name, strengths.astype(np.int16)[:, :, None, None])
        return m.Incoming(partial.population.name, (m.Conv2d(kept, groups=shape[0]),))
    width = strengths.shape[1]
    weight = np.zeros((shape[0], shape[0], width), np.int16)
    places = np.arange(shape[0])
    weight[places, places] = strengths
    kept = tensors.put(name, weight.reshape(shape[0], -1))
    return m.Incoming(partial.population.name, (m.Dense(kept),))


def _parameter(name: str, values: Array, tensors: NewTensors) -> m.Parameter:
    if values.size and (values == values.flat[0]).all():
        return float(values.flat[0])
    return tensors.put(name, compress(values).astype(np.int32))


def divisor_within(number: int, most: float) -> int:
    """The largest divisor of a number that is at most `most`; 0 where that is below 1."""
    return max((d for d in range(1, number + 1) if number % d == 0 and d <= most), default=0)


def load_of(currents: Iterator[Array], sums: Sums) -> Array:
    """What partial neurons of each channel receive in a step, (C,).

    That is the 99th percentile, or the largest mean of a neuron over the steps of a sample, if that
    is more: then no backlog grows for long.

    Args:
        currents: (T, n, 2 k C, ...), in parts of the samples.
        sums: whose they are.
    """
    channels = len(sums.units)
    found = np.zeros(channels)
    for part in currents:
        rows = np.moveaxis(part, 2, 0).reshape(channels, 2, sums.copies, -1)[:, :, 0]
        percentile = np.percentile(rows, 99, axis=2).max(axis=1)
        means = np.moveaxis(part.mean(axis=0), 1, 0).reshape(channels, -1).max(axis=1)
        found = np.maximum(found, np.maximum(percentile, means))
    return found


def power_of_two(values: Array) -> Array:
    """The smallest powers of two that are not below values (at least 1)."""
    found: Array = 2 ** np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)
    return found

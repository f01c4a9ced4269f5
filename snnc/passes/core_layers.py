"""One population in the whole numbers of a TrueNorth core.

A neuron's weight is `level * fine`: the level has few bits, since each bit is an axon, and `fine`
is the power of two by which bias, threshold and potential are finer than the weights. Both are per
channel, since strengths belong to neurons (Cassidy et al. 2013). Nothing saturates on the chip: the
potential is proved to stay in range over all time steps, whatever comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.reference.reach import Reach, bounds_of
from snnc.backends.truenorth.chip import ChipSpec
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.core_refusals import check_room, check_signs, too_large, too_strong
from snnc.passes.few_bits import LEVELS, Rounded, nearest, reduced, small_multiples
from snnc.passes.integer_layers import Layer, Synapses, by_channel
from snnc.passes.tensors import NewTensors, compress, full, values_of

_LARGEST_BASE = {1: 1, 2: 1, 3: 4, 4: 8, 5: 16}
"""The largest strength of the axon types that spell weights of so many bits, in units."""

_MULTIPLES = {1: 15, 2: 15, 3: 30, 4: 60, 5: 60}
"""The largest weight of a one-to-one connection, in levels: what 15 axons spell."""

_EXACT = 1e-4
"""A threshold that is so near to a whole number of levels needs no finer units."""

_SILENT = 64
"""Levels of the threshold of a channel without weights."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a core's numbers can be.

    Attributes:
        bits: of a weight.
        clip: whether the rounding may cut off large weights, see `nearest`.
        shared: whether all channels of a population have one step of weights.
        chip: the chip's own limits.
    """

    bits: int
    clip: bool
    shared: bool
    chip: ChipSpec

    @property
    def finest(self) -> int:
        """The largest exponent of `fine`: all strengths stay within the chip's."""
        return int(math.log2(self.chip.largest_strength / _LARGEST_BASE[self.bits]))


def on_core(
    layer: Layer,
    network: m.Network,
    limits: Limits,
    tensors: NewTensors,
    reach: Mapping[str, Reach],
) -> m.Population:
    """A population in whole numbers.

    Args:
        layer: as it was.
        network: that it is in, of stage snn, with a schedule.
        limits: what the numbers can be.
        tensors: takes the new ones.
        reach: of all that it reads, in units of the integer network.

    Raises:
        InputError: numbers that do not fit the chip (SN783), weights of both signs in one bit
            (SN784), or a threshold below 1 (SN762).
    """
    rounded = _rounded(layer, network, limits)
    if limits.bits == 1:
        check_signs(layer, rounded)
    exponents = _exponents(layer, network, rounded.worth, limits)
    while True:
        found = _written(layer, network, rounded, exponents, tensors)
        potential = _highest(tensors.attach(network), found, layer, reach)
        over = potential > limits.chip.largest_potential
        if not over.any():
            return found
        if (over & (exponents == 0)).any():
            raise too_large(layer, network, float(potential.max()), limits.chip.largest_potential)
        exponents = np.where(over, exponents - 1, exponents)


# ---- levels ----------------------------------------------------------------------------------


def is_one_to_one(synapses: Synapses) -> bool:
    """Whether every neuron reads at most one neuron of a source, and no two the same one."""
    weight, op = synapses.weight, synapses.op
    if isinstance(op, m.Conv2d):
        depthwise = op.groups == len(weight) and weight.shape[1:] == (1, 1, 1)
        return depthwise and op.strides == (1, 1) and not any(op.pads)
    square = weight.shape[0] == weight.shape[1]
    return square and not weight[~np.eye(len(weight), dtype=bool)].any()


def _rounded(layer: Layer, network: m.Network, limits: Limits) -> Rounded:
    """All weights of a population in levels: a row per channel, connections side by side."""
    rows = [_rows(s) for s in layer.synapses]
    alike = all(_uniform(r) for r in rows)
    rounded = _small(rows, limits) if alike else _few(layer, rows, limits)
    if limits.shared:
        rounded = _nearest([np.concatenate(rows, axis=1)], limits)
    empty = rounded.worth <= 0
    if empty.any():
        threshold = by_channel(
            full(values_of(_fire(layer).threshold, network), layer.population.shape), layer.shape
        )
        rounded = Rounded(rounded.levels, np.where(empty, threshold / _SILENT, rounded.worth))
    return rounded


def _rows(synapses: Synapses) -> Array:
    """The weights of each channel in one row (C, K)."""
    weight = synapses.weight
    return weight.reshape(len(weight) // synapses.rows, -1)


def _uniform(rows: Array) -> bool:
    """Whether all weights of a channel that are not 0 have one size."""
    size = np.abs(rows)
    largest = size.max(axis=1, initial=0.0, keepdims=True)
    return bool(((size == 0) | (np.abs(size - largest) <= 1e-5 * largest)).all())


def _small(rows: Sequence[Array], limits: Limits) -> Rounded:
    """Pools and sums of identities: one weight for each connection of a channel."""
    sizes = np.stack([np.abs(r).max(axis=1, initial=0.0) for r in rows], axis=1)
    found = small_multiples(sizes, _MULTIPLES[limits.bits])
    levels = [np.sign(r) * found.levels[:, [i]] for i, r in enumerate(rows)]
    return Rounded(np.concatenate(levels, axis=1), found.worth)


def _few(layer: Layer, rows: Sequence[Array], limits: Limits) -> Rounded:
    """Weights of few bits; one-to-one connections beside them have larger whole multiples."""
    single = [is_one_to_one(s) for s in layer.synapses]
    wide = [r for r, one in zip(rows, single, strict=True) if not one]
    found = _nearest(wide, limits)
    ones = [r for r, one in zip(rows, single, strict=True) if one]
    if not ones:
        return found
    most, levels = _MULTIPLES[limits.bits], LEVELS[limits.bits]
    largest = np.max([np.abs(r).max(axis=1, initial=0.0) for r in ones], axis=0)
    worth = np.maximum(found.worth, largest / most)
    parts = []
    for r, one in zip(rows, single, strict=True):
        step = np.where(worth > 0, worth, 1.0)[:, None]
        limit = most if one else levels
        parts.append(np.clip(np.rint(r / step), -limit, limit))
    return reduced(Rounded(np.concatenate(parts, axis=1), worth))


def _nearest(rows: Sequence[Array], limits: Limits) -> Rounded:
    joined = np.concatenate(rows, axis=1)
    if not limits.shared:
        return nearest(joined, LEVELS[limits.bits], clip=limits.clip)
    found = nearest(joined.reshape(1, -1), LEVELS[limits.bits], clip=limits.clip)
    return Rounded(found.levels.reshape(joined.shape), found.worth.repeat(len(joined)))


# ---- fineness --------------------------------------------------------------------------------


def _exponents(layer: Layer, network: m.Network, worth: Array, limits: Limits) -> Array:
    """The exponent of `fine` of each channel (C,): 0 where that loses nothing, else the largest.

    Raises:
        InputError: a threshold or a bias does not fit even in levels.
    """
    neuron, population = _fire(layer), layer.population
    threshold = full(values_of(neuron.threshold, network), population.shape)
    bias = np.zeros(layer.shape)
    if population.bias is not None:
        bias = np.abs(full(network.array(population.bias), layer.shape))
    step = full(worth, layer.shape)
    highest = by_channel(threshold / step, layer.shape)
    strongest = by_channel(bias / step, layer.shape)
    chip = limits.chip
    room = np.minimum(_room(chip.largest_threshold, highest), _room(chip.largest_leak, strongest))
    check_room(layer, room, float(highest.max()), float(strongest.max()), chip)
    whole = [v / step for v in (threshold, bias)]
    off = [by_channel(np.abs(v - np.rint(v)), layer.shape) for v in whole]
    exact = np.maximum(*off) <= _EXACT * highest
    return np.where(exact, 0, np.minimum(np.floor(room), limits.finest)).astype(np.int64)


def _room(limit: float, values: Array) -> Array:
    """How often values can be doubled, and half of a unit added, within a limit."""
    found: Array = np.full(values.shape, 64.0)
    np.log2(limit / np.maximum(values, 1e-12), out=found, where=values > 0)
    return found


# ---- writing ---------------------------------------------------------------------------------


def _written(
    layer: Layer, network: m.Network, rounded: Rounded, exponents: Array, tensors: NewTensors
) -> m.Population:
    """The population with these levels and exponents."""
    population, neuron, name = layer.population, _fire(layer), layer.population.name
    fine = 2.0**exponents
    common = float(fine.min(initial=np.inf))
    incoming, start = [], 0
    for synapses in layer.synapses:
        width = _rows(synapses).shape[1]
        levels = rounded.levels[:, start : start + width] * (fine / common)[:, None]
        start += width
        incoming.append(_connection(synapses, levels, common, name, tensors))
    factor = full(fine / rounded.worth, layer.shape)
    bias = population.bias
    if bias is not None:
        whole = np.rint(full(network.array(bias), layer.shape) * factor).astype(np.int32)
        bias = tensors.put(f"{name}.bias", compress(whole))
    threshold = np.rint(full(values_of(neuron.threshold, network), layer.shape) * factor)
    if np.median(by_channel(threshold, layer.shape)) < 1:
        raise too_strong(layer)
    threshold = np.maximum(threshold, 1)  # channels whose largest activation was nearly nothing
    # A neuron that starts at its threshold would fire before its first step.
    begin = np.rint(full(values_of(neuron.v_init, network), layer.shape) * factor)
    begin = np.minimum(begin, threshold - 1)
    neuron = replace(
        neuron,
        threshold=_parameter(f"{name}.threshold", threshold, tensors),
        v_init=_parameter(f"{name}.v_init", begin, tensors),
        saturation=None,
    )
    return replace(population, incoming=tuple(incoming), bias=bias, neuron=neuron)


def _connection(
    synapses: Synapses, levels: Array, common: float, name: str, tensors: NewTensors
) -> m.Incoming:
    whole = levels.reshape(synapses.weight.shape)
    dtype = np.int8 if np.abs(whole).max(initial=0) <= 127 else np.int16
    kept = tensors.put(f"{name}.weight", whole.astype(dtype))
    ops = tuple(
        replace(op, weight=kept) if op is synapses.op else op for op in synapses.connection.ops
    )
    if common > 1:
        ops = (*ops, m.Scale(common))
    return replace(synapses.connection, ops=ops)


def _parameter(name: str, values: Array, tensors: NewTensors) -> m.Parameter:
    if values.size and (values == values.flat[0]).all():
        return float(values.flat[0])
    return tensors.put(name, compress(values).astype(np.int32))


def _highest(
    network: m.Network, found: m.Population, layer: Layer, reach: Mapping[str, Reach]
) -> Array:
    """The largest |potential| of each channel (C,), whatever the input."""
    assert network.schedule is not None
    bounds = bounds_of(network, found, reach, network.schedule.steps)
    return by_channel(np.broadcast_to(bounds.potential, layer.shape), layer.shape)


def _fire(layer: Layer) -> m.IF:
    neuron = layer.population.neuron
    assert isinstance(neuron, m.IF)
    return neuron

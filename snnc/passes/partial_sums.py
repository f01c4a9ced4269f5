"""A layer with more inputs than a core has axons, as partial sums that spike.

The inputs of a connection are cut into groups. For each group and neuron, partial neurons E add up
the positive weights of the group, I the magnitudes of the negative ones; they reset by subtraction.
The neuron gets `+alpha` for a spike of E and `-alpha` for one of I (truenorth.md 4.2).

There are `k` copies of E, and of I, with threshold `k * alpha`, which start at `alpha / 2`, then
`alpha` higher each. Copy i has sent `floor((S + alpha / 2 + i * alpha) / (k * alpha))` spikes when
S has come in, and by Hermite's identity the sum over the copies is `floor(S / alpha + 1 / 2)`: the
copies together send S rounded to multiples of alpha, up to k of them in a step. So pieces are small
and no backlog builds up as long as no more than `k * alpha` comes in a step. Without backlog E and
I of a group are off by at most alpha / 2 each, and what the neuron has received in all by at most
`G * alpha` for G groups.

Alpha is one number for all groups of a channel, so that the neuron needs one axon for each copy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.codes_of_weights import spell
from snnc.backends.truenorth.matrices import connection_matrix
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array, Shape
from snnc.passes.axon_needs import row_needs, shared_inputs
from snnc.passes.integer_layers import synapses_of
from snnc.passes.single_operator import ungrouped
from snnc.passes.tensors import NewTensors, free_name

_SHRINK = 0.9
"""What is left of a group's room when its own axon code needs more than that of all groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """The partial sums of one group: for each channel k copies of E, then k of I.

    `used`: bool (C, 2 k), whether a channel has weights of that sign in the group.
    """

    population: m.Population
    used: Array


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """A layer whose connections are cut into groups.

    `units`: int64 (C,), what weight 1 of the partial sums is worth to each channel. `largest`:
    (C,), the largest weight of a channel in these units. `copies`: k.
    """

    population: m.Population
    shape: Shape
    copies: int
    partials: tuple[Partial, ...]
    units: Array
    largest: Array


def cut(
    network: m.Network, population: m.Population, axons: int, copies: int, tensors: NewTensors
) -> Sums | None:
    """The partial sums of a population, their thresholds still to be chosen.

    Args:
        network: of stage fixed, with single operators.
        population: of integrate-and-fire neurons.
        axons: that a core has.
        copies: of every partial neuron.
        tensors: takes the weights.

    Returns:
        None where the weights of one input (of one channel of an image) need more than a core.
    """
    shape = summed_shape(network, population)
    synapses = synapses_of(network, population, {})
    rows = [s.weight.reshape(shape[0], -1).astype(np.int64) for s in synapses]
    units = np.maximum(np.gcd.reduce(np.concatenate(rows, axis=1), axis=1), 1)
    largest = np.max([np.abs(r).max(axis=1, initial=0) for r in rows], axis=0) // units
    partials: list[Partial] = []
    for part in synapses:
        scaled = part.weight.reshape(shape[0], -1) / units[:, None]
        levels = np.rint(scaled).reshape(part.weight.shape)
        if isinstance(part.op, m.Conv2d):
            levels = ungrouped(part.op, levels)
        one = _Cut(network, population, part.connection, part.op, levels, shape, copies, tensors)
        groups = one.groups(axons)
        if groups is None:
            return None
        for start, stop in groups:
            name = f"{population.name}.part{len(partials) + 1}"
            partials.append(one.partial(start, stop, free_name(network, name)))
    return Sums(population, shape, copies, tuple(partials), units, largest)


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """One connection; `levels`: its signed weights, of one group."""

    network: m.Network
    population: m.Population
    connection: m.Incoming
    op: m.Dense | m.Conv2d
    levels: Array
    shape: Shape
    copies: int
    tensors: NewTensors

    @property
    def inputs(self) -> int:
        """What can be cut: channels of an image, entries of a vector."""
        return int(self.levels.shape[1])

    def groups(self, axons: int) -> list[tuple[int, int]] | None:
        """Stretches of inputs of which all channels of a cell together fit a core."""
        matrix = self._matrix(0, self.inputs)
        spelling = spell(matrix, TRUENORTH.largest_strength)
        if spelling is None:
            return None
        shared = shared_inputs(matrix, math.prod(self.shape[1:]))
        room, needs = axons, _needs(shared, spelling.axons, self.inputs)
        while True:
            found = _even(needs, room)
            if found is None:
                return None
            if all(self._fits(start, stop, axons) for start, stop in found):
                return found
            room = int(room * _SHRINK)

    def _fits(self, start: int, stop: int, axons: int) -> bool:
        needed = row_needs(self._matrix(start, stop))
        return needed is not None and int(needed.max(initial=0)) <= axons

    def partial(self, start: int, stop: int, name: str) -> Partial:
        """The partial sums of some inputs."""
        halves = self._halves(start, stop, self.copies)
        incoming = self._incoming(halves, start, stop)
        shape = (2 * self.copies * self.shape[0], *self.shape[1:])
        population = m.Population(
            name=name,
            shape=shape,
            neuron=m.IF(),
            origin=self.population.origin,
            incoming=(incoming,),
        )
        used = halves.reshape(shape[0], -1).any(axis=1).reshape(-1, 2 * self.copies)
        return Partial(population, used)

    def _halves(self, start: int, stop: int, copies: int) -> Array:
        """The rows of each channel: copies of its positive weights, then of its negative ones."""
        part = self.levels[:, start:stop]
        rows = part.reshape(self.shape[0], -1, *part.shape[1:])
        both = np.stack([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1)
        found: Array = both.repeat(copies, axis=1).reshape(-1, *part.shape[1:])
        return found

    def _matrix(self, start: int, stop: int) -> sparse.csr_matrix:
        halves = self._halves(start, stop, 1)
        tensors = NewTensors(self.network)
        own = replace(self, tensors=tensors)
        incoming = own._incoming(halves, start, stop)
        return connection_matrix(tensors.attach(self.network), incoming)

    def _incoming(self, halves: Array, start: int, stop: int) -> m.Incoming:
        kept = self.tensors.put(f"{self.population.name}.weight", _narrow(halves))
        whole = (start, stop) == (0, self.inputs)
        part = () if whole else (m.Slice(0, start, stop, 1),)
        if isinstance(self.op, m.Conv2d):
            return replace(self.connection, ops=(*part, replace(self.op, weight=kept, groups=1)))
        source = self.network.source_shape(self.connection.source)
        flat = () if len(source) == 1 else (m.Flatten(),)
        shape = (len(halves) * self.shape[0] // len(self.levels), *self.shape[1:])
        back = () if len(shape) == 1 else (m.Reshape(shape),)
        return replace(self.connection, ops=(*flat, *part, m.Dense(kept), *back))


def _narrow(whole: Array) -> Array:
    return whole.astype(np.int8 if np.abs(whole).max(initial=0) <= 127 else np.int16)


def _needs(matrix: sparse.csr_matrix, axons: Array, inputs: int) -> Array:
    """Axons that each row (cell) needs for each input, int64 (rows, inputs)."""
    entries = matrix.tocoo()
    wide = matrix.shape[1] // inputs  # cells of a channel
    found = np.zeros((matrix.shape[0], inputs), np.int64)
    np.add.at(found, (entries.row, entries.col // wide), axons[entries.col])
    return found


def _stretches(needs: Array, room: int) -> list[tuple[int, int]] | None:
    """Stretches of inputs of which no row needs more than `room` axons; None if one alone does."""
    if needs.max(initial=0) > room:
        return None
    found, start = [], 0
    load = np.zeros(len(needs), np.int64)
    for index, more in enumerate(needs.T):
        load = load + more
        if load.max(initial=0) > room:
            found.append((start, index))
            start, load = index, more.copy()
    found.append((start, needs.shape[1]))
    return found


def _even(needs: Array, room: int) -> list[tuple[int, int]] | None:
    """As few stretches as the room allows, as even as they can be: then more cells share a core."""
    found = _stretches(needs, room)
    if found is None:
        return None
    low, high = int(needs.max(initial=1)), room
    while low < high:
        middle = (low + high) // 2
        tried = _stretches(needs, middle)
        if tried is not None and len(tried) <= len(found):
            high = middle
        else:
            low = middle + 1
    return _stretches(needs, high)

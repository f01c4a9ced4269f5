"""Neuron dynamics on tiles: integrate, fire, reset, in place, one time step at a call.

A `Dynamics` is immutable and says what a population does; a `State` holds one worker's arrays for
one group of samples. Arrays are channels last; the first axis counts samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snnc.backends.reference.layout import Workspace
from snnc.ir.tensors import Array, Shape

_FLUSH = 127
"""Steps after which the 8-bit spike counters are emptied into the wide ones."""


class State(Protocol):
    """The arrays of a population for a group of samples."""

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """The step after `time` others, of the samples `tile`; `parts` are the input's addends.

        The spikes are written to `out`. Returns which of the samples fired, bool (samples,).
        """

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Spikes of every neuron: `net` counts a spike -1 as such, `events` counts all as one."""

    net: Array
    events: Array


class Tally:
    """Counts of every neuron: 8-bit counters that are emptied into wide ones now and then."""

    def __init__(self, shape: Shape) -> None:
        self._wide = np.zeros(shape, np.int32)
        self._recent = np.zeros(shape, np.int8)
        # Steps since the tile at each place was emptied; since then none was older than `_oldest`.
        self._age: dict[int, int] = {}
        self._oldest = 0

    def add(self, mask: Array, tile: slice) -> None:
        """Count one where `mask` holds, for the samples `tile`."""
        recent = self._recent[tile]
        np.add(recent, mask.view(np.int8), out=recent)
        age = self._age.get(tile.start, self._oldest) + 1
        if age == _FLUSH:
            self._wide[tile] += recent
            recent[:] = 0
            age = 0
        self._age[tile.start] = age

    def of(self, mask: Array | slice) -> Array:
        """All counts of some samples, int32."""
        total: Array = self._wide[mask] + self._recent[mask]
        return total

    def keep(self, mask: Array) -> None:
        """Go on with some samples only, which are cut into other tiles now."""
        self._wide, self._recent = self._wide[mask], self._recent[mask]
        self._oldest = max(self._age.values(), default=self._oldest)
        self._age.clear()


class PlainState:
    """Integrate-and-fire without negative spikes and without bounds: the fast path."""

    def __init__(self, rule: Fire, samples: int, work: Workspace) -> None:
        self._rule = rule
        shape = (samples, *rule.shape)
        self.potential = np.empty(shape, work.dtype)
        self.potential[:] = rule.v_init
        self._net = Tally(shape)
        self._work = work

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """Integrate, fire, reset."""
        rule = self._rule
        potential = self.potential[tile]
        integrate(potential, parts, rule.leak)
        saturate(potential, rule)
        mask = self._work.array(("mask", rule.shape), len(potential), rule.shape, np.bool_)
        np.greater_equal(potential, rule.threshold, out=mask)
        assert out is not None
        np.copyto(out, mask)
        if rule.reset == "subtract":
            drop(potential, out, rule, self._work)
        elif rule.reset == "zero":
            np.putmask(potential, mask, 0)
        self._net.add(mask, tile)
        return any_of_sample(mask)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self.potential = self.potential[mask]
        self._net.keep(mask)

    def counts(self, mask: Array | slice) -> Counts:
        """Spikes so far of some samples."""
        net = self._net.of(mask)
        return Counts(net, net)


class BoundedState:
    """Integrate-and-fire with negative spikes or bounds on the net count.

    Every array is written in place, and counters are as narrow as the bounds allow: the neurons of
    quantised networks are of this kind, and a step of theirs is bound by memory.
    """

    def __init__(self, rule: Fire, samples: int, work: Workspace) -> None:
        self._rule = rule
        shape = (samples, *rule.shape)
        self.potential = np.empty(shape, work.dtype)
        self.potential[:] = rule.v_init
        self._net = np.zeros(shape, _count_dtype(rule))
        # All spikes are the net count and twice the negative ones, which are the rarer.
        self._falls = Tally(shape)
        self._work = work

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """Integrate, fire, reset."""
        rule, work = self._rule, self._work
        potential, net = self.potential[tile], self._net[tile]
        integrate(potential, parts, rule.leak)
        saturate(potential, rule)
        rows = len(potential)
        up = work.array(("up", rule.shape), rows, rule.shape, np.bool_)
        free = work.array(("free", rule.shape), rows, rule.shape, np.bool_)
        np.greater_equal(potential, rule.threshold, out=up)
        if rule.max_spikes is not None:
            np.less(net, rule.max_spikes, out=free)
            np.logical_and(up, free, out=up)
        fired = any_of_sample(up)
        spikes = up.view(np.int8)
        down = self._down(potential, net, free)
        fell = None if down is None else any_of_sample(down)
        if down is None or fell is None or not fell.any():
            down = None
        else:
            fired |= fell
            self._falls.add(down, tile)
            spikes = work.array(("spikes", rule.shape), rows, rule.shape, np.int8)
            np.subtract(up.view(np.int8), down.view(np.int8), out=spikes)
        assert out is not None
        np.copyto(out, spikes)
        np.add(net, spikes, out=net)
        self._reset(potential, out, up, down)
        return fired

    def _down(self, potential: Array, net: Array, free: Array) -> Array | None:
        """Where a negative spike is sent; it is never where a positive one is."""
        rule = self._rule
        if rule.negative == "none":
            return None
        key = ("down", rule.shape)
        down = self._work.array(key, len(potential), rule.shape, np.bool_)
        if rule.negative == "leaky":
            np.less_equal(potential, -rule.rise, out=down)
            np.logical_and(down, rule.falls, out=down)
            return down
        np.less(potential, 0, out=down)
        if rule.min_spikes is not None:
            np.greater(net, rule.min_spikes, out=free)
            np.logical_and(down, free, out=down)
        return down

    def _reset(self, potential: Array, out: Array, up: Array, down: Array | None) -> None:
        rule = self._rule
        if rule.reset == "zero":
            np.putmask(potential, up, 0)
            if down is not None:
                np.putmask(potential, down, 0)
        elif rule.reset == "subtract":
            if rule.negative == "leaky" and down is not None:
                np.subtract(potential, rule.threshold, out=potential, where=up)
                np.add(potential, rule.rise, out=potential, where=down)
            else:
                drop(potential, out, rule, self._work)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self.potential = self.potential[mask]
        self._net = self._net[mask]
        self._falls.keep(mask)

    def counts(self, mask: Array | slice) -> Counts:
        """Spikes so far of some samples."""
        net = self._net[mask]
        events: Array = np.add(net, 2 * self._falls.of(mask))
        return Counts(net, events)


@dataclass(frozen=True, slots=True, eq=False)
class Fire:
    """The rule of an integrate-and-fire population; arrays are channels last, full shape.

    `rise` is what a negative spike adds to the potential: the threshold, or for the leaky rule
    threshold / slope. `falls` says where such a spike can be at all (slope above 0).
    """

    shape: Shape
    threshold: Array
    unit: bool
    v_init: Array
    leak: float
    reset: str
    negative: str
    rise: Array
    falls: Array
    max_spikes: int | None
    min_spikes: int | None
    saturation: float | None = None

    def state(self, samples: int, work: Workspace) -> PlainState | BoundedState:
        """Fresh arrays for a group of samples."""
        plain = self.negative == "none" and self.max_spikes is None
        return (PlainState if plain else BoundedState)(self, samples, work)


def integrate(potential: Array, parts: list[Array], leak: float = 1.0) -> None:
    """Leak, then add all parts of the input, in order."""
    if leak != 1.0:
        np.multiply(potential, potential.dtype.type(leak), out=potential)
    for part in parts:
        np.add(potential, part, out=potential)


def saturate(potential: Array, rule: Fire) -> None:
    """Hold the potential within the range of its register, where it has one."""
    if rule.saturation is not None:
        limit = potential.dtype.type(rule.saturation)
        np.clip(potential, -limit, limit, out=potential)


def drop(potential: Array, spikes: Array, rule: Fire, work: Workspace) -> None:
    """Soft reset: the potential loses a threshold for each spike, or gains one if it is -1."""
    if rule.unit:
        np.subtract(potential, spikes, out=potential)
        return
    lost = work.array(("drop", rule.shape), len(potential), rule.shape)
    np.multiply(spikes, rule.threshold, out=lost)
    np.subtract(potential, lost, out=potential)


def any_of_sample(mask: Array) -> Array:
    """Whether `mask` (samples, ...) holds anywhere in a sample, bool (samples,)."""
    found: Array = mask.reshape(len(mask), -1).any(axis=1)
    return found


def _count_dtype(rule: Fire) -> type[np.generic]:
    """The narrowest type that holds every net count which the bounds allow."""
    lowest = {"none": 0, "retract": rule.min_spikes}.get(rule.negative)
    if lowest is None or rule.max_spikes is None:
        return np.int32
    for dtype in (np.int8, np.int16):
        if lowest >= np.iinfo(dtype).min and rule.max_spikes <= np.iinfo(dtype).max:
            return dtype
    return np.int32


class IntegratorState:
    """Accumulates and never fires."""

    def __init__(self, rule: Accumulate, samples: int, work: Workspace) -> None:
        self.potential = np.empty((samples, *rule.shape), work.dtype)
        self.potential[:] = rule.v_init

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """Add the input."""
        potential = self.potential[tile]
        integrate(potential, parts)
        return np.zeros(len(potential), np.bool_)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self.potential = self.potential[mask]


@dataclass(frozen=True, slots=True, eq=False)
class Accumulate:
    """The rule of an integrator."""

    shape: Shape
    v_init: Array

    def state(self, samples: int, work: Workspace) -> IntegratorState:
        """Fresh arrays for a group of samples."""
        return IntegratorState(self, samples, work)

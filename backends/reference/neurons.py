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

    def step(self, parts: list[Array], out: Array | None, tile: slice) -> bool:
        """One time step of the samples `tile`: `parts` are the addends of their input.

        The spikes are written to `out`. Returns whether there was any.
        """

    def finish(self) -> None:
        """Complete the counters."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Spikes of every neuron: `net` counts a spike -1 as such, `events` counts all as one."""

    net: Array
    events: Array


class PlainState:
    """Integrate-and-fire without negative spikes and without bounds: the fast path."""

    def __init__(self, rule: Fire, samples: int, work: Workspace) -> None:
        self._rule = rule
        shape = (samples, *rule.shape)
        self.potential = np.empty(shape, work.dtype)
        self.potential[:] = rule.v_init
        self._net = np.zeros(shape, np.int32)
        self._recent = np.zeros(shape, np.int8)
        self._age: dict[int, int] = {}
        self._work = work

    def step(self, parts: list[Array], out: Array | None, tile: slice) -> bool:
        """Integrate, fire, reset."""
        rule = self._rule
        potential = self.potential[tile]
        integrate(potential, parts, rule.leak)
        rows = len(potential)
        mask = self._work.array(("mask", rule.shape), rows, rule.shape, np.bool_)
        np.greater_equal(potential, rule.threshold, out=mask)
        assert out is not None
        np.copyto(out, mask)
        if rule.reset == "subtract":
            if rule.unit:
                np.subtract(potential, out, out=potential)
            else:
                drop = self._work.array(("drop", rule.shape), rows, rule.shape)
                np.multiply(out, rule.threshold, out=drop)
                np.subtract(potential, drop, out=potential)
        elif rule.reset == "zero":
            np.putmask(potential, mask, 0)
        recent = self._recent[tile]
        np.add(recent, mask.view(np.int8), out=recent)
        self._grow_old(tile)
        return bool(mask.any())

    def _grow_old(self, tile: slice) -> None:
        age = self._age.get(tile.start, 0) + 1
        if age == _FLUSH:
            self._net[tile] += self._recent[tile]
            self._recent[tile] = 0
            age = 0
        self._age[tile.start] = age

    def finish(self) -> None:
        """Empty the 8-bit counters."""
        self._net += self._recent
        self._recent[:] = 0
        self._age.clear()

    @property
    def counts(self) -> Counts:
        """Spikes so far; call `finish` first."""
        return Counts(self._net, self._net)


class BoundedState:
    """Integrate-and-fire with negative spikes or bounds on the net count."""

    def __init__(self, rule: Fire, samples: int, work: Workspace) -> None:
        self._rule = rule
        shape = (samples, *rule.shape)
        self.potential = np.empty(shape, work.dtype)
        self.potential[:] = rule.v_init
        self._net = np.zeros(shape, np.int32)
        self._events = np.zeros(shape, np.int32)
        self._dtype = work.dtype

    def step(self, parts: list[Array], out: Array | None, tile: slice) -> bool:
        """Integrate, fire, reset."""
        rule = self._rule
        potential, net = self.potential[tile], self._net[tile]
        integrate(potential, parts, rule.leak)
        up = potential >= rule.threshold
        if rule.max_spikes is not None:
            up &= net < rule.max_spikes
        down = self._down(potential, net)
        down &= ~up
        if rule.reset == "subtract":
            potential -= np.where(up, rule.threshold, 0).astype(self._dtype)
            potential += np.where(down, rule.rise, 0).astype(self._dtype)
        elif rule.reset == "zero":
            potential[up | down] = 0
        spikes = up.astype(np.int8) - down.astype(np.int8)
        assert out is not None
        out[:] = spikes
        net += spikes
        self._events[tile] += up | down
        return bool(spikes.any())

    def _down(self, potential: Array, net: Array) -> Array:
        rule = self._rule
        if rule.negative == "retract":
            down: Array = potential < 0
            if rule.min_spikes is not None:
                down &= net > rule.min_spikes
            return down
        if rule.negative == "leaky":
            return np.asarray((potential <= -rule.rise) & rule.falls)
        return np.zeros(potential.shape, np.bool_)

    def finish(self) -> None:
        """Nothing is left to do."""

    @property
    def counts(self) -> Counts:
        """Spikes so far."""
        return Counts(self._net, self._events)


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


class IntegratorState:
    """Accumulates and never fires."""

    def __init__(self, rule: Accumulate, samples: int, work: Workspace) -> None:
        self.potential = np.empty((samples, *rule.shape), work.dtype)
        self.potential[:] = rule.v_init

    def step(self, parts: list[Array], out: Array | None, tile: slice) -> bool:
        """Add the input."""
        integrate(self.potential[tile], parts)
        return False

    def finish(self) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Accumulate:
    """The rule of an integrator."""

    shape: Shape
    v_init: Array

    def state(self, samples: int, work: Workspace) -> IntegratorState:
        """Fresh arrays for a group of samples."""
        return IntegratorState(self, samples, work)

"""Runs a block of samples through a core map, many ticks of a core at a time.

A spike needs at least one tick to arrive. So a core outside of loops can take all spikes of many
ticks at once: one matrix product gives what its axons add in each tick, and only leak, threshold
and reset go tick by tick. Cores in a loop do the same for as many ticks as its shortest delay.
"""

from __future__ import annotations

import math

import numpy as np

from snnc.backends.truenorth.engine_plan import CorePlan, Group, Plan, matrix_of
from snnc.backends.truenorth.legality_base import place_of
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


def pack(bits: Array) -> Array:
    """`numpy.packbits` along the last axis, fast where that is short."""
    short = bits.shape[-1] % 8
    if short:
        whole = np.zeros((*bits.shape[:-1], bits.shape[-1] - short + 8), bool)
        whole[..., : bits.shape[-1]] = bits
        bits = whole
    return np.packbits(bits).reshape(*bits.shape[:-1], bits.shape[-1] // 8)


def unpack(packed: Array, count: int) -> Array:
    """The inverse of `pack`: uint8 (..., count)."""
    bits = np.unpackbits(packed).reshape(*packed.shape[:-1], 8 * packed.shape[-1])
    return bits[..., :count]


class Engine:
    """The state of N samples: potentials, and the spikes of the last ticks.

    Attributes:
        trains: uint8 (R, longest + chunk, bytes): spikes of neuron, tick, and a bit per sample;
            tick t of the chunk that begins at `first` is column `longest + t - first`.
        counts: int64 (R,): spikes so far, over all samples.
        sums: float64 (4, N): spikes, packets, hops, output packets of each sample.
        operations: float64 (N,): synaptic operations.
    """

    def __init__(self, plan: Plan, pins: Array, samples: int, chunk: int) -> None:
        """Pins: uint8 (pins, steps, bytes), a bit per sample."""
        self.plan = plan
        self.pins = pins
        self.samples = samples
        self.chunk = chunk
        self.first = 0
        rows = len(plan.neurons)
        self.trains = np.zeros((rows, plan.longest + chunk, (samples + 7) // 8), np.uint8)
        self.potentials = np.repeat(plan.potentials[:, None], samples, axis=1)
        self.counts = np.zeros(rows, np.int64)
        self.sums = np.zeros((4, samples))
        self.operations = np.zeros(samples)
        self.lowest = self.highest = 0.0
        self.traced: Array = np.zeros((0, chunk, samples), np.int32)
        self._traced_rows = np.zeros(0, np.int64)
        self._numbers: Array = np.zeros(0, plan.dtype)
        self._truths: Array = np.zeros(0, bool)

    def trace(self, rows: Array) -> None:
        """Keep the potentials of these neurons, in `traced` (rows, chunk, N)."""
        self._traced_rows = rows
        self.traced = np.zeros((len(rows), self.chunk, self.samples), np.int32)

    def run(self, first: int, ticks: int) -> None:
        """The next `ticks` ticks, at most a chunk; `first` is where the last call ended."""
        back = self.plan.longest
        if first:
            done = first - self.first
            self.trains[:, :back] = self.trains[:, done : done + back].copy()
        self.first = first
        for stage in self.plan.stages:
            block = stage[0].block or ticks
            for start in range(0, ticks, block):
                for group in stage:
                    self._advance(group, start, min(block, ticks - start))

    def _advance(self, group: Group, start: int, ticks: int) -> None:
        rows = group.rows
        shape = (ticks, rows.stop - rows.start, self.samples)
        added, fired = self._scratch(shape)
        for core in group.cores:
            own = slice(core.start - rows.start, core.stop - rows.start)
            self._integrate(core, start, added[:, own])
        counts = self._fire(group, start, added, fired)
        self.counts[rows] += counts.sum(axis=1)
        self.sums += self.plan.counted[:, rows] @ counts
        column = self.plan.longest + start
        packed = pack(fired)
        self.trains[rows, column : column + ticks] = packed.transpose(1, 0, 2)

    def _scratch(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Two arrays of this shape, of numbers and bool, in memory that is used again and again."""
        size = math.prod(shape)
        if self._numbers.size < size:
            self._numbers = np.empty(size, self.plan.dtype)
            self._truths = np.empty(size, bool)
        return self._numbers[:size].reshape(shape), self._truths[:size].reshape(shape)

    def _integrate(self, core: CorePlan, start: int, added: Array) -> None:
        """What the axons of a core add in each tick, into `added` (ticks, neurons, N)."""
        ticks = len(added)
        trains = self._arrivals(core, start, ticks)
        active = np.flatnonzero(trains.any(axis=(1, 2)))
        if not active.size or not added.shape[1]:
            added[:] = 0
            return
        matrix = core.matrix
        if matrix is None:
            matrix = matrix_of(self.plan.core_map, core.core, core.axons, self.plan.dtype)
        bits = unpack(trains[active], self.samples)
        flat = bits.reshape(len(active), -1).astype(self.plan.dtype)
        some = matrix if len(active) == matrix.shape[1] else matrix[:, active]
        added[:] = (some @ flat).reshape(-1, ticks, self.samples).transpose(1, 0, 2)
        operations = core.bits[active].astype(self.plan.dtype) @ flat
        self.operations += operations.reshape(ticks, -1).sum(axis=0, dtype=np.float64)

    def _arrivals(self, core: CorePlan, start: int, ticks: int) -> Array:
        """The spikes at the driven axons of a core, uint8 (A, ticks, bytes)."""
        trains = np.zeros((len(core.axons), ticks, self.trains.shape[2]), np.uint8)
        for feed in core.feeds:
            column = self.plan.longest + start - feed.delay
            trains[feed.axons] = self.trains[feed.sources, column : column + ticks]
        every = self.plan.core_map.ticks_per_step
        for feed in core.pins:
            since = self.first + start - feed.delay + np.arange(ticks)
            now = np.flatnonzero(
                (since >= 0) & (since % every == 0) & (since // every < self.pins.shape[1])
            )
            steps = since[now] // every
            trains[feed.axons[:, None], now] = self.pins[feed.sources[:, None], steps]
        return trains

    def _fire(self, group: Group, start: int, added: Array, fired: Array) -> Array:
        """Leak, threshold and reset of each tick (Cassidy et al. 2013), into `fired`.

        Returns:
            Spikes of each neuron and sample, int32 (neurons, N).
        """
        plan, rows = self.plan, group.rows
        v = self.potentials[rows]
        thresholds, leaks = plan.thresholds[rows], plan.leaks[rows]
        leaky = bool(leaks.any())
        counts = np.zeros(v.shape, np.int32)
        simple = bool(
            (plan.linear[rows] & ~plan.holds[rows] & (plan.floors[rows] == 0)).all()
        )  # below a floor of 0, a potential is raised by 0: it is unbounded below
        limit = plan.core_map.spec.largest_potential
        watched = np.flatnonzero(
            (self._traced_rows >= rows.start) & (self._traced_rows < rows.stop)
        )
        for tick in range(len(added)):
            v += added[tick]
            if leaky:
                v += leaks
            high, low = v.max(initial=0), v.min(initial=0)
            if high > limit or low < -limit:
                raise _overflow(plan, rows, v, self.first + start + tick)
            self.highest, self.lowest = max(self.highest, high), min(self.lowest, low)
            spikes = np.greater_equal(v, thresholds, out=fired[tick])
            counts += spikes
            if simple:
                v -= spikes * thresholds
            else:
                v[:] = self._reset(rows, v, spikes)
            if watched.size:
                self.traced[watched, start + tick] = v[self._traced_rows[watched] - rows.start]
        return counts

    def _reset(self, rows: slice, v: Array, spikes: Array) -> Array:
        """The potentials after spikes and after the negative threshold."""
        plan = self.plan
        hard, linear, holds = plan.hard[rows], plan.linear[rows], plan.holds[rows]
        resets, floors = plan.resets[rows], plan.floors[rows]
        above = np.where(hard, resets, np.where(linear, v - plan.thresholds[rows], v))
        raised = np.where(hard, -resets, np.where(linear, v + floors, v))
        below = np.where(holds, -floors, raised)
        after: Array = np.where(spikes, above, np.where(v < -floors, below, v))
        return after


def _overflow(plan: Plan, rows: slice, v: Array, tick: int) -> InputError:
    limit = plan.core_map.spec.largest_potential
    row, sample = np.argwhere(np.abs(v) > limit)[0]
    neuron = divmod(int(plan.neurons[rows.start + row]), plan.core_map.spec.neurons)
    where = place_of(plan.core_map, *neuron)
    message = f"the potential is {int(v[row, sample])} in tick {tick}; the chip holds +-{limit}"
    cure = "fewer time steps, or smaller weights and thresholds"
    return InputError(Diagnostic("SN576", message, where, cure))

"""The block loop: one group of samples through all populations, some time steps at a time.

Within a block the populations are taken in topological order, each for all steps of the block, so
matrix products are large; memory holds one block of spikes and never grows with time. Samples can
leave between two blocks; the arrays of the others close up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.reference.buffers import Heads, SpikeBuffer
from snnc.backends.reference.drive import TILE_BYTES, Drive
from snnc.backends.reference.layout import Workspace, to_outer
from snnc.backends.reference.neurons import BoundedState, Counts, IntegratorState, PlainState
from snnc.backends.reference.plan import Layer, Plan
from snnc.backends.reference.pools import PoolState
from snnc.backends.reference.rest import track_rest
from snnc.ir.tensors import Array

AnyState: TypeAlias = PlainState | BoundedState | IntegratorState | PoolState


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What some consecutive time steps gave: read-outs (steps, samples, K), and what is recorded.

    `start` is the number of steps before. `rows` are the numbers of the samples in their group.
    Rasters and membranes are (steps, samples, *shape).
    """

    start: int
    rows: Array
    outputs: Mapping[str, Array]
    rasters: Mapping[str, Array]
    membranes: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Departure:
    """What is known of samples that left a session.

    `rows` are their numbers in their group, `time` the steps they took part in, `steps_run` those
    that each of them needed, `settled` as in `Trace`. Counts and potentials are channels last.
    """

    rows: Array
    time: int
    steps_run: Array
    settled: Array
    counts: Mapping[str, Counts]
    potentials: Mapping[str, Array]


class Session:
    """One group of samples in flight. `advance` runs a block; nothing else moves time.

    Policies that stop early hold a session, look at each block's outputs, and let those samples
    leave (`keep`) whose answer is sure.

    Args:
        plan: The network made ready.
        inputs: Checked arrays by input name, for this group only.
        samples: Number of samples in the group.
        first: Number of the first sample in the data set; Poisson coding depends on it.
        block: Largest number of steps that `advance` will be asked for.
        work: Buffers of the thread that runs this session.
        record: Populations whose spikes are kept step by step.
        record_membrane: Populations whose potentials are kept step by step.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, Array],
        *,
        samples: int,
        first: int,
        block: int,
        work: Workspace,
        record: Sequence[str] = (),
        record_membrane: Sequence[str] = (),
    ) -> None:
        self.time = 0
        self.rows: Array = np.arange(samples)
        self._plan = plan
        self._work = work
        self._record = tuple(record)
        self._record_membrane = tuple(record_membrane)
        dtype = plan.dtype
        self._spikes = {n: SpikeBuffer(t, samples, block, dtype) for n, t in plan.trains.items()}
        self._states: dict[str, AnyState] = {
            layer.name: layer.dynamics.state(samples, work) for layer in plan.layers
        }
        self._drive = Drive(plan, inputs, samples, first, work)
        self._heads = Heads(plan.network, samples)
        self._rest = track_rest(plan, samples)

    @property
    def samples(self) -> int:
        """Number of samples in flight."""
        return len(self.rows)

    def advance(self, steps: int) -> Block:
        """Run `steps` time steps, at most the session's `block`, of the samples in flight."""
        outputs = self._heads.buffers(steps)
        rasters = self._buffers(self._record, steps)
        membranes = self._buffers(self._record_membrane, steps)
        for spikes in self._spikes.values():
            spikes.begin(steps)
        self._drive.send(self._spikes, self.time, steps)
        block = Block(self.time, self.rows, outputs, rasters, membranes)
        for layer in self._plan.layers:
            self._run_layer(layer, steps, block)
        self.time += steps
        return block

    def at_rest(self) -> Array:
        """Which samples in flight can never change again, bool (samples,); see `rest`."""
        if self._rest is None:
            return np.zeros(self.samples, np.bool_)
        return self._rest.reached(self.time)

    def keep(self, mask: Array) -> Departure:
        """Go on with the samples where `mask` (samples,) holds; what the others did is returned."""
        departure = self._departure(~mask)
        if not mask.all():
            self.rows = self.rows[mask]
            self._drive.keep(mask)
            self._heads.keep(mask)
            for spikes in self._spikes.values():
                spikes.keep(mask)
            for state in self._states.values():
                state.keep(mask)
            if self._rest is not None:
                self._rest.keep(mask)
        return departure

    def finish(self) -> Departure:
        """All samples leave."""
        return self.keep(np.zeros(self.samples, np.bool_))

    def _departure(self, leaving: Array) -> Departure:
        # Whole arrays are handed over as they are, without a copy.
        mask = slice(None) if leaving.all() else leaving
        rows = self.rows[mask]
        steps_run = np.full(len(rows), self.time, np.int64)
        settled = np.full(len(rows), -1, np.int64)
        if self._rest is not None:
            last = self._rest.last()[mask]
            settled = np.where(last < self.time, last, -1)
            steps_run = np.minimum(steps_run, last + 1)
        counts = dict(self._drive.counts())
        potentials = {}
        for name, state in self._states.items():
            if not isinstance(state, IntegratorState):
                counts[name] = state.counts
            if not isinstance(state, PoolState):
                potentials[name] = state.potential[mask]
        chosen = {name: Counts(c.net[mask], c.events[mask]) for name, c in counts.items()}
        return Departure(rows, self.time, steps_run, settled, chosen, potentials)

    # ---- one layer -----------------------------------------------------------------------

    def _run_layer(self, layer: Layer, steps: int, block: Block) -> None:
        state = self._states[layer.name]
        watched = self._watched(layer.name)
        for start, count, tile in self._tiles(layer, steps):
            parts = self._parts(layer, start, count, tile)
            for index in range(start, start + count):
                addends = [part[index - start] for part in parts]
                addends += self._drive.currents(layer.name, self.time + index, tile)
                if layer.fires:
                    self._fire(layer, state, index, tile, addends)
                else:
                    state.step(addends, None, tile)
                if watched:
                    self._observe(layer.name, index, tile, block)

    def _fire(
        self, layer: Layer, state: AnyState, index: int, tile: slice, addends: list[Array]
    ) -> None:
        """One step of a population that can fire, some samples of it."""
        spikes = self._spikes[layer.name]
        fired = state.step(addends, spikes.step(index, tile), tile)
        if fired.any():
            spikes.active[spikes.history + index] = True
            if self._rest is not None:
                self._rest.fired(layer.name, self.time + index + 1, tile, fired)

    def _tiles(self, layer: Layer, steps: int) -> Iterator[tuple[int, int, slice]]:
        """First step, number of steps and samples of each tile; time runs inside samples."""
        size = int(np.prod(layer.summed)) * self._plan.dtype.itemsize
        rows = max(1, TILE_BYTES // max(1, size))
        if rows >= self.samples:
            count = max(1, rows // self.samples)
            for start in range(0, steps, count):
                yield start, min(count, steps - start), slice(0, self.samples)
            return
        for first in range(0, self.samples, rows):
            tile = slice(first, min(first + rows, self.samples))
            for start in range(steps):
                yield start, 1, tile

    def _parts(self, layer: Layer, start: int, count: int, tile: slice) -> list[Array]:
        """What the spiking connections bring, each (steps, samples, *inner shape)."""
        parts = []
        for connection in layer.spiking:
            spikes = self._spikes[connection.source]
            window = spikes.window(start, count, tile, connection.delay)
            if window is not None:
                value = connection.chain.run(window, self._work)
                parts.append(value.reshape(count, -1, *value.shape[1:]))
        return parts

    # ---- what is kept ------------------------------------------------------------------------

    def _watched(self, name: str) -> bool:
        kept = self._record + self._record_membrane
        return name in kept or name in self._heads.populations

    def _observe(self, name: str, index: int, tile: slice, block: Block) -> None:
        spikes = self._spikes[name].step(index, tile)
        rank = len(self._plan.trains[name].shape)
        outer = to_outer(spikes, rank)
        if name in block.rasters:
            block.rasters[name][index, tile] = outer
        potential: Array | None = None
        state = self._states[name]
        if not isinstance(state, PoolState):
            potential = to_outer(state.potential[tile], rank)
        if name in block.membranes and potential is not None:
            block.membranes[name][index, tile] = potential
        self._heads.observe(name, index, tile, outer, potential, block.outputs)

    def _buffers(self, names: Sequence[str], steps: int) -> dict[str, Array]:
        shapes = {layer.name: layer.shape for layer in self._plan.layers}
        dtype = self._plan.dtype
        return {name: np.empty((steps, self.samples, *shapes[name]), dtype) for name in names}

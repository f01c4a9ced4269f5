"""The block loop: one group of samples through all populations, some time steps at a time.

Within a block the populations are taken in topological order, each for all steps of the block, so
matrix products are large; memory holds one block of spikes and never grows with time. Samples can
leave between two blocks; the arrays of the others close up.

Where layers run in stages (see `stages`), each source has a clock, the steps that it has run, and
the stage has one, `time`. A layer whose clock is ahead waits, and what it sent is read again from
an archive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from snnc.backends.reference.drive import TILE_BYTES, Drive
from snnc.backends.reference.first_spikes import FireOnceState
from snnc.backends.reference.handover import Block, Departure
from snnc.backends.reference.layout import Workspace, to_outer
from snnc.backends.reference.neurons import BoundedState, Counts, IntegratorState, PlainState
from snnc.backends.reference.plan import Layer, Plan
from snnc.backends.reference.pools import PoolState
from snnc.backends.reference.read_outs import Heads
from snnc.backends.reference.rest import track_rest
from snnc.backends.reference.spikes import Spikes
from snnc.backends.reference.stages import Stage, Stages, one_stage
from snnc.backends.reference.synapses import FanOut, Received
from snnc.ir.tensors import Array

AnyState: TypeAlias = PlainState | BoundedState | IntegratorState | PoolState | FireOnceState


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
        stages: Which layers run when; None runs all of them, in the first and only stage.
        fan_outs: The fan-out of every spiking source, for the operations of readers that are behind
            it; not needed where all layers run in every step.
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
        stages: Stages | None = None,
        fan_outs: Mapping[str, FanOut] | None = None,
    ) -> None:
        self.time = 0
        self.passed = 0
        self.rows: Array = np.arange(samples)
        self._plan = plan
        self._work = work
        self._record = tuple(record)
        self._record_membrane = tuple(record_membrane)
        self._states: dict[str, AnyState] = {}
        self._clocks = dict.fromkeys(plan.trains, 0)
        self._drive = Drive(plan, inputs, samples, first, work)
        self._heads = Heads(plan.network, samples)
        stages = stages or one_stage(plan.network, block)
        self._spikes = Spikes(plan, stages.archived, block)
        self._received = Received(fan_outs or {}, samples)
        self._rest = track_rest(plan, samples, stages.stages[-1].needed)
        self.begin(stages.stages[0])

    @property
    def samples(self) -> int:
        """Number of samples in flight."""
        return len(self.rows)

    def begin(self, stage: Stage) -> None:
        """Start a stage, at its step 1, with the samples in flight."""
        self._received.note(self._clocks, lambda name: self._counts(name, slice(None)))
        self.passed += self.time
        self.time = 0
        self._stage = stage
        self._before = dict(self._clocks)
        self._spikes.start(stage.needed, self.samples)
        for layer in self._plan.layers:
            if layer.name in stage.needed and layer.name not in self._states:
                self._states[layer.name] = layer.dynamics.state(self.samples, self._work)
        self._drive.prepare(stage.needed)

    def advance(self, steps: int) -> Block:
        """Run `steps` time steps, at most the session's `block`, of the samples in flight.

        Where layers are ahead, the block must not reach beyond what they have run: see `level`.
        """
        running = self._running()
        outputs = self._heads.buffers(steps, running)
        rasters = self._buffers(self._record, steps, running)
        membranes = self._buffers(self._record_membrane, steps, running)
        self._spikes.begin(self._stage.needed, running, self.time, steps, self.rows)
        self._received.read_again(self._stage.needed, running, self._spikes, steps)
        for name in self._drive.trains:
            if name in running:
                self._drive.send(name, self._spikes[name], self.time, steps)
        block = Block(self.time, self.rows, outputs, rasters, membranes)
        layers = [layer for layer in self._plan.layers if layer.name in running]
        stride = self._plan.loop or steps
        for start in range(0, steps, stride):
            for layer in layers:
                self._run_layer(layer, start, min(stride, steps - start), block)
        if not self._stage.last:
            self._spikes.store(running, steps, self.rows)
        self.time += steps
        for name in running:
            self._clocks[name] = self.time
        return block

    def level(self, steps: int) -> int:
        """How many of the next `steps` steps can be one block."""
        ahead = [self._clocks[n] - self.time for n in self._stage.needed & self._clocks.keys()]
        return min([steps, *(gap for gap in ahead if gap > 0)])

    def _running(self) -> frozenset[str]:
        """Inputs and populations of the stage that are not ahead of it."""
        clocks = self._clocks.items()
        return self._stage.needed & {name for name, clock in clocks if clock == self.time}

    def resting_from(self) -> Array | None:
        """The last step in which each sample in flight changed, as far as is known, (samples,).

        Where it lies before `time`, the sample can never change again. None in a stage that is not
        the last, and in networks that do not rest; see `rest`.
        """
        return self._rest.last() if self._rest is not None and self._stage.last else None

    def at_rest(self) -> Array:
        """Which samples in flight can never change again, bool (samples,); see `rest`."""
        last = self.resting_from()
        return np.zeros(self.samples, np.bool_) if last is None else last < self.time

    def keep(self, mask: Array) -> Departure:
        """Go on with the samples where `mask` (samples,) holds; what the others did is returned."""
        departure = self._departure(~mask)
        if not mask.all():
            self.rows = self.rows[mask]
            self._drive.keep(mask)
            self._heads.keep(mask)
            self._spikes.keep(mask)
            self._received.keep(mask)
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
        last = self.resting_from()
        if last is not None:
            settled = np.where(last[mask] < self.time, last[mask], -1)
            steps_run = np.minimum(steps_run, last[mask] + 1)
        firing = [n for n, s in self._states.items() if not isinstance(s, IntegratorState)]
        sent = [name for name in self._drive.trains if self._clocks[name]]
        counts = {name: self._counts(name, mask) for name in (*sent, *firing)}
        potentials = {}
        for name, state in self._states.items():
            if not isinstance(state, PoolState):
                potentials[name] = state.potential[mask]
        ran = {
            layer.name: np.minimum(
                self._clocks[layer.name], np.maximum(steps_run, self._before[layer.name])
            )
            for layer in self._plan.layers
        }
        return Departure(
            rows=rows,
            time=self.passed + self.time,
            steps_run=self.passed + steps_run,
            settled=settled,
            clocks=dict(self._clocks),
            ran=ran,
            counts=counts,
            potentials=potentials,
            behind=self._received.behind(self._clocks, mask),
            times={
                name: state.times(mask)
                for name, state in self._states.items()
                if isinstance(state, FireOnceState)
            },
        )

    def _counts(self, name: str, mask: Array | slice) -> Counts:
        """What an input or a population has sent so far, of some samples."""
        if name in self._drive.trains:
            return self._drive.counts(name, mask)
        state = self._states[name]
        assert not isinstance(state, IntegratorState)
        return state.counts(mask)

    # ---- one layer -----------------------------------------------------------------------

    def _run_layer(self, layer: Layer, first: int, steps: int, block: Block) -> None:
        """The `steps` steps of a layer behind the `first` of the block."""
        state = self._states[layer.name]
        watched = self._watched(layer.name)
        begin, end = layer.acting(self.time, first, first + steps)
        self._idle(layer.name, range(first, begin), block)
        for start, count, tile in self._tiles(layer, begin, end):
            parts = self._parts(layer, start, count, tile)
            for index in range(start, start + count):
                addends = [part[index - start] for part in parts]
                addends += self._drive.currents(layer.name, self.time + index, tile)
                if layer.fires:
                    self._fire(layer, state, index, tile, addends)
                else:
                    state.step(addends, None, tile, self.time + index)
                if watched:
                    self._observe(layer.name, index, tile, block)
        self._idle(layer.name, range(end, first + steps), block)

    def _fire(
        self, layer: Layer, state: AnyState, index: int, tile: slice, addends: list[Array]
    ) -> None:
        """One step of a population that can fire, some samples of it."""
        spikes = self._spikes[layer.name]
        fired = state.step(addends, spikes.step(index, tile), tile, self.time + index)
        if fired.any():
            spikes.active[spikes.history + index] = True
            if self._rest is not None:
                self._rest.fired(layer.name, self.time + index + 1, tile, fired)

    def _tiles(self, layer: Layer, begin: int, end: int) -> Iterator[tuple[int, int, slice]]:
        """First step, number of steps and samples of each tile; time runs inside samples."""
        size = int(np.prod(layer.summed)) * self._plan.dtype.itemsize
        rows = max(1, TILE_BYTES // max(1, size))
        if rows >= self.samples:
            count = max(1, rows // self.samples)
            for start in range(begin, end, count):
                yield start, min(count, end - start), slice(0, self.samples)
            return
        for first in range(0, self.samples, rows):
            tile = slice(first, min(first + rows, self.samples))
            for start in range(begin, end):
                yield start, 1, tile

    def _parts(self, layer: Layer, start: int, count: int, tile: slice) -> list[Array]:
        """What the spiking connections bring, each (steps, samples, *inner shape)."""
        parts = []
        for connection in layer.spiking:
            spikes = self._spikes[connection.source]
            window = spikes.window(start, count, tile, connection.delay)
            if window is not None:
                value = connection.chain.run(window, self._work)
                value = value.reshape(count, -1, *value.shape[1:])
                parts.append(connection.worth(value, self.time + start))
        return parts

    def _idle(self, name: str, indices: range, block: Block) -> None:
        """Steps in which a population does nothing; looked at all the same where it is watched."""
        if self._watched(name):
            everyone = slice(0, self.samples)
            for index in indices:
                self._spikes[name].step(index, everyone)[:] = 0
                self._observe(name, index, everyone, block)

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

    def _buffers(
        self, names: Sequence[str], steps: int, running: Collection[str]
    ) -> dict[str, Array]:
        shapes = {layer.name: layer.shape for layer in self._plan.layers if layer.name in running}
        lead, dtype = (steps, self.samples), self._plan.dtype
        return {n: np.empty((*lead, *shapes[n]), dtype) for n in names if n in shapes}

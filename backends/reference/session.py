"""The block loop: one group of samples through all populations, some time steps at a time.

Within a block the populations are taken in topological order, each for all steps of the block, so
matrix products are large; memory holds one block of spikes and never grows with time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.reference.buffers import Heads, InputCounts, SpikeBuffer
from snnc.backends.reference.layout import Image, Workspace, inner_shape, to_inner, to_outer
from snnc.backends.reference.neurons import BoundedState, Counts, IntegratorState, PlainState
from snnc.backends.reference.plan import Layer, Plan
from snnc.backends.reference.pools import PoolState
from snnc.backends.reference.sources import PoissonTrain
from snnc.ir import model
from snnc.ir.tensors import Array

AnyState: TypeAlias = PlainState | BoundedState | IntegratorState | PoolState

_TILE_BYTES = 1 << 19
"""Size of a tile of potentials: small enough to stay in the second-level cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What some consecutive time steps gave: read-outs (steps, samples, K), and what is recorded.

    `start` is the number of steps before. Rasters and membranes are (steps, samples, *shape).
    """

    start: int
    outputs: Mapping[str, Array]
    rasters: Mapping[str, Array]
    membranes: Mapping[str, Array]


class Session:
    """One group of samples in flight. `advance` runs a block; nothing else moves time.

    Policies that stop early hold a session and look at each block's outputs.

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
        self._plan = plan
        self._samples = samples
        self._work = work
        self._inputs = inputs
        self._record = tuple(record)
        self._record_membrane = tuple(record_membrane)
        dtype = plan.dtype
        self._spikes = {n: SpikeBuffer(t, samples, block, dtype) for n, t in plan.trains.items()}
        self.states: dict[str, AnyState] = {
            layer.name: layer.dynamics.state(samples, work) for layer in plan.layers
        }
        entries = [i for i in plan.network.inputs if i.name in plan.trains]
        self._input_counts = {
            i.name: InputCounts(samples, plan.trains[i.name], dtype) for i in entries
        }
        self._poisson = {
            i.name: PoissonTrain(i, inputs[i.name], first)
            for i in entries
            if isinstance(i.coding, model.Poisson)
        }
        self._currents = {layer.name: self._constant_currents(layer) for layer in plan.layers}
        self._heads = Heads(plan.network, samples)

    def advance(self, steps: int) -> Block:
        """Run `steps` time steps, at most the session's `block`."""
        outputs = self._heads.buffers(steps)
        rasters = self._buffers(self._record, steps)
        membranes = self._buffers(self._record_membrane, steps)
        for spikes in self._spikes.values():
            spikes.begin(steps)
        for name in self._input_counts:
            self._fill_input(name, steps)
        block = Block(self.time, outputs, rasters, membranes)
        for layer in self._plan.layers:
            self._run_layer(layer, steps, block)
        self.time += steps
        return block

    def counts(self) -> Iterator[tuple[str, Counts]]:
        """Spikes so far of every input and population that can fire, channels last."""
        for name, entry in self._input_counts.items():
            yield name, entry.counts
        for name, state in self.states.items():
            state.finish()
            if not isinstance(state, IntegratorState):
                yield name, state.counts

    def potentials(self) -> Iterator[tuple[str, Array]]:
        """Membrane potentials of the populations that have one, channels last."""
        for name, state in self.states.items():
            if not isinstance(state, PoolState):
                yield name, state.potential

    # ---- one layer -----------------------------------------------------------------------

    def _run_layer(self, layer: Layer, steps: int, block: Block) -> None:
        state = self.states[layer.name]
        watched = self._watched(layer.name)
        for start, count, tile in self._tiles(layer, steps):
            parts = self._parts(layer, start, count, tile)
            for index in range(start, start + count):
                addends = [part[index - start] for part in parts]
                addends += self._constants(layer.name, index, tile)
                if not layer.fires:
                    state.step(addends, None, tile)
                else:
                    spikes = self._spikes[layer.name]
                    fired = state.step(addends, spikes.step(index, tile), tile)
                    if fired:
                        spikes.active[spikes.history + index] = True
                if watched:
                    self._observe(layer.name, index, tile, block)

    def _tiles(self, layer: Layer, steps: int) -> Iterator[tuple[int, int, slice]]:
        """First step, number of steps and samples of each tile; time runs inside samples."""
        size = int(np.prod(layer.summed)) * self._plan.dtype.itemsize
        rows = max(1, _TILE_BYTES // max(1, size))
        if rows >= self._samples:
            count = max(1, rows // self._samples)
            for start in range(0, steps, count):
                yield start, min(count, steps - start), slice(0, self._samples)
            return
        for first in range(0, self._samples, rows):
            tile = slice(first, min(first + rows, self._samples))
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

    # ---- constant currents and inputs ------------------------------------------------------

    def _constant_currents(self, layer: Layer) -> list[tuple[int, Array]]:
        """Bias and analog inputs: (number of steps before it acts, array), computed once."""
        by_delay: dict[int, Array] = {}
        for connection in layer.constant:
            image = self._analog(connection.source)
            value = np.empty((self._samples, *inner_shape(layer.summed)), self._plan.dtype)
            size = max(int(np.prod(layer.summed)), 1) * self._plan.dtype.itemsize
            rows = max(1, _TILE_BYTES // size)
            for first in range(0, self._samples, rows):
                part = Image(image.base[first : first + rows], image.halo)
                value[first : first + rows] = connection.chain.run(part, self._work)
            known = by_delay.get(connection.delay)
            by_delay[connection.delay] = value if known is None else known + value
        if layer.bias is not None:
            known = by_delay.get(0)
            by_delay[0] = layer.bias if known is None else known + layer.bias
        return sorted(by_delay.items(), key=lambda entry: entry[0])

    def _analog(self, name: str) -> Image:
        train = self._plan.constants[name]
        image = self._work.image(
            ("analog", name), self._samples, inner_shape(train.shape), train.halo
        )
        image.inner[:] = to_inner(self._inputs[name], len(train.shape))
        return image

    def _constants(self, name: str, index: int, tile: slice) -> list[Array]:
        found = []
        for delay, array in self._currents[name]:
            if self.time + index >= delay:
                found.append(array if len(array) == 1 else array[tile])
        return found

    def _fill_input(self, name: str, steps: int) -> None:
        spikes = self._spikes[name]
        counts = self._input_counts[name].counts
        rank = len(self._plan.trains[name].shape)
        every = slice(0, self._samples)
        for index in range(steps):
            if name in self._poisson:
                values = self._poisson[name].step()
            else:
                values = self._inputs[name][self.time + index]
            place = spikes.step(index, every)
            place[:] = to_inner(values, rank)
            spikes.active[spikes.history + index] = bool(place.any())
            counts.net[:] += place
            counts.events[:] += place != 0

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
        state = self.states[name]
        if not isinstance(state, PoolState):
            potential = to_outer(state.potential[tile], rank)
        if name in block.membranes and potential is not None:
            block.membranes[name][index, tile] = potential
        self._heads.observe(name, index, tile, outer, potential, block.outputs)

    def _buffers(self, names: Sequence[str], steps: int) -> dict[str, Array]:
        shapes = {layer.name: layer.shape for layer in self._plan.layers}
        dtype = self._plan.dtype
        return {name: np.empty((steps, self._samples, *shapes[name]), dtype) for name in names}

"""The spikes of all sources of a group of samples, and those that are read again later."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from snnc.backends.reference.buffers import Archive, SpikeBuffer
from snnc.backends.reference.once import OnceBuffer
from snnc.backends.reference.plan import Plan
from snnc.ir import model
from snnc.ir.tensors import Array


class Spikes:
    """One buffer per source that has run, one archive per source that others lag behind.

    Args:
        plan: The network made ready.
        archived: Sources that are ahead of a reader at some time.
        block: Largest number of steps of a block.
    """

    def __init__(self, plan: Plan, archived: Collection[str], block: int) -> None:
        self._plan = plan
        self._block = block
        self._samples = 0
        self._buffers: dict[str, SpikeBuffer] = {}
        graded = _graded(plan.network)
        self._archives = {name: Archive(name in graded) for name in plan.trains if name in archived}

    def __getitem__(self, source: str) -> SpikeBuffer:
        """The buffer of a source."""
        return self._buffers[source]

    def start(self, needed: Collection[str], samples: int) -> None:
        """A stage begins: sources start, or are read again from their first step on."""
        self._samples = samples
        for name, train in self._plan.trains.items():
            if name not in needed:
                continue
            if name not in self._buffers:
                once = self._plan.phases is not None and train.history > 0
                kind = OnceBuffer if once else SpikeBuffer
                self._buffers[name] = kind(train, samples, self._block, self._plan.dtype)
            elif name in self._archives:
                self._buffers[name].forget()

    def sent(self, source: str, index: int) -> Array | None:
        """The spikes of step `index` of the block, (samples, *inner shape); None if there are none.

        Valid until the next block.
        """
        buffer = self._buffers[source]
        if not buffer.active[buffer.history + index]:
            return None
        return buffer.step(index, slice(0, self._samples))

    def begin(
        self, needed: Collection[str], running: Collection[str], time: int, steps: int, rows: Array
    ) -> None:
        """Make room for the `steps` steps after `time` others, or fill it where a source is ahead.

        `running` are those of the `needed` sources that are not; `rows` the samples in flight.
        """
        for name, buffer in self._buffers.items():
            if name in running:
                buffer.begin(steps)
            elif name in needed and name in self._archives:
                buffer.begin(steps)
                for index in range(steps):
                    place = buffer.step(index, slice(0, self._samples))
                    fired = self._archives[name].write(time + index, rows, place)
                    buffer.active[buffer.history + index] = fired

    def store(self, running: Collection[str], steps: int, rows: Array) -> None:
        """Keep what was sent in a block for those that have still to read it."""
        for name, archive in self._archives.items():
            if name in running:
                buffer = self._buffers[name]
                for index in range(steps):
                    sent = buffer.step(index, slice(0, self._samples))
                    archive.append(sent, bool(buffer.active[buffer.history + index]), rows)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._samples = int(np.count_nonzero(mask))
        for buffer in self._buffers.values():
            buffer.keep(mask)


def archive_bytes(plan: Plan, archived: Mapping[str, int]) -> int:
    """Most bytes that the archives of one sample hold; `archived`: source to its steps."""
    graded = _graded(plan.network)
    return sum(
        math.prod(train.shape) * archived[name] * (plan.dtype.itemsize if name in graded else 1)
        for name, train in plan.trains.items()
        if name in archived
    )


def _graded(network: model.Network) -> frozenset[str]:
    """Sources whose spikes need not be small whole numbers: event inputs and pools."""
    inputs = {i.name for i in network.inputs if isinstance(i.coding, model.Events)}
    pools = {p.name for p in network.populations if isinstance(p.neuron, model.POOL_NEURONS)}
    return frozenset(inputs | pools)

"""Synaptic operations: the synapses that a spike meets, and which of them belong to running layers.

A spike counts for the synapses of those readers of its source that run the step in which it is
sent. Where all layers run in every step, that is the whole fan-out. Where they run in stages, a
reader can be behind its source, or never run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.layout import to_inner
from snnc.backends.reference.neurons import Counts
from snnc.backends.reference.spikes import Spikes
from snnc.backends.reference.stages import Stages
from snnc.ir import linear, model
from snnc.ir.tensors import Array

Synapses = Mapping[str, Mapping[str, Array]]
"""Source to its readers to the synapses from each of its neurons to that reader, (*shape)."""


@dataclass(frozen=True, slots=True, eq=False)
class FanOut:
    """The synapses of one source, by groups of readers that run in the same stages.

    Attributes:
        readers: One population of each group; the others of it always have run as far.
        weights: (neurons as the simulator orders them, 1 + groups) float64, which turn events into
            sums: the first column counts spikes, the others the synaptic operations of a group.
        split: Whether a group can run other steps than the source.
    """

    readers: tuple[str, ...]
    weights: Array
    split: bool

    def sums(self, events: Array) -> Array:
        """Spikes, then operations of each group, (n, 1 + groups) int64, of `events` (n, ...)."""
        # Counts and fan-outs are far below 2^53, so float64 products are exact, and fast.
        flat = events.reshape(len(events), len(self.weights)).astype(np.float64)
        sums: Array = (flat @ self.weights).astype(np.int64)
        return sums


def synapses(network: model.Network) -> Synapses:
    """The synapses of every spiking source."""
    direct = {i.name for i in network.inputs if isinstance(i.coding, model.Direct)}
    sources: list[model.Input | model.Population] = [*network.inputs, *network.populations]
    found: dict[str, dict[str, Array]] = {s.name: {} for s in sources if s.name not in direct}
    for population in network.populations:
        for incoming in population.incoming:
            if incoming.source in found:
                shape = network.source_shape(incoming.source)
                counts = linear.fan_out(incoming.ops, shape, network.array)
                known = found[incoming.source].get(population.name, 0)
                found[incoming.source][population.name] = known + counts
    return found


def fan_outs(network: model.Network, found: Synapses, stages: Stages) -> dict[str, FanOut]:
    """The fan-out of every spiking source in a run with these stages."""
    return {
        source: _fan_out(network.source_shape(source), source, readers, stages)
        for source, readers in found.items()
    }


def _fan_out(
    shape: tuple[int, ...], source: str, readers: Mapping[str, Array], stages: Stages
) -> FanOut:
    first: dict[frozenset[int], str] = {}
    totals: dict[frozenset[int], Array] = {}
    for reader, counts in readers.items():
        when = stages.of(reader)
        first.setdefault(when, reader)
        totals[when] = totals.get(when, 0) + counts
    columns = [np.ones(shape), *totals.values()]
    weights = np.stack([to_inner(c, len(shape)).reshape(-1) for c in columns], axis=1)
    split = any(when != stages.of(source) for when in totals)
    return FanOut(tuple(first.values()), weights.astype(np.float64), split)


class Received:
    """The synaptic operations of a group of samples by readers that are behind their source.

    Readers that have run as far as their source have met all its spikes, so their operations follow
    from its counters. For those that are behind they are summed here: noted when a stage ends, and
    added to as spikes are read again.
    """

    def __init__(self, found: Mapping[str, FanOut], samples: int) -> None:
        self._found = {name: fan_out for name, fan_out in found.items() if fan_out.split}
        self._sums = {
            name: np.zeros((samples, len(fan_out.readers)), np.int64)
            for name, fan_out in self._found.items()
        }

    def note(self, clocks: Mapping[str, int], counts: Callable[[str], Counts]) -> None:
        """A stage ends: readers that are as far as their source may fall behind it now."""
        for name, fan_out in self._found.items():
            level = [clocks[reader] == clocks[name] for reader in fan_out.readers]
            if clocks[name] and any(level):
                sums = fan_out.sums(counts(name).events)[:, 1:]
                self._sums[name][:, level] = sums[:, level]

    def read_again(
        self, needed: Collection[str], running: Collection[str], spikes: Spikes, steps: int
    ) -> None:
        """Count the `steps` steps of a block that readers among `running` read again."""
        for name, fan_out in self._found.items():
            reading = [reader in running for reader in fan_out.readers]
            if name in running or name not in needed or not any(reading):
                continue
            for index in range(steps):
                sent = spikes.sent(name, index)
                if sent is not None:
                    self._sums[name][:, reading] += fan_out.sums(sent != 0)[:, 1:][:, reading]

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._sums = {name: sums[mask] for name, sums in self._sums.items()}

    def behind(
        self, clocks: Mapping[str, int], mask: Array | slice
    ) -> dict[str, Mapping[int, Array]]:
        """Source to its groups of readers that are behind it to their operations (n,)."""
        return {
            name: {
                group: self._sums[name][mask, group]
                for group, reader in enumerate(fan_out.readers)
                if clocks[reader] != clocks[name]
            }
            for name, fan_out in self._found.items()
        }

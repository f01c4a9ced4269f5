"""The search for a partition: from the outputs back to the inputs, the cheapest few kept.

A layer costs its cores, and the parts of further cores' worth of input axons, output entries and
synapse memory that it takes (NxTF; each over what one core has). What it sends depends on how the
layers that read it are cut, so it is costed against each partition that was kept for all layers
behind it.

Cores are numbered as they are given away, from the outputs on, and fill one chip after the other.
An axon counts as leaving the chip unless its source layer and its target layer lie whole on one
chip: an upper bound, where NxTF looks at each pair of cores.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition.budgets import (
    Excess,
    Inside,
    excesses,
    impossible,
    inside,
    layout_of,
    too_much,
)
from snnc.backends.loihi.partition.layers import Layer, Reader, readers_of
from snnc.backends.loihi.partition.reach import Entries, entries, reach
from snnc.backends.loihi.partition.tiles import Tiling, candidates
from snnc.ir.tensors import Array

WIDTH = 8
"""Partitions kept after each layer."""

VALID = 48
"""Tilings of a layer that are compared: the first that break no limit, fewest cores first."""

TRIED = 4000
"""Tilings of a layer that are looked at: no layer has a place if it has none in these."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A layer on its cores: the first of them, what it takes, and the entries that it sends."""

    first_core: int
    used: Inside
    entries: Array

    @property
    def cores(self) -> int:
        """Cores of the layer."""
        return self.used.tiling.cores


@dataclass(frozen=True, eq=False)
class Partition:
    """A partition of some layers; cores are numbered as layers were placed, outputs first.

    `unplaced`: layers that break a limit however they are cut, with the limit.
    """

    cost: float = 0.0
    cores: int = 0
    placed: Mapping[str, Placed] = field(default_factory=dict)
    unplaced: Mapping[str, Excess] = field(default_factory=dict)


def partition(layers: tuple[Layer, ...], chip: Chip, width: int = WIDTH) -> Partition:
    """The cheapest partition found of layers that stand sources first, `width` kept on the way."""
    search = _Search(layers, chip)
    kept = [Partition()]
    for layer in reversed(layers):
        kept = search.step(layer, kept, width)
    return kept[0]


class _Search:
    """One search: what a connection reaches is kept while the same tilings are asked for."""

    def __init__(self, layers: tuple[Layer, ...], chip: Chip) -> None:
        self._chip = chip
        self._layers = {layer.name: layer for layer in layers}
        self._readers = {layer.name: readers_of(layers, layer.name) for layer in layers}
        # As many as the partitions kept use again and again; arrays of large layers are large.
        self._reach = lru_cache(maxsize=256)(reach)
        self._entries = lru_cache(maxsize=64)(lambda fans, tiling: entries(fans, tiling, chip))

    def step(self, layer: Layer, kept: list[Partition], width: int) -> list[Partition]:
        """The cheapest partitions of one layer more, each on top of one of those kept."""
        found: list[tuple[float, int, int, Partition]] = []
        nearest = impossible(layer, self._chip)
        if nearest is not None:
            return _without(layer, nearest, kept)
        valid = 0
        largest = self._chip.compartments_per_core // layer.compartments
        for number, tiling in enumerate(candidates(layer.shape, largest, layer.order)):
            if valid == VALID or number == TRIED:
                break
            if len(found) == width and kept[0].cost + tiling.cores >= found[-1][0]:
                break
            tried = self._try(layer, tiling, kept)
            if isinstance(tried, Excess):
                nearest = min(nearest or tried, tried, key=_ratio)
                continue
            made = [(result.cost, number, rank, result) for rank, result in tried]
            found = heapq.nsmallest(width, [*found, *made])
            valid += 1
        if found or nearest is None:
            return [result for _, _, _, result in found]
        return _without(layer, nearest, kept)

    def _try(
        self, layer: Layer, tiling: Tiling, kept: list[Partition]
    ) -> list[tuple[int, Partition]] | Excess:
        """One tiling on top of each partition kept, or the limit that it breaks."""
        much = too_much(layer, tiling, self._chip)
        if much is not None:
            return self._worst(layer, tiling, kept, (much,))
        used = inside(layer, tiling, self._chip, self._reach)
        broken = tuple(excesses(used, self._chip))
        if broken:
            return self._worst(layer, tiling, kept, broken)
        tried = [self._place(layer, used, before) for before in kept]
        made = [(n, result) for n, result in enumerate(tried) if isinstance(result, Partition)]
        return made or min((e for e in tried if isinstance(e, Excess)), key=_ratio)

    def _worst(
        self, layer: Layer, tiling: Tiling, kept: list[Partition], broken: tuple[Excess, ...]
    ) -> Excess:
        """The limit that a tiling breaks most, what it sends taken into account too."""
        sent = self._too_many_entries(self._sent(layer, tiling, kept[0]))
        return max((*broken, sent) if sent else broken, key=_ratio)

    def _too_many_entries(self, sent: Array) -> Excess | None:
        allowed = self._chip.output_entries_per_core
        if allowed is None or sent.max() <= allowed:
            return None
        return Excess("output axon entries per core", int(sent.max()), allowed)

    def _place(self, layer: Layer, used: Inside, before: Partition) -> Partition | Excess:
        """A partition with one layer more, or the limit that breaks."""
        chip, cores = self._chip, used.tiling.cores
        sent = self._sent(layer, used.tiling, before)
        too_many = self._too_many_entries(sent)
        if too_many is not None:
            return too_many
        allowed = chip.output_entries_per_core
        cost = before.cost + cores + used.memory.sum() / chip.memory_bytes_per_core
        if chip.input_axons_per_core is not None:
            cost += used.axons.sum() / chip.input_axons_per_core
        if allowed is not None:
            cost += sent.sum() / allowed
        placed = {**before.placed, layer.name: Placed(before.cores, used, sent)}
        return Partition(float(cost), before.cores + cores, placed, before.unplaced)

    def _sent(self, layer: Layer, tiling: Tiling, before: Partition) -> Array:
        """Output entries of every core of a layer, those of its neurons' own connections too."""
        chip = self._chip
        total: Array = tiling.neurons() * (layer.self_axons * chip.discrete_entry_cost)
        last_core = before.cores + tiling.cores - 1
        for reader in self._readers[layer.name]:
            target = before.placed.get(reader.layer)
            if reader.layer == layer.name:
                read, first_core = tiling, before.cores
            elif target is not None:
                read, first_core = target.used.tiling, target.first_core
            else:
                continue
            found = self._between(reader, read, tiling)
            total = total + found.on_chip
            if first_core // chip.cores_per_chip != last_core // chip.cores_per_chip:
                total = total + found.axons * chip.off_chip_entry_cost
        return total

    def _between(self, reader: Reader, target: Tiling, source: Tiling) -> Entries:
        layer = self._layers[reader.layer]
        layout = layout_of(layer, target, self._chip, reader.connection)
        found = self._reach(reader.connection, reader.population, target, layout)
        result: Entries = self._entries(found.fans, source)
        return result


def _without(layer: Layer, excess: Excess, kept: list[Partition]) -> list[Partition]:
    """The partitions as they are, with a layer that has no place."""
    return [replace(before, unplaced={**before.unplaced, layer.name: excess}) for before in kept]


def _ratio(excess: Excess) -> float:
    return excess.ratio

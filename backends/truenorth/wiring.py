"""Who drives whom in a core map: links to axons, and an order of the cores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, CoreMap
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Connections to axons, L of them, in the order of their sources.

    Attributes:
        sources: int64 (L,), neuron `core * neurons + neuron`, or pin.
        axons: int64 (L,), `core * axons + axon`.
        delays: int64 (L,), in ticks.
    """

    sources: Array
    axons: Array
    delays: Array

    def __len__(self) -> int:
        return len(self.sources)


def neuron_links(core_map: CoreMap) -> Links:
    """The links of all neurons that drive an axon."""
    sources = np.flatnonzero(core_map.kinds == TO_CORE)
    targets = core_map.targets.reshape(-1)[sources].astype(np.int64)
    axons = core_map.target_axons.reshape(-1)[sources].astype(np.int64)
    delays = core_map.delays.reshape(-1)[sources].astype(np.int64)
    return Links(sources, targets * core_map.spec.axons + axons, delays)


def pin_links(core_map: CoreMap) -> Links:
    """The entries of all pins."""
    counts = np.diff(core_map.pin_starts)
    sources = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    axons = core_map.pin_cores.astype(np.int64) * core_map.spec.axons + core_map.pin_axons
    return Links(sources, axons, core_map.pin_delays.astype(np.int64))


def driven(core_map: CoreMap) -> Array:
    """How many neurons and pins drive each axon: int64 (C, axons)."""
    both = np.concatenate([neuron_links(core_map).axons, pin_links(core_map).axons])
    shape = core_map.axon_types.shape
    counts: Array = np.bincount(both, minlength=core_map.axon_types.size).reshape(shape)
    return counts


def reset_potentials(core_map: CoreMap) -> Array:
    """R of each neuron, int64 (C, neurons): `sign(e) * (2**|e| - 1)`, at most 62 bits."""
    exponents = core_map.reset_exponents.astype(np.int64)
    size = np.left_shift(np.int64(1), np.minimum(np.abs(exponents), 62)) - 1
    potentials: Array = np.sign(exponents) * size
    return potentials


def hops(core_map: CoreMap) -> Array:
    """Steps on the mesh from each neuron to its target, int64 (C, neurons); 0 off the mesh."""
    inside = core_map.kinds == TO_CORE
    positions = core_map.positions.astype(np.int64)
    targets = positions[np.where(inside, core_map.targets, 0)]
    away = np.abs(targets - positions[:, None, :]).sum(axis=-1)
    lengths: Array = np.where(inside, away, 0)
    return lengths


@dataclass(frozen=True, slots=True)
class Stage:
    """Cores that do not need each other's spikes of the same `block` ticks.

    So each can be run for a block before the next. `block` is 0 where any number of ticks will do.
    """

    cores: tuple[int, ...]
    block: int


def stages(core_map: CoreMap) -> list[Stage]:
    """The cores, such that each stage is driven by itself and by those before it.

    A loop of cores is a stage of its own; its block is its shortest delay. Cores outside of loops
    that are equally far from the first ones share a stage.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = neuron_links(core_map)
    count = core_map.cores
    start = links.sources // core_map.spec.neurons
    end = links.axons // core_map.spec.axons
    graph = coo_array((np.ones(len(links), np.int8), (start, end)), shape=(count, count))
    parts, label = connected_components(graph.tocsr(), connection="strong")
    inside = label[start] == label[end]
    blocks = np.zeros(parts, np.int64)
    shortest = np.full(parts, np.iinfo(np.int64).max)
    np.minimum.at(shortest, label[start[inside]], links.delays[inside])
    loops = np.unique(label[start[inside]])
    blocks[loops] = shortest[loops]
    pairs = np.unique(np.stack([label[start], label[end]], axis=1)[~inside], axis=0)
    levels = _levels(pairs, parts)
    # Loops are kept apart by their number, all others of a level have number -1.
    number = np.where(blocks > 0, np.arange(parts), -1)
    keys = np.stack([levels[label], number[label]], axis=1)
    order = np.lexsort((np.arange(count), keys[:, 1], keys[:, 0]))
    bounds = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    return [
        Stage(tuple(int(c) for c in cores), int(blocks[label[cores[0]]]))
        for cores in np.split(order, bounds)
        if len(cores)
    ]


def _levels(pairs: Array, count: int) -> Array:
    """The longest way to each of `count` nodes in a graph without loops; `pairs` (E, 2) sorted."""
    starts = np.searchsorted(pairs[:, 0], np.arange(count + 1))
    waiting = np.bincount(pairs[:, 1], minlength=count)
    levels = np.zeros(count, np.int64)
    ready = np.flatnonzero(waiting == 0)
    level = 0
    while ready.size:
        levels[ready] = level
        reached = [pairs[starts[n] : starts[n + 1], 1] for n in ready]
        ends = np.concatenate(reached)
        np.subtract.at(waiting, ends, 1)
        ready = np.unique(ends[waiting[ends] == 0])
        level += 1
    return levels

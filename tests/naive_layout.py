"""A layout counted neuron by neuron and synapse by synapse: slow, and like the definition."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.ir import model as m
from snnc.ir.tensors import Shape

Neuron = tuple[int, int, int]
Synapse = tuple[Neuron, Neuron, Any]
"""Source, target, and the place of the weight in its kernel."""


def image(shape: Shape) -> Neuron:
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (math.prod(shape), 1, 1)


def neurons(shape: Neuron) -> Iterator[Neuron]:
    yield from itertools.product(*(range(n) for n in shape))


def core_of(neuron: Neuron, tile: Neuron) -> Neuron:
    c, y, x = (n // t for n, t in zip(neuron, tile, strict=True))
    return (c, y, x)


def synapses(network: m.Network, population: m.Population, incoming: m.Incoming) -> list[Synapse]:
    source = image(network.source_shape(incoming.source))
    target = image(population.shape)
    op = next((o for o in incoming.ops if isinstance(o, (m.Conv2d, m.Dense))), None)
    if isinstance(population.neuron, m.RunningMax2d):
        pool = population.neuron
        ops: Any = (pool.kernel, pool.strides, pool.pads, pool.dilations, source[0], 1, 1)
        return list(window(source, target, *ops))
    if isinstance(op, m.Conv2d):
        outs, ins, *kernel = network.array(op.weight).shape
        per_group = outs // op.groups
        return list(
            window(
                source, target, kernel, op.strides, op.pads, op.dilations, op.groups, ins, per_group
            )
        )
    if op is None:
        return [(n, n, ()) for n in neurons(source)]
    weight = network.array(op.weight)
    return [
        (s, t, (i, j))
        for j, t in enumerate(neurons(target))
        for i, s in enumerate(neurons(source))
        if weight[j, i]
    ]


def window(
    source: Neuron,
    target: Neuron,
    kernel: Any,
    strides: Any,
    pads: Any,
    dilations: Any,
    groups: int,
    ins: int,
    outs: int,
) -> Iterator[Synapse]:
    for c, y, x in neurons(target):
        for k, i, j in itertools.product(range(ins), *(range(n) for n in kernel)):
            row = y * strides[0] - pads[0] + i * dilations[0]
            column = x * strides[1] - pads[1] + j * dilations[1]
            if 0 <= row < source[1] and 0 <= column < source[2]:
                yield ((c // outs) * ins + k, row, column), (c, y, x), (i, j)


class Layout:
    """A network whose populations have these tiles, on a chip with NxTF's rules."""

    def __init__(self, network: m.Network, tiles: dict[str, Neuron], chip: Chip) -> None:
        self.network, self.tiles, self.chip = network, tiles, chip
        self.soft = {
            p.name
            for p in network.populations
            if isinstance(p.neuron, m.IF) and p.neuron.reset == "subtract"
        }
        self.input_axons: dict[tuple[str, Neuron], int] = defaultdict(int)
        self.entries: dict[tuple[str, Neuron], int] = defaultdict(int)
        self.words: dict[tuple[str, Neuron], int] = defaultdict(int)
        reads = [i.source for p in network.populations for i in p.incoming]
        for population in network.populations:
            for incoming in population.incoming:
                found = synapses(network, population, incoming)
                alone = reads.count(incoming.source) == 1
                self.connect(population, incoming, found, alone)
            self.own_connections(population)

    def own_connections(self, population: m.Population) -> None:
        if population.name not in self.soft:
            return
        for neuron in neurons(image(population.shape)):
            place = (population.name, core_of(neuron, self.tiles[population.name]))
            self.input_axons[place] += self.chip.soft_reset_axons
            self.entries[place] += self.chip.soft_reset_axons
            self.words[place] += self.chip.soft_reset_axons

    def connect(
        self, population: m.Population, incoming: m.Incoming, found: list[Synapse], alone: bool
    ) -> None:
        tile, source = self.tiles[population.name], incoming.source
        cores: dict[Neuron, set[Neuron]] = defaultdict(set)
        for start, end, _ in found:
            cores[start].add(core_of(end, tile))
        matrix = any(isinstance(op, m.Dense) for op in incoming.ops)
        shared = alone and not matrix and not {source, population.name} & self.soft
        groups: set[Any] = set()
        sent: set[Any] = set()
        for start, reached in cores.items():
            here = core_of(start, self.tiles[source]) if source in self.tiles else (0, 0, 0)
            for core in reached:
                if shared and len(reached) == 1:
                    groups.add((core, start[0], start[2]))
                    sent.add((here, core, start[0], start[2]))
                else:
                    self.input_axons[population.name, core] += 1
                    self.entries[source, here] += self.chip.discrete_entry_cost
        for core, *_ in groups:
            self.input_axons[population.name, core] += 1
        for here, *_ in sent:
            self.entries[source, here] += self.chip.population_entry_cost
        self.remember(population, incoming, found, matrix)

    def remember(
        self, population: m.Population, incoming: m.Incoming, found: list[Synapse], matrix: bool
    ) -> None:
        tile = self.tiles[population.name]
        size = math.prod(tile) * (2 if population.name in self.soft else 1)
        bits = max(6, math.ceil(math.log2(size))) if size > 1 else 6
        lists: dict[tuple[Neuron, Neuron], list[tuple[Neuron, Any]]] = defaultdict(list)
        for start, end, weight in found:
            lists[core_of(end, tile), start].append((end, weight))
        groups: dict[Any, dict[int, int]] = defaultdict(dict)
        for (core, start), targets in lists.items():
            block = block_size(image(population.shape), tile, core) if matrix else None
            words = list_words([t for t, _ in targets], bits, block)
            taps = frozenset(w[1] for _, w in targets) if targets[0][1] else frozenset()
            key = start if matrix else (start[0], taps)
            groups[population.name, core, key][start[1]] = words
        for (name, core, _), rows in groups.items():
            self.words[name, core] += len(rows) * max(rows.values())


def block_size(shape: Neuron, tile: Neuron, core: Neuron) -> int:
    sizes = (min(t, n - c * t) for c, t, n in zip(core, tile, shape, strict=True))
    return math.prod(sizes)


def list_words(targets: list[Neuron], bits: int, block: int | None) -> int:
    """The shorter of indices with each synapse, and runs of successive compartments.

    A matrix writes all neurons of the core as a run of `block`, with zeros.
    """
    count = len(targets)
    sparse = count * (8 + bits) + math.ceil(count / 60) * 10
    if block is not None:
        dense = block * 8 + math.ceil(block / 60) * (10 + bits)
    else:
        pixels: dict[Any, int] = defaultdict(int)
        for _, y, x in targets:
            pixels[y, x] += 1
        runs = sum(math.ceil(n / 60) for n in pixels.values())
        dense = count * 8 + runs * (10 + bits)
    return math.ceil(min(sparse, dense) / 64)


def largest(counts: dict[tuple[str, Neuron], int], name: str) -> int:
    return max((n for (layer, _), n in counts.items() if layer == name), default=0)


def thresholds(network: m.Network, population: m.Population, tile: Neuron) -> int:
    neuron = population.neuron
    if not isinstance(neuron, m.IF) or not isinstance(neuron.threshold, m.Ref):
        return 1
    values = network.array(neuron.threshold)
    if values.shape != population.shape:
        values = values.reshape(-1, *([1] * (len(population.shape) - 1)))
    full = np.broadcast_to(values, population.shape).reshape(image(population.shape))
    found: dict[Neuron, set[int]] = defaultdict(set)
    for place in neurons(image(population.shape)):
        found[core_of(place, tile)].add(int(full[place]))
    return max(len(s) for s in found.values())

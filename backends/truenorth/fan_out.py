"""Fan-out: a neuron has one target, so a spike train with several needs copies.

Replicas are neurons like the first in the same core; they cost free neurons and no time. What they
do not reach, splitter cores do: one axon, up to 256 neurons that repeat it, one tick a level.
Splitters also carry delays that are longer than a neuron's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Target:
    """Where a spike goes: core and axon after `delay` ticks."""

    core: int
    axon: int
    delay: int


@dataclass(slots=True)
class Node:
    """A splitter: it hears `delay` ticks after the spike and repeats it for each child."""

    delay: int
    children: list[Target | Node] = field(default_factory=list)


def replicas(counts: Array, least: Array, free: int) -> Array:
    """How many neurons each signal of a core gets, int64 (n,).

    Args:
        counts: targets of each.
        least: neurons that each has anyway.
        free: neurons of the core that are left.

    Those that need the fewest more get them first: so most signals need no splitter.
    """
    columns = least.copy()
    wanted = np.maximum(counts - columns, 0)
    for index in np.argsort(wanted, kind="stable"):
        given = min(int(wanted[index]), free)
        columns[index] += given
        free -= given
        if free == 0:
            break
    return columns


def levels(counts: Array, columns: Array, spec: ChipSpec) -> Array:
    """Ticks from a spike to its last target: 1, and one for each level of splitters."""
    left = np.maximum(counts - (columns - 1), 1)
    found = np.ones(len(counts), np.int64)
    reach = np.ones(len(counts), np.int64)
    while (reach < left).any():
        short = reach < left
        found[short] += 1
        reach[short] *= spec.neurons
    return found


def serve(targets: Sequence[Target], columns: int, spec: ChipSpec) -> list[Target | Node]:
    """What each of some equal neurons is connected to; their number is at most `columns`."""
    ordered = sorted(targets, key=lambda t: (t.delay, t.core, t.axon))
    if len(ordered) <= columns:
        return [_reached(target, spec) for target in ordered]
    direct = [_reached(target, spec) for target in ordered[: columns - 1]]
    return [*direct, _tree(ordered[columns - 1 :], spec)]


def _reached(target: Target, spec: ChipSpec) -> Target | Node:
    """A target, through relays where its delay is longer than a neuron's."""
    return target if target.delay <= spec.largest_delay else _tree([target], spec)


def _tree(targets: Sequence[Target], spec: ChipSpec) -> Node:
    """A splitter for some targets in ascending order of delay; each is 2 or more ticks away.

    The splitter waits as long as its nearest target allows, if its furthest needs that.
    """
    nearest, furthest = targets[0].delay, targets[-1].delay
    needed = _levels_below(len(targets), spec)
    wait = max(1, min(spec.largest_delay, furthest - spec.largest_delay, nearest - needed))
    later = [Target(t.core, t.axon, t.delay - wait) for t in targets]
    if len(later) > spec.neurons:
        size = -(-len(later) // spec.neurons)
        parts = [later[start : start + size] for start in range(0, len(later), size)]
        return Node(wait, [serve(part, 1, spec)[0] for part in parts])
    near = [t for t in later if t.delay <= spec.largest_delay]
    far = [t for t in later if t.delay > spec.largest_delay]
    node = Node(wait, list(near))
    if far:
        node.children.append(_tree(far, spec))
    return node


def _levels_below(count: int, spec: ChipSpec) -> int:
    """Ticks that a splitter with so many targets needs below it."""
    return 1 if count <= spec.neurons else 1 + _levels_below(-(-count // spec.neurons), spec)


class SplitterCores:
    """Splitters packed into cores: an axon each, and a neuron for each child.

    Args:
        first: number of the first splitter core.
        spec: the chip.
    """

    def __init__(self, first: int, spec: ChipSpec) -> None:
        self._first = first
        self._spec = spec
        self.contents: list[list[Node]] = []
        self._axons: list[int] = []
        self._neurons: list[int] = []
        self._open: list[int] = []

    def place(self, node: Node) -> Target:
        """The core and axon of a splitter; it takes the fullest open core that it fits."""
        size = len(node.children)
        fitting = [c for c in self._open if self._neurons[c] + size <= self._spec.neurons]
        if fitting:
            core = max(fitting, key=lambda c: self._neurons[c])
        else:
            core = len(self.contents)
            self.contents.append([])
            self._axons.append(0)
            self._neurons.append(0)
            self._open.append(core)
        self.contents[core].append(node)
        self._axons[core] += 1
        self._neurons[core] += size
        full = self._axons[core] == self._spec.axons or self._neurons[core] == self._spec.neurons
        if full:
            self._open.remove(core)
        return Target(self._first + core, self._axons[core] - 1, node.delay)

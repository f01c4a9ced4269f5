"""Replicas first, splitters then: every target is reached once, at its tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.fan_out import (
    Node,
    SplitterCores,
    Target,
    levels,
    replicas,
    serve,
)

SPEC = ChipSpec(neurons=8)


def reached(children: Sequence[Target | Node], ticks: int = 0) -> Iterator[Target]:
    """All targets with the ticks that spikes take to them; every hop is one of 1 to 15."""
    for child in children:
        assert 1 <= child.delay <= SPEC.largest_delay
        if isinstance(child, Node):
            assert 1 <= len(child.children) <= SPEC.neurons
            yield from reached(child.children, ticks + child.delay)
        else:
            yield Target(child.core, child.axon, ticks + child.delay)


def nodes_of(children: Sequence[Target | Node]) -> list[Node]:
    """All splitters below some connections, those nearest to the source first."""
    found: list[Node] = []
    waiting = [child for child in children if isinstance(child, Node)]
    while waiting:
        node = waiting.pop(0)
        found.append(node)
        waiting.extend(child for child in node.children if isinstance(child, Node))
    return found


@given(
    count=st.integers(1, 150),
    columns=st.integers(1, 12),
    late=st.lists(st.integers(0, 60), min_size=150, max_size=150),
)
def test_every_target_is_reached_in_time(count: int, columns: int, late: list[int]) -> None:
    needed = int(levels(np.array([count]), np.array([columns]), SPEC)[0])
    targets = [Target(i // 5, i, needed + late[i]) for i in range(count)]
    connections = serve(targets, columns, SPEC)
    assert len(connections) <= columns
    assert sorted(reached(connections), key=lambda t: t.axon) == targets


def test_levels() -> None:
    counts, columns = np.array([1, 3, 3, 10, 100]), np.array([1, 3, 2, 3, 1])
    assert levels(counts, columns, SPEC).tolist() == [1, 1, 2, 2, 4]


def test_replicas_go_to_those_that_need_fewest() -> None:
    given_ = replicas(np.array([5, 2, 9]), np.array([1, 1, 1]), 6)
    assert given_.tolist() == [5, 2, 2]


def test_splitter_cores_are_filled() -> None:
    cores = SplitterCores(10, SPEC)
    sizes = [5, 4, 3, 4, 8]
    places = [cores.place(Node(1, [Target(0, i, 1) for i in range(n)])) for n in sizes]
    assert [p.core for p in places] == [10, 11, 10, 11, 12]
    assert [p.axon for p in places] == [0, 0, 1, 1, 0]


def test_relays_of_a_single_target() -> None:
    connections = serve([Target(1, 2, 40)], 1, SPEC)
    assert len(nodes_of(connections)) == 2
    assert list(reached(connections)) == [Target(1, 2, 40)]

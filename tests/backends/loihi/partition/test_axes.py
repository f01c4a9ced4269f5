"""Reach along an axis equals a count of all pairs."""

from __future__ import annotations

import itertools

import pytest

from snnc.backends.loihi.partition.axes import (
    GroupAxis,
    WindowAxis,
    axis_reach,
    channel_lists,
    column_lists,
    most_taps,
    row_lists,
)

WINDOWS = [
    WindowAxis(source, (source + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1, *rest)
    for source, rest in itertools.product(
        (5, 8), itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2))
    )
    for kernel, stride, pad, dilation in [rest]
]
"""All kernels, strides, pads and dilations that are small."""
GROUPS = [GroupAxis(6, 6, 6), GroupAxis(6, 6, 1), GroupAxis(6, 12, 3), GroupAxis(12, 6, 3)]


def pairs(axis: WindowAxis | GroupAxis) -> list[tuple[int, int, int]]:
    """Source, target and tap of everything that is connected along an axis."""
    if isinstance(axis, GroupAxis):
        outs, ins = axis.target // axis.groups, axis.source // axis.groups
        every = itertools.product(range(axis.source), range(axis.target))
        return [(s, t, 0) for s, t in every if s // ins == t // outs]
    return [
        (source, target, tap)
        for target in range(axis.target)
        for tap in range(axis.kernel)
        for source in [target * axis.stride - axis.pad + tap * axis.dilation]
        if 0 <= source < axis.source
    ]


@pytest.mark.parametrize("tile", [1, 2, 3, 5])
def test_reach_is_that_of_all_pairs(tile: int) -> None:
    for axis in (*WINDOWS, *GROUPS):
        check_reach(axis, tile)


def check_reach(axis: WindowAxis | GroupAxis, tile: int) -> None:
    found = axis_reach(axis, tile)
    reached: dict[int, set[int]] = {s: set() for s in range(axis.source)}
    for source, target, _ in pairs(axis):
        reached[source].add(target // tile)
    tiles = range(-(-axis.target // tile))
    alone = [next(iter(r)) if len(r) == 1 else -1 for r in reached.values()]
    assert found.tiles.tolist() == [len(r) for r in reached.values()]
    assert found.only.tolist() == alone
    assert found.reaching.tolist() == [sum(t in r for r in reached.values()) for t in tiles]
    assert found.alone.tolist() == [alone.count(t) for t in tiles]


@pytest.mark.parametrize("tile", [1, 2, 3, 5])
def test_lists_of_rows_and_columns_are_those_of_all_pairs(tile: int) -> None:
    for axis in WINDOWS:
        check_lists(axis, tile)


def test_most_taps_are_those_of_the_target_that_reads_most() -> None:
    for axis in WINDOWS:
        read = [sum(target == t for _, target, _ in pairs(axis)) for t in range(axis.target)]
        assert most_taps(axis) == max(read)


def check_lists(axis: WindowAxis, tile: int) -> None:
    rows, columns = [], []
    for start in range(0, axis.target, tile):
        taps: dict[int, list[int]] = {}
        for source, target, tap in pairs(axis):
            if start <= target < start + tile:
                taps.setdefault(source, []).append(tap)
        rows.append((len(taps), max(map(len, taps.values()), default=0)))
        columns.append(tuple(sorted(len(t) for t in {tuple(sorted(t)) for t in taps.values()})))
    assert row_lists(axis, tile) == tuple(rows)
    assert column_lists(axis, tile) == tuple(columns)


def test_channel_lists_say_how_many_sources_reach_how_many_targets() -> None:
    """Three groups of four targets and two sources; tiles of five cut the second group."""
    assert channel_lists(GroupAxis(6, 12, 3), 5) == (
        ((1, 2), (4, 2)),
        ((2, 2), (3, 2)),
        ((2, 2),),
    )


@pytest.mark.parametrize("axis", GROUPS, ids=str)
def test_channel_lists_hold_every_pair_once(axis: GroupAxis) -> None:
    for tile in (1, 2, 5):
        total = sum(length * count for part in channel_lists(axis, tile) for length, count in part)
        assert total == len(pairs(axis))

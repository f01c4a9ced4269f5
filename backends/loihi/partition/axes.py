"""Which indices of a source reach which tiles of a target, axis by axis.

The receptive field of a tile is a product of three sets, of channels, rows and columns, so numbers
of axons are products of numbers per axis and no matrix of a convolution is ever unrolled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class WindowAxis:
    """Rows or columns: target o reads the sources `o * stride - pad + k * dilation`, k < kernel."""

    source: int
    target: int
    kernel: int = 1
    stride: int = 1
    pad: int = 0
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class GroupAxis:
    """Channels: a target channel reads all source channels of its group."""

    source: int
    target: int
    groups: int


Axis: TypeAlias = WindowAxis | GroupAxis


@dataclass(frozen=True, eq=False)
class AxisReach:
    """One axis of a connection whose target has tiles of one size.

    Attributes:
        reaching: For every tile, how many source indices reach it.
        alone: For every tile, how many of them reach no other tile.
        tiles: For every source index, how many tiles it reaches.
        only: For every source index the tile it reaches, -1 if there are none or several.
    """

    reaching: Array
    alone: Array
    tiles: Array
    only: Array


@lru_cache(maxsize=4096)
def axis_reach(axis: Axis, tile: int) -> AxisReach:
    """What reaches what along an axis whose target is cut into tiles of that size."""
    hits = _hits(axis, tile)
    tiles = hits.sum(axis=0)
    only = np.where(tiles == 1, hits.argmax(axis=0), -1)
    alone = np.bincount(only[only >= 0], minlength=len(hits))
    return AxisReach(hits.sum(axis=1), alone, tiles, only)


def _hits(axis: Axis, tile: int) -> Array:
    """Whether a tile is reached by a source index, (tiles, sources)."""
    starts = np.arange(0, axis.target, tile)
    if isinstance(axis, WindowAxis):
        return window_counts(axis, tile) > 0
    ends = np.minimum(starts + tile, axis.target) - 1
    outs, ins = axis.target // axis.groups, axis.source // axis.groups
    group = np.arange(axis.source) // ins
    met: Array = ((starts // outs)[:, None] <= group) & (group <= (ends // outs)[:, None])
    return met


def window_counts(axis: WindowAxis, tile: int) -> Array:
    """How many targets of a tile a source index reaches, (tiles, sources)."""
    counts = np.zeros((-(-axis.target // tile), axis.source), np.int64)
    for target, source, _ in _taps(axis):
        np.add.at(counts, (target // tile, source), 1)
    return counts


def _taps(axis: WindowAxis) -> list[tuple[Array, Array, int]]:
    """For every tap of the kernel: targets, the sources they read by it, and its number."""
    found = []
    for tap in range(axis.kernel):
        targets = np.arange(axis.target)
        sources = targets * axis.stride - axis.pad + tap * axis.dilation
        inside = (sources >= 0) & (sources < axis.source)
        found.append((targets[inside], sources[inside], tap))
    return found


def most_taps(axis: WindowAxis) -> int:
    """Of all targets the most sources inside the image that one of them reads."""
    taps = np.zeros(axis.target, np.int64)
    for target, _, _ in _taps(axis):
        taps[target] += 1
    return int(taps.max())


@lru_cache(maxsize=4096)
def row_lists(axis: WindowAxis, tile: int) -> tuple[tuple[int, int], ...]:
    """For every tile: how many source rows reach it, and the most targets that one of them has."""
    counts = window_counts(axis, tile)
    return tuple((int((row > 0).sum()), int(row.max())) for row in counts)


@lru_cache(maxsize=4096)
def column_lists(axis: WindowAxis, tile: int) -> tuple[tuple[int, ...], ...]:
    """For every tile: the different lists of its source columns, by their numbers of targets.

    Two columns whose targets are hit by the same taps have the same list but for a shift.
    """
    masks = np.zeros((-(-axis.target // tile), axis.source), object)
    for target, source, tap in _taps(axis):
        for place, column in zip(target // tile, source, strict=True):
            masks[place, column] |= 1 << tap
    return tuple(
        tuple(sorted(mask.bit_count() for mask in set(row.tolist()) if mask)) for row in masks
    )


@lru_cache(maxsize=4096)
def channel_lists(axis: GroupAxis, tile: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For every tile: pairs of the target channels that a source reaches, and how many do so."""
    outs, ins = axis.target // axis.groups, axis.source // axis.groups
    found = []
    for start in range(0, axis.target, tile):
        end = min(start + tile, axis.target)
        lengths: dict[int, int] = {}
        for group in range(start // outs, (end - 1) // outs + 1):
            length = min(end, (group + 1) * outs) - max(start, group * outs)
            lengths[length] = lengths.get(length, 0) + ins
        found.append(tuple(sorted(lengths.items())))
    return tuple(found)

"""Rectangular tiles: how the neurons of one population are divided among cores."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from snnc.ir.tensors import Array, Shape

Shape3: TypeAlias = tuple[int, int, int]
Order: TypeAlias = Literal["channels_last", "channels_first"]
"""Which axes are cut last: see `candidates`."""


def as_image(shape: Shape) -> Shape3:
    """A population's shape with three axes: a vector is channels of one pixel."""
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    return (math.prod(shape), 1, 1)


@dataclass(frozen=True, slots=True)
class Tiling:
    """A population of `shape` (C, H, W) in tiles of size `tile`; the last may be smaller."""

    shape: Shape3
    tile: Shape3

    @property
    def counts(self) -> Shape3:
        """Cores along each axis."""
        channels, rows, columns = (
            -(-size // part) for size, part in zip(self.shape, self.tile, strict=True)
        )
        return (channels, rows, columns)

    @property
    def cores(self) -> int:
        """Cores in all."""
        return math.prod(self.counts)

    @property
    def neurons_per_tile(self) -> int:
        """Neurons of the largest tile."""
        return math.prod(self.tile)

    def starts(self, axis: int) -> Array:
        """Where the tiles begin along an axis."""
        return np.arange(0, self.shape[axis], self.tile[axis])

    def sizes(self, axis: int) -> Array:
        """How long the tiles are along an axis."""
        starts = self.starts(axis)
        ends: Array = np.minimum(starts + self.tile[axis], self.shape[axis])
        return np.asarray(ends - starts)

    def neurons(self) -> Array:
        """Neurons of every core, an array of shape `counts`."""
        return outer(self.sizes(0), self.sizes(1), self.sizes(2))

    def core_of_neurons(self) -> Array:
        """The core of every neuron, an array of shape `shape`; cores are numbered row-major."""
        counts = self.counts
        channel, row, column = (
            np.arange(n) // t for n, t in zip(self.shape, self.tile, strict=True)
        )
        place = channel[:, None, None] * counts[1] + row[None, :, None]
        return place * counts[2] + column[None, None, :]


def outer(channels: Array, rows: Array, columns: Array) -> Array:
    """The product of one number per channel, row and column tile, for every tile."""
    product: Array = channels[:, None, None] * rows[None, :, None] * columns[None, None, :]
    return product


def tile_sizes(length: int) -> list[int]:
    """All sizes of equal tiles of an axis, one for each number of tiles that they can make."""
    return sorted({-(-length // count) for count in range(1, length + 1)}, reverse=True)


def candidates(shape: Shape3, largest: int, order: Order) -> Iterator[Tiling]:
    """All tilings into tiles of at most `largest` neurons, fewest cores first.

    Of tilings into the same number of cores come first those that are likely to be cheap, as in
    NxTF: an ordinary convolution cuts its channels last, because every channel tile needs all the
    inputs; a depthwise one cuts them first, because then no input goes to two cores.
    """
    found = [
        Tiling(shape, (c, h, w))
        for c, h, w in itertools.product(*(tile_sizes(size) for size in shape))
        if c * h * w <= largest
    ]

    def rank(tiling: Tiling) -> tuple[int, ...]:
        channels, rows, columns = tiling.counts
        if order == "channels_last":
            return (tiling.cores, channels, rows, columns)
        return (tiling.cores, rows, columns, channels)

    yield from sorted(found, key=rank)

"""Memory layout of the simulator: channels last, so that a convolution reads contiguous runs.

Outside, arrays are `(rows, C, H, W)`; inside, images are `(rows, H, W, C)`, everything else as it
is. An image may lie inside a border of zeros (its halo), so that a padded convolution reads it in
place.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.ir.tensors import Array, Shape

Halo = tuple[int, int, int, int]
"""Border of an image: top, left, bottom, right."""

NO_HALO: Halo = (0, 0, 0, 0)


def inner_shape(shape: Shape) -> Shape:
    """The shape inside the simulator of a population's `shape`."""
    if len(shape) == 3:
        return (shape[1], shape[2], shape[0])
    return shape


def to_inner(array: Array, rank: int) -> Array:
    """A channels-last view of an array whose last `rank` axes are a population's shape."""
    if rank != 3:
        return array
    return np.moveaxis(array, -3, -1)


def to_outer(array: Array, rank: int) -> Array:
    """A channels-first view of an array whose last `rank` axes are an inner shape."""
    if rank != 3:
        return array
    return np.moveaxis(array, -1, -3)


def wider(a: Halo, b: Halo) -> Halo:
    """The smallest halo that holds both."""
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


@dataclass(frozen=True, slots=True)
class Image:
    """Rows of values in the inner layout: `base` (rows, ...) with a border of zeros for images."""

    base: Array
    halo: Halo = NO_HALO

    @property
    def inner(self) -> Array:
        """The values without the border, a view (rows, *inner shape)."""
        return crop(self.base, self.halo, NO_HALO)

    def with_border(self, pads: Halo) -> Array | None:
        """A view with a border of exactly `pads`, or None where the halo is too narrow."""
        if any(have < want for have, want in zip(self.halo, pads, strict=True)):
            return None
        return crop(self.base, self.halo, pads)


def crop(base: Array, halo: Halo, keep: Halo) -> Array:
    """A view of an image array (..., H, W, C) with a border of `halo` cut down to `keep`."""
    if halo == keep:
        return base
    top, left, bottom, right = (have - want for have, want in zip(halo, keep, strict=True))
    height, width = base.shape[-3], base.shape[-2]
    return base[..., top : height - bottom, left : width - right, :]


class Workspace:
    """Buffers of one worker, made at first use and used again; never shared between threads."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._buffers: dict[tuple[Hashable, Shape], Array] = {}

    def array(
        self, key: Hashable, rows: int, shape: Shape, dtype: type[np.generic] | None = None
    ) -> Array:
        """An uninitialised contiguous buffer (rows, *shape) that belongs to `key`."""
        return self._get(key, rows, shape, self.dtype if dtype is None else np.dtype(dtype))

    def image(self, key: Hashable, rows: int, shape: Shape, halo: Halo) -> Image:
        """A buffer for values of the inner `shape`; its border is zero and must stay so."""
        if halo == NO_HALO:
            return Image(self._get(key, rows, shape, self.dtype))
        height, width, channels = shape
        padded = (height + halo[0] + halo[2], width + halo[1] + halo[3], channels)
        return Image(self._get(key, rows, padded, self.dtype), halo)

    def _get(self, key: Hashable, rows: int, shape: Shape, dtype: np.dtype[Any]) -> Array:
        buffer = self._buffers.get((key, shape))
        if buffer is None or len(buffer) < rows:
            buffer = np.zeros((rows, *shape), dtype)
            self._buffers[key, shape] = buffer
        return buffer[:rows]

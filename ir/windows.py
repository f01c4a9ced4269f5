"""Sliding windows over batches of images: the one place that knows padding and strides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from snnc.ir import model as m
from snnc.ir.shapes import window_counts
from snnc.ir.tensors import Array

Pads = tuple[int, int, int, int]
Pair = tuple[int, int]

_sliding: Callable[..., Array] = sliding_window_view  # its types differ between NumPy 1 and 2


def pad_image(x: Array, pads: Pads, fill: float = 0.0) -> Array:
    """`x` (N, C, H, W) with a border; `pads` is (top, left, bottom, right)."""
    if not any(pads):
        return x
    top, left, bottom, right = pads
    widths = ((0, 0), (0, 0), (top, bottom), (left, right))
    return np.pad(x, widths, constant_values=fill)


def windows(x: Array, kernel: Pair, strides: Pair, dilations: Pair) -> Array:
    """A view (N, C, rows, columns, kh, kw) of all windows that fit into `x` (N, C, H, W)."""
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))
    view = _sliding(x, spans, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def pool_windows(
    x: Array, pool: m.AvgPool2d | m.MaxPool2d | m.RunningMax2d | m.MaxGate2d, fill: float
) -> Array:
    """The windows (N, C, rows, columns, kh, kw) of a pooling; cells outside hold `fill`."""
    dilations = getattr(pool, "dilations", (1, 1))
    size = (x.shape[2], x.shape[3])
    counts = window_counts(size, pool)
    pads = list(pool.pads)
    for axis in (0, 1):
        span = dilations[axis] * (pool.kernel[axis] - 1) + 1
        needed = (counts[axis] - 1) * pool.strides[axis] + span
        # ceil_mode may reach behind the padding; a floor rule may leave some of it unused.
        pads[axis + 2] = max(0, needed - size[axis] - pads[axis])
    padded = pad_image(x, (pads[0], pads[1], pads[2], pads[3]), fill)
    view = windows(padded, pool.kernel, pool.strides, dilations)
    return view[:, :, : counts[0], : counts[1]]


def pool_divisors(op: m.AvgPool2d, size: Pair) -> Array:
    """How many cells each window of an average pooling counts, (rows, columns), float64."""
    inside = np.ones((1, 1, *size))
    if op.count_include_pad:
        inside = pad_image(inside, op.pads, 1.0)
        rows, columns = window_counts(size, op)
        unpadded = m.AvgPool2d(op.kernel, op.strides, (0, 0, 0, 0), False, op.ceil_mode)
        cells = pool_windows(inside, unpadded, 0.0)[:, :, :rows, :columns]
    else:
        cells = pool_windows(inside, op, 0.0)
    counts: Array = cells.sum(axis=(4, 5))[0, 0]
    return counts

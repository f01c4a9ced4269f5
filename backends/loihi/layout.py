"""From ONNX's layout of numbers to Lava's.

Lava's images are (width, height, channels), its kernels (out, width, height, in of a group) and
flipped: `Conv` convolves, where ONNX correlates. Vectors and matrices are the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape

MOST_INT8 = 127
"""Lava's Conv keeps groups, kernel, stride, padding and dilation as int8; 128 would wrap."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The arguments of a Lava Conv; pairs are (width, height)."""

    weight: Array
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def largest(self) -> int:
        """The largest of the numbers that Lava keeps as int8."""
        kernel = (int(self.weight.shape[1]), int(self.weight.shape[2]))
        return max(*kernel, *self.stride, *self.padding, *self.dilation, self.groups)


def lava_shape(shape: Shape) -> Shape:
    """(C, H, W) as (W, H, C); vectors stay as they are."""
    return shape[::-1]


def lava_parameter(values: Array, shape: Shape) -> Array:
    """A parameter of a population of `shape` so that it broadcasts against `lava_shape(shape)`.

    One value per channel stays as it is, because Lava has channels last.
    """
    return np.ascontiguousarray(values.T) if values.shape == shape else values


def lava_kernel(conv: m.Conv2d, weight: Array) -> Kernel:
    """A convolution with what Lava's Conv lacks written into its kernel.

    Pads that differ between the two ends of an axis become taps of weight zero, and more groups
    than Lava counts become fewer ones with blocks of zeros.
    """
    weight, groups = fewer_groups(weight, conv.groups)
    padding, dilation = [0, 0], [0, 0]
    for axis in (0, 1):
        ends = (conv.pads[axis], conv.pads[axis + 2])
        weight, padding[axis], dilation[axis] = _even(weight, axis, ends, conv.dilations[axis])
    flipped = weight.transpose(0, 3, 2, 1)[:, ::-1, ::-1]
    return Kernel(
        np.ascontiguousarray(flipped),
        (conv.strides[1], conv.strides[0]),
        (padding[1], padding[0]),
        (dilation[1], dilation[0]),
        groups,
    )


def _even(weight: Array, axis: int, ends: tuple[int, int], dilation: int) -> tuple[Array, int, int]:
    """A kernel (out, in, height, width) with equal pads, its padding and dilation on that axis."""
    if ends[0] == ends[1]:
        return weight, ends[0], dilation
    if (ends[0] - ends[1]) % dilation:
        weight, dilation = _spread(weight, axis, dilation), 1
    padding = max(ends)
    taps = [(0, 0)] * 4
    taps[2 + axis] = ((padding - ends[0]) // dilation, (padding - ends[1]) // dilation)
    return np.pad(weight, taps), padding, dilation


def _spread(weight: Array, axis: int, dilation: int) -> Array:
    """A dilated kernel with its gaps as weights of zero."""
    shape = list(weight.shape)
    shape[2 + axis] = dilation * (shape[2 + axis] - 1) + 1
    wide = np.zeros(shape, weight.dtype)
    taps = [slice(None)] * 4
    taps[2 + axis] = slice(None, None, dilation)
    wide[tuple(taps)] = weight
    return wide


def fewer_groups(weight: Array, groups: int) -> tuple[Array, int]:
    """The same convolution in at most 127 groups; the joined groups have zeros between them."""
    if groups <= MOST_INT8:
        return weight, groups
    fewer = next(n for n in range(MOST_INT8, 0, -1) if groups % n == 0)
    joined = groups // fewer
    out, each = len(weight) // groups, weight.shape[1]
    wide = np.zeros((fewer, joined, out, joined, each, *weight.shape[2:]), weight.dtype)
    for place in range(joined):
        wide[:, place, :, place] = weight.reshape(fewer, joined, out, *weight.shape[1:])[:, place]
    return wide.reshape(len(weight), joined * each, *weight.shape[2:]), fewer

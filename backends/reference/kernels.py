"""Linear operators on channels-last rows: windows gathered into a matrix, one BLAS product each.

A kernel is immutable and shared by all workers; its buffers come from the caller's `Workspace`.
Each writes into a buffer that already has the border which the next operator wants.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from snnc.backends.reference.layout import (
    NO_HALO,
    Halo,
    Image,
    Workspace,
    inner_shape,
    to_inner,
    to_outer,
)
from snnc.ir import linear, model
from snnc.ir.tensors import Array, Shape

_MATRIX_BYTES = 1 << 21
"""Size of a gathered matrix that stays near the core."""

_MATRIX_ROWS = 1024
"""Rows below which a product spends too much on packing its weights; worth a larger matrix."""

_LINES_BYTES = 3 << 17
"""Size of the unrolled lines of a tall kernel, which are read once per kernel row."""

_MOST_BYTES = 1 << 23
"""The largest gathered matrix of all."""


class Kernel(Protocol):
    """One linear operator, ready to run."""

    @property
    def pads(self) -> Halo:
        """The border of zeros that the operator likes its input to have."""

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """The operator on all rows of `x`; the result has a border of `halo`."""


class Dense:
    """Rows times a matrix; `weight` is (out, in) with its columns in the order of the rows."""

    pads = NO_HALO

    def __init__(self, weight: Array) -> None:
        self._matrix = np.ascontiguousarray(weight.T)

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """`x` (rows, ...) flattened, times the matrix."""
        rows = len(x.base)
        out = work.image(self, rows, (self._matrix.shape[1],), halo)
        source = x.inner
        if not source.flags.c_contiguous or rows == 1:
            # One row would go to another BLAS routine, which rounds differently.
            copy = work.array((self, "rows"), max(rows, 2), source.shape[1:])
            copy[:rows] = source
            source = copy
        flat = source.reshape(len(source), -1)
        if rows == 1:
            out.base[:] = np.matmul(flat, self._matrix)[:1]
        else:
            np.matmul(flat, self._matrix, out=out.base)
        return out


class Conv2d:
    """A convolution with any stride, border, dilation and number of groups."""

    def __init__(self, op: model.Conv2d, in_shape: Shape, out_shape: Shape, weight: Array) -> None:
        self.pads: Halo = op.pads
        self._op = op
        self._in = inner_shape(in_shape)
        self._out = inner_shape(out_shape)
        self._kernel = (weight.shape[2], weight.shape[3])
        groups = op.groups
        per_group = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        # (groups, kh * kw * in / groups, out / groups)
        self._matrix = np.ascontiguousarray(
            per_group.transpose(0, 3, 4, 2, 1).reshape(groups, -1, per_group.shape[1])
        )

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """All rows, in parts whose gathered matrix fits into the cache."""
        rows = len(x.base)
        out = work.image(self, rows, self._out, halo)
        padded = self._padded(x, work)
        target = out.base if halo == NO_HALO else work.array((self, "plain"), rows, self._out)
        height, width, _ = self._out
        line = width * self._matrix.shape[0] * self._matrix.shape[1] * work.dtype.itemsize
        bytes_wanted = min(_MOST_BYTES, max(_MATRIX_BYTES, _MATRIX_ROWS * line // width))
        images = max(1, bytes_wanted // (line * height))
        lines = max(1, min(height, bytes_wanted // line))
        for start in range(0, rows, images):
            for top in range(0, height, lines):
                part = target[start : start + images, top : top + lines]
                self._part(padded[start : start + images], top, part, work)
        if halo != NO_HALO:
            out.inner[:] = target
        return out

    def _padded(self, x: Image, work: Workspace) -> Array:
        found = x.with_border(self.pads)
        if found is not None:
            return found
        copy = work.image((self, "padded"), len(x.base), self._in, self.pads)
        copy.inner[:] = x.inner
        return copy.base

    def _part(self, padded: Array, top: int, out: Array, work: Workspace) -> None:
        """Lines `top`.. of some images: `out` (images, lines, width, channels), contiguous."""
        images, lines, width, channels = out.shape
        windows_view = self._windows(padded, top, lines)
        groups, depth, each = self._matrix.shape
        count = images * lines * width
        matrix = work.array((self, "matrix"), groups * count, (depth,)).reshape(groups, count, -1)
        np.copyto(matrix.reshape(windows_view.shape), windows_view)
        if groups == 1:
            np.matmul(matrix[0], self._matrix[0], out=out.reshape(count, channels))
            return
        product = work.array((self, "product"), groups * count, (each,)).reshape(groups, count, -1)
        np.matmul(matrix, self._matrix, out=product)
        out.reshape(count, groups, each)[:] = product.transpose(1, 0, 2)

    def _windows(self, padded: Array, top: int, lines: int) -> Array:
        """View (groups, images, lines, width, kh, kw, channels / groups) of the windows."""
        (sy, sx), (dy, dx) = self._op.strides, self._op.dilations
        n, y, x, c = padded.strides
        groups = self._op.groups
        each = padded.shape[3] // groups
        shape = (groups, len(padded), lines, self._out[1], *self._kernel, each)
        strides = (each * c, n, sy * y, sx * x, dy * y, dx * x, c)
        return as_strided(padded[:, top * sy :], shape, strides, writeable=False)


class TallConv2d(Conv2d):
    """A convolution with a tall kernel and stride 1: lines are unrolled once for all kernel rows.

    A kernel row's matrix is a run of unrolled lines, so only `kw`-fold copies are made instead of
    `kh * kw`-fold ones, for one product per kernel row. That pays where the kernel has many rows
    (measured: 5 x 5 takes 0.7 of the time, 3 x 3 gains nothing).
    """

    @staticmethod
    def fits(op: model.Conv2d, kernel_height: int) -> bool:
        """Whether the kernel is tall and its rows share their lines."""
        plain = op.groups == 1 and op.strides == (1, 1) and op.dilations == (1, 1)
        return plain and kernel_height >= 4

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """All rows, in parts whose unrolled lines stay in the cache."""
        rows = len(x.base)
        out = work.image(self, rows, self._out, halo)
        padded = self._padded(x, work)
        target = out.base if halo == NO_HALO else work.array((self, "plain"), rows, self._out)
        line = self._out[1] * self._kernel[1] * padded.shape[3] * work.dtype.itemsize
        images = max(1, _LINES_BYTES // (line * padded.shape[1]))
        for start in range(0, rows, images):
            self._rows(padded[start : start + images], target[start : start + images], work)
        if halo != NO_HALO:
            out.inner[:] = target
        return out

    def _rows(self, padded: Array, out: Array, work: Workspace) -> None:
        """Some images: one product per kernel row, added up."""
        (count, tall, _, channels), (height, width, each) = padded.shape, self._out
        kh, kw = self._kernel
        n, y, x, c = padded.strides
        windows = as_strided(
            padded, (count, tall, width, kw, channels), (n, y, x, x, c), writeable=False
        )
        lines = work.array((self, "lines"), count, (tall, width * kw * channels))
        np.copyto(lines.reshape(windows.shape), windows)
        total = out.reshape(count, height * width, each)
        product = work.array((self, "product"), count, (height * width, each))
        matrices = self._matrix[0].reshape(kh, kw * channels, each)
        for row, matrix in enumerate(matrices):
            part = lines[:, row : row + height].reshape(count, height * width, kw * channels)
            np.matmul(part, matrix, out=product if row else total)
            if row:
                np.add(total, product, out=total)


class Depthwise2d:
    """A convolution with one filter per channel: shifted images times a vector, no matrix."""

    def __init__(self, op: model.Conv2d, in_shape: Shape, out_shape: Shape, weight: Array) -> None:
        self.pads: Halo = op.pads
        self._op = op
        self._in = inner_shape(in_shape)
        self._out = inner_shape(out_shape)
        self._taps = np.ascontiguousarray(weight[:, 0].transpose(1, 2, 0))

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """The sum over the taps of the kernel."""
        rows = len(x.base)
        padded = x.with_border(self.pads)
        if padded is None:
            copy = work.image((self, "padded"), rows, self._in, self.pads)
            copy.inner[:] = x.inner
            padded = copy.base
        out = work.image(self, rows, self._out, halo)
        total = out.inner
        total[:] = 0
        product = work.array((self, "product"), rows, self._out)
        (sy, sx), (dy, dx) = self._op.strides, self._op.dilations
        height, width, _ = self._out
        for i in range(self._taps.shape[0]):
            for j in range(self._taps.shape[1]):
                shifted = padded[:, i * dy :: sy, j * dx :: sx][:, :height, :width]
                np.multiply(shifted, self._taps[i, j], out=product)
                np.add(total, product, out=total)
        return out


class Pool2d:
    """Pooling without a border whose windows do not overlap: sums of strided views, or averages."""

    pads = NO_HALO

    def __init__(self, kernel: tuple[int, int], out_shape: Shape, *, average: bool = True) -> None:
        self._kernel = kernel
        self._out = inner_shape(out_shape)
        self._average = average

    @staticmethod
    def fits(op: model.AvgPool2d, in_shape: Shape, out_shape: Shape) -> bool:
        """Whether every window lies inside the image and apart from the others."""
        return (
            op.pads == (0, 0, 0, 0)
            and op.kernel == op.strides
            and out_shape[1] * op.kernel[0] <= in_shape[1]
            and out_shape[2] * op.kernel[1] <= in_shape[2]
        )

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """Lines are added first, because they are contiguous, then columns."""
        rows = len(x.base)
        height, width, channels = self._out
        kh, kw = self._kernel
        source = x.inner[:, : height * kh, : width * kw]
        out = work.image(self, rows, self._out, halo)
        tall = source
        if kh > 1:
            tall = work.array((self, "lines"), rows, (height, width * kw, channels))
            np.add(source[:, 0::kh], source[:, 1::kh], out=tall)
            for i in range(2, kh):
                np.add(tall, source[:, i::kh], out=tall)
        total = out.inner
        if kw == 1:
            total[:] = tall
        else:
            np.add(tall[:, :, 0::kw], tall[:, :, 1::kw], out=total)
        for j in range(2, kw):
            np.add(total, tall[:, :, j::kw], out=total)
        if self._average:
            np.divide(total, work.dtype.type(kh * kw), out=total)
        return out


class Defined:
    """Any operator, computed by its definition in `snnc.ir.linear`."""

    pads = NO_HALO

    def __init__(
        self, op: model.Operator, in_shape: Shape, out_shape: Shape, lookup: linear.Lookup
    ) -> None:
        self._op = op
        self._lookup = lookup
        self._in_rank = len(in_shape)
        self._out_rank = len(out_shape)
        self._out = inner_shape(out_shape)

    def run(self, x: Image, halo: Halo, work: Workspace) -> Image:
        """The definition on a channels-first view."""
        result = linear.apply(self._op, to_outer(x.inner, self._in_rank), self._lookup)
        out = work.image(self, len(x.base), self._out, halo)
        out.inner[:] = to_inner(result, self._out_rank)
        return out

"""The meaning of the linear operators in NumPy, their transposes, and their connection counts.

Everything here is the plain definition, computed in the dtype of the input; the reference
simulator has faster kernels of its own and is tested against these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.tensors import Array, Shape
from snnc.ir.windows import pad_image, pool_divisors, pool_windows, windows

Lookup = Callable[[m.Ref], Array]

_CHUNK_ELEMENTS = 1 << 23
"""Largest unrolled window matrix of a convolution; larger batches are taken in parts."""


def apply(op: m.Operator, x: Array, lookup: Lookup) -> Array:
    """`op` on a batch `x` (N, *shape), in the dtype of `x`; ShapeError if it does not fit."""
    shapes.operator_shape(op, x.shape[1:], lambda ref: lookup(ref).shape)
    result: Array = _APPLY[type(op)](op, x, lookup)
    return result


def apply_chain(ops: Sequence[m.Operator], x: Array, lookup: Lookup) -> Array:
    """A chain of operators on a batch `x` (N, *shape)."""
    for op in ops:
        x = apply(op, x, lookup)
    return x


def adjoint(op: m.Operator, y: Array, in_shape: Shape, lookup: Lookup) -> Array:
    """The transposed operator: `y` (N, *output shape) back to (N, *in_shape)."""
    result: Array = _ADJOINT[type(op)](op, y, in_shape, lookup)
    return result


def fan_out(ops: Sequence[m.Operator], in_shape: Shape, lookup: Lookup) -> Array:
    """Synapses that leave each source neuron through a chain, int64 of shape `in_shape`.

    A synapse is a non-zero weight that reaches an existing target, so borders count as they are.
    A chain of several operators counts paths: the synapses of the one operator that it folds
    into, wherever its poolings do not overlap.
    """
    in_shapes = [in_shape]
    for op in ops:
        in_shapes.append(shapes.operator_shape(op, in_shapes[-1], lambda ref: lookup(ref).shape))
    counts = np.ones((1, *in_shapes[-1]))
    for op, shape in zip(reversed(ops), reversed(in_shapes[:-1]), strict=True):
        counts = _count_paths(op, counts, shape, lookup)
    whole: Array = np.rint(counts[0]).astype(np.int64)
    return whole


def _count_paths(op: m.Operator, counts: Array, shape: Shape, lookup: Lookup) -> Array:
    if isinstance(op, m.AvgPool2d):
        return _scatter_pool(op, counts, shape)
    if isinstance(op, m.Scale) and not isinstance(op.factor, m.Ref):
        return counts * float(op.factor != 0)
    return adjoint(op, counts, shape, lambda ref: (lookup(ref) != 0).astype(np.float64))


def macs(ops: Sequence[m.Operator], in_shape: Shape, lookup: Lookup) -> int:
    """Multiply-accumulates of a chain per sample: dense and convolutions, padding included."""
    total = 0
    for op in ops:
        out_shape = shapes.operator_shape(op, in_shape, lambda ref: lookup(ref).shape)
        if isinstance(op, m.Dense):
            total += math.prod(lookup(op.weight).shape)
        elif isinstance(op, m.Conv2d):
            total += math.prod(out_shape) * math.prod(lookup(op.weight).shape[1:])
        elif isinstance(op, m.ConvTranspose2d):
            total += math.prod(in_shape) * math.prod(lookup(op.weight).shape[1:])
        in_shape = out_shape
    return total


def broadcast_parameter(parameter: m.Parameter, shape: Shape, lookup: Lookup) -> Array:
    """A parameter as an array that broadcasts against (N, *shape): per channel gets axes."""
    if not isinstance(parameter, m.Ref):
        return np.asarray(parameter)
    array = lookup(parameter)
    if array.shape == shape:
        return array
    return array.reshape(array.shape + (1,) * (len(shape) - 1))


# ---- forward ---------------------------------------------------------------------------------


def _dense(op: m.Dense, x: Array, lookup: Lookup) -> Array:
    weight = lookup(op.weight).astype(x.dtype, copy=False)
    product: Array = x @ weight.T
    return product


def _conv(op: m.Conv2d, x: Array, lookup: Lookup) -> Array:
    weight = lookup(op.weight).astype(x.dtype, copy=False)
    kernel = (weight.shape[2], weight.shape[3])
    padded = pad_image(x, op.pads)
    view = windows(padded, kernel, op.strides, op.dilations)
    per_sample = max(1, math.prod(view.shape[1:]))
    part = max(1, _CHUNK_ELEMENTS // per_sample)
    pieces = [
        _conv_windows(view[start : start + part], weight, op.groups)
        for start in range(0, max(1, len(x)), part)
    ]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _conv_windows(view: Array, weight: Array, groups: int) -> Array:
    n, channels, rows, columns, kh, kw = view.shape
    out = weight.shape[0]
    grouped = view.reshape(n, groups, channels // groups, rows, columns, kh, kw)
    columns_matrix = grouped.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, n * rows * columns, -1)
    product = columns_matrix @ weight.reshape(groups, out // groups, -1).transpose(0, 2, 1)
    image = product.reshape(groups, n, rows, columns, out // groups)
    return np.ascontiguousarray(image.transpose(1, 0, 4, 2, 3)).reshape(n, out, rows, columns)


def _conv_transpose(op: m.ConvTranspose2d, x: Array, lookup: Lookup) -> Array:
    weight = lookup(op.weight).astype(x.dtype, copy=False)
    shape = shapes.operator_shape(op, x.shape[1:], lambda ref: lookup(ref).shape)
    # ConvTranspose is the adjoint of a convolution whose weight has the same layout.
    conv = m.Conv2d(op.weight, op.strides, op.pads, op.dilations, op.groups)
    return _scatter_conv(conv, x, shape, weight)


def _avg_pool(op: m.AvgPool2d, x: Array, lookup: Lookup) -> Array:
    sums = _window_sums(pool_windows(x, op, 0.0))
    divisors = pool_divisors(op, (x.shape[2], x.shape[3])).astype(x.dtype)
    mean: Array = sums / divisors
    return mean


def _window_sums(cells: Array) -> Array:
    """The sum over each window of a view (N, C, rows, columns, kh, kw).

    NumPy is slow where it adds a few cells at a time, so small windows are added cell by cell, all
    windows at once, in the order in which it would add them.
    """
    if max(cells.shape[4:]) > 4 or cells.shape[2:4] == (1, 1):
        large: Array = cells.sum(axis=(4, 5), dtype=cells.dtype)
        return large
    total = np.zeros(cells.shape[:4], cells.dtype)
    for i in range(cells.shape[4]):
        row = cells[..., i, 0].copy()
        for j in range(1, cells.shape[5]):
            row += cells[..., i, j]
        total += row
    return total


def _scale(op: m.Scale, x: Array, lookup: Lookup) -> Array:
    factor = broadcast_parameter(op.factor, x.shape[1:], lookup).astype(x.dtype, copy=False)
    product: Array = x * factor
    return product


def _flatten(_op: m.Flatten, x: Array, _: Lookup) -> Array:
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _reshape(op: m.Reshape, x: Array, _: Lookup) -> Array:
    return x.reshape(len(x), *op.shape)


def _transpose(op: m.Transpose, x: Array, _: Lookup) -> Array:
    return x.transpose(0, *(axis + 1 for axis in op.axes))


def _embed(op: m.Embed, x: Array, _: Lookup) -> Array:
    widths = [(0, 0)] * x.ndim
    widths[op.axis + 1] = (op.offset, op.size - op.offset - x.shape[op.axis + 1])
    return np.pad(x, widths)


def _slice(op: m.Slice, x: Array, _: Lookup) -> Array:
    index: list[slice] = [slice(None)] * x.ndim
    index[op.axis + 1] = slice(op.start, op.stop, op.step)
    return x[tuple(index)]


def _pad(op: m.Pad2d, x: Array, _: Lookup) -> Array:
    return pad_image(x, op.pads)


def _upsample(op: m.Upsample2d, x: Array, _: Lookup) -> Array:
    return x.repeat(op.factors[0], axis=2).repeat(op.factors[1], axis=3)


# ---- transposes ------------------------------------------------------------------------------


def _dense_adjoint(op: m.Dense, y: Array, _shape: Shape, lookup: Lookup) -> Array:
    product: Array = y @ lookup(op.weight).astype(y.dtype, copy=False)
    return product


def _conv_adjoint(op: m.Conv2d, y: Array, in_shape: Shape, lookup: Lookup) -> Array:
    return _scatter_conv(op, y, in_shape, lookup(op.weight).astype(y.dtype, copy=False))


def _scatter_conv(op: m.Conv2d, y: Array, in_shape: Shape, weight: Array) -> Array:
    """Add every output of a convolution back, tap by tap, onto an image of `in_shape`."""
    n, out, rows, columns = y.shape
    groups = op.groups
    channels, height, width = in_shape
    top, left, bottom, right = op.pads
    canvas = np.zeros((n, channels, height + top + bottom, width + left + right), y.dtype)
    sources = y.reshape(n, groups, out // groups, rows * columns)
    taps = weight.reshape(groups, out // groups, channels // groups, *weight.shape[2:])
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            spread = np.matmul(taps[:, :, :, i, j].transpose(0, 2, 1), sources)
            r, c = i * op.dilations[0], j * op.dilations[1]
            target = canvas[:, :, r:, c:][:, :, :: op.strides[0], :: op.strides[1]]
            target[:, :, :rows, :columns] += spread.reshape(n, channels, rows, columns)
    return canvas[:, :, top : top + height, left : left + width]


def _conv_transpose_adjoint(
    op: m.ConvTranspose2d, y: Array, in_shape: Shape, lookup: Lookup
) -> Array:
    conv = m.Conv2d(op.weight, op.strides, op.pads, op.dilations, op.groups)
    image = _conv(conv, y, lookup)
    return image[:, :, : in_shape[1], : in_shape[2]]


def _avg_pool_adjoint(op: m.AvgPool2d, y: Array, in_shape: Shape, _: Lookup) -> Array:
    divisors = pool_divisors(op, (in_shape[1], in_shape[2]))
    return _scatter_pool(op, y / divisors.astype(y.dtype), in_shape)


def _scatter_pool(op: m.AvgPool2d, y: Array, in_shape: Shape) -> Array:
    """Add every window's value back to each of its cells inside the image."""
    channels, height, width = in_shape
    top, left = op.pads[0], op.pads[1]
    rows, columns = y.shape[2:]
    tall = max(top + height, (rows - 1) * op.strides[0] + op.kernel[0])
    wide = max(left + width, (columns - 1) * op.strides[1] + op.kernel[1])
    canvas = np.zeros((len(y), channels, tall, wide), y.dtype)
    for i in range(op.kernel[0]):
        for j in range(op.kernel[1]):
            target = canvas[:, :, i:, j:][:, :, :: op.strides[0], :: op.strides[1]]
            target[:, :, :rows, :columns] += y
    return canvas[:, :, top : top + height, left : left + width]


def _scale_adjoint(op: m.Scale, y: Array, _shape: Shape, lookup: Lookup) -> Array:
    return _scale(op, y, lookup)


def _view_adjoint(_op: m.Operator, y: Array, in_shape: Shape, _: Lookup) -> Array:
    return y.reshape(len(y), *in_shape)


def _transpose_adjoint(op: m.Transpose, y: Array, _shape: Shape, _: Lookup) -> Array:
    return y.transpose(0, *(int(axis) + 1 for axis in np.argsort(op.axes)))


def _embed_adjoint(op: m.Embed, y: Array, in_shape: Shape, lookup: Lookup) -> Array:
    stop = op.offset + in_shape[op.axis]
    return _slice(m.Slice(op.axis, op.offset, stop), y, lookup)


def _slice_adjoint(op: m.Slice, y: Array, in_shape: Shape, _: Lookup) -> Array:
    x = np.zeros((len(y), *in_shape), y.dtype)
    index: list[slice] = [slice(None)] * y.ndim
    index[op.axis + 1] = slice(op.start, op.stop, op.step)
    x[tuple(index)] = y
    return x


def _pad_adjoint(op: m.Pad2d, y: Array, in_shape: Shape, _: Lookup) -> Array:
    top, left = op.pads[0], op.pads[1]
    return y[:, :, top : top + in_shape[1], left : left + in_shape[2]]


def _upsample_adjoint(op: m.Upsample2d, y: Array, in_shape: Shape, _: Lookup) -> Array:
    channels, height, width = in_shape
    blocks = y.reshape(len(y), channels, height, op.factors[0], width, op.factors[1])
    total: Array = blocks.sum(axis=(3, 5))
    return total


_APPLY: dict[type, Callable[..., Array]] = {
    m.Dense: _dense,
    m.Conv2d: _conv,
    m.ConvTranspose2d: _conv_transpose,
    m.AvgPool2d: _avg_pool,
    m.Scale: _scale,
    m.Flatten: _flatten,
    m.Reshape: _reshape,
    m.Transpose: _transpose,
    m.Embed: _embed,
    m.Slice: _slice,
    m.Pad2d: _pad,
    m.Upsample2d: _upsample,
}

_ADJOINT: dict[type, Callable[..., Array]] = {
    m.Dense: _dense_adjoint,
    m.Conv2d: _conv_adjoint,
    m.ConvTranspose2d: _conv_transpose_adjoint,
    m.AvgPool2d: _avg_pool_adjoint,
    m.Scale: _scale_adjoint,
    m.Flatten: _view_adjoint,
    m.Reshape: _view_adjoint,
    m.Transpose: _transpose_adjoint,
    m.Embed: _embed_adjoint,
    m.Slice: _slice_adjoint,
    m.Pad2d: _pad_adjoint,
    m.Upsample2d: _upsample_adjoint,
}

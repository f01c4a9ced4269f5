"""Moving diagonal scalings through linear operators, exactly.

A `Scale` in front of or behind an operator can be absorbed by a weight, or exchanged with an
operator that only moves or averages values. Everything here is computed in float64 on full maps
(one factor per element); `None` means that the exchange would not be exact.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape
from snnc.passes.tensors import compress

Weighted = m.Dense | m.Conv2d | m.ConvTranspose2d
WEIGHTED = (m.Dense, m.Conv2d, m.ConvTranspose2d)
_VIEWS = (m.Flatten, m.Reshape, m.Transpose)


def _no_tensors(ref: m.Ref) -> Array:
    raise KeyError(ref.name)


def _per_channel(factor: Array) -> Array | None:
    """The factors (C,), or None if a channel is not uniform."""
    values = compress(factor)
    return values if values.ndim == 1 else None


def _times(weight: Array, factor: Array) -> Array:
    scaled: Array = weight * factor
    return scaled


def absorb_before(op: Weighted, weight: Array, factor: Array) -> Array | None:
    """The weight of `op after Scale(factor)`, or None where a convolution would need a map."""
    weight = weight.astype(np.float64)
    if isinstance(op, m.Dense):
        return _times(weight, factor[None, :])
    values = _per_channel(factor)
    if values is None:
        return None
    if isinstance(op, m.ConvTranspose2d):
        return _times(weight, values[:, None, None, None])
    # weight[o, i] meets input channel group(o) * (C / groups) + i
    by_group = values.reshape(op.groups, -1).repeat(len(weight) // op.groups, axis=0)
    return _times(weight, by_group[:, :, None, None])


def absorb_behind(op: Weighted, weight: Array, factor: Array) -> Array | None:
    """The weight of `Scale(factor) after op`, or None where a convolution would need a map."""
    weight = weight.astype(np.float64)
    if isinstance(op, m.Dense):
        return _times(weight, factor[:, None])
    values = _per_channel(factor)
    if values is None:
        return None
    if isinstance(op, m.Conv2d):
        return _times(weight, values[:, None, None, None])
    # ONNX layout (in, out / groups): input i belongs to output channels group(i) * (O / g) + k
    by_group = values.reshape(op.groups, -1).repeat(len(weight) // op.groups, axis=0)
    return _times(weight, by_group[:, :, None, None])


def _one(op: m.Operator, values: Array) -> Array:
    """An operator without weight on one sample."""
    result: Array = linear.apply(op, values[None], _no_tensors)[0]
    return result


def _one_back(op: m.Operator, values: Array, in_shape: Shape) -> Array:
    """The transposed operator on one sample."""
    result: Array = linear.adjoint(op, values[None], in_shape, _no_tensors)[0]
    return result


def push_right(op: m.Operator, factor: Array) -> Array | None:
    """`f'` with `op(f * x) = f' * op(x)`, for operators that carry no weight."""
    if isinstance(op, (*_VIEWS, m.Slice, m.Upsample2d)):
        return _one(op, factor)
    values = _per_channel(factor)
    within_channels = isinstance(op, (m.AvgPool2d, m.Pad2d)) or (
        isinstance(op, m.Embed) and op.axis > 0
    )
    if within_channels and values is not None:
        # Zeros may take any factor; that of their channel keeps it uniform.
        image = _one(op, np.zeros(factor.shape))
        spread: Array = image + values.reshape(-1, *(1,) * (image.ndim - 1))
        return spread
    if isinstance(op, (m.Embed, m.Pad2d)):
        return _one(op, factor - 1.0) + 1.0
    return None


def push_left(op: m.Operator, factor: Array, in_shape: Shape) -> Array | None:
    """`f'` with `f * op(x) = op(f' * x)`, for operators that carry no weight."""
    if isinstance(op, (*_VIEWS, m.Embed, m.Pad2d)):
        return _one_back(op, factor, in_shape)
    if isinstance(op, m.Slice):
        return _one_back(op, factor - 1.0, in_shape) + 1.0
    if isinstance(op, (m.AvgPool2d, m.Upsample2d)):
        values = _per_channel(factor)
        return None if values is None else np.zeros(in_shape) + values[:, None, None]
    return None


def compose(
    first: Weighted, first_weight: Array, second: Weighted, second_weight: Array
) -> tuple[Weighted, Array] | None:
    """One operator for two in a row, where that is exact and saves multiplications.

    Dense after dense, and a 1x1 convolution (stride 1, no padding, one group) before or after
    another convolution of one group. The caller compares the work.
    """
    a, b = first_weight.astype(np.float64), second_weight.astype(np.float64)
    if isinstance(first, m.Dense) and isinstance(second, m.Dense):
        return first, b @ a
    if not (isinstance(first, m.Conv2d) and isinstance(second, m.Conv2d)):
        return None
    if first.groups != 1 or second.groups != 1:
        return None
    if _pointwise(second, b):
        return first, np.einsum("po,oikl->pikl", b[:, :, 0, 0], a)
    if _pointwise(first, a):
        return second, np.einsum("pokl,oi->pikl", b, a[:, :, 0, 0])
    return None


def _pointwise(op: m.Conv2d, weight: Array) -> bool:
    return weight.shape[2:] == (1, 1) and op.strides == (1, 1) and not any(op.pads)


def pool_into_conv(pool: m.AvgPool2d, conv: m.Conv2d, weight: Array) -> tuple[m.Conv2d, Array]:
    """One convolution for a non-overlapping average pool followed by a convolution.

    The caller makes sure that windows do not overlap, that the pool has no padding of its own,
    and that it leaves no rest at the far borders.
    """
    kh, kw = pool.kernel
    dilations = conv.dilations
    spread = np.zeros(
        (
            *weight.shape[:2],
            (weight.shape[2] - 1) * dilations[0] * kh + kh,
            (weight.shape[3] - 1) * dilations[1] * kw + kw,
        )
    )
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            row, column = i * dilations[0] * kh, j * dilations[1] * kw
            tap = weight[:, :, i, j, None, None] / (kh * kw)
            spread[:, :, row : row + kh, column : column + kw] = tap
    top, left, bottom, right = conv.pads
    merged = replace(
        conv,
        strides=(conv.strides[0] * kh, conv.strides[1] * kw),
        pads=(top * kh, left * kw, bottom * kh, right * kw),
        dilations=(1, 1),
    )
    return merged, spread


def pull_dense_through(op: m.Operator, weight: Array, in_shape: Shape, out_shape: Shape) -> Array:
    """The dense weight on the flattened input of an unweighted `op` whose output it reads."""
    rows = weight.astype(np.float64).reshape(len(weight), *out_shape)
    back = linear.adjoint(op, rows, in_shape, _no_tensors)
    return back.reshape(len(weight), math.prod(in_shape))

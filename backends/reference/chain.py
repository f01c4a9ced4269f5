"""Chains of linear operators, made ready for the simulator's layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from snnc.backends.reference.kernels import (
    Conv2d,
    Defined,
    Dense,
    Depthwise2d,
    Kernel,
    Pool2d,
    TallConv2d,
)
from snnc.backends.reference.layout import NO_HALO, Halo, Image, Workspace
from snnc.ir import linear, model, shapes
from snnc.ir.tensors import Array, Shape


class Chain:
    """The operators of one connection, in order; no operator at all passes the source on."""

    def __init__(self, kernels: Sequence[Kernel]) -> None:
        self.kernels = tuple(kernels)
        # Each operator writes into a border that the next one likes.
        wanted = [*(kernel.pads for kernel in self.kernels), NO_HALO]
        self._halos = tuple(wanted[1:])

    @property
    def pads(self) -> Halo:
        """The border of zeros that the chain likes its source to have."""
        return self.kernels[0].pads if self.kernels else NO_HALO

    def run(self, source: Image, work: Workspace) -> Array:
        """The chain's value for all rows of `source`; valid until the chain runs again."""
        for kernel, halo in zip(self.kernels, self._halos, strict=True):
            source = kernel.run(source, halo, work)
        return source.inner


def build_chain(
    ops: Sequence[model.Operator], in_shape: Shape, lookup: linear.Lookup, dtype: np.dtype[Any]
) -> Chain:
    """Kernels for `ops` on a source of `in_shape` that compute in `dtype`."""
    kernels: list[Kernel] = []
    remaining, factor = _without_scalars(ops, dtype)
    while remaining:
        op = remaining.pop(0)
        out_shape = shapes.operator_shape(op, in_shape, lambda ref: lookup(ref).shape)
        following = remaining[0] if remaining else None
        if isinstance(op, model.Flatten) and isinstance(following, model.Dense):
            remaining.pop(0)
            weight = _weight(following, lookup, factor, dtype)
            kernels.append(_flat_dense(weight, in_shape))
            out_shape, factor = (len(weight),), 1.0
        elif isinstance(op, _WEIGHTED):
            weight = _weight(op, lookup, factor, dtype)
            pool = summed_windows(op, lookup(op.weight), in_shape)
            if pool is not None:
                window, op = pool
                in_shape = (in_shape[0], in_shape[1] // window[0], in_shape[2] // window[1])
                kernels.append(Pool2d(window, in_shape, average=False))
                weight = np.ascontiguousarray(weight[:, :, :: window[0], :: window[1]])
            kernels.append(_weighted(op, in_shape, out_shape, weight))
            factor = 1.0
        else:
            kernels.append(_kernel(op, in_shape, out_shape, lookup))
        in_shape = out_shape
    return Chain(kernels)


_WEIGHTED = (model.Dense, model.Conv2d)


def _without_scalars(
    ops: Sequence[model.Operator], dtype: np.dtype[Any]
) -> tuple[list[model.Operator], float]:
    """The chain without its scalings by one number, and their product for the first weights.

    One number commutes with every linear operator. It is multiplied in float64, so the weights are
    rounded once. Integers and chains without weights are left as they are.
    """
    if dtype.kind != "f" or not any(isinstance(op, _WEIGHTED) for op in ops):
        return list(ops), 1.0
    factors: list[float] = []
    kept: list[model.Operator] = []
    for op in ops:
        if isinstance(op, model.Scale) and isinstance(op.factor, (int, float)):
            factors.append(float(op.factor))
        else:
            kept.append(op)
    return kept, math.prod(factors)


def _weight(
    op: model.Dense | model.Conv2d, lookup: linear.Lookup, factor: float, dtype: np.dtype[Any]
) -> Array:
    weight = lookup(op.weight)
    if factor != 1.0:
        weight = weight.astype(np.float64) * factor
    return weight.astype(dtype)


def _flat_dense(weight: Array, in_shape: Shape) -> Kernel:
    """Flatten and dense in one: the weight's columns are sorted as the rows lie in memory."""
    if len(in_shape) == 3:
        columns = weight.reshape(-1, *in_shape).transpose(0, 2, 3, 1)
        weight = columns.reshape(len(weight), -1)
    return Dense(weight)


def _weighted(
    op: model.Dense | model.Conv2d, in_shape: Shape, out_shape: Shape, weight: Array
) -> Kernel:
    if isinstance(op, model.Dense):
        return Dense(weight)
    if weight.shape[1] == 1 and op.groups == len(weight) > 1:
        return Depthwise2d(op, in_shape, out_shape, weight)
    kind = TallConv2d if TallConv2d.fits(op, weight.shape[2]) else Conv2d
    return kind(op, in_shape, out_shape, weight)


def _kernel(op: model.Operator, in_shape: Shape, out_shape: Shape, lookup: linear.Lookup) -> Kernel:
    if isinstance(op, model.AvgPool2d) and Pool2d.fits(op, in_shape, out_shape):
        return Pool2d(op.kernel, out_shape)
    return Defined(op, in_shape, out_shape, lookup)


def summed_windows(
    op: model.Dense | model.Conv2d, weight: Array, in_shape: Shape
) -> tuple[tuple[int, int], model.Conv2d] | None:
    """A window whose sum a convolution reads, and the convolution that reads the sums instead.

    That is what a convolution behind an average pooling looks like once the pooling is folded into
    its weights: they are alike within each window. In whole numbers both ways give the same sums,
    and reading sums needs as many times fewer products as a window has cells. In fractions they are
    rounded in another order, so floating-point weights are left alone.
    """
    if not isinstance(op, model.Conv2d) or weight.dtype.kind not in "iu" or op.dilations != (1, 1):
        return None
    window = op.strides
    if window == (1, 1) or any(in_shape[axis + 1] % window[axis] for axis in (0, 1)):
        return None
    fits = all(
        weight.shape[2 + axis] % window[axis] == op.pads[axis] % window[axis] == 0
        and op.pads[axis + 2] % window[axis] == 0
        for axis in (0, 1)
    )
    if not fits:
        return None
    first = weight[:, :, :: window[0], :: window[1]]
    if not (first.repeat(window[0], axis=2).repeat(window[1], axis=3) == weight).all():
        return None
    top, left, bottom, right = op.pads
    pads = (top // window[0], left // window[1], bottom // window[0], right // window[1])
    return window, model.Conv2d(op.weight, (1, 1), pads, groups=op.groups)

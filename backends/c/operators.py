"""A chain of linear operators as the one convolution, matrix or one-to-one link that it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.backends.c.trains import Size, size_of
from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape

LARGEST_MATRIX = 1 << 24
"""Entries of a matrix that stands for operators which have no kernel of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """What a connection computes, as a convolution over the whole source.

    Attributes:
        weight: (positions, out, in / groups, kh, kw): one kernel for all output positions
            (positions = 1), or one for each.
        factor: what every sum is multiplied by.
    """

    weight: Array
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    groups: int
    factor: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.weight.shape[3], self.weight.shape[4]

    def reach(self, source: Size, target: Size) -> tuple[int, int, int, int]:
        """Cells around the source that it reads: top, left, bottom, right."""
        ends = []
        for axis, have, count in (
            (0, source.height, target.height),
            (1, source.width, target.width),
        ):
            span = self.dilations[axis] * (self.size[axis] - 1) + 1
            last = (count - 1) * self.strides[axis] + span
            ends.append(max(0, last - have - self.pads[axis]))
        return self.pads[0], self.pads[1], ends[0], ends[1]


class NoKernelError(ValueError):
    """A chain of operators has no form that the target could run."""


def kernel_of(network: m.Network, incoming: m.Incoming, target: Shape) -> Kernel:
    """The kernel of a connection.

    Args:
        network: of stage fixed.
        incoming: the connection.
        target: shape of the summed input that it is a part of.

    Raises:
        NoKernelError: factors or weights are no whole numbers, or a matrix would be too large.
    """
    factor, ops = _split(incoming.ops)
    shape = network.source_shape(incoming.source)
    if not ops:
        return _one_to_one(size_of(shape), factor)
    found = _convolution(network, ops, shape, factor) or _matrix(
        network, ops, shape, target, factor
    )
    return found or _written_out(network, ops, shape, target, factor)


def _split(ops: tuple[m.Operator, ...]) -> tuple[int, tuple[m.Operator, ...]]:
    """The product of all scalings by one number, and the other operators."""
    factor, kept = 1.0, []
    for op in ops:
        if isinstance(op, m.Scale) and not isinstance(op.factor, m.Ref):
            factor *= op.factor
        else:
            kept.append(op)
    if not float(factor).is_integer():
        raise NoKernelError(f"it scales by {factor:g}, which is no whole number")
    return int(factor), tuple(kept)


def _one_to_one(size: Size, factor: int) -> Kernel:
    weight = np.ones((1, size.channels, 1, 1, 1), np.int8)
    return Kernel(weight, (1, 1), (1, 1), (0, 0, 0, 0), size.channels, factor)


def _convolution(
    network: m.Network, ops: tuple[m.Operator, ...], shape: Shape, factor: int
) -> Kernel | None:
    if len(ops) != 1 or not isinstance(ops[0], m.Conv2d) or len(shape) != 3:
        return None
    op = ops[0]
    weight = network.array(op.weight)[None]
    return Kernel(weight, op.strides, op.dilations, op.pads, op.groups, factor)


def _matrix(
    network: m.Network, ops: tuple[m.Operator, ...], shape: Shape, target: Shape, factor: int
) -> Kernel | None:
    """A dense operator among views, which leave the order of elements as it is."""
    dense = [op for op in ops if isinstance(op, m.Dense)]
    views = [op for op in ops if isinstance(op, m.Flatten | m.Reshape)]
    if len(dense) != 1 or len(views) + 1 != len(ops):
        return None
    return _as_kernel(network.array(dense[0].weight), size_of(shape), size_of(target), factor)


def _as_kernel(matrix: Array, source: Size, target: Size, factor: int) -> Kernel:
    """A matrix (out, in) as a kernel as large as the source, one for each output position."""
    out = (target.channels, target.positions)
    inner = (source.channels, source.height, source.width)
    weight = np.moveaxis(matrix.reshape(*out, *inner), 1, 0)
    # All positions read the whole source: from one to the next the kernel does not move.
    return Kernel(weight, (0, 0), (1, 1), (0, 0, 0, 0), 1, factor)


def _written_out(
    network: m.Network, ops: tuple[m.Operator, ...], shape: Shape, target: Shape, factor: int
) -> Kernel:
    """Any other chain as the matrix that it is."""
    size, out = math.prod(shape), math.prod(target)
    if size * out > LARGEST_MATRIX:
        names = ", ".join(type(op).__name__ for op in ops)
        raise NoKernelError(
            f"{names} written out are a matrix of {size * out:,} entries; {LARGEST_MATRIX:,} are "
            "allowed"
        )
    shapes.chain_shape(ops, shape, lambda ref: network.array(ref).shape)
    units = np.eye(size).reshape(size, *shape)
    columns = linear.apply_chain(ops, units, lambda ref: network.array(ref).astype(np.float64))
    matrix = columns.reshape(size, out).T
    if (matrix != np.rint(matrix)).any():
        raise NoKernelError("its weights are no whole numbers")
    return _as_kernel(matrix.astype(np.int64), size_of(shape), size_of(target), factor)

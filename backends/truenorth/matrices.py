"""Connections written out: a chain of linear operators as a sparse matrix of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import sparse

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import operator_shape
from snnc.ir.tensors import Array, Shape
from snnc.ir.windows import pad_image, windows

MOVING = (m.Flatten, m.Reshape, m.Transpose, m.Embed, m.Slice, m.Pad2d, m.Upsample2d)
"""Operators that put values elsewhere and change none."""

WRITABLE = (m.Dense, m.Conv2d, m.Scale, *MOVING)
"""Operators that have a matrix here."""


def connection_matrix(network: m.Network, incoming: m.Incoming) -> sparse.csr_matrix:
    """The matrix of a connection, int64 (units of the target, units of the source), row-major.

    Raises:
        ValueError: an operator has no matrix here, or an entry is no whole number.
    """
    shape = network.source_shape(incoming.source)
    matrix: sparse.csr_matrix | None = None
    for op in incoming.ops:
        out = operator_shape(op, shape, lambda ref: network.tensors[ref.name].shape)
        matrix = _applied(network, op, shape, out, matrix)
        shape = out
    if matrix is None:
        matrix = sparse.identity(math.prod(shape), format="csr")
    matrix.eliminate_zeros()
    matrix.sum_duplicates()
    matrix.sort_indices()
    whole = np.rint(matrix.data)
    if not np.array_equal(whole, matrix.data):
        raise ValueError("weights are no whole numbers")
    return sparse.csr_matrix(
        (whole.astype(np.int64), matrix.indices, matrix.indptr), shape=matrix.shape
    )


def _applied(
    network: m.Network,
    op: m.Operator,
    shape: Shape,
    out: Shape,
    before: sparse.csr_matrix | None,
) -> sparse.csr_matrix:
    """The matrix of what came before, with one operator behind it."""
    if isinstance(op, MOVING):
        return _moved(op, shape, before)
    maker = _MAKERS.get(type(op))
    if maker is None:
        raise ValueError(f"the operator {type(op).__name__} has no matrix here")
    own = maker(network, op, shape, out)
    return own if before is None else sparse.csr_matrix(own @ before)


def _moved(op: m.Operator, shape: Shape, before: sparse.csr_matrix | None) -> sparse.csr_matrix:
    """Rows in the order that the operator gives them; where it pads, rows of zeros."""
    units = math.prod(shape)
    # Numbers from 1, so that what the operator fills in is 0.
    numbers = np.arange(1, units + 1, dtype=np.float64).reshape(1, *shape)
    order = linear.apply(op, numbers, _no_tensor).reshape(-1).astype(np.int64) - 1
    kept = np.flatnonzero(order >= 0)
    ones = np.ones(len(kept))
    chosen = sparse.csr_matrix((ones, (kept, order[kept])), shape=(len(order), units))
    return chosen if before is None else sparse.csr_matrix(chosen @ before)


def _no_tensor(ref: m.Ref) -> Array:
    raise KeyError(ref.name)


def _dense(network: m.Network, op: m.Dense, _shape: Shape, _out: Shape) -> sparse.csr_matrix:
    return sparse.csr_matrix(network.array(op.weight).astype(np.float64))


def _scale(network: m.Network, op: m.Scale, shape: Shape, _out: Shape) -> sparse.csr_matrix:
    factor = linear.broadcast_parameter(op.factor, shape, network.array).astype(np.float64)
    return sparse.diags(np.broadcast_to(factor, shape).reshape(-1), format="csr")


def _conv(network: m.Network, op: m.Conv2d, shape: Shape, out: Shape) -> sparse.csr_matrix:
    """A row for every output, with an entry for every cell of its window; padding has none."""
    weight = network.array(op.weight).astype(np.float64)
    filters, depth = weight.shape[0], weight.shape[1]
    numbers = np.arange(1, math.prod(shape) + 1, dtype=np.int64).reshape(1, *shape)
    padded = pad_image(numbers, op.pads)
    view = windows(padded, (weight.shape[2], weight.shape[3]), op.strides, op.dilations)[0]
    places = out[1] * out[2]
    entries = math.prod(weight.shape[1:])
    indices = np.empty((filters, places, entries), np.int64)
    per_group = filters // op.groups
    for group in range(op.groups):
        part = view[group * depth : (group + 1) * depth].transpose(1, 2, 0, 3, 4)
        indices[group * per_group : (group + 1) * per_group] = part.reshape(places, entries)
    flat = weight.reshape(filters, 1, entries)
    data = np.where(indices > 0, flat, 0.0).reshape(-1)
    columns = np.maximum(indices.reshape(-1) - 1, 0)
    starts = np.arange(0, data.size + 1, entries)
    matrix = sparse.csr_matrix((data, columns, starts), shape=(filters * places, math.prod(shape)))
    matrix.eliminate_zeros()
    return matrix


_MAKERS: dict[type, Callable[..., sparse.csr_matrix]] = {
    m.Dense: _dense,
    m.Conv2d: _conv,
    m.Scale: _scale,
}

"""Symbolic values: what an ONNX tensor is in terms of populations and linear operators.

A value is `views(bias + sum over terms of ops(source))`. The views (transposes and reshapes) stand
apart at the end, so that elementwise work is done in the layout in front of them: the transposes
of an NHWC export meet their inverse and vanish, and convolutions stay plain NCHW chains.
All functions are pure; shapes leave the batch axis out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from snnc.frontend.refusal import refuse_large
from snnc.frontend.tensors import TensorTable, finite
from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape

View: TypeAlias = m.Transpose | m.Reshape
WEIGHTED = (m.Dense, m.Conv2d, m.ConvTranspose2d)


@dataclass(frozen=True, slots=True)
class Term:
    """A source (population or input) through a chain of linear operators."""

    source: str
    ops: tuple[m.Operator, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A symbolic tensor.

    `inner` is the shape of the terms and of `bias` (a float64 map, or None for zero); `views` lead
    from `inner` to `shape`, the tensor's own. `nodes`: indices of the ONNX nodes passed since the
    sources.
    """

    terms: tuple[Term, ...]
    inner: Shape
    shape: Shape
    bias: Array | None = None
    views: tuple[View, ...] = ()
    nodes: tuple[int, ...] = ()


def source_value(name: str, shape: Shape, views: tuple[View, ...] = ()) -> Value:
    """The value of a population or input of `shape`, seen through `views`."""
    return Value((Term(name),), shape, _views_shape(views, shape), views=views)


def is_source(value: Value) -> bool:
    """Whether the value is a population's or an input's own, perhaps in another layout."""
    return len(value.terms) == 1 and not value.terms[0].ops and value.bias is None


def is_cheap(value: Value) -> bool:
    """Whether computing the value twice costs no weights: one term without weighted operators."""
    weighted = any(isinstance(op, WEIGHTED) for term in value.terms for op in term.ops)
    return len(value.terms) == 1 and not weighted


# ---- views -----------------------------------------------------------------------------------


def view(value: Value, op: View) -> Value:
    """The value in another shape or order of axes."""
    views = simplify_views((*value.views, op), value.inner)
    return replace(value, views=views, shape=_views_shape(views, value.inner))


def simplify_views(views: Sequence[View], shape: Shape) -> tuple[View, ...]:
    """The same effect with fewer views: merged, cancelled, none that changes nothing."""
    kept: list[View] = []
    befores: list[Shape] = []
    for op in views:
        current = _views_shape(kept, shape)
        candidate = _as_reshape(op, current)
        if kept and isinstance(kept[-1], m.Reshape) and isinstance(candidate, m.Reshape):
            kept.pop()
            current = befores.pop()
        elif kept and isinstance(kept[-1], m.Transpose) and isinstance(candidate, m.Transpose):
            inner = kept.pop()
            current = befores.pop()
            axes = tuple(_axes(inner)[axis] for axis in candidate.axes)
            candidate = _as_reshape(m.Transpose(axes), current)
        if _is_nothing(candidate, current):
            continue
        kept.append(candidate)
        befores.append(current)
    result = tuple(kept)
    return result if len(result) == len(views) else simplify_views(result, shape)


def _is_nothing(op: View, shape: Shape) -> bool:
    """Whether a view of something of `shape` changes nothing."""
    if isinstance(op, m.Reshape):
        return op.shape == shape
    return op.axes == tuple(range(len(op.axes)))


def _axes(op: View) -> tuple[int, ...]:
    """The axes of a transpose; a reshape has none."""
    return op.axes if isinstance(op, m.Transpose) else ()


def _as_reshape(op: View, shape: Shape) -> View:
    """A transpose that only moves axes of length 1 is a reshape."""
    if isinstance(op, m.Transpose):
        moved = [axis for axis in op.axes if shape[axis] != 1]
        if moved == sorted(moved) and op.axes != tuple(range(len(shape))):
            return m.Reshape(tuple(shape[axis] for axis in op.axes))
    return op


def _views_shape(views: Sequence[View], shape: Shape) -> Shape:
    return shapes.chain_shape(views, shape, _no_tensor)


def _no_tensor(ref: m.Ref) -> Shape:
    raise KeyError(ref.name)


def inverse_views(views: Sequence[View], shape: Shape) -> tuple[View, ...]:
    """The views that lead back to `shape`, in order."""
    undone: list[View] = []
    for op in views:
        if isinstance(op, m.Transpose):
            undone.append(m.Transpose(tuple(int(axis) for axis in np.argsort(op.axes))))
        else:
            undone.append(m.Reshape(shape))
        shape = shapes.operator_shape(op, shape, _no_tensor)
    return tuple(reversed(undone))


def to_inner(value: Value, outer: Array) -> Array:
    """An array of the tensor's own shape in the layout of the terms."""
    back = inverse_views(value.views, value.inner)
    inner: Array = linear.apply_chain(back, outer[None], _no_array)[0]
    return inner


def _no_array(ref: m.Ref) -> Array:
    raise KeyError(ref.name)


def flush(value: Value) -> Value:
    """The same value with its views as the last operators of every term."""
    if not value.views:
        return value
    ops = tuple(
        m.Flatten() if isinstance(op, m.Reshape) and len(op.shape) == 1 else op
        for op in value.views
    )
    bias = value.bias
    if bias is not None:
        bias = linear.apply_chain(ops, bias[None], _no_array)[0]
    terms = tuple(Term(t.source, (*t.ops, *ops)) for t in value.terms)
    return replace(value, terms=terms, inner=value.shape, views=(), bias=bias)


# ---- arithmetic ------------------------------------------------------------------------------


def extend(value: Value, op: m.Operator, tensors: TensorTable) -> Value:
    """The value through one more linear operator, its bias carried along exactly.

    Raises:
        ShapeError: the operator does not fit the value.
        Refusal: its result is absurdly large.
    """
    flat = flush(value)
    shape = shapes.operator_shape(op, flat.inner, tensors.shape)
    refuse_large(shape)
    bias = None if flat.bias is None else linear.apply(op, flat.bias[None], tensors.array)[0]
    terms = tuple(Term(t.source, (*t.ops, op)) for t in flat.terms)
    return replace(flat, terms=terms, inner=shape, shape=shape, bias=bias)


def shift(value: Value, outer: Array) -> Value:
    """The value plus a constant that broadcasts against its shape (no batch axis).

    Raises:
        Refusal: the constant is not finite, as the mask of attention is not.
    """
    finite(outer)
    full = np.broadcast_to(np.asarray(outer, dtype=np.float64), value.shape)
    constant = to_inner(value, full)
    bias = constant if value.bias is None else value.bias + constant
    return replace(value, bias=np.ascontiguousarray(bias))


def scale(value: Value, outer: Array, tensors: TensorTable, name: str) -> Value:
    """The value times a constant that broadcasts against its shape (no batch axis)."""
    full = to_inner(value, np.broadcast_to(np.asarray(outer, dtype=np.float64), value.shape))
    factor = parameter(full, tensors, name)
    if factor == 1.0:
        return value
    op = m.Scale(factor)
    bias = None if value.bias is None else value.bias * full
    terms = tuple(Term(t.source, (*t.ops, op)) for t in value.terms)
    return replace(value, terms=terms, bias=bias)


def add(left: Value, right: Value) -> Value:
    """The sum of two values of one shape; equal views stay views."""
    if left.views != right.views or left.inner != right.inner:
        left, right = flush(left), flush(right)
    bias = left.bias if right.bias is None else right.bias
    if left.bias is not None and right.bias is not None:
        bias = left.bias + right.bias
    nodes = tuple(sorted({*left.nodes, *right.nodes}))
    return replace(left, terms=left.terms + right.terms, bias=bias, nodes=nodes)


def embed(value: Value, axis: int, offset: int, size: int, tensors: TensorTable) -> Value:
    """The value at `offset` along an axis of zeros of length `size`."""
    if size == value.shape[axis]:
        return value
    return _along_axis(value, axis, lambda a: m.Embed(a, offset, size), tensors)


def cut(value: Value, axis: int, start: int, stop: int, step: int, tensors: TensorTable) -> Value:
    """The elements `start, start + step, ... < stop` along an axis."""
    if (start, stop, step) == (0, value.shape[axis], 1):
        return value
    return _along_axis(value, axis, lambda a: m.Slice(a, start, stop, step), tensors)


def _along_axis(
    value: Value, axis: int, make: Callable[[int], m.Operator], tensors: TensorTable
) -> Value:
    """An operator along one axis, moved in front of the views where these are transposes."""
    if not all(isinstance(op, m.Transpose) for op in value.views):
        value = flush(value)
    for op in reversed(value.views):
        axis = _axes(op)[axis]
    views = value.views
    plain = replace(value, views=(), shape=value.inner)
    moved = extend(plain, make(axis), tensors)
    return replace(moved, views=views, shape=_views_shape(views, moved.inner))


# ---- parameters ------------------------------------------------------------------------------


def parameter(full: Array, tensors: TensorTable, name: str) -> m.Parameter:
    """A full map as the smallest parameter: one number, per channel, or the map itself."""
    flat = full.reshape(-1)
    if flat.size and np.all(flat == flat[0]):
        return float(finite(flat[:1])[0])
    return tensors.add(name, per_channel(full))


def per_channel(full: Array) -> Array:
    """`(C,)` where the map is uniform inside every channel, else the map itself."""
    if full.ndim > 1:
        rows = full.reshape(full.shape[0], math.prod(full.shape[1:]))
        if np.all(rows == rows[:, :1]):
            return rows[:, 0]
    return full


def outer_order(value: Value, inner: Array) -> Array:
    """An array of the terms' layout as the views show it, flattened."""
    shown: Array = linear.apply_chain(value.views, inner[None], _no_array)[0]
    return shown.reshape(-1)


def without_views(value: Value) -> Value:
    """The value in the layout of its terms."""
    return replace(value, views=(), shape=value.inner)


def padded(value: Value, widths: Sequence[tuple[int, int]], tensors: TensorTable) -> Value:
    """Zeros around the value: `widths[axis]` cells before and after."""
    spatial = len(widths) == 3 and widths[0] == (0, 0)
    if spatial and not value.views:
        (top, bottom), (left, right) = widths[1], widths[2]
        if (top, bottom, left, right) == (0, 0, 0, 0):
            return value
        return extend(value, m.Pad2d((top, left, bottom, right)), tensors)
    if value.views and all(isinstance(op, m.Transpose) for op in value.views):
        inner = list(widths)
        for op in reversed(value.views):
            inner = [inner[_axes(op).index(axis)] for axis in range(len(inner))]
        moved = padded(without_views(value), inner, tensors)
        return replace(moved, views=value.views, shape=_views_shape(value.views, moved.inner))
    for axis, (before, after) in enumerate(widths):
        value = embed(value, axis, before, before + value.shape[axis] + after, tensors)
    return value

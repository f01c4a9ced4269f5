"""Symbolic values: views cancel, move behind elementwise work, and keep the meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.frontend import values as v
from snnc.frontend.tensors import TensorTable
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape


def _evaluate(value: v.Value, x: Array, tensors: TensorTable) -> Array:
    """The meaning of a value with one source."""
    total: Array = np.zeros((1, *value.inner))
    for term in value.terms:
        total = total + linear.apply_chain(term.ops, x, tensors.array)
    if value.bias is not None:
        total = total + value.bias
    return linear.apply_chain(value.views, total, tensors.array)


@st.composite
def _views(draw: st.DrawFn) -> tuple[Shape, list[v.View]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    views: list[v.View] = []
    current = shape
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.booleans()):
            axes = tuple(draw(st.permutations(range(len(current)))))
            views.append(m.Transpose(axes))
            current = tuple(current[a] for a in axes)
        else:
            sizes = [n for n in current if n > 1]
            for _ in range(draw(st.integers(0, 2))):
                sizes.insert(draw(st.integers(0, len(sizes))), 1)
            merged = draw(st.booleans()) and len(sizes) > 1
            if merged:
                sizes[:2] = [sizes[0] * sizes[1]]
            current = tuple(sizes) or (1,)
            views.append(m.Reshape(current))
    return shape, views


@settings(deadline=None, max_examples=200)
@given(_views())
def test_simplified_views_mean_the_same(case: tuple[Shape, list[v.View]]) -> None:
    shape, views = case
    x = np.arange(math.prod(shape), dtype=np.float64).reshape(1, *shape)
    plain = linear.apply_chain(views, x, lambda ref: x)
    simple = v.simplify_views(views, shape)
    assert len(simple) <= len(views)
    np.testing.assert_array_equal(linear.apply_chain(simple, x, lambda ref: x), plain)
    back = v.inverse_views(simple, shape)
    np.testing.assert_array_equal(linear.apply_chain(back, plain, lambda ref: x), x)


@settings(deadline=None, max_examples=100)
@given(_views(), st.integers(0, 2**32 - 1), st.data())
def test_elementwise_work_moves_in_front_of_views(
    case: tuple[Shape, list[v.View]], seed: int, data: st.DataObject
) -> None:
    """Shift, scale, slice and embed of a viewed value have their plain meaning."""
    shape, views = case
    rng = np.random.default_rng(seed)
    tensors = TensorTable()
    value = v.source_value("x", shape)
    for op in views:
        value = v.view(value, op)
    x = rng.normal(size=(2, *shape))
    outer = _evaluate(value, x, tensors)
    factor = rng.normal(size=value.shape[-1:]).astype(np.float32)
    axis = data.draw(st.integers(0, len(value.shape) - 1))
    length = value.shape[axis]
    start = data.draw(st.integers(0, length - 1))

    value = v.shift(value, np.array(0.5))
    value = v.scale(value, factor, tensors, "factor")
    value = v.cut(value, axis, start, length, 1, tensors)
    value = v.embed(value, axis, 1, length - start + 2, tensors)

    wanted = (outer + 0.5) * factor.astype(np.float64)
    wanted = np.take(wanted, range(start, length), axis=axis + 1)
    widths = [(0, 0)] * wanted.ndim
    widths[axis + 1] = (1, 1)
    np.testing.assert_allclose(_evaluate(value, x, tensors), np.pad(wanted, widths), atol=1e-6)


def test_transposes_cancel_around_elementwise_work() -> None:
    tensors = TensorTable()
    value = v.view(v.source_value("x", (3, 4, 5)), m.Transpose((1, 2, 0)))
    value = v.scale(value, np.array([1.0, 2.0, 3.0]), tensors, "factor")
    value = v.view(value, m.Transpose((2, 0, 1)))
    assert value.views == ()
    assert value.terms == (v.Term("x", (m.Scale(m.Ref("factor")),)),)
    assert tensors.shape(m.Ref("factor")) == (3,)


def test_transpose_of_unit_axes_is_a_reshape() -> None:
    value = v.view(v.source_value("x", (1, 4, 5)), m.Transpose((1, 2, 0)))
    assert value.views == (m.Reshape((4, 5, 1)),)


def test_parameter_is_as_small_as_it_can_be() -> None:
    tensors = TensorTable()
    assert v.parameter(np.full((3, 2), 0.5), tensors, "a") == 0.5
    per_channel = v.parameter(np.repeat([[1.0], [2.0]], 3, axis=1), tensors, "b")
    assert tensors.shape(per_channel) == (2,)  # type: ignore[arg-type]
    full = v.parameter(np.arange(6.0).reshape(2, 3), tensors, "c")
    assert tensors.shape(full) == (2, 3)  # type: ignore[arg-type]


def test_sum_of_differently_viewed_values() -> None:
    tensors = TensorTable()
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    plain = v.view(v.source_value("x", (3, 4)), m.Reshape((4, 3)))
    turned = v.view(v.source_value("x", (3, 4)), m.Transpose((1, 0)))
    total = v.add(plain, turned)
    wanted = x.reshape(2, 4, 3) + x.transpose(0, 2, 1)
    np.testing.assert_allclose(_evaluate(total, x, tensors), wanted)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_constants_must_be_finite_in_float32(value: float) -> None:
    from snnc.frontend.refusal import Refusal

    with pytest.raises(Refusal, match="not finite"):
        TensorTable().add("w", np.array([value, 1.0]))

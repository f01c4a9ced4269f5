"""The linear operators: against brute force, their transposes, and their connection counts."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import ShapeError, chain_shape

RNG = np.random.default_rng(7)


def _weights(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: RNG.normal(size=shape) for name, shape in shapes.items()}


CASES = {
    "dense": ((m.Dense(m.Ref("w")),), (5,), _weights(w=(3, 5))),
    "conv": (
        (m.Conv2d(m.Ref("w"), (2, 1), (1, 0, 2, 1), (1, 2)),),
        (3, 6, 7),
        _weights(w=(4, 3, 3, 2)),
    ),
    "grouped conv": (
        (m.Conv2d(m.Ref("w"), groups=2, pads=(1, 1, 1, 1)),),
        (4, 5, 5),
        _weights(w=(6, 2, 3, 3)),
    ),
    "depthwise conv": (
        (m.Conv2d(m.Ref("w"), groups=4, strides=(2, 2)),),
        (4, 5, 5),
        _weights(w=(4, 1, 3, 3)),
    ),
    "transposed conv": (
        (m.ConvTranspose2d(m.Ref("w"), (2, 3), (1, 0, 0, 1), (2, 1), (1, 0), 2),),
        (4, 3, 4),
        _weights(w=(4, 3, 3, 2)),
    ),
    "average pool": ((m.AvgPool2d((3, 2), (2, 1), (1, 0, 1, 1)),), (2, 6, 5), {}),
    "average pool, counting pads": (
        (m.AvgPool2d((3, 3), (2, 2), (1, 1, 1, 1), count_include_pad=True),),
        (2, 5, 6),
        {},
    ),
    "average pool, ceil": (
        (m.AvgPool2d((3, 3), (2, 2), (0, 1, 0, 1), True, ceil_mode=True),),
        (2, 6, 6),
        {},
    ),
    "scale": ((m.Scale(m.Ref("s")),), (3, 2, 2), _weights(s=(3,))),
    "scale, elementwise": ((m.Scale(m.Ref("s")),), (3, 2, 2), _weights(s=(3, 2, 2))),
    "views": (
        (m.Transpose((1, 2, 0)), m.Reshape((6, 4)), m.Transpose((1, 0)), m.Flatten()),
        (4, 2, 3),
        {},
    ),
    "embed, slice, pad, upsample": (
        (m.Embed(0, 1, 5), m.Slice(0, 1, 5, 2), m.Pad2d((1, 0, 2, 1)), m.Upsample2d((2, 3))),
        (3, 2, 2),
        {},
    ),
    "pool and conv": (
        (m.AvgPool2d((2, 2), (2, 2)), m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1))),
        (2, 6, 6),
        _weights(w=(3, 2, 3, 3)),
    ),
}


def _matrix(ops, shape, lookup) -> np.ndarray:
    """The chain as a matrix (outputs, inputs), one basis vector at a time."""
    size = int(np.prod(shape))
    basis = np.eye(size).reshape(size, *shape)
    return linear.apply_chain(ops, basis, lookup).reshape(size, -1).T


@pytest.mark.parametrize("name", CASES)
def test_transposed_operator_is_the_matrix_transpose(name):
    ops, shape, arrays = CASES[name]

    def lookup(ref):
        return arrays[ref.name]

    matrix = _matrix(ops, shape, lookup)
    shapes = [shape]
    for op in ops:
        shapes.append(chain_shape((op,), shapes[-1], lambda r: lookup(r).shape))
    y = RNG.normal(size=(2, *shapes[-1]))
    back = y
    for op, in_shape in zip(reversed(ops), reversed(shapes[:-1]), strict=True):
        back = linear.adjoint(op, back, in_shape, lookup)
    assert back.shape == (2, *shape)
    np.testing.assert_allclose(back.reshape(2, -1), y.reshape(2, -1) @ matrix, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_fan_out_counts_the_non_zero_entries_of_every_column(name):
    ops, shape, arrays = CASES[name]
    sparse = {k: np.where(RNG.uniform(size=v.shape) < 0.3, 0.0, v) for k, v in arrays.items()}

    def lookup(ref):
        return sparse[ref.name]

    counted = linear.fan_out(ops, shape, lookup)
    expected = (_matrix(ops, shape, lookup) != 0).sum(axis=0).reshape(shape)
    if name == "pool and conv":
        # Paths: the pool does not overlap, so only cancelling weights could differ.
        assert (counted >= expected).all()
    np.testing.assert_array_equal(counted, expected)


def test_fan_out_is_smaller_at_the_border():
    weight = np.ones((1, 1, 3, 3))
    conv = m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1))
    counts = linear.fan_out((conv,), (1, 4, 4), lambda _: weight)
    np.testing.assert_array_equal(
        counts[0], [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    )


def test_convolution_in_parts_equals_convolution_at_once(monkeypatch):
    ops, shape, arrays = CASES["grouped conv"]
    x = RNG.normal(size=(7, *shape))
    whole = linear.apply_chain(ops, x, lambda r: arrays[r.name])
    monkeypatch.setattr(linear, "_CHUNK_ELEMENTS", 1)
    np.testing.assert_allclose(linear.apply_chain(ops, x, lambda r: arrays[r.name]), whole)


def test_macs_count_dense_and_convolutions():
    ops = (m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1)), m.Flatten(), m.Dense(m.Ref("d")))
    arrays = _weights(w=(4, 2, 3, 3), d=(10, 4 * 5 * 5))
    assert linear.macs(ops, (2, 5, 5), lambda r: arrays[r.name]) == 4 * 25 * 18 + 1000


def test_an_operator_that_does_not_fit_says_why():
    with pytest.raises(ShapeError, match=r"dense weight \[3, 5\] does not fit an input of \[4\]"):
        linear.apply(m.Dense(m.Ref("w")), np.zeros((1, 4)), lambda _: np.zeros((3, 5)))

"""Connections written out equal the operators that they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.truenorth.matrices import connection_matrix
from snnc.ir import linear
from snnc.ir import model as m

W = m.Ref("w")
ARRAYS = {
    "w": np.arange(-8, 64 - 8).reshape(4, 2, 4, 2).astype(np.int8)[:, :, :3, :2],
    "d": np.arange(-12, 36).reshape(2, 24).astype(np.int8),
    "s": np.array([2, -3], np.int8),
}

CHAINS = {
    "nothing": (),
    "conv": (m.Conv2d(W),),
    "conv with everything": (m.Conv2d(W, (2, 1), (1, 0, 2, 1), (1, 2)),),
    "grouped": (m.Embed(0, 1, 4), m.Conv2d(W, groups=2)),
    "scale behind a convolution": (m.Conv2d(W), m.Scale(16.0)),
    "scale by channel": (m.Scale(m.Ref("s")),),
    "dense": (m.Flatten(), m.Dense(m.Ref("d"))),
    "moving": (m.Transpose((1, 2, 0)), m.Reshape((4, 6)), m.Slice(1, 1, 6, 2)),
    "padding": (m.Pad2d((1, 0, 0, 2)), m.Upsample2d((2, 1))),
}


def network() -> m.Network:
    """A network that only holds tensors and an input."""
    entry = m.Input("x", "float32", (2, 4, 3))
    empty = m.Network("matrices", "fixed", (entry,), (), ())
    return empty.with_arrays(ARRAYS)


@pytest.mark.parametrize("name", CHAINS)
def test_matrix_equals_the_operators(name: str) -> None:
    net, ops = network(), CHAINS[name]
    matrix = connection_matrix(net, m.Incoming("x", ops))
    x = np.random.default_rng(0).integers(-3, 4, (5, 2, 4, 3)).astype(np.float64)
    expected = linear.apply_chain(ops, x, net.array).reshape(5, -1)
    assert np.array_equal((matrix @ x.reshape(5, -1).T).T, expected)
    assert matrix.dtype == np.int64
    assert (matrix.data != 0).all()


def test_fractions_are_refused() -> None:
    net = replace(network(), stage="fixed")
    with pytest.raises(ValueError, match="whole"):
        connection_matrix(net, m.Incoming("x", (m.Scale(0.5),)))


def test_an_operator_that_divides_is_refused() -> None:
    with pytest.raises(ValueError, match="AvgPool2d"):
        connection_matrix(network(), m.Incoming("x", (m.AvgPool2d((2, 2)),)))

"""The arithmetic of quantised activations, against QCFS and LSQ as their papers print them."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir import model as m
from snnc.ir.interpret import activate, levels
from snnc.ir.staircase import level
from snnc.ir.tensors import Array

NETWORK = m.Network("n", "ann", (), (), ()).with_arrays(
    {"step": np.array([0.25, 0.5]), "shift": np.array([0.5, 1.0])}
)


def grid(low: float = -2.0, high: float = 3.0) -> Array:
    """Values that hit no edge of a staircase."""
    return (np.arange(low, high, 0.013) + 0.0011).reshape(1, -1)


@pytest.mark.parametrize(("threshold", "count"), [(1.0, 4), (2.4, 4), (0.7, 1), (3.0, 16)])
def test_it_is_qcfs(threshold: float, count: int) -> None:
    """Bu et al. 2022, eq. 4: lambda * clip(floor(L z / lambda + 1/2) / L, 0, 1)."""
    z = grid()
    expected = threshold * np.clip(np.floor(count * z / threshold + 0.5) / count, 0, 1)
    neuron = m.Quantized(threshold / count, count)
    np.testing.assert_allclose(activate(neuron, z, NETWORK), expected, rtol=1e-12)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_it_is_lsq_where_ties_are_even(bits: int) -> None:
    """Esser et al. 2020, eq. 1: s * round(clip(z / s, 0, Q)), the exact halves included."""
    z = np.concatenate([grid(), np.arange(-3, 9)[None, :] * 0.125], axis=1)
    expected = 0.25 * np.round(np.clip(z / 0.25, 0, 2**bits - 1))
    neuron = m.Quantized(0.25, 2**bits - 1, ties="even")
    assert np.array_equal(activate(neuron, z, NETWORK), expected)


def test_exact_halves_go_up_or_to_even() -> None:
    z = np.array([[0.5, 1.5, 2.5, -0.5, -1.5]])
    one = np.ones(())
    up = level(z, one, -9, 9, one / 2, "up")
    even = level(z, one, -9, 9, one / 2, "even")
    assert up.tolist() == [[1.0, 2.0, 3.0, 0.0, -1.0]]
    assert even.tolist() == [[0.0, 2.0, 2.0, -0.0, -2.0]]


def test_steps_and_shifts_may_differ_between_channels() -> None:
    z = np.array([[0.3, 0.3], [-0.4, -0.4]])
    neuron = m.Quantized(m.Ref("step"), 3, -3, m.Ref("shift"))
    assert levels(neuron, z, NETWORK).tolist() == [[1.0, 1.0], [-2.0, 0.0]]
    assert activate(neuron, z, NETWORK).tolist() == [[0.25, 0.5], [-0.5, 0.0]]


def test_signed_says_whether_there_are_levels_below_zero() -> None:
    assert m.Quantized(1.0, 3, -1).signed
    assert not m.Quantized(1.0, 3).signed


def test_it_computes_in_the_type_of_its_input() -> None:
    z = np.array([[0.3]], dtype=np.float32)
    assert activate(m.Quantized(0.1, 3), z, NETWORK).dtype == np.float32


def test_a_window_ends_the_drive() -> None:
    assert [m.Gated(8, 3).drive(t) for t in (1, 3, 4, 8)] == [1, 3, 3, 3]
    assert [m.Synchronous(8).drive(t) for t in (1, 8)] == [1, 8]

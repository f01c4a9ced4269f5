"""Axon codes: every weight is the sum of the strengths whose bits are set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from snnc.backends.truenorth.codes_of_weights import BASES, axons_for, bits_of, mask_of, spell
from snnc.ir.tensors import Array


def spelled(weights: Array) -> sparse.csr_matrix:
    """A matrix with the code that was found for it; fails where there is none."""
    found = spell(sparse.csr_matrix(weights.astype(np.int64)), 255)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("low", "high", "axons"),
    [
        (0, 1, 1),
        (-1, 1, 2),
        (-3, 3, 3),
        (-4, 3, 3),
        (-7, 7, 4),
        (-8, 7, 4),
        (-15, 15, 6),
        (0, 7, 3),
    ],
)
def test_axons_of_a_width(low: int, high: int, axons: int) -> None:
    values = np.arange(low, high + 1)
    weights = np.array([np.roll(values, i) for i in range(len(values))])
    assert spelled(weights).axons.max() == axons


@given(
    seed=st.integers(0, 1000),
    largest=st.sampled_from([1, 3, 7, 15]),
    factor=st.integers(1, 15),
)
def test_every_weight_is_its_sum(seed: int, largest: int, factor: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-largest, largest + 1, (5, 7)) * factor
    found = spelled(weights)
    base = np.array(found.base)
    assert np.abs(found.units[:, None] * base).max() <= 255
    for (neuron, column), weight in np.ndenumerate(weights):
        value = int(weight) // int(found.units[neuron])
        assert value * found.units[neuron] == weight
        counts = tuple(int(n) for n in found.counts[column])
        bits = bits_of(value, found.base, counts)  # type: ignore[arg-type]
        assert bits is not None
        assert sum(b * n for b, n in zip(base, bits, strict=False)) == value
        assert all(used <= there for used, there in zip(bits, counts, strict=True))


def test_each_input_has_its_own_number_of_axons() -> None:
    weights = np.array([[1, 7, 0, -8], [1, -3, 0, 5], [1, 5, 0, 4]])
    assert spelled(weights).axons.tolist() == [1, 4, 0, 3]


def test_an_identity_costs_one_axon_whatever_it_weighs() -> None:
    assert spelled(np.array([[200], [200]])).axons.tolist() == [1]


def test_weights_without_a_code() -> None:
    weights = sparse.csr_matrix(np.array([[1, 997]]))
    assert spell(weights, 255) is None


def test_a_set_that_axons_cannot_spell() -> None:
    assert axons_for(mask_of([-1]), (1,)) is None
    assert bits_of(-1, (1,), (4, 0, 0, 0)) is None


def test_fewest_axons() -> None:
    for base in BASES:
        for value in (1, 2, 3):
            counts = axons_for(mask_of([value]), base)
            assert counts is not None
            smaller = [
                c
                for kind in range(4)
                if counts[kind]
                for c in [tuple(n - (k == kind) for k, n in enumerate(counts))]
            ]
            assert all(bits_of(value, base, c) is None for c in smaller)  # type: ignore[arg-type]

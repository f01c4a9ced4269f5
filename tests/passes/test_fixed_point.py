"""Integer units: few thresholds, little loss, nothing beyond the format."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from snnc.passes.fixed_point import (
    Format,
    Sizes,
    choose_units,
    few_levels,
    floor_to_mantissa,
    round_to_mantissa,
)

PLAIN = Format(weight=127, exponent=7, potential=2**23 - 1, thresholds=8)
NARROW = Format(127, 7, 2**23 - 1, 8, 255, 7, 4095, 7)


def loss(values: np.ndarray, levels: np.ndarray) -> float:
    return float(np.log(values / levels).sum())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_levels_lose_as_little_as_the_best_of_all_choices(seed, count):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=9))
    found = few_levels(values, count)
    assert (found <= values).all()
    assert len(np.unique(found)) <= count
    ordered = np.sort(values)
    best = min(
        loss(ordered, ordered[np.repeat(starts, np.diff([*starts, 9]))])
        for starts in ([0, *c] for c in itertools.combinations(range(1, 9), count - 1))
    )
    assert loss(values, found) == pytest.approx(best)


def test_many_values_are_rounded_down_to_few_levels():
    values = np.random.default_rng(0).uniform(0.1, 1.1, 5000)
    found = few_levels(values, 8)
    assert len(np.unique(found)) == 8
    assert (found <= values).all()
    assert loss(values, found) / len(values) < 0.25
    assert loss(values, few_levels(values, 1)) / len(values) > 1.0


def test_numbers_with_a_mantissa():
    values = np.array([0.4, 3.7, 255.9, 257.0, 1000.0, 32640.0, 70001.0])
    np.testing.assert_array_equal(
        floor_to_mantissa(values, 255), [0, 3, 254, 256, 1000, 32640, 69632]
    )
    np.testing.assert_array_equal(floor_to_mantissa(values, None), np.floor(values))
    signed = np.array([-511.4, 0.0, 3.2, 4097.0])
    np.testing.assert_array_equal(round_to_mantissa(signed, 255), [-512, 0, 3, 4096])
    np.testing.assert_array_equal(round_to_mantissa(signed, None), [-511, 0, 3, 4097])
    for value in round_to_mantissa(np.geomspace(1, 1e6, 400), 255):
        assert any(value == m << k for k in range(20) for m in [int(value) >> k] if m <= 255)


@pytest.mark.parametrize("fmt", [PLAIN, NARROW])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_units_keep_every_number_within_the_format(seed, shared, fmt):
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(1, 40))
    sizes = Sizes(
        weight=np.exp(rng.normal(-1, 1, channels)),
        potential=np.exp(rng.normal(4, 2, channels)),
        threshold=np.exp(rng.normal(0, 0.5, channels)),
        bias=np.exp(rng.normal(-2, 1, channels)),
    )
    units = choose_units(sizes, fmt, shared=shared)
    assert units is not None
    whole = units.factor * sizes.threshold
    np.testing.assert_allclose(whole, units.threshold, rtol=1e-12)
    assert (units.threshold == np.rint(units.threshold)).all()
    assert len(np.unique(units.threshold)) <= (fmt.thresholds if not shared else channels)
    assert (units.factor * sizes.weight <= 127 * 2**units.exponent * (1 + 1e-9)).all()
    assert (units.factor * sizes.potential <= fmt.potential * (1 + 1e-9)).all()
    assert (units.factor * sizes.bias <= fmt.largest_bias * (1 + 1e-9)).all()
    assert (units.threshold <= fmt.largest_threshold).all()
    if fmt is NARROW:
        np.testing.assert_array_equal(floor_to_mantissa(units.threshold, 255), units.threshold)


def test_weights_use_their_bits_where_nothing_else_limits_them():
    sizes = Sizes(np.array([0.5, 0.25]), np.array([9.0, 9.0]), np.ones(2), np.zeros(2))
    units = choose_units(sizes, PLAIN, shared=False)
    used = units.factor * sizes.weight / 2**units.exponent
    assert (used > 120).all()
    coarse = choose_units(
        Sizes(sizes.weight, np.full(2, 1e6), sizes.threshold, sizes.bias), PLAIN, shared=False
    )
    assert (coarse.factor * 1e6 <= 2**23).all()
    assert (coarse.factor * sizes.weight / 2**coarse.exponent < 8).all()


def test_a_read_out_has_one_factor_and_no_threshold():
    sizes = Sizes(np.array([0.5, 0.1]), np.array([9.0, 2.0]), None, np.array([1.0, 0.0]))
    units = choose_units(sizes, PLAIN, shared=True)
    assert units.threshold is None
    assert units.factor[0] == units.factor[1]
    assert units.factor[0] * 0.5 <= 127 * 2**units.exponent


def test_silent_channels_take_the_units_of_the_others():
    sizes = Sizes(np.array([0.5, 0.0]), np.array([9.0, 0.0]), np.ones(2), np.zeros(2))
    units = choose_units(sizes, PLAIN, shared=False)
    assert np.isfinite(units.factor).all()
    nothing = Sizes(np.zeros(2), np.zeros(2), np.ones(2), np.zeros(2))
    assert np.isfinite(choose_units(nothing, PLAIN, shared=False).factor).all()


def test_a_threshold_below_one_unit_has_no_units():
    sizes = Sizes(np.array([500.0]), np.array([500.0]), np.array([1.0]), np.zeros(1))
    assert choose_units(sizes, PLAIN, shared=False) is not None  # the exponent helps
    sizes = Sizes(np.array([1e5]), np.array([1e8]), np.array([1.0]), np.zeros(1))
    assert choose_units(sizes, PLAIN, shared=False) is None

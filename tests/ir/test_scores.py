"""Scores of exit policies against SciPy's own definitions, and at the ends of their ranges."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import policies as nets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from strategies import fuzz

from snnc.ir import model as m
from snnc.ir.scores import (
    Posterior,
    certainty,
    fuse,
    lead,
    prior_rate,
    score,
    softmax_confidence,
)

SCALED = (nets.CONFIDENCE, nets.MARGIN, nets.ENTROPY)
BOUNDED = (nets.CONFIDENCE, nets.ENTROPY)
HUGE = (0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1.7e308, -1.7e308, 5e-324, 37.0, -745.0, -1000.0)


def logits(seed: int = 0, spread: float = 5.0) -> np.ndarray[Any, Any]:
    """Values (200, 7) of moderate size; the last 20 rows have ties."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, spread, (200, 7))
    values[180:] = np.rint(values[180:] / spread)
    return values


def expected(policy: m.ExitPolicy, z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The scores by SciPy."""
    probabilities = special.softmax(z, axis=-1)
    if isinstance(policy, m.Confidence):
        return probabilities.max(axis=-1)
    if isinstance(policy, m.Margin):
        ordered = np.sort(z, axis=-1)
        return ordered[..., -1] - ordered[..., -2]
    return 1 - stats.entropy(probabilities, axis=-1) / np.log(z.shape[-1])


# ---- softmax, margin, entropy -------------------------------------------------------------------


@pytest.mark.parametrize("policy", SCALED)
@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0, 300.0])
def test_a_score_is_what_scipy_computes_of_the_scaled_values(policy: Any, spread: float) -> None:
    values = logits(1, spread)
    found = score(policy, 1.7, values)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found, expected(policy, values / (policy.alpha * 1.7)), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("policy", SCALED)
def test_the_comparison_with_scipy_sees_one_changed_value(policy: Any) -> None:
    values = logits(2, 1.0)
    changed = values.copy()
    changed[3, values[3].argmax()] += 1e-3
    difference = np.abs(score(policy, 1.0, changed) - expected(policy, values / policy.alpha))
    assert difference[3] > 1e-6
    assert np.delete(difference, 3).max() < 1e-12


@pytest.mark.parametrize("policy", SCALED)
def test_alpha_and_temperature_are_one_divisor(policy: Any) -> None:
    values = logits(3)
    once = score(replace(policy, alpha=6.0), 1.0, values)
    np.testing.assert_allclose(score(replace(policy, alpha=2.0), 3.0, values), once, rtol=1e-12)
    assert np.abs(score(replace(policy, alpha=5.0), 1.0, values) - once).max() > 1e-3


@pytest.mark.parametrize("policy", SCALED)
def test_scores_of_whole_trains_are_those_of_single_rows(policy: Any) -> None:
    values = logits(4).reshape(10, 20, 7)
    together = score(policy, 1.0, values)
    assert together.shape == (10, 20)
    for step in range(10):
        np.testing.assert_array_equal(together[step], score(policy, 1.0, values[step]))


@pytest.mark.parametrize("policy", SCALED)
def test_how_values_lie_in_memory_does_not_change_a_score(policy: Any) -> None:
    values = np.random.default_rng(9).normal(0, 1, (64, 130))
    scattered = np.asfortranarray(values)
    np.testing.assert_array_equal(score(policy, 1.0, scattered), score(policy, 1.0, values))
    np.testing.assert_array_equal(score(policy, 1.0, values[::2]), score(policy, 1.0, values)[::2])


@pytest.mark.parametrize("policy", SCALED)
def test_types_of_read_outs_do_not_change_a_score(policy: Any) -> None:
    counts = np.random.default_rng(5).integers(-3, 9, (50, 4))
    wanted = score(policy, 1.0, counts.astype(np.float64))
    for dtype in (np.int64, np.float32, np.int8):
        found = score(policy, 1.0, counts.astype(dtype))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("policy", SCALED)
def test_no_sample_gives_no_score(policy: Any) -> None:
    assert score(policy, 1.0, np.zeros((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("values", "confidence", "margin", "sureness"),
    [
        ([0.0, 0.0], 0.5, 0.0, 0.0),
        ([2.0, 2.0, 2.0, 2.0], 0.25, 0.0, 0.0),
        ([0.0, np.log(3.0)], 0.75, np.log(3.0), 1 - 0.8112781244591328),
        ([1e300, 1e300, -1e300], 0.5, 0.0, 1 - np.log(2) / np.log(3)),
        ([1e300, -1e300], 1.0, 2e300, 1.0),
        ([800.0, 0.0, 0.0], 1.0, 800.0, 1.0),
    ],
)
def test_scores_known_by_hand(
    values: list[float], confidence: float, margin: float, sureness: float
) -> None:
    z = np.array([values])
    assert softmax_confidence(z)[0] == pytest.approx(confidence, rel=1e-15)
    assert lead(z)[0] == margin
    assert certainty(z)[0] == pytest.approx(sureness, abs=1e-15)


@pytest.mark.parametrize("classes", [2, 3, 7, 10, 100, 1000])
def test_equal_values_are_exactly_without_certainty(classes: int) -> None:
    """Also in step 1 of a network that has not fired: entropy with threshold 0 does not stop."""
    assert certainty(np.zeros((1, classes)))[0] == 0.0
    assert certainty(np.full((3, classes), 1e300)).max() == 0.0


@fuzz(200)
@given(st.lists(st.sampled_from(HUGE), min_size=2, max_size=5), st.sampled_from([1e-300, 1.0, 1e9]))
def test_scores_of_values_of_any_size_are_numbers_within_their_bounds(
    values: list[float], alpha: float
) -> None:
    row = np.array([values])
    for policy in SCALED:
        (found,) = score(replace(policy, alpha=alpha), 1.0, row)
        assert not np.isnan(found)
        assert found >= 0
        assert found <= 1 or isinstance(policy, m.Margin)


@fuzz(100)
@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=8))
def test_no_bounded_score_exceeds_one(values: list[float]) -> None:
    row = np.array([values])
    assert all(score(policy, 1.0, row)[0] <= 1.0 for policy in BOUNDED)


@pytest.mark.parametrize("policy", SCALED)
def test_a_constant_added_to_all_values_changes_no_score(policy: Any) -> None:
    values = np.rint(logits(6))
    np.testing.assert_array_equal(score(policy, 1.0, values), score(policy, 1.0, values + 2.0**20))


@pytest.mark.parametrize("policy", SCALED)
def test_the_order_of_the_classes_changes_no_score(policy: Any) -> None:
    values = logits(7)
    turned = values[:, np.random.default_rng(0).permutation(7)]
    np.testing.assert_allclose(score(policy, 1.0, values), score(policy, 1.0, turned), rtol=1e-12)


def test_with_two_classes_the_confidence_is_the_sigmoid_of_the_margin() -> None:
    values = logits(8)[:, :2]
    np.testing.assert_allclose(
        score(nets.CONFIDENCE, 1.0, values),
        special.expit(score(nets.MARGIN, 1.0, values)),
        rtol=1e-13,
    )


# ---- fused heads --------------------------------------------------------------------------------


def spikes(seed: int, heads: int, steps: int, classes: int = 5) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, steps + 1, (40, classes)).astype(np.float64) for _ in range(heads)]


def beta_of(counts: list[Any], steps: int, strength: list[float]) -> tuple[Any, Any]:
    """The parameters of the last head's Beta posterior, one sample and class at a time."""
    first, second = np.empty_like(counts[0]), np.empty_like(counts[0])
    for place in np.ndindex(counts[0].shape):
        expected_rate = (counts[0][place] + 0.5) / (steps + 1)
        for a, count in zip(strength, counts[1:], strict=True):
            b = a * (1 / expected_rate - 1)
            first[place], second[place] = a + count[place], b + steps - count[place]
            successes, trials = count[place] + 0.5, steps + 1
            expected_rate = (a + successes) / (a + b + trials)
    return first, second


@pytest.mark.parametrize("heads", [2, 3, 4])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_the_posterior_is_scipys_beta_distribution(heads: int, steps: int) -> None:
    counts = spikes(heads, heads, steps)
    strength = [0.5, 3.0, 20.0][: heads - 1]
    found = fuse(counts, steps, np.array(strength), 0.25)
    posterior = stats.beta(*beta_of(counts, steps, strength))
    np.testing.assert_allclose(found.mean, posterior.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.variance, posterior.var() * 0.25, rtol=1e-11)
    assert np.abs(fuse(counts, steps, np.array(strength) * 1.01).mean - posterior.mean()).max() > 0


def test_the_prior_has_the_internal_rate_for_its_mean_and_a_over_it_for_its_strength() -> None:
    """Habara, Sato, Awano 2024: `Beta(a, a (1/E - 1))` before the first spike of the last head."""
    counts = [np.array([[3.0, 0.0]]), np.array([[0.0, 0.0]])]
    internal = (counts[0] + 0.5) / 10
    found = fuse(counts, 9, np.array([1e9]))
    np.testing.assert_allclose(found.mean, internal, rtol=1e-6)
    none_yet = fuse(counts, 9, np.array([2.0]))
    np.testing.assert_allclose(none_yet.mean, 2 / (2 / internal + 9), rtol=1e-14)


@fuzz(100)
@given(st.integers(1, 40), st.data())
def test_strength_nought_is_the_last_head_alone(steps: int, data: st.DataObject) -> None:
    counts = [
        np.array([data.draw(st.lists(st.integers(0, steps), min_size=4, max_size=4))], np.float64)
        for _ in range(3)
    ]
    for before in ([0.0, 0.0], [5.0, 0.0]):
        found = fuse(counts, steps, np.array(before))
        # Not only nearly: ties of the last head must stay ties.
        np.testing.assert_array_equal(found.mean, counts[-1] / steps)
        rate = counts[-1] / steps
        np.testing.assert_allclose(
            found.variance, rate * (1 - rate) / (steps + 1), rtol=1e-12, atol=1e-17
        )


def test_strength_above_nought_listens_to_the_internal_head() -> None:
    counts = [np.array([[8.0, 0.0]]), np.array([[4.0, 4.0]])]
    assert fuse(counts, 8, np.array([0.0])).mean.tolist() == [[0.5, 0.5]]
    assert fuse(counts, 8, np.array([1.0])).mean[0, 0] > 0.5


@pytest.mark.parametrize("strength", [0.0, 1e-12, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("steps", [1, 30, 5000])
def test_means_and_variances_are_numbers_for_all_counts_and_strengths(
    strength: float, steps: int
) -> None:
    grid = np.array([0.0, 1.0, steps // 2, steps - 1.0, steps]).clip(0, steps)
    counts = [column[None] for column in np.stack(np.meshgrid(grid, grid)).reshape(2, -1)]
    found = fuse([counts[0], counts[1]], steps, np.array([strength]))
    assert (found.mean >= 0).all()
    assert (found.mean <= 1).all()
    assert (found.variance >= 0).all()
    assert np.isfinite(found.variance).all()


def test_the_probability_of_being_ahead_is_scipys_normal_distribution() -> None:
    rng = np.random.default_rng(3)
    mean, variance = rng.uniform(0, 1, (50, 4)), rng.uniform(1e-4, 0.05, (50, 4))
    best, second = np.argsort(-mean, axis=1)[:, :2].T
    rows = np.arange(50)
    spread = np.sqrt(variance[rows, best] + variance[rows, second])
    wanted = stats.norm.cdf(mean[rows, best] - mean[rows, second], scale=spread)
    np.testing.assert_allclose(Posterior(mean, variance).ahead(), wanted, rtol=1e-13)
    assert np.abs(Posterior(mean, variance * 1.1).ahead() - wanted).max() > 1e-3


def test_the_lead_is_in_standard_deviations_of_the_difference() -> None:
    mean = np.array([[0.2, 0.9, 0.5], [0.5, 0.5, 0.1], [0.3, 0.2, 0.1], [0.4, 0.4, 0.0]])
    variance = np.array([[9.0, 0.03, 0.01], [0.1, 0.1, 0.1], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    found = Posterior(mean, variance).lead()
    np.testing.assert_allclose(found, [2.0, 0.0, np.inf, 0.0], rtol=1e-14)
    np.testing.assert_allclose(Posterior(mean, variance).ahead(), stats.norm.cdf(found), rtol=1e-14)


def test_the_prior_rate_of_several_heads_is_each_posterior_mean_in_turn() -> None:
    counts = spikes(4, 3, 12)
    smoothed = (counts[0] + 0.5) / 13
    np.testing.assert_array_equal(prior_rate(counts[:1], 12, np.array([])), smoothed)
    # Strength nought: only the deepest of them counts.
    np.testing.assert_array_equal(
        prior_rate(counts, 12, np.array([3.0, 0.0])), (counts[2] + 0.5) / 13
    )
    first, second = beta_of(counts[:2], 12, [3.0])
    wanted = (first + 0.5) / (first + second + 1)
    np.testing.assert_allclose(prior_rate(counts[:2], 12, np.array([3.0])), wanted, rtol=1e-13)
    rates = prior_rate(spikes(5, 3, 12), 12, np.array([1e12, 1e12]))
    assert ((rates > 0) & (rates < 1)).all()


@pytest.mark.parametrize(
    ("mean", "variance", "ahead"),
    [
        ([0.5, 0.5, 0.1], [0.1, 0.1, 0.1], 0.5),
        ([0.5, 0.5], [0.0, 0.0], 0.5),
        ([0.6, 0.5], [0.0, 0.0], 1.0),
        ([0.5, 0.6], [0.0, 0.0], 1.0),
        ([1.0, 0.0], [5e-324, 0.0], 1.0),
        ([0.0, 0.0, 0.0], [0.1, 0.2, 0.3], 0.5),
    ],
)
def test_ties_and_rates_known_exactly(
    mean: list[float], variance: list[float], ahead: float
) -> None:
    assert Posterior(np.array([mean]), np.array([variance])).ahead().tolist() == [ahead]


def test_of_equal_runners_up_the_first_class_is_compared() -> None:
    mean = np.full((1, 64), 0.5)
    mean[0, 40] = 0.6
    variance = np.linspace(0.01, 0.05, 64)[None]
    spread = np.sqrt(variance[0, 40] + variance[0, 0])
    wanted = stats.norm.cdf(0.1, scale=spread)
    np.testing.assert_allclose(Posterior(mean, variance).ahead(), wanted, rtol=1e-12)


def test_the_probability_of_being_ahead_is_between_a_half_and_one() -> None:
    for steps in (1, 5, 60):
        for strength in (0.0, 0.3, 50.0):
            found = fuse(spikes(steps, 2, steps), steps, np.array([strength]), 2.0).ahead()
            assert (found >= 0.5).all()
            assert (found <= 1.0).all()


def test_a_larger_dispersion_is_less_sure() -> None:
    counts = spikes(1, 2, 20)
    scores = [fuse(counts, 20, np.array([2.0]), phi).ahead() for phi in (0.0, 0.2, 1.0, 5.0)]
    for narrow, wide in itertools.pairwise(scores):
        assert (narrow >= wide).all()
        assert (narrow > wide).any()


def test_nobody_gives_no_posterior() -> None:
    empty = [np.zeros((0, 3)), np.zeros((0, 3))]
    assert fuse(empty, 1, np.array([1.0])).ahead().shape == (0,)

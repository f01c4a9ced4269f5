from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.scan import between, records, scan, sweep

Table = tuple[np.ndarray[Any, Any], ...]


@st.composite
def tables(draw: Any) -> Table:
    """Scores (L, N) with many ties and some minus infinity, correctness and rising costs."""
    rows, samples = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.integers(1, 9))
    score = rng.integers(-2, levels, (rows, samples)) / 4
    score[rng.random((rows, samples)) < 0.2] = -np.inf
    score[-1] = np.inf
    cost = np.cumsum(rng.integers(0, 3, (rows, samples)), axis=0).astype(float)
    return score, rng.random((rows, samples)) < 0.6, cost


def stopped(score: Any, threshold: float) -> Any:
    """The row of each sample, by definition: the first whose score exceeds the threshold."""
    rows = []
    for column in score.T:
        above = [i for i, value in enumerate(column[:-1]) if value > threshold]
        rows.append(above[0] if above else len(column) - 1)
    return np.array(rows)


def brute_force(score: Any, correct: Any, cost: Any, reference: Any, threshold: float) -> Any:
    rows, every = stopped(score, threshold), np.arange(score.shape[1])
    right = correct[rows, every]
    return cost[rows, every].mean(), right.mean(), (right != reference).mean()


@settings(deadline=None, max_examples=300)
@given(tables())
def test_the_scan_equals_brute_force_over_all_thresholds(table: Table) -> None:
    """Every threshold between any two scores, and every score itself, has its point."""
    score, correct, cost = table
    reference = correct[0]
    curve = scan(score, correct, cost, reference)
    levels = np.unique(score[np.isfinite(score)])
    tried = [-np.inf, *levels, *(levels - 0.125), *(levels + 0.125), 1e9, np.inf]
    for threshold in tried:
        points = np.flatnonzero((curve.low <= threshold) & (threshold < curve.high))
        if threshold == np.inf:
            points = np.array([0])
        # Scores that are no record of any sample part nothing: one point for each threshold.
        assert len(points) == 1
        index = points[0]
        expected = brute_force(score, correct, cost, reference, threshold)
        found = (curve.cost[index], curve.correct[index], curve.changed[index])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=200)
@given(tables())
def test_the_threshold_of_a_point_reproduces_it(table: Table) -> None:
    """Both the threshold midway and the one in few digits."""
    score, correct, cost = table
    curve = scan(score, correct, cost)
    assert curve.threshold[0] == np.inf
    for index, midway in enumerate(curve.threshold):
        for threshold in (float(midway), curve.rounded(index)):
            expected = brute_force(score, correct, cost, correct[-1], threshold)
            found = (curve.cost[index], curve.correct[index], curve.changed[index])
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=200)
@given(tables(), st.floats(-1, 3), st.floats(-1, 3))
def test_a_higher_threshold_stops_no_sample_earlier(table: Table, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert (stopped(table[0], low) <= stopped(table[0], high)).all()


@settings(deadline=None, max_examples=100)
@given(tables())
def test_mean_cost_falls_with_the_threshold(table: Table) -> None:
    curve = scan(*table)
    assert (np.diff(curve.cost) <= 1e-12).all()
    assert (np.diff(curve.threshold) < 0).all()


@settings(deadline=None, max_examples=100)
@given(tables(), st.integers(0, 5))
def test_a_sweep_over_fewer_rows_equals_the_scan_of_these(table: Table, rows: int) -> None:
    score, correct, cost = table
    rows = min(rows, len(score) - 1)
    found = records(score[:-1], correct[:-1], cost[:-1])
    swept = sweep(found, rows, correct[-1], cost[-1], correct[-1])
    kept = [*range(rows), -1]
    scanned = scan(score[kept], correct[kept], cost[kept])
    for name in ("low", "high", "cost", "correct", "changed"):
        np.testing.assert_allclose(getattr(swept, name), getattr(scanned, name), atol=1e-12)


def test_one_wrong_answer_moves_the_curve() -> None:
    """Negative control: the comparison with brute force sees a single changed answer."""
    rng = np.random.default_rng(0)
    score = np.sort(rng.random((4, 5)), axis=0)
    correct = np.ones((4, 5), bool)
    cost = np.repeat(np.arange(1.0, 5.0)[:, None], 5, axis=1)
    before = scan(score, correct, cost)
    correct[0, 2] = False
    after = scan(score, correct, cost)
    assert (before.correct == 1).all()
    assert not (after.correct == 1).all()
    np.testing.assert_array_equal(before.cost, after.cost)


def test_a_policy_of_one_answer_has_one_point() -> None:
    curve = scan(np.full((1, 3), np.inf), np.array([[True, False, True]]), np.full((1, 3), 4.0))
    assert curve.cost.tolist() == [4.0]
    assert curve.correct.tolist() == [pytest.approx(2 / 3)]
    assert math.isinf(curve.rounded(0))


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_short_number_parts_two_scores(one: float, two: float) -> None:
    low, high = sorted((one, two))
    if low < high:
        found = between(low, high)
        assert low <= found < high


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.71234, 0.7345, 0.72),
        (0.5, 0.5000001, 0.50000005),
        (1.0, 2.0, 1.5),
        (1.0, float(np.nextafter(1.0, 2.0)), 1.0),
        (0.3, np.inf, np.inf),
        (-np.inf, np.inf, np.inf),
        (-np.inf, 0.25, 0.0),
        (-np.inf, 0.0, -1.0),
        (-np.inf, -3.5, -5.0),
    ],
)
def test_short_numbers_are_as_short_as_they_can_be(
    low: float, high: float, expected: float
) -> None:
    assert between(low, high) == expected

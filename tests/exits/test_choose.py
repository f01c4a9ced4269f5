from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.choose import accurate_enough, cheapest, standard_error
from snnc.exits.scan import Curve, scan


def choose(curve: Curve, full: float, max_drop: float = 0.0, luck: float = 0.5) -> int | None:
    return cheapest(curve, accurate_enough(curve, full, max_drop, luck))


def table(seed: int, rows: int = 5, samples: int = 30) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    score = np.sort(rng.random((rows, samples)), axis=0)
    score[-1] = np.inf
    cost = np.repeat(np.arange(1.0, rows + 1)[:, None], samples, axis=1)
    return score, rng.random((rows, samples)) < np.linspace(0.5, 0.9, rows)[:, None], cost


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.sampled_from((0.0, 5.0, 20.0)), st.sampled_from((0.0, 0.5, 2.0)))
def test_the_chosen_point_is_the_cheapest_that_is_accurate_enough(
    seed: int, max_drop: float, luck: float
) -> None:
    """By definition, sample by sample."""
    score, correct, cost = table(seed)
    curve = scan(score, correct, cost)
    full = float(correct[-1].mean())
    best = None
    for threshold in curve.threshold:
        rows = np.append(score[:-1] > threshold, [[True] * len(score[0])], axis=0).argmax(axis=0)
        every = np.arange(score.shape[1])
        difference = correct[rows, every].astype(float) - correct[-1]
        error = difference.std() / np.sqrt(len(difference))
        if difference.mean() >= -max_drop / 100 + luck * error - 1e-9:
            point = (cost[rows, every].mean(), -correct[rows, every].mean())
            best = point if best is None or point < best else best
    index = choose(curve, full, max_drop, luck)
    assert index is not None
    assert best is not None
    assert (curve.cost[index], -curve.correct[index]) == pytest.approx(best)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_more_caution_never_costs_less(seed: int) -> None:
    score, correct, cost = table(seed)
    curve = scan(score, correct, cost)
    full = float(correct[-1].mean())

    def spent(max_drop: float, luck: float) -> float:
        index = choose(curve, full, max_drop, luck)
        assert index is not None
        return float(curve.cost[index])

    for one, two in itertools.pairwise((0.0, 0.5, 1.0, 3.0)):
        assert spent(0, one) <= spent(0, two)
    for one, two in itertools.pairwise((0.0, 1.0, 10.0)):
        assert spent(two, 0.5) <= spent(one, 0.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(0, 100))
def test_the_full_run_is_always_accurate_enough(seed: int, luck: float) -> None:
    score, correct, cost = table(seed)
    curve = scan(score, correct, cost)
    assert accurate_enough(curve, float(correct[-1].mean()), 0.0, luck)[0]


def test_the_standard_error_is_that_of_paired_differences() -> None:
    before = np.array([1, 1, 1, 0, 0, 1, 1, 1], bool)
    after = np.array([1, 0, 1, 1, 0, 1, 1, 1], bool)
    difference = after.astype(float) - before
    error = standard_error(
        np.array(difference.mean()), np.array((before != after).mean()), len(before)
    )
    assert float(error) == pytest.approx(difference.std() / np.sqrt(len(before)), rel=1e-12)


def test_equal_answers_have_no_error_where_the_unpaired_one_has() -> None:
    assert float(standard_error(np.array(0.0), np.array(0.0), 100)) == 0.0
    assert np.sqrt(0.9 * 0.1 / 100) > 0.02


def test_where_nothing_is_accurate_enough_nothing_is_chosen() -> None:
    one = np.array([1.0])
    curve = Curve(np.array([-np.inf]), np.array([np.inf]), one, one * 0.5, one * 0.1, 100)
    assert choose(curve, 0.9) is None
    assert choose(curve, 0.9, max_drop=50.0) == 0

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stopping_bound import accuracy_at, upper_bound

from snnc.exits.front import pareto
from snnc.exits.oracle import oracle
from snnc.exits.scan import scan


@st.composite
def answers(draw: Any, rows: int = 5, samples: int = 6) -> tuple[Any, Any, Any]:
    """Scores, correctness and costs that rise from row to row."""
    shape = draw(st.integers(1, rows)), draw(st.integers(1, samples))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    score = rng.integers(0, 6, shape) / 4
    score[-1] = np.inf
    cost = np.cumsum(rng.integers(0, 3, shape), axis=0) + 1.0
    return score, rng.random(shape) < draw(st.floats(0.2, 0.9)), cost


@settings(deadline=None, max_examples=200)
@given(answers())
def test_no_front_lies_above_the_upper_bound(table: tuple[Any, Any, Any]) -> None:
    score, correct, cost = table
    bound = upper_bound(correct, cost)
    curve = scan(score, correct, cost)
    for index in pareto(curve.cost, curve.correct):
        assert curve.correct[index] <= accuracy_at(bound, float(curve.cost[index]) + 1e-9) + 1e-9


@settings(deadline=None, max_examples=60)
@given(answers(rows=3, samples=4))
def test_no_way_to_stop_at_all_lies_above_the_upper_bound(table: tuple[Any, Any, Any]) -> None:
    """All L to the power of N choices of rows; and each point of the bound is one of them."""
    _, correct, cost = table
    rows, samples = correct.shape
    every = np.arange(samples)
    choices = [np.array(c) for c in itertools.product(range(rows), repeat=samples)]
    reached = {(cost[c, every].mean(), correct[c, every].mean()) for c in choices}
    bound = upper_bound(correct, cost)
    assert all(accuracy <= accuracy_at(bound, c + 1e-9) + 1e-9 for c, accuracy in reached)
    for point in zip(bound.cost, bound.accuracy, strict=True):
        assert any(np.allclose(point, found, atol=1e-12) for found in reached)


@settings(deadline=None, max_examples=150)
@given(answers())
def test_the_oracle_stops_at_the_first_right_answer(table: tuple[Any, Any, Any]) -> None:
    _, correct, cost = table
    found = oracle(correct, cost)
    for limit in range(len(correct)):
        firsts = [
            next((row for row in range(limit + 1) if correct[row, i]), limit)
            for i in range(correct.shape[1])
        ]
        every = np.arange(correct.shape[1])
        assert np.isclose(found.cost[limit], cost[firsts, every].mean())
        assert np.isclose(found.accuracy[limit], correct[firsts, every].mean())


@settings(deadline=None, max_examples=100)
@given(answers())
def test_the_oracle_lies_below_the_upper_bound(table: tuple[Any, Any, Any]) -> None:
    _, correct, cost = table
    bound, found = upper_bound(correct, cost), oracle(correct, cost)
    for c, accuracy in zip(found.cost, found.accuracy, strict=True):
        assert accuracy <= accuracy_at(bound, float(c) + 1e-9) + 1e-9


def test_a_policy_that_gives_up_on_lost_samples_may_beat_the_oracle_but_not_the_bound() -> None:
    correct = np.array([[False, False], [False, False], [True, False]])
    cost = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    # The first sample waits for its right answer, the second one, never right, stops at once.
    mean, accuracy = 2.0, 0.5
    found = oracle(correct, cost)
    assert accuracy_at(found, mean) < accuracy
    assert accuracy_at(upper_bound(correct, cost), mean) == accuracy


def test_nothing_is_reached_below_the_smallest_cost() -> None:
    bound = upper_bound(np.array([[True]]), np.array([[2.0]]))
    assert accuracy_at(bound, 1.5) == -np.inf
    assert accuracy_at(bound, 2.0) == 1.0

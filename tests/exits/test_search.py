from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.asked import asked
from snnc.exits.scan import scan
from snnc.exits.search import (
    Demand,
    Ground,
    Point,
    last_step_choices,
    search,
    search_budgets,
    step_grid,
    with_point,
)
from snnc.ir import model as m


def ground(heads: int = 2, samples: int = 60, seed: int = 0, window: int | None = None) -> Ground:
    network = recordings.network(heads=heads, window=window)
    recorded = recordings.recorded(network, samples, seed)
    assert recorded.labels is not None
    return Ground(network, recorded, recorded.labels)


def confidence(heads: int, **changes: Any) -> m.Confidence:
    names = recordings.NAMES[-heads:]
    policy = m.Confidence(
        heads=names, alpha=8.0, temperatures=(1.0,) * heads, thresholds=(0.0,) * heads
    )
    return replace(policy, **changes)


POLICIES = (
    confidence(2),
    confidence(2, order="depth", budgets=(3,)),
    m.Patience(heads=("b", "last"), repeats=(1, 1), first_step=2),
)


def figures(at: Ground, policy: m.ExitPolicy) -> tuple[float, float]:
    """Mean cost and accuracy of a policy that is executed."""
    rows = asked(at.network_with(policy), at.recorded)
    stops, every = rows.stops(), np.arange(at.recorded.samples)
    right = rows.answer[stops, every] == at.labels
    return float(rows.cost[stops, every].mean()), float(right.mean())


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(POLICIES),
    st.sampled_from((None, 3)),
    st.integers(0, 10**6),
    st.integers(2, 8),
)
def test_the_table_knows_every_last_step(
    policy: Any, window: int | None, seed: int, last_step: int
) -> None:
    """It equals the scan of what is asked with that last step."""
    at = ground(seed=seed, window=window)
    rows = asked(at.network_with(replace(policy, last_step=last_step)), at.recorded)
    expected = scan(rows.score, rows.answer == at.labels, rows.cost, at.reference)
    found = at.table(policy).curve(last_step)
    for name in ("low", "high", "cost", "correct", "changed"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(POLICIES), st.integers(0, 10**6), st.integers(2, 8))
def test_a_policy_executed_with_the_point_has_its_figures(
    policy: Any, seed: int, last_step: int
) -> None:
    at = ground(seed=seed)
    curve = at.table(policy).curve(last_step)
    for index in range(0, len(curve.cost), max(1, len(curve.cost) // 7)):
        point = Point(last_step, curve, index)
        executed = with_point(policy, point, at.recorded.steps)
        found = figures(at, executed)
        assert found == pytest.approx((point.cost, point.accuracy), abs=1e-9)


def test_the_best_point_is_the_best_of_all_last_steps_and_thresholds() -> None:
    at = ground(samples=30)
    policy, demand = confidence(2), Demand(5.0, 0.0)
    table = at.table(policy)
    point = table.best(range(1, 9), demand)
    assert point is not None
    tried = [
        figures(at, replace(policy, thresholds=(float(t),) * 2, last_step=last))
        for last in range(1, 9)
        for t in table.curve(last).threshold
    ]
    enough = [(c, -a) for c, a in tried if a >= at.full - 0.05 - 1e-9]
    assert (point.cost, -point.accuracy) == pytest.approx(min(enough))


def test_the_search_takes_the_best_of_several_policies() -> None:
    at = ground(samples=90)
    demand = Demand(2.0, 0.5)
    policies = [confidence(2, alpha=alpha) for alpha in (1.0, 8.0, 64.0)]
    found = search(at, policies, range(1, 9), demand)
    alone = [search(at, [policy], range(1, 9), demand) for policy in policies]
    assert found is not None
    costs = [one.point.cost for one in alone if one is not None]
    assert len(costs) == 3
    assert found.point.cost == min(costs)


def test_nothing_is_found_where_the_last_step_is_too_early() -> None:
    at = ground(samples=90)
    assert at.full > 0.6
    assert search(at, [confidence(2)], [1], Demand(0.0, 0.5)) is None


def test_budgets_that_are_searched_are_as_good_as_any_of_their_grid_nearby() -> None:
    """Changing one budget alone to another value of the grid costs no less."""
    at = ground(heads=3, samples=90)
    demand = Demand(10.0, 0.0)
    policy = confidence(3, order="depth", budgets=(1, 1))
    found = search_budgets(at, [policy], [8], demand)
    assert found is not None
    assert isinstance(found.policy, m.Confidence)
    budgets = found.policy.budgets
    for index, value in itertools.product(range(2), step_grid(8)):
        other = (*budgets[:index], value, *budgets[index + 1 :])
        point = at.table(replace(policy, budgets=other)).best([8], demand)
        assert point is None or found.point.cost <= point.cost + 1e-9


@pytest.mark.parametrize(("threshold", "repeats"), [(0.0, 1), (2.5, 3), (np.inf, 9)])
def test_a_threshold_on_repeats_is_a_whole_number(threshold: float, repeats: int) -> None:
    class Chosen:
        last_step = 8

    chosen: Any = Chosen()
    chosen.threshold = threshold
    found = with_point(m.Patience(heads=("b", "last"), repeats=(1, 1)), chosen, 8)
    assert found == m.Patience(heads=("b", "last"), repeats=(repeats, repeats))


def test_a_last_step_before_the_end_is_written_down() -> None:
    at = ground()
    curve = at.table(confidence(2)).curve(5)
    found = with_point(confidence(2), Point(5, curve, 0), 8)
    assert found == confidence(2, last_step=5, thresholds=(np.inf, np.inf))


def test_steps_that_are_tried_are_rising_and_reach_the_end() -> None:
    assert last_step_choices(1, 8) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert last_step_choices(3, 32)[:4] == [3, 4, 5, 6]
    assert last_step_choices(5, 5) == [5]
    assert step_grid(10) == [1, 2, 3, 4, 6, 8, 10]
    for steps in range(1, 70):
        for grid in (last_step_choices(1, steps), step_grid(steps)):
            assert grid == sorted(set(grid))
            assert (grid[0], grid[-1]) == (1, steps)

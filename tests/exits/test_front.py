from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.front import pareto, thinned

Points = list[tuple[int, int]]


def beaten(points: Points, index: int) -> bool:
    """By definition: another one costs no more, is no less accurate, and one of both is strict."""
    cost, accuracy = points[index]
    return any(
        c <= cost and a >= accuracy and ((c, a) != (cost, accuracy) or i < index)
        for i, (c, a) in enumerate(points)
        if i != index
    )


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_no_point_beats(points: Points) -> None:
    cost, accuracy = np.array(points, float).T
    front = pareto(cost, accuracy)
    assert sorted(front.tolist()) == [i for i in range(len(points)) if not beaten(points, i)]
    assert (np.diff(cost[front]) > 0).all()
    assert (np.diff(accuracy[front]) > 0).all()


def test_of_equal_points_the_first_stays() -> None:
    assert pareto(np.array([2.0, 1.0, 1.0]), np.array([0.9, 0.9, 0.9])).tolist() == [1]


def test_a_short_list_is_kept_whole() -> None:
    assert thinned([3, 1, 2], most=3) == [3, 1, 2]
    assert thinned([], most=3) == []


def test_a_long_list_keeps_its_ends_and_even_points() -> None:
    assert thinned(range(1001), most=11) == list(range(0, 1001, 100))
    assert thinned(range(7), most=2) == [0, 6]

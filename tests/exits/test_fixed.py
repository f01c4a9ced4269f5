from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.fixed import accuracy_by_step, smallest_step, t_star

Thousandths = st.lists(st.integers(0, 1000), min_size=1, max_size=20)


@settings(deadline=None, max_examples=200)
@given(Thousandths, st.integers(0, 50))
def test_t_star_is_the_first_step_within_the_points_of_the_best(
    found: list[int], tenths: int
) -> None:
    """In whole thousandths, one of which is a tenth of a point."""
    by_definition = next(t for t, a in enumerate(found, start=1) if a >= max(found) - tenths)
    assert t_star(np.array(found) / 1000, tenths / 10) == by_definition


def test_t_star_allows_a_tenth_of_a_point_unless_told() -> None:
    assert t_star(np.array([0.9, 0.9369, 0.937, 0.938])) == 3


@settings(deadline=None, max_examples=200)
@given(Thousandths, st.integers(0, 1000))
def test_the_smallest_step_is_the_first_that_is_accurate_enough(
    found: list[int], wanted: int
) -> None:
    steps = [t for t, a in enumerate(found, start=1) if a >= wanted]
    assert smallest_step(np.array(found) / 1000, wanted / 1000) == (steps[0] if steps else None)


def test_accuracy_counts_right_answers_in_each_step() -> None:
    answers = np.array([[0, 0, 0, 0], [0, 1, 2, 0]])
    assert accuracy_by_step(answers, np.array([0, 1, 2, 2])).tolist() == [0.25, 0.75]

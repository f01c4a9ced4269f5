"""Settling steps against NumPy's own statistics, over any batches."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.evaluation.settling import Settling, SettlingSums


def sums_of(*batches: list[int]) -> SettlingSums:
    sums = SettlingSums()
    for batch in batches:
        sums.add(np.array(batch, dtype=np.int64))
    return sums


def result_of(*batches: list[int]) -> Settling:
    return sums_of(*batches).result()


@pytest.mark.parametrize("count", [1, 2, 5, 40, 41])
def test_statistics_equal_numpys(count: int) -> None:
    steps = np.random.default_rng(count).integers(3, 9, count)
    found = result_of(*(steps[i : i + 7].tolist() for i in range(0, count, 7)))
    assert found.mean == pytest.approx(steps.mean(), rel=1e-12)
    assert found.median == np.median(steps)
    assert found.largest == steps.max()
    assert found.samples == count
    assert dict(found.histogram) == {int(s): int((steps == s).sum()) for s in np.unique(steps)}


def test_samples_that_did_not_settle_are_counted_apart() -> None:
    found = result_of([5, -1], [-1, 7])
    assert (found.samples, found.unsettled) == (4, 2)
    assert (found.mean, found.median, found.largest) == (6.0, 6.0, 7)


def test_they_count_all_steps_of_the_run_in_the_mean_number_of_steps() -> None:
    assert sums_of([4, 6]).mean_steps(20) == 5.0
    assert sums_of([4, -1]).mean_steps(20) == 12.0


def test_where_nothing_settled_there_are_no_statistics() -> None:
    found = result_of([-1, -1, -1])
    assert (found.mean, found.median, found.largest, found.histogram) == (None, None, None, ())
    assert found.unsettled == 3


def test_the_json_object_has_steps_as_keys() -> None:
    assert result_of([3, 3, 11]).as_dict() == {
        "samples": 3,
        "mean": 17 / 3,
        "median": 3.0,
        "max": 11,
        "unsettled": 0,
        "histogram": {"3": 2, "11": 1},
    }

"""Other ways to stop, against all thresholds and all fixed steps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from exit_cases import COUNT, DEEP, FIXED, LAST, SHARED, STEPS, Case, softmax


def test_the_front_is_that_of_all_thresholds(multi: Case) -> None:
    report = multi.evaluate(LAST).exit
    assert report is not None
    assert report.front is not None
    values = multi.full.outputs["logits"]
    confidence = np.array(
        [[softmax(values[t, n] / 4.0 / 1.5).max() for n in range(COUNT)] for t in range(STEPS)]
    )
    right = values.argmax(axis=2) == multi.labels
    tried = [0.0, *sorted(set(confidence[:-1].ravel().tolist())), math.inf]
    points = []
    for threshold in tried:
        above = confidence > threshold
        above[-1] = True
        stop = above.argmax(axis=0)
        points.append((float((stop + 1).mean()), float(right[stop, np.arange(COUNT)].mean())))
    front = [
        p
        for p in sorted(set(points))
        if not any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in points)
    ]
    found = [(p.mean_steps, p.accuracy) for p in report.front]
    assert found == [pytest.approx(p, abs=1e-12) for p in front]
    assert len(front) > 5
    for point in report.front:
        above = confidence > point.threshold
        above[-1] = True
        stop = above.argmax(axis=0)
        assert (stop + 1).mean() == pytest.approx(point.mean_steps, abs=1e-12)


def test_a_policy_on_the_front_of_its_data_has_its_steps_and_accuracy(multi: Case) -> None:
    report = multi.evaluate(SHARED).exit
    assert report is not None
    assert report.front is not None
    point = report.front[len(report.front) // 2]
    chosen = multi.evaluate(replace(SHARED, thresholds=(point.threshold,) * 3)).exit
    assert chosen is not None
    assert chosen.stopped.steps == pytest.approx(point.mean_steps, abs=1e-12)
    assert chosen.accuracy == pytest.approx(point.accuracy, abs=1e-12)


def test_front_and_oracle_of_depth_count_steps_of_the_whole_network(multi: Case) -> None:
    report = multi.evaluate(DEEP).exit
    assert report is not None
    assert report.front is not None
    point = report.front[len(report.front) // 2]
    chosen = multi.evaluate(replace(DEEP, thresholds=(point.threshold,) * 3)).exit
    assert chosen is not None
    assert chosen.stopped.equivalent_steps == pytest.approx(point.mean_steps, abs=1e-9)
    assert chosen.stopped.equivalent_steps < chosen.stopped.steps
    assert chosen.accuracy == pytest.approx(point.accuracy, abs=1e-12)


def test_the_oracle_stops_at_the_first_right_answer(multi: Case) -> None:
    report = multi.evaluate(LAST).exit
    assert report is not None
    assert report.oracle is not None
    right = multi.full.outputs["logits"].argmax(axis=2) == multi.labels
    points = []
    for limit in range(1, STEPS + 1):
        first = [next((t for t in range(limit) if right[t, n]), limit - 1) for n in range(COUNT)]
        points.append((float(np.mean(first) + 1), float(right[:limit].any(axis=0).mean())))
    better = [p for i, p in enumerate(points) if i == 0 or p[1] > points[i - 1][1]]
    assert [(p.mean_steps, p.accuracy) for p in report.oracle] == [pytest.approx(p) for p in better]


def test_fixed_steps_are_read_from_the_accuracy_of_the_last_head(multi: Case) -> None:
    evaluation = multi.evaluate(SHARED)
    assert evaluation.exit is not None
    fixed = evaluation.exit.fixed
    right = multi.full.outputs["logits"].argmax(axis=2) == multi.labels
    curve = right.mean(axis=1)
    best = float(curve.max())
    assert fixed is not None
    assert fixed.best.accuracy == best
    assert fixed.best.step == int(np.argmax(curve)) + 1
    star = next(t for t in range(1, STEPS + 1) if curve[t - 1] >= best - 0.001 - 1e-12)
    assert (fixed.t_star.step, fixed.t_star.accuracy) == (star, curve[star - 1])
    accuracy = evaluation.exit.accuracy
    assert accuracy is not None
    enough = [t for t in range(1, STEPS + 1) if curve[t - 1] >= accuracy - 1e-12]
    assert fixed.as_accurate is not None
    assert fixed.as_accurate.step == enough[0]
    assert fixed.as_accurate.mean_steps == enough[0]


def test_a_fixed_step_that_is_no_worse_is_told(multi: Case) -> None:
    slow = multi.evaluate(replace(LAST, first_step=STEPS))
    assert any("stopping every sample after" in note for note in slow.notes)
    fast = multi.evaluate(SHARED)
    assert fast.exit is not None
    fixed = fast.exit.fixed
    assert fixed is not None
    rival = fixed.as_accurate
    worse = rival is not None and rival.step <= fast.exit.stopped.steps
    assert any("stopping every sample" in note for note in fast.notes) == worse
    assert not any("stopping every sample" in note for note in multi.evaluate(FIXED).notes)

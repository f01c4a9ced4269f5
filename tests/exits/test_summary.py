from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import recordings

from snnc.exits.search import Demand, Ground
from snnc.exits.summary import (
    POINTS,
    described,
    fixed_accuracy,
    fixed_cost,
    fixed_steps,
    front,
    measured,
    remarks,
)
from snnc.ir import model as m

POLICY = m.Confidence(
    heads=("b", "last"), alpha=8.0, temperatures=(1.0, 1.0), thresholds=(0.7, 0.7)
)


def ground(samples: int = 60, window: int | None = None, seed: int = 0) -> Ground:
    network = recordings.network(heads=2, window=window)
    recorded = recordings.recorded(network, samples, seed)
    assert recorded.labels is not None
    return Ground(network, recorded, recorded.labels)


def test_figures_of_a_policy_that_stops_nobody_are_those_of_the_full_run() -> None:
    at = ground()
    found = measured(at, replace(POLICY, thresholds=(1.0, 1.0)))
    right = at.recorded.outputs["last"][-1].argmax(axis=1) == at.labels
    assert found["mean_steps"] == found["mean_cost"] == found["steps_full"] == 8.0
    assert found["accuracy"] == found["accuracy_full"] == right.mean()
    assert (found["changed"], found["sure"]) == (0.0, 0.0)
    assert found["heads"] == {"b": 0.0, "last": 1.0}


def test_figures_of_a_policy_that_stops_all_at_once_are_those_of_the_first_step() -> None:
    at = ground()
    found = measured(at, replace(POLICY, thresholds=(-1.0, -1.0)))
    right = at.recorded.outputs["b"][0].argmax(axis=1) == at.labels
    assert found["mean_steps"] == 1.0
    assert found["accuracy"] == right.mean()
    assert found["heads"] == {"b": 1.0, "last": 0.0}
    full = at.recorded.outputs["last"][-1].argmax(axis=1) == at.labels
    assert found["changed"] == (right != full).mean()


def test_the_full_run_of_a_gated_network_takes_its_settling_steps() -> None:
    at = ground(window=3)
    found = measured(at, replace(POLICY, thresholds=(1.0, 1.0)))
    assert found["steps_full"] == at.recorded.rest().mean() < 8
    assert found["mean_steps"] == found["steps_full"]


def test_the_front_is_what_its_thresholds_do() -> None:
    at = ground()
    points = front(at, POLICY)
    assert 1 < len(points) <= POINTS
    for point in points:
        limit = np.inf if point["threshold"] is None else point["threshold"]
        found = measured(at, replace(POLICY, thresholds=(limit, limit)))
        assert found["mean_cost"] == pytest.approx(point["mean_steps"])
        assert found["accuracy"] == pytest.approx(point["accuracy"])
    assert points == sorted(points, key=lambda p: p["mean_steps"])


def test_a_long_front_is_thinned_and_keeps_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    at = ground(samples=300)
    whole = front(at, POLICY)
    monkeypatch.setattr("snnc.exits.summary.POINTS", 3)
    thin = front(at, POLICY)
    assert len(whole) > 3
    assert len(thin) == 3
    assert (thin[0], thin[-1]) == (whole[0], whole[-1])


def test_fixed_steps_are_found_by_definition() -> None:
    at = ground(samples=300, window=3)
    found = fixed_steps(at, Demand(5.0, 0.5))
    accuracy = [
        (at.recorded.outputs["last"][t].argmax(axis=1) == at.labels).mean() for t in range(8)
    ]
    np.testing.assert_array_equal(fixed_accuracy(at), accuracy)
    step = next(t for t, a in enumerate(accuracy, start=1) if a >= accuracy[-1] - 0.05 - 1e-9)
    star = next(t for t, a in enumerate(accuracy, start=1) if a >= max(accuracy) - 0.001 - 1e-9)
    assert (found["step"], found["t_star"]) == (step, star)
    assert found["accuracy"] == accuracy[step - 1]
    assert found["t_star_accuracy"] == accuracy[star - 1]
    assert found["best_accuracy"] == max(accuracy)
    rest = at.recorded.rest()
    assert found["mean_steps"] == np.minimum(rest, step).mean()
    assert fixed_cost(at, 8) == rest.mean()


def test_a_fixed_step_that_is_as_good_is_never_hidden() -> None:
    at = ground(samples=300)
    slow = replace(POLICY, heads=("last",), temperatures=(1.0,), thresholds=(1.0,))
    figures = measured(at, slow)
    notes = remarks(at, slow, Demand(0.0, 0.5), figures)
    assert any("stopping every sample after" in note for note in notes)
    assert any("no head is sure of any sample" in note for note in notes)


def test_a_policy_that_no_fixed_step_beats_has_no_such_note() -> None:
    at = ground(samples=300)
    figures = {**measured(at, POLICY), "mean_cost": 0.5}
    assert not any("stopping" in n for n in remarks(at, POLICY, Demand(1.0, 0.5), figures))
    figures = {**measured(at, POLICY), "accuracy": 1.01}
    assert not any("stopping" in n for n in remarks(at, POLICY, Demand(1.0, 0.5), figures))


def test_few_samples_are_pointed_out() -> None:
    at = ground(samples=30)
    figures = measured(at, POLICY)
    assert any("30 samples" in note for note in remarks(at, POLICY, Demand(0.1, 0.5), figures))
    assert not any("30 samples" in note for note in remarks(at, POLICY, Demand(9, 0.5), figures))


@pytest.mark.parametrize(
    "policy",
    [
        POLICY,
        replace(POLICY, thresholds=(np.inf, np.inf)),
        replace(POLICY, order="depth", budgets=(3,)),
        m.Patience(heads=("b", "last"), repeats=(2, 2)),
        m.Fixed(head="last", step=3),
        m.Bayes(heads=("b", "last"), strength=m.Ref("s"), threshold=np.inf),
        m.IntegerMargin(heads=("b", "last"), limits=(3, 2)),
        m.IntegerConfidence(heads=("last",), shifts=(0,), tables=m.Ref("t"), limits=(9,)),
    ],
)
def test_a_policy_is_described_in_plain_json(policy: m.ExitPolicy) -> None:
    found = described(policy)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["rule"] in m.KEYWORDS


def test_an_infinite_threshold_is_none() -> None:
    found = described(replace(POLICY, thresholds=(np.inf, np.inf)))
    assert found["threshold"] is None
    assert found["thresholds"] == [None, None]

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.diagnostics import InputError, UsageError
from snnc.exits.calibration import fit_temperature
from snnc.exits.fit import Fit, fit
from snnc.exits.recorded import Recorded
from snnc.exits.requests import parse_request
from snnc.exits.search import Ground
from snnc.exits.summary import measured
from snnc.ir import model as m
from snnc.ir.verify import verify

SPECS = (
    "confidence",
    "confidence{score=softmax,alpha=4}",
    "confidence{order=depth}",
    "confidence{heads=[b],last-step=6}",
    "margin{luck=0}",
    "margin{order=depth,budgets=[3]}",
    "entropy{temperature=2}",
    "patience",
    "patience{order=depth,first-step=2}",
    "fixed",
    "fixed{step=5}",
    "confidence{threshold=0.6}",
)


def halves(recorded: Recorded) -> tuple[Recorded, Recorded]:
    return recorded.part(slice(0, None, 2)), recorded.part(slice(1, None, 2))


def fitted(
    spec: str, max_drop: float = 3.0, window: int | None = None, seed: int = 0, samples: int = 240
) -> tuple[m.Network, Fit]:
    network = recordings.network(heads=2, window=window)
    recorded = recordings.recorded(network, samples, seed)
    return network, fit(network, parse_request(spec), *halves(recorded), max_drop)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("window", [None, 3])
def test_a_fitted_policy_is_valid_and_its_record_is_plain(spec: str, window: int | None) -> None:
    network, found = fitted(spec, max_drop=20.0, window=window)
    problems = verify(replace(network.with_arrays(found.arrays), exit=found.policy))
    assert [d for d in problems if d.severity == "error"] == []
    assert json.loads(json.dumps(found.record, allow_nan=False)) == found.record
    assert found.record["policy"] == parse_request(spec).name
    assert found.record["fitting"]["samples"] == found.record["choosing"]["samples"] == 120


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_data_gives_the_same_policy(spec: str) -> None:
    first, second = fitted(spec, max_drop=20.0)[1], fitted(spec, max_drop=20.0)[1]
    assert first.policy == second.policy
    assert first.record == second.record


@settings(deadline=None, max_examples=12)
@given(
    st.sampled_from(("margin", "patience", "fixed", "confidence{alpha=4}", "margin{order=depth}")),
    st.integers(0, 10**6),
    st.sampled_from((0.0, 2.0, 10.0)),
)
def test_the_drop_on_the_choosing_part_is_the_demanded_one(
    spec: str, seed: int, max_drop: float
) -> None:
    """With the margin against luck that the record states."""
    _, found = fitted(spec, max_drop, seed=seed, samples=120)
    part = found.record["choosing"]
    gain = part["accuracy"] - part["accuracy_full"]
    assert gain >= -max_drop / 100 + found.record["margin"] - 1e-9
    assert part["mean_steps"] >= 1.0


def test_a_higher_drop_saves_steps() -> None:
    none = fitted("margin", 0.0)[1].record["choosing"]
    some = fitted("margin", 10.0)[1].record["choosing"]
    assert some["mean_steps"] < none["mean_steps"] <= none["steps_full"]


def test_the_record_is_that_of_the_policy_on_the_choosing_part() -> None:
    network, found = fitted("confidence")
    recorded = halves(recordings.recorded(network, 240))
    for part, key in zip(recorded, ("fitting", "choosing"), strict=True):
        assert part.labels is not None
        assert measured(Ground(network, part, part.labels), found.policy) == found.record[key]


def test_temperatures_come_from_the_fitting_part_alone() -> None:
    network = recordings.network(heads=2)
    first, second = halves(recordings.recorded(network, 240))
    other = recordings.recorded(network, 120, seed=9)
    request = parse_request("confidence{score=softmax,heads=[b,last],alpha=8}")
    one, two = fit(network, request, first, second, 5.0), fit(network, request, first, other, 5.0)
    assert first.labels is not None
    expected = [fit_temperature(first.logits[name], first.labels) for name in ("b", "last")]
    assert one.record["temperatures"] == two.record["temperatures"] == expected


def test_what_is_given_is_kept() -> None:
    _, found = fitted("confidence{score=softmax,alpha=5,temperature=2,first-step=2,last-step=7}", 9)
    policy = found.policy
    assert isinstance(policy, m.Confidence)
    assert (policy.alpha, policy.first_step, policy.last_step) == (5.0, 2, 7)
    assert set(policy.temperatures) == {2.0}
    budgets = fitted("margin{order=depth,budgets=[3]}", 9.0)[1].policy
    assert isinstance(budgets, m.Margin)
    assert budgets.budgets == (3,)


def test_all_heads_share_one_threshold() -> None:
    policy = fitted("confidence{heads=[b,last]}")[1].policy
    assert isinstance(policy, m.Confidence | m.Margin)
    assert len(set(policy.thresholds)) == 1


def test_the_spatial_exit_costs_less_than_the_full_run() -> None:
    part = fitted("margin{order=depth}", 10.0)[1].record["choosing"]
    assert part["mean_cost"] < part["steps_full"]
    assert part["mean_cost"] < part["mean_steps"]


def test_a_fixed_step_is_the_first_that_is_accurate_enough() -> None:
    network, found = fitted("fixed{luck=0}", 2.0)
    second = halves(recordings.recorded(network, 240))[1]
    accuracy = [
        (second.outputs["last"][t].argmax(axis=1) == second.labels).mean() for t in range(8)
    ]
    step = next(t for t, a in enumerate(accuracy, start=1) if a >= accuracy[-1] - 0.02 - 1e-9)
    assert found.policy == m.Fixed(head="last", step=step)
    assert found.record["fixed"]["step"] == step


def test_an_unknown_temperature_is_1_and_said_so() -> None:
    network = recordings.network(heads=2)
    recorded = replace(recordings.recorded(network, 240), logits={})
    found = fit(network, parse_request("confidence{score=softmax}"), *halves(recorded), 5.0)
    assert set(found.record["temperatures"]) == {1.0}
    assert any("head last is 1" in note for note in found.record["notes"])


def test_a_head_that_reads_times_has_no_temperature() -> None:
    network = recordings.network(heads=1)
    timed = replace(network, heads=(m.Head("last", "last-out", m.FirstSpike()),))
    recorded = recordings.recorded(network, 240)
    found = fit(timed, parse_request("confidence{score=softmax}"), *halves(recorded), 5.0)
    assert found.record["temperatures"] == [1.0]
    assert any("times" in note for note in found.record["notes"])


@pytest.mark.parametrize("spec", ["fixed{head=b}", "confidence{heads=[last],last-step=1}"])
def test_what_can_never_be_accurate_enough_is_refused(spec: str) -> None:
    network = recordings.network(heads=2)
    recorded = recordings.recorded(network, 240, sharpness=0.8)
    with pytest.raises(UsageError, match="SN954") as caught:
        fit(network, parse_request(spec), *halves(recorded), 0.0)
    assert "max-drop" in str(caught.value)


def _labels(values: Any) -> Any:
    return lambda recorded: replace(recorded, labels=values)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_labels(None), "SN950"),
        (_labels(np.zeros(40, np.int64)), "SN951"),
        (lambda recorded: recorded.part(slice(0, 2)), "SN952"),
        (_labels(np.full(40, 3)), "SN955"),
    ],
)
@pytest.mark.parametrize("spec", ["confidence", "fixed", "patience"])
def test_data_that_does_not_do_is_refused(spec: str, change: Any, code: str) -> None:
    network = recordings.network(heads=2)
    parts = halves(change(recordings.recorded(network, 40)))
    with pytest.raises(InputError) as caught:
        fit(network, parse_request(spec), *parts)
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize("spec", ["confidence{order=depth}", "bayes", "confidence{heads=[ic1]}"])
def test_a_network_without_the_head_is_refused(spec: str) -> None:
    network = recordings.network(heads=1)
    parts = halves(recordings.recorded(network, 40))
    with pytest.raises(UsageError) as caught:
        fit(network, parse_request(spec), *parts)
    assert caught.value.diagnostics[0].code == "SN953"


@pytest.mark.parametrize("max_drop", [-0.1, float("nan")])
def test_a_drop_below_nothing_is_refused(max_drop: float) -> None:
    network = recordings.network()
    parts = halves(recordings.recorded(network, 40))
    with pytest.raises(UsageError, match="SN954"):
        fit(network, parse_request("margin"), *parts, max_drop)


@pytest.mark.parametrize("spec", ["confidence", "entropy", "patience", "margin{order=depth}"])
def test_a_single_output_has_two_classes_to_be_sure_of(spec: str) -> None:
    network = recordings.network(heads=2, classes=1)
    whole = recordings.recorded(network, 120)
    labels = np.repeat([0, 1], 60)
    # The sign of the drift, which is to the right, says the class.
    sign = np.where(labels == 1, 1.0, -1.0)[:, None]
    outputs = {name: sign * (values + 1.0) for name, values in whole.outputs.items()}
    logits = {name: values[-1] / 8 for name, values in outputs.items()}
    parts = halves(Recorded(outputs, labels, None, logits))
    found = fit(network, parse_request(spec), *parts, 5.0)
    part = found.record["choosing"]
    assert part["accuracy_full"] > 0.9
    assert part["accuracy"] >= part["accuracy_full"] - 0.05
    assert part["mean_cost"] < 8


def test_a_shorter_recording_is_a_mistake_of_the_caller() -> None:
    network = recordings.network(steps=9)
    parts = halves(recordings.recorded(recordings.network(steps=8), 40))
    with pytest.raises(ValueError, match="8 recorded steps of 9"):
        fit(network, parse_request("margin"), *parts)

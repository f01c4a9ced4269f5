"""Evaluations with exits, without, and of networks that come to rest."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from exit_cases import (
    CONFIDENCE,
    COUNT,
    DEEP,
    EXAMPLES,
    FIXED,
    PATIENCE,
    POLICIES,
    SHARED,
    Case,
    case_of,
    expected_exits,
)

from snnc.diagnostics import UsageError
from snnc.driver.samples import ArraySamples
from snnc.evaluation.evaluate import evaluate_network
from snnc.exits.asked import asked
from snnc.exits.recorded import Recorded
from snnc.ir import model as m


@pytest.mark.parametrize("name", ["shared", "depth", "patience"])
def test_running_with_exits_only_gives_the_same_figures_of_exits(multi: Case, name: str) -> None:
    both, only = multi.evaluate(POLICIES[name]), multi.evaluate(POLICIES[name], exits="run")
    assert both.exit is not None
    assert only.exit is not None
    assert only.exit.stopped == both.exit.stopped
    assert only.exit.histogram == both.exit.histogram
    assert (only.exit.accuracy, only.exit.ece) == (both.exit.accuracy, both.exit.ece)
    assert [(h.name, h.share, h.accuracy) for h in only.exit.heads] == [
        (h.name, h.share, h.accuracy) for h in both.exit.heads
    ]
    nothing = ("full", "accuracy_full", "same_answer", "front", "oracle", "fixed", "course")
    assert [getattr(only.exit, name) for name in nothing] == [None] * len(nothing)
    assert only.snn_accuracy == both.exit.accuracy
    assert only.mean_steps == both.exit.stopped.steps
    assert only.spikes_per_sample == both.exit.stopped.spikes
    assert only.energy_estimates == both.exit.stopped.energy
    assert only.ann_accuracy == both.ann_accuracy
    assert only.accuracy_by_step == ()
    assert only.layer_samples == 0
    assert all(layer.correlation is None for layer in only.layers)
    spikes = sum(layer.spikes_per_sample for layer in only.layers)
    assert spikes == pytest.approx(only.spikes_per_sample)
    assert any("only the run with exits" in note for note in only.notes)


def test_exits_off_measures_the_network_as_if_it_had_none(multi: Case) -> None:
    off, bare = multi.evaluate(SHARED, exits="off"), multi.evaluate(None)
    assert off.exit is None
    assert off.as_dict() == bare.as_dict()


def test_with_exits_the_main_figures_are_those_of_the_full_length(multi: Case) -> None:
    compared, bare = multi.evaluate(SHARED).as_dict(), multi.evaluate(None).as_dict()
    assert compared["exit"] is not None
    for other in ("exit", "notes"):
        del compared[other], bare[other]
    assert compared == bare


def test_an_unreachable_threshold_changes_nothing(multi: Case) -> None:
    report = multi.evaluate(replace(SHARED, thresholds=(math.inf,) * 3)).exit
    assert report is not None
    assert report.stopped == report.full
    assert report.same_answer == 1.0
    assert report.sure == 0.0
    assert report.as_dict()["threshold"] is None


def test_the_batch_changes_no_figure(multi: Case) -> None:
    # In float64, where the order of sums moves no confidence by more than 1e-12.
    data, found = ArraySamples(multi.x[:60], multi.labels[:60]), []
    for batch in (60, 17):
        network = multi.with_exit(CONFIDENCE)
        report = evaluate_network(network, data, batch=batch, dtype="float64").exit
        assert report is not None
        found.append(report)
    first, second = found
    assert second.ece == pytest.approx(first.ece, abs=1e-9)
    assert first.course is not None
    assert second.course is not None
    for one, other in zip(first.course.points, second.course.points, strict=True):
        assert other.every == pytest.approx(one.every, abs=1e-9)
    assert first.front is not None
    assert second.front is not None
    assert [(p.mean_steps, p.accuracy) for p in first.front] == [
        (p.mean_steps, p.accuracy) for p in second.front
    ]
    sums = {"ece": None, "course": None, "front": None}
    assert replace(first, **sums) == replace(second, **sums)


def test_fewer_steps_shorten_the_policy_too(multi: Case) -> None:
    for policy in (DEEP, SHARED, FIXED, PATIENCE):
        report = multi.evaluate(policy, steps=3).exit
        assert report is not None
        cut = replace(
            multi.full, steps=3, outputs={k: v[:3] for k, v in multi.full.outputs.items()}
        )
        expected = expected_exits(replace(multi, full=cut), policy)
        assert report.stopped.steps == pytest.approx(np.mean([e.steps for e in expected]))
        right = [e.answer == label for e, label in zip(expected, multi.labels, strict=True)]
        assert report.accuracy == pytest.approx(np.mean(right))
        assert report.full is not None
        assert report.full.steps == 3


def test_without_labels_everything_but_accuracies_is_there(multi: Case) -> None:
    network, data = multi.with_exit(SHARED), ArraySamples(multi.x)
    evaluation = evaluate_network(network, data)
    labelled = multi.evaluate(SHARED).exit
    report = evaluation.exit
    assert report is not None
    assert labelled is not None
    unknown = ("accuracy", "accuracy_full", "ece", "front", "oracle", "fixed")
    assert [getattr(report, name) for name in unknown] == [None] * len(unknown)
    assert report.stopped.spikes == labelled.stopped.spikes
    assert report.histogram == labelled.histogram
    assert (report.same_answer, report.sure) == (labelled.same_answer, labelled.sure)
    assert {h.accuracy for h in report.heads} == {h.accuracy_full for h in report.heads} == {None}
    assert report.course is not None
    assert labelled.course is not None
    for point, known in zip(report.course.points, labelled.course.points, strict=True):
        assert (point.every, point.right, point.wrong) == (known.every, None, None)
    assert any("no labels" in note for note in evaluation.notes)
    json.dumps(evaluation.as_dict(), allow_nan=False)


def test_a_run_with_exits_needs_an_exit_policy(multi: Case) -> None:
    with pytest.raises(UsageError, match="SN945"):
        multi.evaluate(None, exits="run")


def test_an_unknown_way_to_evaluate_exits_is_refused(multi: Case) -> None:
    with pytest.raises(UsageError, match=r'SN923.*"compare"'):
        multi.evaluate(SHARED, exits="compar")


def test_exact_comparison_needs_the_full_length(gated: Case) -> None:
    compiled = replace(gated.compiled, network=gated.with_exit(FIXED))
    with pytest.raises(UsageError, match=r"SN936.*at rest"):
        compiled.evaluate((gated.x, gated.labels), exact=True, exits="run")


RESTING = m.Confidence(heads=("logits",), alpha=3.0, temperatures=(1.0,), thresholds=(0.97,))


@pytest.mark.parametrize(
    "policy", [RESTING, m.Patience(heads=("logits",), repeats=(4,)), m.Fixed(head="logits", step=4)]
)
def test_a_sample_at_rest_is_answered(gated: Case, policy: m.ExitPolicy) -> None:
    evaluation = gated.evaluate(policy)
    report, expected = evaluation.exit, expected_exits(gated, policy)
    assert report is not None
    assert report.full is not None
    assert gated.full.settled is not None
    assert report.stopped.steps == pytest.approx(np.mean([e.steps for e in expected]))
    right = [e.answer == label for e, label in zip(expected, gated.labels, strict=True)]
    assert report.accuracy == pytest.approx(np.mean(right))
    assert report.full.steps == pytest.approx(gated.full.settled.mean())
    assert evaluation.settled is not None
    assert evaluation.exactness is not None
    assert evaluation.exactness.equal


def test_input_that_has_stopped_acting_is_not_priced(gated: Case) -> None:
    # The window has 3 steps; later ones multiply nothing by the analog input.
    report = gated.evaluate(m.Patience(heads=("logits",), repeats=(4,))).exit
    assert report is not None
    prices = {e["name"]: e["picojoules"] for e in report.stopped.energy}
    direct = 4.6 * gated.full.direct_macs[0]
    driven = (prices["45nm-cmos-every-step"] - 0.9 * report.stopped.synops) / direct
    assert driven == pytest.approx(3.0)
    assert report.stopped.steps > 3


def test_fixed_steps_of_a_resting_network_end_at_rest(gated: Case) -> None:
    fixed = gated.evaluate(RESTING).exit
    assert fixed is not None
    assert fixed.fixed is not None
    assert gated.full.settled is not None
    for point in (fixed.fixed.t_star, fixed.fixed.best):
        mean = np.minimum(gated.full.settled, point.step).mean()
        assert point.mean_steps == pytest.approx(mean)


def test_fused_heads_answer_as_the_full_length_run_tells() -> None:
    data = f"{EXAMPLES / 'images.npz'}:train[:300]"
    case = case_of("multi_exit.onnx", steps=6, exit="bayes{threshold=0.9}", exit_data=data)
    network = case.compiled.network
    assert isinstance(network.exit, m.Bayes)
    evaluation = case.evaluate(network.exit)
    rows = asked(network, Recorded(case.full.outputs))
    stops, every = rows.stops(), np.arange(COUNT)
    right = rows.answer[stops, every] == case.labels
    report = evaluation.exit
    assert report is not None
    assert report.stopped.steps == pytest.approx(rows.step[stops, every].mean())
    assert report.stopped.steps < 6
    assert report.accuracy == pytest.approx(right.mean())
    assert report.thresholds == (0.9,)
    assert report.ece is None
    assert [head.share for head in report.heads] == [0.0, 0.0, 1.0]
    assert report.course is not None
    assert all(0.5 <= low <= 1.0 for low, _, _ in (p.every for p in report.course.points))

"""What an evaluation says of exits: answers, heads, confidence, JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from exit_cases import (
    COUNT,
    FIXED,
    HEADS,
    LAST,
    PATIENCE,
    POLICIES,
    SHARED,
    STEPS,
    Case,
    expected_exits,
    softmax,
)

from snnc.driver.samples import ArraySamples
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m


def test_steps_answers_and_heads_are_those_of_the_definition(
    multi: Case, found: tuple[m.ExitPolicy, Evaluation]
) -> None:
    policy, evaluation = found
    report, expected = evaluation.exit, expected_exits(multi, policy)
    assert report is not None
    steps = [e.steps for e in expected]
    right = np.array([e.answer for e in expected]) == multi.labels
    assert report.stopped.steps == pytest.approx(np.mean(steps), rel=1e-12)
    assert report.histogram == tuple((s, steps.count(s)) for s in sorted(set(steps)))
    assert report.accuracy == pytest.approx(right.mean(), abs=1e-12)
    assert report.sure == np.mean([e.sure for e in expected])
    full = multi.full.outputs["logits"][-1].argmax(axis=1)
    assert report.same_answer == np.mean(np.array([e.answer for e in expected]) == full)
    for index, head in enumerate(report.heads):
        mine = np.array([e.head == index for e in expected])
        assert head.name == HEADS[index]
        assert head.share == pytest.approx(mine.mean(), abs=1e-12)
        if mine.any():
            assert head.accuracy == pytest.approx(right[mine].mean(), abs=1e-12)
            assert head.mean_steps == pytest.approx(np.array(steps)[mine].mean(), rel=1e-12)
        else:
            assert head.accuracy is None
            assert head.mean_steps is None
        alone = (multi.full.outputs[head.name][-1].argmax(axis=1) == multi.labels).mean()
        assert head.accuracy_full == pytest.approx(alone, abs=1e-12)
    assert len(set(steps)) > 1 or isinstance(policy, m.Fixed)


def test_heads_are_compared_with_the_heads_of_the_ann(multi: Case) -> None:
    report = multi.evaluate(SHARED).exit
    reference = multi.compiled.ann_reference()
    assert report is not None
    assert reference is not None
    for head in report.heads:
        right = reference.logits(multi.x, head.name).argmax(axis=1) == multi.labels
        assert head.ann_accuracy == pytest.approx(right.mean(), abs=1e-12)
    assert len({head.ann_accuracy for head in report.heads}) > 1


def test_another_threshold_gives_another_report(multi: Case) -> None:
    # The negative control of the tests above: the definition notices a policy that is not its own.
    report = multi.evaluate(replace(SHARED, thresholds=(0.5, 0.5, 0.52))).exit
    expected = expected_exits(multi, replace(SHARED, thresholds=(0.7, 0.7, 0.7)))
    assert report is not None
    assert report.stopped.steps != pytest.approx(np.mean([e.steps for e in expected]), rel=1e-12)


def test_a_wrong_weight_shows_in_the_answers(multi: Case) -> None:
    network = multi.with_exit(SHARED)
    name = next(n for n in network.tensors if n.endswith("weight"))
    wrong = network.with_arrays({name: network.array(m.Ref(name)) * np.float32(1.2)})
    report = evaluate_network(wrong, ArraySamples(multi.x, multi.labels)).exit
    expected = expected_exits(multi, SHARED)
    assert report is not None
    steps = [e.steps for e in expected]
    assert report.histogram != tuple((s, steps.count(s)) for s in sorted(set(steps)))


@pytest.mark.parametrize("name", ["confidence", "margin", "entropy"])
def test_the_calibration_error_is_that_of_the_softmax_at_the_exit(multi: Case, name: str) -> None:
    policy = POLICIES[name]
    assert isinstance(policy, m.Confidence | m.Margin | m.Entropy)
    report = multi.evaluate(policy).exit
    gaps: dict[int, list[float]] = {}
    samples = 0
    for n, found in enumerate(expected_exits(multi, policy)):
        head = HEADS[found.head]
        if head not in policy.heads:
            continue
        scale = policy.alpha * policy.temperatures[policy.heads.index(head)]
        confidence = softmax(multi.full.outputs[head][found.local - 1, n] / scale).max()
        gap = confidence - (found.answer == multi.labels[n])
        gaps.setdefault(math.ceil(confidence * 15), []).append(float(gap))
        samples += 1
    assert report is not None
    expected = sum(abs(sum(values)) for values in gaps.values()) / samples
    assert report.ece == pytest.approx(expected, abs=1e-6)  # sums of float32 in another order


@pytest.mark.parametrize("policy", [PATIENCE, FIXED])
def test_a_policy_without_confidence_says_so(multi: Case, policy: m.ExitPolicy) -> None:
    evaluation = multi.evaluate(policy)
    assert evaluation.exit is not None
    assert evaluation.exit.ece is None
    assert any("no calibration error" in note for note in evaluation.notes)
    assert (evaluation.exit.course is None) == isinstance(policy, m.Fixed)


def test_the_course_holds_quartiles_of_right_and_wrong_answers(multi: Case) -> None:
    report = multi.evaluate(LAST).exit
    assert report is not None
    assert report.course is not None
    assert report.course.head == "logits"
    assert [p.step for p in report.course.points] == list(range(1, STEPS + 1))
    values = multi.full.outputs["logits"]
    for point in report.course.points:
        now = values[point.step - 1]
        scores = np.array([softmax(v / 6.0).max() for v in now])
        right = now.argmax(axis=1) == multi.labels
        assert point.samples == COUNT
        for kept, found in (
            (right, point.right),
            (~right, point.wrong),
            (right | True, point.every),
        ):
            assert (found is None) == (not kept.any())
            if found is not None:
                expected = [np.percentile(scores[kept], q) for q in (25, 50, 75)]
                assert found == pytest.approx(expected, abs=1e-9)


def test_the_json_object_has_its_keys_and_is_json(found: tuple[m.ExitPolicy, Evaluation]) -> None:
    policy, evaluation = found
    content = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))["exit"]
    assert set(content) == {
        *("policy", "text", "threshold", "thresholds", "order", "mean_steps", "steps_full"),
        *("equivalent_steps", "accuracy", "accuracy_full", "same_answer", "sure", "ece"),
        *("spikes_per_sample", "spikes_full", "synops_per_sample", "synops_full"),
        *("updates_per_sample", "updates_full", "energy", "histogram", "heads"),
        *("pareto", "oracle", "fixed", "score"),
    }
    assert content["text"].startswith(f"{content['policy']}(")
    assert set(content["energy"]) == {"with", "without"}
    assert sum(content["histogram"].values()) == COUNT
    assert [set(head) for head in content["heads"]] == [
        {"name", "share", "mean_steps", "accuracy", "accuracy_full", "ann_accuracy"}
    ] * 3
    if isinstance(policy, m.Fixed):
        assert content["pareto"] is None
    else:
        assert set(content["pareto"][0]) == {"threshold", "mean_steps", "accuracy"}
    assert set(content["oracle"][0]) == {"mean_steps", "accuracy"}
    assert {"t_star", "t_star_accuracy", "step", "mean_steps"} <= set(content["fixed"])
    thresholds = getattr(policy, "thresholds", ())
    assert content["thresholds"] == list(thresholds)
    shared = len(set(thresholds)) == 1
    assert content["threshold"] == (thresholds[0] if shared else None)

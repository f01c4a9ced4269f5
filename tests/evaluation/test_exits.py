"""What an evaluation says of exits, against figures computed here from full-length runs alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import UsageError
from snnc.driver.compiled import Compiled
from snnc.driver.samples import ArraySamples
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.result import Evaluation
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
COUNT = 200
STEPS = 10
HEADS = ("logits_ic1", "logits_ic2", "logits")

CONFIDENCE = m.Confidence(
    heads=HEADS, alpha=16.0, temperatures=(1.0, 0.9, 1.2), thresholds=(0.45, 0.5, 0.55)
)
SHARED = replace(CONFIDENCE, thresholds=(0.5, 0.5, 0.5))
LAST = m.Confidence(heads=("logits",), alpha=4.0, temperatures=(1.5,), thresholds=(0.9,))
DEEP = replace(SHARED, order="depth", budgets=(4, 5), last_step=9)
MARGIN = m.Margin(
    heads=HEADS[:2], alpha=8.0, temperatures=(1.0, 1.0), thresholds=(1.0, 1.5), first_step=2
)
ENTROPY = m.Entropy(
    heads=HEADS[1:], alpha=6.0, temperatures=(1.0, 1.0), thresholds=(0.4, 0.4), last_step=7
)
PATIENCE = m.Patience(heads=HEADS, repeats=(4, 3, 3), last_step=8)
FIXED = m.Fixed(head="logits_ic2", step=5)
POLICIES = {
    "confidence": CONFIDENCE,
    "shared": SHARED,
    "last": LAST,
    "margin": MARGIN,
    "entropy": ENTROPY,
    "patience": PATIENCE,
    "fixed": FIXED,
    "depth": DEEP,
}


@dataclass(frozen=True)
class Case:
    """A compiled network without exits, its data, and its full-length run with all spikes."""

    compiled: Compiled
    x: Array
    labels: Array
    full: Trace
    known: dict[Any, Evaluation] = field(default_factory=dict)

    def with_exit(self, policy: m.ExitPolicy) -> m.Network:
        return replace(self.compiled.network, exit=policy)

    def evaluate(self, policy: m.ExitPolicy | None, **options: Any) -> Evaluation:
        key = (policy, *sorted(options.items()))
        if key not in self.known:
            network = replace(self.compiled.network, exit=policy)
            data, ann = ArraySamples(self.x, self.labels), self.compiled.ann_reference()
            few = {"layer_samples": 20, **options}
            self.known[key] = evaluate_network(network, data, ann=ann, **few)
        return self.known[key]


def case_of(model: str, **options: Any) -> Case:
    compiled = snnc.compile(
        EXAMPLES / model,
        calibration=f"{EXAMPLES / 'images.npz'}:train[:100]",
        preprocessing=Preprocessing(divide=255.0),
        **options,
    )
    with np.load(EXAMPLES / "images.npz") as images:
        x = images["x_test"][:COUNT].astype(np.float32).reshape(COUNT, 1, 28, 28) / 255
        labels = images["y_test"][:COUNT].astype(np.int64)
    x = x.astype(np.float32)
    recorded = [p.name for p in compiled.network.populations if isinstance(p.neuron, m.IF)]
    full = Simulator(compiled.network).run(x, record=recorded)
    return Case(compiled, x, labels, full)


@pytest.fixture(scope="module")
def multi() -> Case:
    return case_of("multi_exit.onnx", steps=STEPS)


@pytest.fixture(scope="module")
def gated() -> Case:
    return case_of("quantised.onnx")


@pytest.fixture(scope="module", params=list(POLICIES))
def found(request: pytest.FixtureRequest, multi: Case) -> tuple[m.ExitPolicy, Evaluation]:
    policy = POLICIES[request.param]
    return policy, multi.evaluate(policy)


# ---- the definition of every policy, written again --------------------------------------------


@dataclass
class Exit:
    """How one sample ends: steps in all and of the last stage, the stage, the head, the class."""

    steps: int
    local: int
    stage: int
    head: int
    answer: int
    sure: bool


def softmax(z: Array) -> Array:
    weights: Array = np.exp(z - z.max())
    return weights / weights.sum()


def score_of(policy: m.ExitPolicy, index: int, values: list[Array]) -> float:
    """The score of the asked head `index` from its read-outs (K,) after each step so far."""
    if isinstance(policy, m.Patience):
        answers = [int(v.argmax()) for v in values]
        same = 0
        while same < len(answers) and answers[-1 - same] == answers[-1]:
            same += 1
        return same
    assert isinstance(policy, m.Confidence | m.Margin | m.Entropy)
    z = values[-1] / policy.alpha / policy.temperatures[index]
    if isinstance(policy, m.Margin):
        two = sorted(z.tolist())[-2:]
        return float(two[1] - two[0])
    p = softmax(z)
    if isinstance(policy, m.Confidence):
        return float(p.max())
    entropy = -sum(v * math.log(v) for v in p.tolist() if v > 0)
    return 1 - entropy / math.log(len(p))


def limit_of(policy: m.ExitPolicy, index: int) -> float:
    if isinstance(policy, m.Patience):
        return policy.repeats[index] - 0.5
    assert isinstance(policy, m.Confidence | m.Margin | m.Entropy)
    return policy.thresholds[index]


def expected_exit(policy: m.ExitPolicy, outputs: dict[str, Array], sample: int, end: int) -> Exit:
    """When a sample exits, from the read-outs of the full-length run; `end`: its last step."""
    names = list(outputs)
    if isinstance(policy, m.Fixed):
        head, step = names.index(policy.head), min(policy.step, end)
        answer = int(outputs[policy.head][step - 1, sample].argmax())
        return Exit(step, step, 0, head, answer, policy.step <= end)
    assert not isinstance(policy, m.Bayes)
    heads = [names.index(name) for name in policy.heads]
    values = [[outputs[name][t, sample] for t in range(end)] for name in policy.heads]
    last = min(end, policy.last_step or end)
    if policy.order == "time":
        plan = [(t, 0, i) for t in range(1, last + 1) for i in range(len(heads))]
    else:
        ends = (*(min(b, end) for b in policy.budgets), last)
        plan = [(t, i, i) for i, stop in enumerate(ends) for t in range(1, stop + 1)]
    before = 0
    stage = 0
    for step, at, index in plan:
        if at != stage:
            before, stage = before + min(policy.budgets[stage], end), at
        if step < policy.first_step:
            continue
        if score_of(policy, index, values[index][:step]) > limit_of(policy, index):
            answer = int(values[index][step - 1].argmax())
            return Exit(before + step, step, at, heads[index], answer, True)
    answer = int(outputs[names[-1]][last - 1, sample].argmax())
    return Exit(before + last, last, stage, len(names) - 1, answer, False)


def expected_exits(case: Case, policy: m.ExitPolicy) -> list[Exit]:
    outputs = dict(case.full.outputs)
    ends = [case.full.steps] * COUNT
    if case.full.settled is not None:
        ends = [max(1, int(s)) for s in case.full.settled]
    return [expected_exit(policy, outputs, n, ends[n]) for n in range(COUNT)]


# ---- answers -----------------------------------------------------------------------------------


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


# ---- costs -------------------------------------------------------------------------------------


def sources(network: m.Network, head: int) -> set[str]:
    names = {network.heads[head].population}
    for population in reversed(network.populations):
        if population.name in names:
            names |= {i.source for i in population.incoming}
    return names


def layer_runs(network: m.Network, policy: m.ExitPolicy, exits: list[Exit]) -> dict[str, Array]:
    """The steps that each layer runs for each sample."""
    runs = {p.name: np.zeros(COUNT, np.int64) for p in network.populations}
    for n, found in enumerate(exits):
        for p in network.populations:
            if not isinstance(policy, m.Fixed | m.Bayes) and policy.order == "depth":
                ends = [*policy.budgets[: found.stage], found.local]
                asked = [list(HEADS).index(name) for name in policy.heads]
                needed = [e for i, e in enumerate(ends) if p.name in sources(network, asked[i])]
                runs[p.name][n] = max(needed, default=0)
            else:
                runs[p.name][n] = found.steps
    return runs


@pytest.mark.parametrize("name", ["confidence", "fixed", "depth"])
def test_spikes_operations_and_updates_are_those_up_to_the_exit(multi: Case, name: str) -> None:
    policy = POLICIES[name]
    network = multi.with_exit(policy)
    runs = layer_runs(network, policy, expected_exits(multi, policy))
    fan_out = Simulator(multi.compiled.network).fan_out()
    spikes = synops = 0
    for population, raster in multi.full.rasters.items():
        acting = np.arange(STEPS)[:, None] < runs[population][None]
        counted = np.abs(raster.astype(np.int64)).reshape(STEPS, COUNT, -1) * acting[..., None]
        spikes += int(counted.sum())
        synops += int((counted.sum(axis=(0, 1)) * fan_out[population].reshape(-1)).sum())
    neurons = {p.name: math.prod(p.shape) for p in network.populations}
    updates = sum(neurons[p] * int(steps.sum()) for p, steps in runs.items())
    macs = {
        p.name: sum(
            linear.macs(i.ops, network.source_shape(i.source), network.array) for i in p.incoming
        )
        for p in network.populations
    }
    work = sum(macs[p] * runs[p] for p in macs) / sum(macs.values())
    cost = multi.evaluate(policy).exit
    assert cost is not None
    assert cost.stopped.spikes == spikes / COUNT
    if name != "depth":
        assert cost.stopped.synops == synops / COUNT
    assert cost.stopped.updates == updates / COUNT
    assert cost.stopped.equivalent_steps == pytest.approx(np.mean(work), rel=1e-12)
    assert cost.order == ("depth" if name == "depth" else "time")


def test_energy_estimates_price_the_counts_of_either_run(multi: Case) -> None:
    report = multi.evaluate(SHARED).exit
    assert report is not None
    assert report.full is not None
    direct = multi.full.direct_macs
    assert direct > 0
    for cost, driven in ((report.stopped, report.stopped.steps), (report.full, float(STEPS))):
        prices = {e["name"]: e["picojoules"] for e in cost.energy}
        assert prices["45nm-cmos"] == pytest.approx(4.6 * direct + 0.9 * cost.synops)
        every = 4.6 * direct * driven + 0.9 * cost.synops
        assert prices["45nm-cmos-every-step"] == pytest.approx(every)
        assert prices["truenorth-synop"] == pytest.approx(26 * cost.synops)
        active = min(cost.spikes, cost.updates)
        loihi = 23.6 * cost.synops + 81 * active + 52 * (cost.updates - active) + 1.7 * cost.spikes
        assert prices["loihi1"] == pytest.approx(loihi)


def test_the_full_length_is_measured_beside_the_exits(multi: Case) -> None:
    evaluation = multi.evaluate(SHARED)
    report = evaluation.exit
    assert report is not None
    assert report.full is not None
    assert report.full.steps == STEPS == evaluation.mean_steps
    assert report.full.spikes == evaluation.spikes_per_sample
    assert report.full.synops == evaluation.synops_per_sample
    assert report.full.updates == evaluation.updates_per_sample
    assert report.accuracy_full == evaluation.snn_accuracy
    assert report.stopped.spikes < report.full.spikes
    assert report.full.energy == evaluation.energy_estimates


# ---- other ways to stop ------------------------------------------------------------------------


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


# ---- confidence --------------------------------------------------------------------------------


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


# ---- modes -------------------------------------------------------------------------------------


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


# ---- networks that come to rest ----------------------------------------------------------------

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
    direct = 4.6 * gated.full.direct_macs
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


# ---- JSON --------------------------------------------------------------------------------------


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

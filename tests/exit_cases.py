"""Exits computed a second time, from full-length runs of the bundled networks alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import snnc
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.data.preprocessing import Preprocessing
from snnc.driver.compiled import Compiled
from snnc.driver.samples import ArraySamples
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m
from snnc.ir.tensors import Array

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "mnist"
COUNT = 100
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
    full = Simulator(compiled.network).run(x, record=recorded, exits=False)
    return Case(compiled, x, labels, full)


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

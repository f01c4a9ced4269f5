"""Exit policies by a loop over single samples, in plain Python on lists."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from snnc.ir import model as m
from snnc.ir.exits import Asking

SCALE = 0.5
"""What a unit of a whole read-out counts as in the networks of these tests."""


@dataclass(frozen=True)
class Told:
    """What a policy says of one sample in the end."""

    step: int
    head: int
    answer: int
    sure: bool
    score: float


def naive(network: m.Network, outputs: dict[str, list[list[float]]], steps: int) -> Told:
    """One sample, its read-outs as lists (steps, K), and no code of snnc but its dataclasses."""
    policy = network.exit
    assert policy is not None
    names = [head.name for head in network.heads]
    last = len(names) - 1
    if isinstance(policy, m.Fixed):
        step = min(policy.step, steps)
        values = values_of(network, policy.head, outputs[policy.head][step - 1])
        sure = step == policy.step
        return Told(step, names.index(policy.head), best(values), sure, float(sure))
    deadline = min(policy.last_step or steps, steps)
    if isinstance(policy, m.Bayes):
        return naive_bayes(network, policy, outputs, deadline)
    repeats = {name: repeats_of(network, name, outputs[name]) for name in policy.heads}
    for before, step, asked in turns(policy, deadline, steps):
        for name in asked:
            score, sure = judged(
                network, policy, name, outputs[name][step - 1], repeats[name][step]
            )
            if sure and step >= policy.first_step:
                answer = best(values_of(network, name, outputs[name][step - 1]))
                return Told(before + step, names.index(name), answer, True, score)
    values = values_of(network, names[last], outputs[names[last]][deadline - 1])
    score = 0.0
    if names[last] in policy.heads:
        run = repeats[names[last]][deadline]
        score, _ = judged(network, policy, names[last], outputs[names[last]][deadline - 1], run)
    spent = sum(min(budget, steps) for budget in policy.budgets)
    return Told(spent + deadline, last, best(values), False, score)


def turns(policy: Asking, deadline: int, steps: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Steps spent before, the step, and who is asked in it."""
    if policy.order == "time":
        for step in range(1, deadline + 1):
            yield 0, step, policy.heads
        return
    before = 0
    limits = (*(min(budget, steps) for budget in policy.budgets), deadline)
    for name, limit in zip(policy.heads, limits, strict=True):
        for step in range(1, limit + 1):
            yield before, step, (name,)
        before += limit


def values_of(network: m.Network, name: str, outputs: list[float]) -> list[float]:
    head = next(h for h in network.heads if h.name == name)
    if head.readout.host and head.readout.host[0] == "Relu":
        outputs = [max(v, 0.0) for v in outputs]
    return outputs if len(outputs) > 1 else [0.0, outputs[0]]


def best(values: list[float]) -> int:
    return values.index(max(values))


def repeats_of(network: m.Network, name: str, outputs: list[list[float]]) -> list[int]:
    """How long the answer has been the same, by step; index 0 is before the first."""
    runs = [0]
    answers = [best(values_of(network, name, row)) for row in outputs]
    for step, answer in enumerate(answers):
        same = step > 0 and answers[step - 1] == answer
        runs.append(runs[-1] + 1 if same else 1)
    return runs


def judged(
    network: m.Network, policy: m.ExitPolicy, name: str, outputs: list[float], run: int
) -> tuple[float, bool]:
    """Score of one head, and whether it is sure, whatever the step."""
    if isinstance(policy, m.Patience):
        return float(run), run >= policy.repeats[policy.heads.index(name)]
    if isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
        values = [round(v / SCALE) for v in values_of(network, name, outputs)]
        return judged_whole(network, policy, policy.heads.index(name), values)
    assert isinstance(policy, m.Confidence | m.Margin | m.Entropy)
    index = policy.heads.index(name)
    divisor = policy.alpha * policy.temperatures[index]
    z = [value / divisor for value in values_of(network, name, outputs)]
    score = scored(policy, z)
    return score, score > policy.thresholds[index]


def judged_whole(
    network: m.Network, policy: m.ExitPolicy, index: int, values: list[int]
) -> tuple[float, bool]:
    """Score, and whether the asked head `index` is sure, of whole values by class."""
    largest = max(values)
    if isinstance(policy, m.IntegerMargin):
        others = list(values)
        others.remove(largest)
        ahead = largest - max(others)
        return float(ahead), ahead > policy.limits[index]
    assert isinstance(policy, m.IntegerConfidence)
    table = [int(entry) for entry in network.array(policy.tables)[index]]
    total = 0
    for value in values:
        column = (largest - value) // 2 ** policy.shifts[index]
        total += table[column] if column < len(table) else table[-1]
    return table[0] / total, total < policy.limits[index]


def scored(policy: m.ExitPolicy, z: list[float]) -> float:
    weights = [math.exp(value) for value in z]
    probabilities = [weight / sum(weights) for weight in weights]
    if isinstance(policy, m.Confidence):
        return max(probabilities)
    if isinstance(policy, m.Margin):
        ordered = sorted(z)
        return ordered[-1] - ordered[-2]
    return 1 + sum(p * math.log(p) for p in probabilities) / math.log(len(z))


def naive_bayes(
    network: m.Network, policy: m.Bayes, outputs: dict[str, list[list[float]]], deadline: int
) -> Told:
    strength = network.array(policy.strength)
    phi = policy.dispersion
    last = len(network.heads) - 1
    for step in range(1, deadline + 1):
        column = min(step, strength.shape[1]) - 1
        moments = []
        for k in range(len(outputs[policy.heads[0]][0])):
            counts = [outputs[name][step - 1][k] / SCALE for name in policy.heads]
            rate = (counts[0] + 0.5) / (step + 1)
            for row, count in enumerate(counts[1:]):
                a = float(strength[row, column])
                first, total = a + count, a / rate + step
                rate = (first + 0.5) / (total + 1)
            second = total - first
            moments.append((first / total, first * second / total**2 / (total + 1)))
        means = [mean for mean, _ in moments]
        order = sorted(range(len(means)), key=lambda k: (-means[k], k))
        width = float(network.array(phi)[column]) if isinstance(phi, m.Ref) else phi
        spread = math.sqrt(width * sum(moments[k][1] for k in order[:2]))
        difference = means[order[0]] - means[order[1]]
        if spread > 0:
            ahead = 0.5 * (1 + math.erf(difference / spread / math.sqrt(2)))
        else:
            ahead = 1.0 if difference > 0 else 0.5
        if step >= policy.first_step and ahead > policy.threshold:
            return Told(step, last, order[0], True, ahead)
    return Told(deadline, last, order[0], False, ahead)

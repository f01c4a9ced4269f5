"""What the full-length run says about other ways to stop: thresholds, an oracle, fixed steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snnc.backends.reference.trace import Trace
from snnc.evaluation.exits import (
    FixedStep,
    FixedSteps,
    FrontPoint,
    OraclePoint,
    Quartiles,
    ScoreAt,
    ScoreCourse,
)
from snnc.evaluation.settling import SettlingSums
from snnc.exits.asked import asked
from snnc.exits.fixed import smallest_step, t_star
from snnc.exits.front import pareto, thinned
from snnc.exits.oracle import oracle
from snnc.exits.recorded import Recorded, unheard
from snnc.exits.scan import scan
from snnc.ir import model as m
from snnc.ir.exits import asked_heads
from snnc.ir.tensors import Array

MOST_POINTS = 1000
"""Points of a front or an oracle that are reported; of more, evenly spread ones."""

SCORES: dict[type[m.ExitPolicy], str] = {
    m.Confidence: "softmax confidence",
    m.Margin: "margin between the two best classes",
    m.Entropy: "certainty (1 less the entropy's share)",
    m.IntegerConfidence: "softmax confidence by a table of whole numbers",
    m.IntegerMargin: "margin between the two best classes, a whole number",
    m.Patience: "steps in a row with the same answer",
    m.Bayes: "probability that the best class is ahead",
}
"""What the score of a policy is; a fixed step has none."""


class Alternatives:
    """Every answer that the policy's heads could have given, with its score and its cost.

    Of each sample and time step a score, a cost and whether the answer is right are kept: 17 bytes.
    """

    def __init__(self, network: m.Network) -> None:
        self._network = network
        self._score: list[Array] = []
        self._right: list[Array] = []
        self._cost: list[Array] = []
        self._heads = np.zeros(0, np.int64)
        self._skipped = 0
        self._asked = 1 if network.exit is None else len(asked_heads(network.exit))

    def add(self, trace: Trace, labels: Array | None) -> None:
        """Add a batch that ran without exits."""
        network = of_length(self._network, trace.steps)
        self._skipped = unheard(network)
        outputs = {name: values[self._skipped :] for name, values in trace.outputs.items()}
        recorded = Recorded(outputs, labels, trace.settled, skipped=self._skipped)
        found = asked(network, recorded)
        right = None if labels is None else found.answer == labels
        rows = slice(None)
        if isinstance(network.schedule, m.Phased):
            # An empty read-out, outside its window, has the first class by chance alone.
            heard = found.score > -np.inf
            silent = int(heard.any(axis=1).argmax()) // self._asked
            rows = slice(silent * self._asked, None)
            right = None if right is None else right & heard
            self._skipped += silent
        self._heads = found.head[rows]
        self._score.append(found.score[rows])
        self._cost.append(found.cost[rows])
        if right is not None:
            self._right.append(right[rows])

    def front(self) -> tuple[FrontPoint, ...] | None:
        """The Pareto front of one threshold for all heads; None without labels or thresholds."""
        if not self._right or isinstance(self._network.exit, m.Fixed):
            return None
        curve = scan(_joined(self._score), _joined(self._right), _joined(self._cost))
        return tuple(
            FrontPoint(curve.rounded(i), float(curve.cost[i]), float(curve.correct[i]))
            for i in thinned(pareto(curve.cost, curve.correct).tolist(), MOST_POINTS)
        )

    def oracle(self) -> tuple[OraclePoint, ...] | None:
        """The bound of a policy that knows the labels; None without labels."""
        if not self._right:
            return None
        found = oracle(_joined(self._right), _joined(self._cost))
        return tuple(
            OraclePoint(float(found.cost[i]), float(found.accuracy[i]))
            for i in thinned(pareto(found.cost, found.accuracy).tolist(), MOST_POINTS)
        )

    def course(self) -> ScoreCourse | None:
        """How the score of the deepest asked head grows; None for a policy that has no score."""
        name = SCORES.get(type(self._network.exit)) if self._network.exit else None
        if name is None or len(self._heads) < 2:
            return None
        deepest = int(self._heads[:-1].max())
        rows = np.flatnonzero(self._heads[:-1] == deepest)
        numbered = enumerate(rows, start=self._skipped + 1)
        points = (self._score_at(step, int(row)) for step, row in numbered)
        head = self._network.heads[deepest].name
        return ScoreCourse(name, head, tuple(point for point in points if point is not None))

    def _score_at(self, step: int, row: int) -> ScoreAt | None:
        score = np.concatenate([values[row] for values in self._score])
        asked_now = score > -np.inf
        every = quartiles(score[asked_now])
        if every is None:
            return None
        count = int(asked_now.sum())
        if not self._right:
            return ScoreAt(step, count, every, None, None)
        right = np.concatenate([values[row] for values in self._right])
        parts = (quartiles(score[asked_now & right]), quartiles(score[asked_now & ~right]))
        return ScoreAt(step, count, every, *parts)


def of_length(network: m.Network, steps: int) -> m.Network:
    """The network as it runs for `steps` time steps, whatever its schedule says.

    No head is asked for more steps than the run has, as in the simulator.
    """
    schedule, policy = network.schedule, network.exit
    if schedule is None or schedule.steps == steps:
        return network
    if policy is not None and not isinstance(policy, m.Fixed | m.Bayes):
        policy = replace(policy, budgets=tuple(min(budget, steps) for budget in policy.budgets))
    return replace(network, schedule=replace(schedule, steps=steps), exit=policy)


def fixed_steps(
    curve: Sequence[float],
    accuracy: float | None,
    settling: SettlingSums | None,
    silent: int = 0,
) -> FixedSteps | None:
    """What stopping all samples at the same time gives; None without labels.

    Args:
        curve: accuracy of the last head after 1, 2, ... steps.
        accuracy: with exits.
        settling: when samples of a gated network came to rest, behind which no step is taken.
        silent: first steps that are no choice, since the last head says nothing yet.
    """
    silent = min(silent, len(curve) - 1)
    if accuracy is None or not curve:
        return None
    values = np.array(curve)[silent:]

    def at(step: int) -> FixedStep:
        steps = float(step) if settling is None else settling.mean_steps(step)
        return FixedStep(step, steps, curve[step - 1])

    enough = smallest_step(values, accuracy)
    return FixedSteps(
        t_star=at(silent + t_star(values)),
        best=at(silent + int(values.argmax()) + 1),
        as_accurate=None if enough is None else at(silent + enough),
    )


def quartiles(values: Array) -> Quartiles | None:
    """Lower quartile, median and upper quartile; None of nothing."""
    if len(values) == 0:
        return None
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return low, middle, high


def _joined(parts: list[Array]) -> Array:
    """Batches side by side."""
    return np.concatenate(parts, axis=1)

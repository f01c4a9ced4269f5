"""Where a policy is searched: its thresholds and last steps on one set of recorded samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from snnc.exits import asked as a
from snnc.exits.choose import accurate_enough, cheapest
from snnc.exits.recorded import Recorded
from snnc.exits.scan import Curve, records, sweep
from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.answers import classify
from snnc.ir.head_windows import head_windows
from snnc.ir.tensors import Array

_COARSE = 4
"""Of the templates that differ by alpha alone, every fourth searches budgets."""
_ROUNDS = 3


Ordered: TypeAlias = m.Confidence | m.Margin | m.Entropy | m.Patience
"""The policies that can ask heads in order of depth."""
Searched: TypeAlias = Ordered | m.Bayes
"""The policies that have a threshold."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a point must satisfy: see `choose.accurate_enough`."""

    max_drop: float
    luck: float


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One choice of last step and threshold: point `index` of the curve for that last step."""

    last_step: int
    curve: Curve
    index: int

    @property
    def cost(self) -> float:
        """Mean cost of a sample."""
        return float(self.curve.cost[self.index])

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return float(self.curve.correct[self.index])

    @property
    def threshold(self) -> float:
        """The threshold, in few digits."""
        return self.curve.rounded(self.index)

    def better_than(self, other: Point | None) -> bool:
        """Whether it costs less, or no more and is more accurate."""
        return other is None or (self.cost, -self.accuracy) < (other.cost, -other.accuracy)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A policy, still without its threshold, and the point that was found for it."""

    policy: Searched
    point: Point


def improves(point: Point, on: Found | None) -> bool:
    """Whether a point is better than what was found so far, if anything was."""
    return point.better_than(None if on is None else on.point)


class Table:
    """All that a policy could answer of recorded samples, ready to be scanned for any last step.

    Args:
        found: what the policy's heads say.
        by: the plan; its deadline does not matter.
        labels: the right classes (N,).
        reference: whether the full run is right (N,) bool.
    """

    def __init__(self, found: a.Opinions, by: a.Plan, labels: Array, reference: Array) -> None:
        self._found, self._labels, self._reference = found, labels, reference
        self._by = replace(by, deadline=found.skipped + found.final.shape[0])
        rows = a.arrange(found, self._by)
        self._records = records(rows.score[:-1], rows.answer[:-1] == labels, rows.cost[:-1])
        self._per_step = 1 if by.shares is not None else len(found.heads)

    def curve(self, last_step: int) -> Curve:
        """Mean cost and accuracy by threshold if every sample is answered by `last_step`."""
        end = a.ending(self._found, replace(self._by, deadline=last_step))
        rows = sum(self._by.budgets) + (last_step - self._found.skipped) * self._per_step
        right = end.answer[0] == self._labels
        return sweep(self._records, rows, right, end.cost[0], self._reference)

    def best(self, last_steps: Sequence[int], demand: Demand) -> Point | None:
        """The cheapest point that is accurate enough, of all last steps and thresholds."""
        full = float(self._reference.mean())
        best: Point | None = None
        for last_step in last_steps:
            curve = self.curve(last_step)
            index = cheapest(curve, accurate_enough(curve, full, demand.max_drop, demand.luck))
            if index is not None:
                point = Point(last_step, curve, index)
                best = point if point.better_than(best) else best
        return best


class Ground:
    """Recorded samples with labels, on which policies of a network are tried.

    Args:
        network: with a schedule; its own exit does not matter.
        recorded: a run of the whole schedule.
        labels: the right classes (N,).
    """

    def __init__(self, network: m.Network, recorded: Recorded, labels: Array) -> None:
        self.network, self.recorded, self.labels = network, recorded, labels
        head = network.heads[-1]
        self.answers = classify(head, recorded.outputs[head.name])
        self.reference: Array = self.answers[-1] == labels

    @property
    def full(self) -> float:
        """The accuracy of the last head at the end of a full run."""
        return float(self.reference.mean())

    def network_with(self, policy: m.ExitPolicy) -> m.Network:
        """The network with another policy."""
        return replace(self.network, exit=policy)

    def opinions(self, policy: m.ExitPolicy) -> a.Opinions:
        """What the policy's heads say of these samples."""
        return a.opinions(self.network_with(policy), self.recorded)

    def table(self, policy: m.ExitPolicy, found: a.Opinions | None = None) -> Table:
        """The table of a policy; `found` are its opinions, if they are known."""
        found = self.opinions(policy) if found is None else found
        plan = a.plan(self.network_with(policy))
        return Table(found, plan, self.labels, self.reference)


def search(
    ground: Ground,
    policies: Sequence[Searched],
    last_steps: Sequence[int],
    demand: Demand,
) -> Found | None:
    """The policy with the cheapest point that is accurate enough; None where none has one."""
    best: Found | None = None
    for policy in policies:
        point = ground.table(policy).best(last_steps, demand)
        if point is not None and improves(point, best):
            best = Found(policy, point)
    return best


def search_budgets(
    ground: Ground,
    policies: Sequence[Ordered],
    last_steps: Sequence[int],
    demand: Demand,
) -> Found | None:
    """As `search`, for order `depth` with budgets that are searched too.

    Budgets are searched with the latest last step, for every fourth policy and the last one (they
    differ by alpha alone, or by the score); the best budgets then hold for all.
    """
    coarse = {*range(0, len(policies), _COARSE), len(policies) - 1}
    best: Found | None = None
    for index in sorted(coarse):
        found = _descend(ground, policies[index], last_steps[-1:], demand)
        if found is not None and improves(found.point, best):
            best = found
    if best is None:
        return None
    budgets = exits.budgets(best.policy)
    return search(ground, [replace(p, budgets=budgets) for p in policies], last_steps, demand)


def _descend(
    ground: Ground, policy: Ordered, last_steps: Sequence[int], demand: Demand
) -> Found | None:
    """The best budgets of one policy: searched head by head in turn until nothing gets better."""
    found = ground.opinions(policy)
    grid = step_grid(ground.recorded.steps)
    budgets = (grid[len(grid) // 2],) * (len(policy.heads) - 1)
    best: Found | None = None
    tried: set[tuple[int, ...]] = set()
    for _ in range(_ROUNDS):
        before = budgets
        for index in range(len(budgets)):
            others = [(*budgets[:index], value, *budgets[index + 1 :]) for value in grid]
            for other in others:
                if other not in tried:
                    tried.add(other)
                    changed = replace(policy, budgets=other)
                    point = ground.table(changed, found).best(last_steps, demand)
                    if point is not None and improves(point, best):
                        best = Found(changed, point)
            budgets = budgets if best is None else exits.budgets(best.policy)
        if budgets == before:
            break
    return best


def last_step_choices(first: int, steps: int, silent: int = 0) -> list[int]:
    """Last steps to try: all small ones from `first` on, then one in six, and `steps`.

    Late ones differ in the few samples that nobody was sure of until then. With `silent` steps
    before the window of the head that answers they are counted from there.
    """
    found = [max(first - silent, 1)]
    while found[-1] < steps - silent:
        found.append(min(found[-1] + max(1, found[-1] // 6), steps - silent))
    return [silent + step for step in found]


def silent_steps(network: m.Network) -> int:
    """The time steps before the last head, which always answers, says anything."""
    return head_windows(network)[network.heads[-1].name].start - 1


def step_grid(steps: int) -> list[int]:
    """Numbers of steps to try where all are too many: 1, 2, 3, 4, 6, 8, 12, 16, ... and `steps`."""
    grid = {steps}
    power = 1
    while power <= steps:
        grid |= {power, min(power + power // 2, steps)}
        power *= 2
    return sorted(grid)


def with_point(policy: Searched, point: Point, steps: int) -> Searched:
    """A policy with the threshold of a point for all its heads, and its last step.

    Args:
        policy: with any thresholds.
        point: what was chosen for it.
        steps: of the network's schedule; a last step of that many is not written down.
    """
    last_step = None if point.last_step == steps else point.last_step
    threshold = point.threshold
    if isinstance(policy, m.Bayes):
        return replace(policy, threshold=threshold, last_step=last_step)
    count = len(policy.heads)
    if isinstance(policy, m.Patience):
        # Repeats are whole: above 2.5 means 3. More than there are steps means never.
        repeats = steps + 1 if threshold == np.inf else int(np.floor(threshold)) + 1
        return replace(policy, repeats=(repeats,) * count, last_step=last_step)
    return replace(policy, thresholds=(threshold,) * count, last_step=last_step)

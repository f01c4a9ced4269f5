"""All answers that an exit policy could give, in the order in which it would give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.exits.recorded import Recorded
from snnc.exits.shares import Shares, shares
from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.decide import Decider
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """L answers of N samples; a sample stops at the first one whose score exceeds its threshold.

    The last row is the answer that is given when nobody was sure; its score is infinite.

    Attributes:
        score: (L, N) float64; minus infinity where nobody is asked (any more).
        answer: (L, N) int64, the class.
        step: (L, N) int64, time steps of a sample that stops here.
        head: (L,) int64, the index in the network's heads of the one that answers.
        cost: (L, N) float64: `step`, or for order `depth` time steps of the whole network, where
            layers that do not run cost nothing.
        limit: (L,) float64, the policy's own thresholds.
    """

    score: Array
    answer: Array
    step: Array
    head: Array
    cost: Array
    limit: Array

    def stops(self) -> Array:
        """The row (N,) in which each sample stops by the policy's own thresholds."""
        rows: Array = (self.score > self.limit[:, None]).argmax(axis=0)
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """What the H asked heads say in each of T steps, whoever is asked in the end.

    Attributes:
        score: (H, T, N) float64.
        answer: (H, T, N) int64.
        final: (T, N) int64, the answer of a run that ends in this step.
        heads: indices of the asked heads in the network's heads.
        last: the same of the head that answers at the end.
        limits: the policy's threshold of each head, in units of `score`.
        rest: (N,) int64, the step after which a sample does not change any more.
        skipped: steps before the first of these T, in which nobody says anything.
    """

    score: Array
    answer: Array
    final: Array
    heads: tuple[int, ...]
    last: int
    limits: tuple[float, ...]
    rest: Array
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """In which order heads are asked, and until when.

    Attributes:
        first_step: before it, nobody is asked.
        deadline: the step in which every sample is answered.
        shares: for order `depth` what a stage costs; None for order `time`.
        budgets: for order `depth`, steps of each head but the last.
    """

    first_step: int
    deadline: int
    shares: Shares | None = None
    budgets: tuple[int, ...] = ()


def asked(network: m.Network, recorded: Recorded) -> Asked:
    """What the network's policy could answer of recorded samples.

    The answers and steps are those of a simulation that executes the policy. One case is not told
    exactly: with order `depth` and a gated schedule, a sample that nobody is sure of may come to
    rest before the recorded step, which is that of all layers, also of those that only internal
    heads need. Its answer is the same.

    Args:
        network: with an `exit`.
        recorded: read-outs of a run of the network's whole schedule.

    Raises:
        ValueError: the network has no exit.
    """
    return arrange(opinions(network, recorded), plan(network))


def plan(network: m.Network) -> Plan:
    """The order in which the network's policy asks."""
    policy = network.exit
    if policy is None or network.schedule is None:
        raise ValueError(f"network {network.name} has no exit policy")
    deadline = exits.deadline(policy, network.schedule.steps)
    first = 1 if isinstance(policy, m.Fixed) else policy.first_step
    if isinstance(policy, m.Fixed | m.Bayes) or policy.order == "time":
        return Plan(first, deadline)
    names = [head.name for head in network.heads]
    found = shares(network, [names.index(name) for name in policy.heads])
    return Plan(first, deadline, found, policy.budgets)


def opinions(network: m.Network, recorded: Recorded) -> Opinions:
    """Ask every head of the network's policy after every recorded step."""
    decider = Decider(network)
    asker = decider.begin(recorded.samples)
    stages: Sequence[int | None] = [None] if decider.fuses else range(len(decider.asked))
    rows = recorded.steps - recorded.skipped
    shape = (len(stages), rows, recorded.samples)
    score, answer = np.empty(shape), np.empty(shape, np.int64)
    final = np.empty(shape[1:], np.int64)
    for t in range(rows):
        step = recorded.skipped + t + 1
        outputs = {name: values[t] for name, values in recorded.outputs.items()}
        for index, stage in enumerate(stages):
            verdict = asker.ask(step, outputs, stage)
            score[index, t], answer[index, t] = verdict.score, verdict.answer
        end = asker.final(step, outputs)
        final[t] = end.answer
    last = len(network.heads) - 1
    heads = (last,) if decider.fuses else decider.asked
    if isinstance(decider.policy, m.Fixed):
        last = decider.asked[0]
    limits, rest = decider.limits(), recorded.rest()
    return Opinions(score, answer, final, heads, last, limits, rest, recorded.skipped)


def arrange(found: Opinions, by: Plan) -> Asked:
    """Put opinions into the order in which a plan asks for them."""
    depth = by.shares is not None
    order = _by_depth(by) if depth else _by_time(by, len(found.heads), found.skipped)
    stage, local = order[:, 0], order[:, 1]
    row = local - 1 - found.skipped
    # Layers that run ahead for an internal head run until its budget is spent, at rest or not.
    rest = np.where((stage < len(by.budgets))[:, None], local[:, None], found.rest)
    silent = (local[:, None] > rest) | (local[:, None] < by.first_step)
    before = np.array([sum(by.budgets[:i]) for i in stage], np.int64)
    stopped = np.minimum(local[:, None], rest)
    step = before[:, None] + stopped
    end = ending(found, by)
    return Asked(
        score=np.concatenate([np.where(silent, -np.inf, found.score[stage, row]), end.score]),
        answer=np.concatenate([found.answer[stage, row], end.answer]),
        step=np.concatenate([step, end.step]),
        head=np.append(np.array(found.heads)[stage], end.head),
        cost=np.concatenate([_costs(by, stage, stopped, step), end.cost]),
        limit=np.append(np.array(found.limits)[stage], end.limit),
    )


def ending(found: Opinions, by: Plan) -> Asked:
    """The last row alone: what is answered at the deadline, or before it where a sample rests."""
    stopped = np.minimum(found.rest, by.deadline)[None]
    step = sum(by.budgets) + stopped
    return Asked(
        score=np.full(stopped.shape, np.inf),
        answer=np.take_along_axis(found.final, np.maximum(stopped - 1 - found.skipped, 0), axis=0),
        step=step,
        head=np.array([found.last]),
        cost=_costs(by, np.array([len(by.budgets)]), stopped, step),
        limit=np.array([-np.inf]),
    )


def _by_time(by: Plan, heads: int, skipped: int) -> Array:
    """Rows of (index of the asked head, step), without those before the first known opinions."""
    rows = [(i, step) for step in range(skipped + 1, by.deadline + 1) for i in range(heads)]
    return np.array(rows, np.int64).reshape(-1, 2)


def _by_depth(by: Plan) -> Array:
    ends = (*by.budgets, by.deadline)
    rows = [(i, step) for i, end in enumerate(ends) for step in range(1, end + 1)]
    return np.array(rows, np.int64).reshape(-1, 2)


def _costs(by: Plan, stages: Array, stopped: Array, step: Array) -> Array:
    """The costs (L, N) of rows that stop in stages (L,) after steps (L, N) of these."""
    costs = step.astype(np.float64)
    if by.shares is not None:
        for stage in range(len(by.budgets) + 1):
            where = stages == stage
            costs[where] = by.shares.cost(stage, stopped[where], by.budgets)
    return costs

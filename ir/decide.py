"""The executable meaning of exit policies: which samples stop now, and what they answer.

A `Decider` is made once per network, `begin` once per group of samples. After every time step, the
first ones included, `ask` is given the read-outs of the samples in flight (patience counts all of
them); samples that stopped leave with `keep`. After the step `deadline`, `final` answers for those
that are left.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.answers import class_values, classify, read_out_scale
from snnc.ir.head_windows import head_windows
from snnc.ir.integer_rules import IntegerRule
from snnc.ir.scores import fuse, score
from snnc.ir.tensors import Array

ALL_STEPS = range(1, sys.maxsize)


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a policy says of n samples after a step.

    `sure` (n,) bool; `head` (n,) int64, the index in the network's heads of the one that answers;
    `answer` (n,) int64, the class; `score` (n,) float64, of that head. Where no head is sure, these
    are of the head that was asked last.
    """

    sure: Array
    head: Array
    answer: Array
    score: Array


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """One head's answers (n,) with their scores, and whether they are sure."""

    head: int
    answer: Array
    score: Array
    sure: Array


class Decider:
    """The exit policy of a network.

    `windows` holds, for each asked head, the steps after which it is asked: all of them, or those
    of its window under a schedule of phases (see `head_windows`). Outside nobody is sure, and its
    answers count for no patience.

    Args:
        network: at stage snn or fixed, with an `exit`; verified.

    Raises:
        ValueError: it has none.
    """

    def __init__(self, network: m.Network) -> None:
        if network.exit is None or network.schedule is None:
            raise ValueError(f"network {network.name} has no exit policy")
        self.policy = network.exit
        self.heads = network.heads
        names = [head.name for head in network.heads]
        self.asked = tuple(names.index(name) for name in exits.asked_heads(self.policy))
        self.budgets = exits.budgets(self.policy)
        # Without phases a run may be longer than the schedule, and heads are asked all the same.
        phased = isinstance(network.schedule, m.Phased)
        windows = head_windows(network) if phased else {}
        asked = exits.asked_heads(self.policy)
        self.windows = tuple(windows.get(name, ALL_STEPS) for name in asked)
        self._steps = network.schedule.steps
        self._fusion = _Fusion(network, self.policy) if isinstance(self.policy, m.Bayes) else None
        self._integers = (
            IntegerRule(network, self.policy)
            if isinstance(self.policy, m.IntegerMargin | m.IntegerConfidence)
            else None
        )

    def deadline(self, steps: int) -> int:
        """The step in which every sample is answered at the latest, in a run of `steps` steps."""
        return exits.deadline(self.policy, steps)

    def begin(self, samples: int) -> Asker:
        """Start with `samples` samples."""
        return Asker(self, samples)

    def limits(self) -> tuple[float, ...]:
        """What the score of each asked head must exceed; one number where all answer together."""
        policy = self.policy
        if isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
            assert self._integers is not None
            return tuple(self._integers.limit(index) for index in range(len(self.asked)))
        if isinstance(policy, m.Patience):
            return tuple(repeats - 0.5 for repeats in policy.repeats)
        if isinstance(policy, m.Fixed):
            return (0.5,)
        if isinstance(policy, m.Bayes):
            return (policy.threshold,)
        return policy.thresholds

    def values(self, index: int, outputs: Mapping[str, Array]) -> Array:
        """What the asked head `index` says of each class (n, K), as the policy compares it."""
        head = self.heads[self.asked[index]]
        if self._integers is not None:
            return self._integers.values(index, outputs[head.name])
        return class_values(head, outputs[head.name])

    def judge(self, index: int, values: Array, repeats: Array) -> tuple[Array, Array]:
        """Scores (n,) float64 of an asked head, and whether it is sure (n,), whatever the step.

        Args:
            index: of the head among those asked.
            values: (n, K), see `values`.
            repeats: (n,) for how many steps its answer has been the same.
        """
        policy = self.policy
        if self._integers is not None:
            return self._integers.judge(index, values)
        if isinstance(policy, m.Confidence | m.Margin | m.Entropy):
            scores = score(policy, policy.temperatures[index], values)
            return scores, scores > policy.thresholds[index]
        assert isinstance(policy, m.Patience)
        return repeats.astype(np.float64), repeats >= policy.repeats[index]

    @property
    def forgets(self) -> bool:
        """Whether scores depend on the read-outs of one step alone, and not on its number."""
        return not isinstance(self.policy, m.Patience | m.Fixed | m.Bayes)

    def scores(self, heads: Array, outputs: Mapping[str, Array]) -> Array:
        """The scores (n,) float64 of answers, of a policy that `forgets`.

        Args:
            heads: (n,) index of the head that answered. Where it is not asked, the score is 0.
            outputs: read-outs (n, K) by head name, of the step in which each sample was answered.
        """
        found = np.zeros(len(heads))
        for index, head in enumerate(self.asked):
            mine = heads == head
            own = {name: values[mine] for name, values in outputs.items()}
            found[mine], _ = self.judge(index, self.values(index, own), np.zeros(int(mine.sum())))
        return found

    def fused(self, step: int, outputs: Mapping[str, Array]) -> Opinion:
        """The fused answer of all heads of the policy `bayes`."""
        assert self._fusion is not None
        return self._fusion.opinion(step, outputs)

    @property
    def fuses(self) -> bool:
        """Whether all heads give one answer together."""
        return self._fusion is not None


class Asker:
    """A policy in the middle of a run: it remembers how long answers have stayed the same."""

    def __init__(self, decider: Decider, samples: int) -> None:
        self._decider = decider
        size = len(decider.asked)
        self._answers = np.full((size, samples), -1, np.int64)
        self._repeats = np.zeros((size, samples), np.int64)

    def keep(self, mask: Array) -> None:
        """Go on with the samples where `mask` (n,) holds."""
        self._answers, self._repeats = self._answers[:, mask], self._repeats[:, mask]

    def ask(self, step: int, outputs: Mapping[str, Array], stage: int | None = None) -> Verdict:
        """The policy's verdict after a time step.

        Args:
            step: steps that the asked heads have run, from 1.
            outputs: read-outs (n, K) by head name.
            stage: for order `depth`, which of the policy's heads is asked; None, for order
                `time`, asks all.

        Raises:
            ValueError: no stage is given for order `depth`.
        """
        if self._decider.fuses:
            return self._verdict([self._decider.fused(step, outputs)])
        if stage is None and self._decider.budgets:
            raise ValueError("order depth asks one head at a time; say which")
        stages = range(len(self._decider.asked)) if stage is None else (stage,)
        return self._verdict([self._opinion(index, step, outputs) for index in stages])

    def final(self, step: int, outputs: Mapping[str, Array]) -> Verdict:
        """The verdict on samples that nobody was sure of.

        The network's last head answers, also where the policy only asks internal ones (its score is
        then 0); with `fixed` the head that it names, with `bayes` all heads together. Where `ask`
        has asked the same head in this step, answer and score are the same.
        """
        decider = self._decider
        if isinstance(decider.policy, m.Fixed):
            return self._verdict([self._opinion(0, step, outputs)])
        if decider.fuses:
            return self._verdict([decider.fused(step, outputs)])
        last = len(decider.heads) - 1
        answer = classify(decider.heads[last], outputs[decider.heads[last].name])
        nothing = np.zeros(len(answer))
        scores = nothing
        if last in decider.asked:
            index = decider.asked.index(last)
            scores, _ = decider.judge(index, decider.values(index, outputs), self._repeats[index])
        return Verdict(nothing.astype(np.bool_), np.full(len(answer), last), answer, scores)

    def _verdict(self, opinions: list[Opinion]) -> Verdict:
        """The first sure opinion of each sample, else the last one."""
        last = opinions[-1]
        sure, answer, scores = last.sure.copy(), last.answer.copy(), last.score.copy()
        head = np.full(len(answer), last.head)
        for opinion in reversed(opinions[:-1]):
            where = opinion.sure
            sure |= where
            head[where] = opinion.head
            answer[where], scores[where] = opinion.answer[where], opinion.score[where]
        return Verdict(sure, head, answer, scores)

    def _opinion(self, index: int, step: int, outputs: Mapping[str, Array]) -> Opinion:
        decider, policy = self._decider, self._decider.policy
        position = decider.asked[index]
        values = decider.values(index, outputs)
        answer = values.argmax(axis=-1)
        if isinstance(policy, m.Fixed):
            reached = np.full(len(answer), step >= policy.step)
            return Opinion(position, answer, reached.astype(np.float64), reached)
        if step not in decider.windows[index]:
            nobody = np.zeros(len(answer), np.bool_)
            return Opinion(position, answer, np.full(len(answer), -np.inf), nobody)
        self._remember(index, answer)
        scores, sure = decider.judge(index, values, self._repeats[index])
        assert not isinstance(policy, m.Bayes)
        return Opinion(position, answer, scores, sure & (step >= policy.first_step))

    def _remember(self, index: int, answer: Array) -> None:
        same = self._answers[index] == answer
        self._repeats[index] = np.where(same, self._repeats[index] + 1, 1)
        self._answers[index] = answer


class _Fusion:
    """BayesianSpikeFusion with its tables."""

    def __init__(self, network: m.Network, policy: m.Bayes) -> None:
        self._policy = policy
        heads = {head.name: head for head in network.heads}
        self._heads = [heads[name] for name in policy.heads]
        self._last = len(network.heads) - 1
        self._scales = [
            read_out_scale(network, network.population(head.population)) for head in self._heads
        ]
        self._strength = network.array(policy.strength)
        ref = policy.dispersion
        steps = self._strength.shape[1]
        self._dispersion = (
            network.array(ref) if isinstance(ref, m.Ref) else np.full(steps, float(ref))
        )

    def opinion(self, step: int, outputs: Mapping[str, Array]) -> Opinion:
        """The posterior's answer; beyond the table its last column holds."""
        counts = [
            np.rint(outputs[head.name] / scale)
            for head, scale in zip(self._heads, self._scales, strict=True)
        ]
        column = min(step, self._strength.shape[1]) - 1
        strength, dispersion = self._strength[:, column], float(self._dispersion[column])
        posterior = fuse(counts, step, strength, dispersion)
        ahead = posterior.ahead()
        sure = (ahead > self._policy.threshold) & (step >= self._policy.first_step)
        return Opinion(self._last, posterior.mean.argmax(axis=1), ahead, sure)

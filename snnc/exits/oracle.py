"""What a policy that knows the labels would reach: how much there is to gain at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Points (P,) of mean cost and accuracy, by rising cost."""

    cost: Array
    accuracy: Array

    def accuracy_at(self, cost: float) -> float:
        """The accuracy at no more than a mean cost, on the straight line between two points.

        Below the first point nothing can be reached: minus infinity.
        """
        if cost < self.cost[0]:
            return -np.inf
        return float(np.interp(cost, self.cost, self.accuracy))


def oracle(correct: Array, cost: Array) -> Oracle:
    """The oracle of Dynamic Confidence: stop at the first right answer, else at the limit.

    With the limit swept over all rows; Li, Jones, Furber 2023 ("upper bound"). A sample that never
    becomes right waits until the limit, so a policy that gives up on such samples may in principle
    lie above this curve; nothing can lie above `upper_bound`.

    Args:
        correct: (L, N) whether each answer that could be given, in order, is right.
        cost: (L, N) what a sample costs that stops there; it must not fall from row to row.
    """
    rows = np.arange(len(correct))[:, None]
    reached = np.logical_or.accumulate(correct, axis=0)
    first = np.where(reached, correct.argmax(axis=0), rows)
    spent = np.take_along_axis(cost, first, axis=0)
    return Oracle(spent.mean(axis=1), reached.mean(axis=1))


def upper_bound(correct: Array, cost: Array) -> Oracle:
    """The best accuracy that any rule for stopping can have at a mean cost.

    Samples that are never right stop at once; the others either stop at once or wait for their
    cheapest right answer, those who wait least first. Mixing two points reaches every point of the
    straight line between them, and there is nothing above it: the accuracy gained per step falls.

    Args:
        correct: (L, N) as in `oracle`.
        cost: (L, N) as in `oracle`, in any order.
    """
    samples = correct.shape[1]
    least = cost.min(axis=0)
    cheapest = np.where(correct, cost, np.inf).min(axis=0)
    extra = np.sort((cheapest - least)[np.isfinite(cheapest)])
    spent = least.sum() + np.concatenate([[0.0], np.cumsum(extra)])
    right = np.arange(len(extra) + 1)
    start = int(np.count_nonzero(extra == 0))
    return Oracle(spent[start:] / samples, right[start:] / samples)

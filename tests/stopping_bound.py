"""What no rule for stopping can exceed, written for the tests of fronts and oracles."""

from __future__ import annotations

import numpy as np

from snnc.exits.oracle import Oracle
from snnc.ir.tensors import Array


def accuracy_at(points: Oracle, cost: float) -> float:
    """The accuracy at no more than a mean cost, on the straight line between two points.

    Below the first point nothing can be reached: minus infinity.
    """
    if cost < points.cost[0]:
        return -np.inf
    return float(np.interp(cost, points.cost, points.accuracy))


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

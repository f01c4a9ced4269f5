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


def oracle(correct: Array, cost: Array) -> Oracle:
    """The oracle of Dynamic Confidence: stop at the first right answer, else at the limit.

    With the limit swept over all rows; Li, Jones, Furber 2023 ("upper bound"). A sample that never
    becomes right waits until the limit, so a policy that gives up on such samples may lie
    above this curve.

    Args:
        correct: (L, N) whether each answer that could be given, in order, is right.
        cost: (L, N) what a sample costs that stops there; it must not fall from row to row.
    """
    rows = np.arange(len(correct))[:, None]
    reached = np.logical_or.accumulate(correct, axis=0)
    first = np.where(reached, correct.argmax(axis=0), rows)
    spent = np.take_along_axis(cost, first, axis=0)
    return Oracle(spent.mean(axis=1), reached.mean(axis=1))

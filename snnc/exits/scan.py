"""The one-pass scan: mean cost and accuracy for every threshold there is, exactly.

A sample stops at the first of its answers whose score exceeds the threshold, so only answers whose
score is above all earlier ones of the sample matter: its records. Lowering the threshold from
infinity passes the scores of all records from above, and each moves one sample to an earlier
answer. So the whole curve is one sort of the records and one running sum: O(L N log(L N)) for L
answers of N samples (the idea: Li, Jones, Furber 2023, supplement).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.ir.tensors import Array

_DIGITS = 17


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """P points, by falling threshold; the first is that of an infinite one.

    Attributes:
        low: (P,) the largest score that does not exceed the thresholds of this point.
        high: (P,) the smallest score that exceeds them: every threshold in [low, high) is the same.
        cost: (P,) mean cost.
        correct: (P,) share of right answers.
        changed: (P,) share of samples whose answer is right where the reference is wrong, or wrong
            where it is right.
        samples: N.
    """

    low: Array
    high: Array
    cost: Array
    correct: Array
    changed: Array
    samples: int

    @property
    def threshold(self) -> Array:
        """(P,) a threshold of each point, midway between the scores that it parts."""
        with np.errstate(invalid="ignore"):
            middle = self.low + (self.high - self.low) / 2
        middle = np.where(middle >= self.high, self.low, middle)
        ends = np.where(self.high > 0, np.minimum(0.0, self.high / 2), self.high - 1)
        middle = np.where(np.isneginf(self.low), ends, middle)
        threshold: Array = np.where(np.isposinf(self.high), np.inf, middle)
        return threshold

    def rounded(self, index: int) -> float:
        """The threshold of a point with as few digits as keep it clear of the scores it parts."""
        return between(float(self.low[index]), float(self.high[index]))


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The E records of N samples, by sample and then by row.

    Attributes:
        score: (E,).
        sample: (E,) int64.
        row: (E,) int64.
        correct: (E,) bool, whether the answer is right.
        cost: (E,), what a sample costs that stops there.
        order: (E,) int64, the records by falling score.
    """

    score: Array
    sample: Array
    row: Array
    correct: Array
    cost: Array
    order: Array


def scan(score: Array, correct: Array, cost: Array, reference: Array | None = None) -> Curve:
    """Mean cost and accuracy for all thresholds.

    Args:
        score: (L, N), as in `Asked`: the last row is the answer of samples that nobody was sure of.
        correct: (L, N) bool, whether an answer is right.
        cost: (L, N), what a sample costs that stops there.
        reference: (N,) bool, what `Curve.changed` compares with; the last row if None.
    """
    reference = correct[-1] if reference is None else reference
    found = records(score[:-1], correct[:-1], cost[:-1])
    return sweep(found, len(score) - 1, correct[-1], cost[-1], reference)


def records(score: Array, correct: Array, cost: Array) -> Records:
    """The records of scores (L, N), with what `correct` and `cost` (L, N) say of them.

    A score of minus infinity is never a record.
    """
    best = np.maximum.accumulate(score, axis=0)
    before = np.concatenate([np.full((1, score.shape[1]), -np.inf), best])[:-1]
    sample, row = np.nonzero((score > before).T)
    values = score[row, sample]
    order = np.argsort(-values, kind="stable")
    return Records(values, sample, row, correct[row, sample], cost[row, sample], order)


def sweep(found: Records, rows: int, correct: Array, cost: Array, reference: Array) -> Curve:
    """The curve of records, if every sample is answered behind some row at the latest.

    Args:
        found: the records of all rows.
        rows: records of this row and later ones are left out.
        correct: (N,) bool, whether the answer then is right.
        cost: (N,), what a sample costs then.
        reference: (N,) bool.
    """
    samples = len(correct)
    kept = found.row < rows
    # A sample goes on from a record to its next one, or to its answer at the end.
    goes_on = np.append(found.sample[1:] == found.sample[:-1], False)[: len(kept)]
    goes_on[:-1] &= kept[1:]
    order = found.order[kept[found.order]]
    score = found.score[order]
    # Of records with the same score only the last one closes a point.
    closes = np.append(score[1:] != score[:-1], True)[: len(score)]

    def means(at_records: Array, at_end: Array) -> Array:
        later = np.where(goes_on, np.append(at_records[1:], 0), at_end[found.sample])
        moved = np.cumsum((at_records - later)[order])[closes]
        sums: Array = np.append(0.0, moved) + at_end.sum()
        return sums / samples

    changed = found.correct != reference[found.sample]
    levels = score[closes]
    return Curve(
        low=np.append(levels, -np.inf),
        high=np.append(np.inf, levels),
        cost=means(found.cost, cost),
        correct=means(found.correct.astype(np.float64), correct.astype(np.float64)),
        changed=means(changed.astype(np.float64), (correct != reference).astype(np.float64)),
        samples=samples,
    )


def between(low: float, high: float) -> float:
    """A short decimal number from [low, high), in the middle half of it if there is one.

    The distance keeps a sample on its side of the threshold where another machine rounds its score
    differently. Infinite bounds: infinity above all scores, below all of them 0 or, where a score
    is not above 0, less.
    """
    if math.isinf(high):
        return math.inf
    if math.isinf(low):
        return 0.0 if high > 0 else math.floor(high) - 1.0
    middle, quarter = low + (high - low) / 2, (high - low) / 4
    for digits in range(1, _DIGITS + 1):
        short = float(f"{middle:.{digits}g}")
        if low + quarter <= short <= high - quarter and low <= short < high:
            return short
    return low

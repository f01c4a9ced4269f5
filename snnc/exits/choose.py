"""Which point of a curve to take: the cheapest one that is accurate enough, and not by luck."""

from __future__ import annotations

import numpy as np

from snnc.exits.scan import Curve
from snnc.ir.tensors import Array

_ROUNDING = 1e-9


def standard_error(gain: Array, changed: Array, samples: int) -> Array:
    """The standard error of the paired difference between two accuracies on the same samples.

    Each sample contributes 1 (right now, wrong before), -1 (the other way round) or 0. With the
    share `changed` of samples that are not 0, and the mean `gain`, the variance of one sample is
    `changed - gain ** 2` (McNemar 1947). The answers with and without an exit are almost always
    the same, so this is far smaller than the unpaired `sqrt(p (1 - p) / n)` of one accuracy, and it
    vanishes as a policy approaches the full run. The unpaired one does not: asked to lie that far
    above the full run's accuracy, the full run itself fails, so that without an accepted drop it
    forbids every early exit wherever accuracies are near each other.

    Args:
        gain: accuracy less that of the reference, as fractions.
        changed: share of samples whose correctness differs from the reference's.
        samples: how many there are.
    """
    variance = np.maximum(changed - gain**2, 0.0)
    error: Array = np.sqrt(variance / samples)
    return error


def within_drop(gain: Array, changed: Array, samples: int, max_drop: float, luck: float) -> Array:
    """Which of several ways to stop have `gain >= -max_drop + luck * standard error`.

    Args:
        gain: accuracy less that of the full run, as fractions.
        changed: share of samples whose correctness differs from the full run's.
        samples: how many there are.
        max_drop: percentage points that may be lost.
        luck: standard errors of the paired difference; of thousands of thresholds the cheapest one
            that is good enough is good enough partly by luck, and this much is taken off.
    """
    margin = luck * standard_error(gain, changed, samples)
    enough: Array = gain >= -max_drop / 100 + margin - _ROUNDING
    return enough


def accurate_enough(curve: Curve, full: float, max_drop: float, luck: float) -> Array:
    """Which points (P,) of a curve are accurate enough: see `within_drop`.

    Args:
        curve: scanned with the correctness of the full run as its reference.
        full: accuracy of the full run.
        max_drop: percentage points that may be lost.
        luck: standard errors of the paired difference that a point must lie above that.
    """
    return within_drop(curve.correct - full, curve.changed, curve.samples, max_drop, luck)


def cheapest(curve: Curve, among: Array) -> int | None:
    """The index of the cheapest of some points (P,) bool, the more accurate one of equals.

    None where there is no point to choose from.
    """
    if not among.any():
        return None
    candidates = np.flatnonzero(among)
    cost = curve.cost[candidates]
    candidates = candidates[cost == cost.min()]
    return int(candidates[curve.correct[candidates].argmax()])

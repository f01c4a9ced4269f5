"""Stopping every sample after the same number of steps: what exit policies must beat."""

from __future__ import annotations

import numpy as np

from snnc.ir.tensors import Array

T_STAR_POINTS = 0.1
_ROUNDING = 1e-9


def accuracy_by_step(answers: Array, labels: Array) -> Array:
    """The share of right answers (T,) after each step, of answers (T, N) and labels (N,)."""
    share: Array = (answers == labels).mean(axis=1)
    return share


def t_star(accuracy: Array, points: float = T_STAR_POINTS) -> int:
    """T*: the smallest number of steps whose accuracy is within `points` of the best of any.

    Args:
        accuracy: (T,) as fractions, after 1, 2, ... steps.
        points: percentage points.
    """
    return _first(accuracy >= accuracy.max() - points / 100 - _ROUNDING)


def smallest_step(accuracy: Array, wanted: float) -> int | None:
    """The smallest number of steps whose accuracy is at least `wanted`; None if none is."""
    enough = accuracy >= wanted - _ROUNDING
    return _first(enough) if enough.any() else None


def _first(holds: Array) -> int:
    return int(np.argmax(holds)) + 1

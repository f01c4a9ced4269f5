"""The Pareto front of cost against accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from snnc.ir.tensors import Array

T = TypeVar("T")


def pareto(cost: Array, accuracy: Array) -> Array:
    """Indices of the points that no other point beats, by rising cost and rising accuracy.

    A point is beaten by one that costs no more and is no less accurate, and is better in one of
    the two; of equal points the first stays (Li, Jones, Furber 2023, threshold selection).

    Args:
        cost: (P,) mean time steps or another cost.
        accuracy: (P,).
    """
    order = np.lexsort((np.arange(len(cost)), -accuracy, cost))
    sorted_accuracy = accuracy[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(sorted_accuracy)[:-1]])
    front: Array = order[sorted_accuracy > before]
    return front


def thinned(points: Sequence[T], most: int) -> list[T]:
    """At most `most` (2 or more) of the points, evenly spread, the first and the last included."""
    if len(points) <= most:
        return list(points)
    return [points[i] for i in np.linspace(0, len(points) - 1, most).round().astype(int)]

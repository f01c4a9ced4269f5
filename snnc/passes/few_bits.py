"""Weights of one to five bits: for each channel the level that leaves the least error.

A channel's weights w become `a * q` with whole q of at most `levels` and one `a` per channel. The
rule "the largest weight is the largest level" wastes levels on outliers. Here steps of many sizes
are tried, weights beyond the last level are cut off, and for each rounding q the best `a` is known:
`a = <w, q> / <q, q>`, which leaves the squared error `<w, w> - <w, q>^2 / <q, q>` (least squares;
for ternary weights Li et al. 2016, "Ternary weight networks", eq. 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.tensors import Array

LEVELS = {1: 1, 2: 1, 3: 3, 4: 7, 5: 15}
"""The largest |weight| by number of bits; one bit has no sign: it is on or off."""

_STEPS = np.linspace(0.2, 1.0, 65)
"""Steps to try, as shares of the one that makes the largest weight the largest level."""

_CLOSE = 0.01
"""Error of a weight, as share of the largest of its channel, that small multiples may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """Channels in whole numbers.

    Attributes:
        levels: (C, K) float64, whole numbers.
        worth: (C,): what level 1 stands for, above 0; 0 where all weights are.
    """

    levels: Array
    worth: Array


def nearest(rows: Array, most: int, *, clip: bool) -> Rounded:
    """The rounding of each row (C, K) with the least squared error.

    Args:
        rows: weights.
        most: the largest |level|.
        clip: whether weights beyond the largest level may be cut off. Without it the largest weight
            is the largest level.
    """
    largest = np.abs(rows).max(axis=1, initial=0.0)
    best = np.full(len(rows), -1.0)
    found, worth = np.zeros(rows.shape), np.zeros(len(rows))
    for share in _STEPS[::-1] if clip else _STEPS[-1:]:
        step = np.where(largest > 0, largest * share / most, 1.0)
        levels = np.clip(np.rint(rows / step[:, None]), -most, most)
        squares = np.einsum("ij,ij->i", levels, levels)
        products = np.einsum("ij,ij->i", rows, levels)
        explained = np.divide(products**2, squares, out=np.zeros(len(rows)), where=squares > 0)
        better = explained > best
        best[better], found[better] = explained[better], levels[better]
        size = step if not clip else np.divide(products, squares, out=step, where=squares > 0)
        worth[better] = size[better]
    worth[largest == 0] = 0.0
    return reduced(Rounded(found, worth))


def reduced(rounded: Rounded) -> Rounded:
    """Without common divisors: a row of 2, 4 and 6 is one of 1, 2 and 3 that are worth twice."""
    if not rounded.levels.size:
        return rounded
    divisors = np.gcd.reduce(np.abs(rounded.levels).astype(np.int64), axis=1).astype(np.float64)
    divisors = np.maximum(divisors, 1.0)
    return Rounded(rounded.levels / divisors[:, None], rounded.worth * divisors)


def small_multiples(values: Array, most: int) -> Rounded:
    """Rows of few values (C, K) as multiples of one: the smallest ones that are close.

    Equal weights become 1, whatever they were; 2 and 3 stay 2 and 3.

    Args:
        values: one row per channel; a column for each weight that it repeats.
        most: the largest multiple.
    """
    largest = np.abs(values).max(axis=1, initial=0.0)
    found, worth = np.zeros(values.shape), np.zeros(len(values))
    error = np.full(len(values), np.inf)
    for multiple in range(1, most + 1):
        step = np.where(largest > 0, largest / multiple, 1.0)
        levels = np.rint(values / step[:, None])
        off = np.abs(values - levels * step[:, None]).max(axis=1, initial=0.0)
        better = (error > _CLOSE * largest) & (off < error)
        found[better], worth[better], error[better] = levels[better], step[better], off[better]
    worth[largest == 0] = 0.0
    return Rounded(found, worth)

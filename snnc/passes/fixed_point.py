"""Choosing integer units: what one unit of an integer layer stands for, channel by channel.

A layer whose weights, bias, threshold and initial potential are multiplied by one factor S fires as
before. S is chosen so that everything becomes a whole number with little rounding: weights are
`w * 2^e` with `|w|` below the limit of the target, where the exponent e is there for the bias and
the threshold, which need finer units than the weights. Channels may have factors of their own; the
thresholds that follow from them are few, because cores hold few different ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.ir.tensors import Array

FINE_THRESHOLD = 8192
"""Units of a threshold beyond which finer ones gain nothing: rounding is 0.01 % of a spike."""

_MOST_VALUES = 512
"""Values that thresholds are chosen among."""


@dataclass(frozen=True, slots=True)
class Format:
    """What the numbers of a target can be.

    Attributes:
        weight: largest |weight|, before its exponent.
        exponent: largest weight exponent.
        potential: largest |membrane potential| and |sum of inputs|.
        thresholds: how many different thresholds a layer may have.
        threshold_mantissa: largest mantissa of a threshold; None for any whole number.
        threshold_exponent: largest exponent of a threshold with a mantissa.
        bias_mantissa: largest |mantissa| of a bias; None for any whole number.
        bias_exponent: largest exponent of a bias with a mantissa.
    """

    weight: int
    exponent: int
    potential: int
    thresholds: int
    threshold_mantissa: int | None = None
    threshold_exponent: int = 0
    bias_mantissa: int | None = None
    bias_exponent: int = 0

    @property
    def largest_threshold(self) -> int:
        """In units of the membrane potential."""
        if self.threshold_mantissa is None:
            return self.potential
        return self.threshold_mantissa << self.threshold_exponent

    @property
    def largest_bias(self) -> int:
        """In units of the membrane potential."""
        if self.bias_mantissa is None:
            return self.potential
        return self.bias_mantissa << self.bias_exponent


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The factors (C,) of a layer's channels, their thresholds (C,), and the weights' exponent."""

    factor: Array
    threshold: Array | None
    exponent: int


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """How large the numbers of each channel (C,) of a layer are, in its present units.

    Attributes:
        weight: largest |weight|.
        potential: largest |potential| that must be held.
        threshold: largest threshold; None where nothing fires.
        bias: largest |bias|.
    """

    weight: Array
    potential: Array
    threshold: Array | None
    bias: Array


def choose_units(sizes: Sizes, fmt: Format, *, shared: bool) -> Units | None:
    """The units of a layer.

    Args:
        sizes: of its numbers.
        fmt: what the target's numbers can be.
        shared: one factor for all channels.

    Returns:
        None where a threshold would be less than one unit: a weight is larger than the threshold
        by more than the format allows.
    """
    threshold = sizes.threshold
    full = _quotient(float(fmt.weight), sizes.weight)
    cap = _quotient(float(fmt.potential), sizes.potential)
    cap = np.minimum(cap, _quotient(float(fmt.largest_bias), sizes.bias))
    if threshold is not None:
        cap = np.minimum(cap, _quotient(float(fmt.largest_threshold), threshold))
    full = np.where(np.isfinite(full), full, np.min(full, initial=np.inf))
    full = np.minimum(full, np.where(np.isfinite(cap), cap, full.max(initial=0.0)))
    full[~np.isfinite(full)] = 1.0
    exponent = _exponent(full, cap, threshold, fmt.exponent)
    factor = np.minimum(full * 2.0**exponent, cap)
    if shared:
        factor = np.full_like(factor, factor.min())
    if threshold is None:
        return Units(factor, None, exponent)
    levels = few_levels(factor * threshold, fmt.thresholds)
    whole = floor_to_mantissa(levels, fmt.threshold_mantissa)
    if (whole < 1).any():
        return None
    return Units(whole / threshold, whole, exponent)


def _exponent(full: Array, cap: Array, threshold: Array | None, largest: int) -> int:
    """The exponent that makes units fine enough without taking bits from many channels' weights."""
    ratios = cap / full
    finite = ratios[np.isfinite(ratios)]
    room = math.log2(float(np.quantile(finite, 0.1))) if len(finite) else float(largest)
    wanted = float(largest)
    if threshold is not None:
        usual = float(np.median(full * threshold))
        wanted = math.ceil(math.log2(max(1.0, FINE_THRESHOLD / usual)))
    return min(max(math.floor(min(room, wanted)), 0), largest)


def few_levels(values: Array, count: int) -> Array:
    """Each positive value rounded down to one of at most `count` levels, with little loss of bits.

    The levels are values of their own, chosen so that the sum of `log(value / level)` is least
    (dynamic programming over the sorted values; of many values, over their quantiles).
    """
    ordered = np.sort(values)
    if count >= len(values):
        return values
    known = ordered[:: -(-len(ordered) // _MOST_VALUES)]
    levels = known[_cuts(np.log(known), min(count, len(known)))]
    found: Array = levels[np.searchsorted(levels, values, side="right") - 1]
    return found


def _cuts(logs: Array, count: int) -> list[int]:
    """Where `count` runs of sorted values begin, so that all are near the first of their run."""
    size = len(logs)
    sums = np.concatenate([[0.0], np.cumsum(logs)])
    first, last = np.arange(size)[:, None], np.arange(1, size + 1)[None, :]
    loss = sums[last] - sums[first] - (last - first) * logs[:, None]
    loss = np.where(last > first, loss, np.inf)
    # best[j]: the least loss of the first j values with the runs so far; starts[r][j]: where the
    # last of r + 1 runs then begins.
    best = np.concatenate([[0.0], np.full(size, np.inf)])
    starts: list[Array] = []
    for _ in range(count):
        total = best[:size, None] + loss
        starts.append(np.concatenate([[0], total.argmin(axis=0)]))
        best = np.concatenate([[np.inf], total.min(axis=0)])
    cuts, end = [], size
    for start in reversed(starts):
        end = int(start[end])
        cuts.append(end)
    return cuts[::-1]


def floor_to_mantissa(values: Array, mantissa: int | None) -> Array:
    """Whole numbers at most as large as the (not negative) values; with a mantissa, times 2^k."""
    if mantissa is None:
        return np.floor(values)
    return np.floor(values / _step(values, mantissa)) * _step(values, mantissa)


def round_to_mantissa(values: Array, mantissa: int | None) -> Array:
    """The nearest whole numbers; with a mantissa, mantissa * 2^k."""
    if mantissa is None:
        return np.rint(values)
    rounded: Array = np.rint(values / _step(values, mantissa)) * _step(values, mantissa)
    return rounded


def _step(values: Array, mantissa: int) -> Array:
    """The smallest power of two (at least 1) in whose multiples each value has the mantissa."""
    size = np.maximum(np.abs(values), 1.0) / mantissa
    step: Array = 2.0 ** np.maximum(0.0, np.ceil(np.log2(size)))
    return step


def _quotient(limit: float, values: Array) -> Array:
    """`limit / values`, infinite where a value is 0."""
    found: Array = np.full(np.shape(values), np.inf)
    np.divide(limit, values, out=found, where=values > 0)
    return found

"""A streaming histogram per channel whose result does not depend on how the values are batched.

Every channel has its own range `[0, 2**e)`, where `2**e` is the smallest power of two above the
largest value seen. When a larger value comes the range doubles and pairs of bins merge. Ranges are
powers of two, so bins nest exactly: the counts are those of one pass with the final range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnc.ir.tensors import Array

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_MOST_BINS = 2048
_FEWEST_BINS = 128
_CELLS = 1 << 20  # bins over all channels together: 8 MiB of counts per histogram
_CHUNK = 1 << 18  # values at a time, so that temporaries stay in the cache
_SMALLEST_EXPONENT = -60  # what lies below 2**-60 falls into the first bin


def bins_for(channels: int) -> int:
    """Bins per channel: 2048, fewer (down to 128) where there are over 512 channels."""
    bins = _MOST_BINS
    while bins > _FEWEST_BINS and bins * channels > _CELLS:
        bins //= 2
    return bins


class Histogram:
    """Counts of positive values per channel in bins of equal width from 0 to a power of two."""

    def __init__(self, channels: int, bins: int | None = None) -> None:
        self.bins = bins_for(channels) if bins is None else bins
        if self.bins < 1 or self.bins & (self.bins - 1):
            raise ValueError(f"the number of bins has to be a power of two, not {self.bins}")
        self.counts: Counts = np.zeros((channels, self.bins), dtype=np.int64)
        self.exponents: NDArray[np.int64] = np.full(channels, _SMALLEST_EXPONENT, dtype=np.int64)

    def add(self, values: NDArray[np.floating[Any]], largest: Floats) -> None:
        """Count the positive ones of the values (N, C, P), all finite; `largest` (C,): maximum."""
        self._grow(_exponents_above(largest))
        channels, bins = self.counts.shape
        scale = np.ldexp(float(bins), -self.exponents).astype(values.dtype)[:, None]
        offset = (np.arange(channels, dtype=np.int64) * bins)[:, None]
        per_sample = max(1, channels * values.shape[2])
        step = max(1, max(_CHUNK, channels * bins) // per_sample)
        for start in range(0, len(values), step):
            part = np.maximum(values[start : start + step], 0)
            # A product with a power of two is exact, so equal bins nest in equal bins.
            index = (part * scale).astype(np.int64)
            index += offset
            found = np.bincount(index.reshape(-1), minlength=channels * bins)
            self.counts += found.reshape(channels, bins)
            not_positive = part.shape[0] * part.shape[2] - np.count_nonzero(part, axis=(0, 2))
            self.counts[:, 0] -= not_positive

    def edges(self) -> Floats:
        """Borders of the bins, (C, bins + 1)."""
        width = np.ldexp(1.0 / self.bins, self.exponents)
        borders: Floats = np.arange(self.bins + 1, dtype=np.float64) * width[:, None]
        return borders

    def at(self, exponents: NDArray[np.int64]) -> Histogram:
        """A copy with wider ranges `2**exponents`, (C,); ranges never shrink."""
        other = Histogram(len(self.counts), self.bins)
        other.counts = self.counts.copy()
        other.exponents = self.exponents.copy()
        other._grow(exponents)
        return other

    def plus(self, other: Histogram) -> Histogram:
        """The histogram of both sets of values; channels and bins have to be the same."""
        exponents = np.maximum(self.exponents, other.exponents)
        total = self.at(exponents)
        total.counts += other.at(exponents).counts
        return total

    def pooled(self) -> Histogram:
        """All channels as one."""
        common = self.at(np.full_like(self.exponents, self.exponents.max()))
        total = Histogram(1, self.bins)
        total.exponents = common.exponents[:1]
        total.counts = common.counts.sum(axis=0, keepdims=True)
        return total

    def _grow(self, exponents: NDArray[np.int64]) -> None:
        """Widen the ranges to at least `2**exponents` by merging neighbouring bins."""
        doublings = np.maximum(exponents - self.exponents, 0)
        self.exponents = self.exponents + doublings
        for count in np.unique(doublings[doublings > 0]):
            rows = np.flatnonzero(doublings == count)
            merged = min(1 << min(int(count), 62), self.bins)
            old = self.counts[rows].reshape(len(rows), -1, merged).sum(axis=2)
            self.counts[rows] = 0
            self.counts[rows, : old.shape[1]] = old


def _exponents_above(largest: Floats) -> NDArray[np.int64]:
    """The exponents of the smallest powers of two that are greater than the values."""
    _, exponents = np.frexp(np.maximum(largest, 0.0))
    exponents = np.where(largest > 0, exponents, _SMALLEST_EXPONENT)
    return np.maximum(exponents.astype(np.int64), _SMALLEST_EXPONENT)


def as_channels(values: Array) -> NDArray[np.floating[Any]]:
    """Values (N, C, ...) as float (N, C, P); a vector's elements are channels of one position."""
    if values.ndim < 2:
        raise ValueError(f"activations have to be (N, C, ...), not {values.shape}")
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    elif values.dtype.itemsize < 4:
        values = values.astype(np.float32)  # the bins' factors overflow float16
    return values.reshape(values.shape[0], values.shape[1], -1)

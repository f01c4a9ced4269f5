"""Streaming statistics of a population's activations, per channel.

Extremes, means and standard deviations are exact (up to rounding in float64), percentiles are
exact to the width of a histogram bin. Memory depends on the shape of one sample only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnc.data.histogram import Counts, Floats, Histogram, as_channels
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array, Shape


class ActivationStatistics:
    """Statistics of activations that arrive in batches (N, C, ...).

    A vector (N, C) is C channels of one position each. Before the first batch every property
    but `count` raises ValueError.

    Attributes:
        name: the population, for messages.
        count: samples seen so far.
        shape: shape of one sample, `()` before the first batch.
    """

    def __init__(self, name: str = "", *, bins: int | None = None) -> None:
        self.name = name
        self.count = 0
        self.shape: Shape = ()
        self._bins = bins
        self._sum: Floats = np.zeros(0)
        self._squares: Floats = np.zeros(0)  # summed squared deviations from the mean, per channel
        self._minimum: Floats = np.zeros(0)
        self._maximum: Floats = np.zeros(0)
        self._zeros: Counts = np.zeros(0, dtype=np.int64)
        self._positive: Histogram = Histogram(0, 1)
        self._negative: Histogram | None = None  # of -x, made when a negative value comes

    def update(self, values: Array) -> None:
        """Take in a batch of activations (N, C, ...).

        Raises:
            ValueError: the shape of a sample differs from that of earlier batches.
            InputError: SN814, a value is NaN or infinite.
        """
        if values.size == 0:
            return
        flat = as_channels(values)
        low = flat.min(axis=2).min(axis=0).astype(np.float64)
        high = flat.max(axis=2).max(axis=0).astype(np.float64)
        self._check(tuple(int(n) for n in values.shape[1:]), low, high)
        total: Floats = flat.sum(axis=0, dtype=np.float64)
        mean = total.sum(axis=1) / (flat.shape[0] * flat.shape[2])
        squares = _squared_deviations(flat, mean, np.maximum(-low, high))
        self._combine(flat.shape[0], total.reshape(self.shape), squares)
        self._minimum = np.minimum(self._minimum, low)
        self._maximum = np.maximum(self._maximum, high)
        zeros = flat.shape[0] * flat.shape[2] - np.count_nonzero(flat, axis=(0, 2))
        self._zeros = self._zeros + zeros
        self._positive.add(flat, high)
        if low.min() < 0:
            if self._negative is None:
                self._negative = Histogram(len(low), self._positive.bins)
            self._negative.add(-flat, -low)

    def merge(self, other: ActivationStatistics) -> ActivationStatistics:
        """The statistics of both sets of samples together; neither argument changes.

        Raises:
            ValueError: the shapes of the samples or the numbers of bins differ.
        """
        parts = [part for part in (self, other) if part.count]
        total = ActivationStatistics(self.name, bins=self._bins)
        for part in parts:
            if part.shape != parts[0].shape or part._positive.bins != parts[0]._positive.bins:
                raise ValueError(f"cannot merge statistics of {parts[0].shape} and {part.shape}")
            total._check(part.shape, part._minimum, part._maximum)
            total._combine(part.count, part._sum, part._squares)
            total._minimum = np.minimum(total._minimum, part._minimum)
            total._maximum = np.maximum(total._maximum, part._maximum)
            total._zeros = total._zeros + part._zeros
            total._positive = part._positive.plus(total._positive)
            if part._negative is not None:
                other_half = total._negative or Histogram(len(part._zeros), part._negative.bins)
                total._negative = part._negative.plus(other_half)
        return total

    def _check(self, shape: Shape, low: Floats, high: Floats) -> None:
        """Refuse another shape and values that are not finite; set up on the first batch."""
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            channel = int(np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))[0])
            text = f"an activation of channel {channel} is not a finite number"
            cure = "check the calibration data and its preprocessing; the model may overflow on it"
            raise InputError(Diagnostic("SN814", text, where=self.name, help=cure))
        if not self.shape:
            channels = len(low)
            self.shape = shape
            self._sum = np.zeros(shape)
            self._squares = np.zeros(channels)
            self._minimum = np.full(channels, np.inf)
            self._maximum = np.full(channels, -np.inf)
            self._zeros = np.zeros(channels, dtype=np.int64)
            self._positive = Histogram(channels, self._bins)
        elif shape != self.shape:
            raise ValueError(f"activations of shape {shape} after ones of shape {self.shape}")

    def _combine(self, count: int, total: Floats, squares: Floats) -> None:
        """Add sums and squared deviations (Chan et al. 1983, parallel variance)."""
        if self.count:
            positions = self._positions
            own = self.mean
            theirs = total.reshape(len(own), -1).sum(axis=1) / (count * positions)
            weight = positions * self.count * count / (self.count + count)
            squares = squares + (own - theirs) ** 2 * weight
        self.count += count
        self._sum = self._sum + total
        self._squares = self._squares + squares

    @property
    def _positions(self) -> int:
        return self._sum.size // len(self._zeros)

    def _require_samples(self) -> None:
        if not self.count:
            raise ValueError(f"no activations of {self.name or 'the population'} were gathered")

    @property
    def mean(self) -> Floats:
        """Mean per channel, (C,)."""
        self._require_samples()
        sums: Floats = self._sum.reshape(len(self._zeros), -1).sum(axis=1)
        return sums / (self.count * self._positions)

    @property
    def mean_neuron(self) -> Floats:
        """Mean per neuron, in the shape of a sample."""
        self._require_samples()
        return self._sum / self.count

    @property
    def std(self) -> Floats:
        """Standard deviation per channel (dividing by the number of values), (C,)."""
        self._require_samples()
        deviation: Floats = np.sqrt(self._squares / (self.count * self._positions))
        return deviation

    @property
    def minimum(self) -> Floats:
        """Smallest value per channel, (C,)."""
        self._require_samples()
        return self._minimum.copy()

    @property
    def maximum(self) -> Floats:
        """Largest value per channel, (C,)."""
        self._require_samples()
        return self._maximum.copy()

    @property
    def zeros(self) -> Counts:
        """Number of values that are exactly zero per channel, (C,)."""
        self._require_samples()
        return self._zeros.copy()

    @property
    def active(self) -> Floats:
        """Share of values that are not zero per channel, (C,)."""
        self._require_samples()
        return 1.0 - self._zeros / (self.count * self._positions)

    def percentile(self, q: float, nonzero: bool = False) -> Floats:
        """The q-th percentile per channel, (C,), as `np.percentile` to the width of a bin.

        With `nonzero` zeros are left out (Rueckauer et al. 2017); a channel that is always zero
        has the percentile 0.
        """
        return self._percentile(q, nonzero, self._negative, self._positive, False)

    def layer_percentile(self, q: float, nonzero: bool = False, absolute: bool = False) -> float:
        """The q-th percentile over the values of all channels, of `|x|` where `absolute`."""
        if absolute:
            return float(self._percentile(q, nonzero, None, self._both().pooled(), True)[0])
        negative = None if self._negative is None else self._negative.pooled()
        return float(self._percentile(q, nonzero, negative, self._positive.pooled(), False)[0])

    def absolute_percentile(self, q: float, nonzero: bool = False) -> Floats:
        """The q-th percentile of `|x|` per channel, (C,): the range of a signed neuron."""
        return self._percentile(q, nonzero, None, self._both(), True)

    def histogram(self, absolute: bool = False) -> tuple[Counts, Floats]:
        """Counts (C, B) of the values above zero and the borders (C, B + 1) of their bins.

        With `absolute`, of all `|x|` above zero.
        """
        self._require_samples()
        values = self._both() if absolute else self._positive
        return values.counts.copy(), values.edges()

    def _both(self) -> Histogram:
        """The histogram of `|x|` above zero."""
        self._require_samples()
        return self._positive if self._negative is None else self._positive.plus(self._negative)

    def _percentile(
        self, q: float, nonzero: bool, negative: Histogram | None, positive: Histogram, whole: bool
    ) -> Floats:
        """Percentiles from histograms of `-x` and `x`; `whole`: `x` stands for `|x|`."""
        self._require_samples()
        if not 0.0 <= q <= 100.0:
            raise ValueError(f"a percentile lies between 0 and 100, not at {q}")
        low, high = self._minimum, self._maximum
        if whole:
            low, high = np.maximum(np.maximum(low, -high), 0.0), np.maximum(high, -low)
        zeros = np.zeros_like(self._zeros) if nonzero else self._zeros
        if len(positive.counts) != len(low):
            low, high = low.min(keepdims=True), high.max(keepdims=True)
            zeros = zeros.sum(keepdims=True)
        counts, edges = _cells(negative, zeros, positive)
        edges = np.clip(edges, low[:, None], high[:, None])
        return _percentiles(q, counts, edges)


def _squared_deviations(flat: NDArray[np.floating[Any]], mean: Floats, largest: Floats) -> Floats:
    """Summed squared deviations from the mean per channel, without over- or underflow."""
    exponents = np.clip(np.frexp(largest)[1], -100, 1000)
    scale = np.ldexp(1.0, -exponents)  # a power of two, so that scaling is exact
    deviations = (flat - mean.astype(flat.dtype)[:, None]) * scale.astype(flat.dtype)[:, None]
    squares = np.einsum("ncp,ncp->nc", deviations, deviations).sum(axis=0, dtype=np.float64)
    summed: Floats = np.ldexp(squares, 2 * exponents)
    return summed


def _cells(negative: Histogram | None, zeros: Counts, positive: Histogram) -> tuple[Counts, Floats]:
    """Counts (C, K) and borders (C, K + 1) along the axis: negative bins, zero, positive bins."""
    borders = positive.edges()
    counts, edges = [zeros[:, None], positive.counts], [borders[:, :1], borders]
    if negative is not None:
        counts.insert(0, negative.counts[:, ::-1])
        edges.insert(0, -negative.edges()[:, :0:-1])
    return np.concatenate(counts, axis=1), np.concatenate(edges, axis=1)


def _percentiles(q: float, counts: Counts, edges: Floats) -> Floats:
    """Percentile per row between the two order statistics that `np.percentile` interpolates."""
    cumulative = np.cumsum(counts, axis=1)
    found = np.zeros(len(counts))
    for row, total in enumerate(cumulative[:, -1].tolist()):
        if total == 0:
            continue
        rank = q / 100.0 * (total - 1)
        lower = int(rank)
        upper = min(lower + 1, total - 1)
        a, b = (
            _order_statistic(r, counts[row], cumulative[row], edges[row]) for r in (lower, upper)
        )
        found[row] = a + (rank - lower) * (b - a)
    return found


def _order_statistic(rank: int, counts: Counts, cumulative: Counts, edges: Floats) -> float:
    """The value at a rank (from 0), spread evenly within its bin; the extremes are exact."""
    # The outer borders are the extremes; 0 may stand for values that were left out of the counts.
    if rank == int(cumulative[-1]) - 1 and edges[-1] != 0.0:
        return float(edges[-1])
    if rank == 0 and edges[0] != 0.0:
        return float(edges[0])
    cell = int(np.searchsorted(cumulative, rank, side="right"))
    inside = rank - (int(cumulative[cell]) - int(counts[cell]))
    share = (inside + 0.5) / int(counts[cell])
    return float(edges[cell] + share * (edges[cell + 1] - edges[cell]))

"""Axon codes: how many axons of which types an input needs so that every weight is a sum of them.

A neuron has one strength for each of four axon types and one bit for each axon. An input that comes
on several axons adds, for each neuron, the strengths of those whose bit is set. So a weight is a
subset sum: with types worth 1, 2, 4 and -8 four axons spell all weights of 4 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from scipy import sparse

from snnc.ir.tensors import Array

Counts = tuple[int, int, int, int]
"""Axons of each type."""

BASES: tuple[tuple[int, ...], ...] = (
    (1,),
    (1, -1),
    (1, 2),
    (1, 2, 4),
    (1, 2, -4),
    (1, 2, 4, 8),
    (1, 2, 4, -8),
    (1, 2, 4, -12),
    (1, 2, 4, -16),
)
"""What the types are worth, in units of a neuron; it may turn all of them round."""

MOST_AXONS = 16
"""Axons of one input; weights that need more have no code."""

_OFFSET = 256
"""Weights in units of a neuron lie within -256 to 256."""


@dataclass(frozen=True, slots=True, eq=False)
class Spelling:
    """A layer's weights in units of its neurons.

    Attributes:
        base: What the axon types are worth, in units.
        units: int64 (units,): what a unit is worth, with the sign by which a neuron is turned.
        quotients: int64 CSR (units, columns): weights in units.
        counts: int64 (columns, 4): axons of each type that an input needs for all neurons.
    """

    base: tuple[int, ...]
    units: Array
    quotients: sparse.csr_matrix
    counts: Array

    @property
    def axons(self) -> Array:
        """Axons of each input, int64 (columns,)."""
        total: Array = self.counts.sum(axis=1)
        return total


def spell(weights: sparse.csr_matrix, largest_strength: int) -> Spelling | None:
    """The code with the fewest axons for a matrix (neurons, inputs); None if there is none."""
    best: Spelling | None = None
    unit = common_divisors(weights)
    for base in BASES:
        found = _spelled(weights, unit, base, largest_strength)
        if found is not None and (best is None or found.axons.sum() < best.axons.sum()):
            best = found
    return best


def common_divisors(weights: sparse.csr_matrix) -> Array:
    """The greatest common divisor of each row's weights; 1 for empty rows."""
    sizes = np.diff(weights.indptr)
    divisors = np.ones(weights.shape[0], np.int64)
    filled = np.flatnonzero(sizes)
    if len(filled):
        divisors[filled] = np.gcd.reduceat(np.abs(weights.data), weights.indptr[filled])
    return divisors


def _spelled(
    weights: sparse.csr_matrix, unit: Array, base: tuple[int, ...], largest_strength: int
) -> Spelling | None:
    unit = _within(unit, largest_strength // max(abs(b) for b in base))
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    signed = unit * _turns(weights, rows, unit, base)
    data = weights.data // signed[rows]
    if np.abs(data).max(initial=0) >= _OFFSET:
        return None
    quotients = sparse.csr_matrix((data, weights.indices, weights.indptr), shape=weights.shape)
    counts = np.zeros((weights.shape[1], 4), np.int64)
    for column, mask in _masks(quotients):
        found = axons_for(mask, base)
        if found is None:
            return None
        counts[column] = found
    return Spelling(base, signed, quotients, counts)


def _within(units: Array, largest: int) -> Array:
    """Units, or where they are too large for strengths their largest divisor that is not."""
    found = units.copy()
    for value in np.unique(units[units > largest]).tolist():
        found[units == value] = max(d for d in range(1, largest + 1) if value % d == 0)
    return found


def _turns(weights: sparse.csr_matrix, rows: Array, unit: Array, base: tuple[int, ...]) -> Array:
    """1, or -1 for neurons whose weights one axon of each type spells only when turned."""
    reach = sum(b for b in base if b > 0), -sum(b for b in base if b < 0)
    highest = np.zeros(weights.shape[0], np.int64)
    lowest = np.zeros(weights.shape[0], np.int64)
    np.maximum.at(highest, rows, weights.data)
    np.minimum.at(lowest, rows, weights.data)
    fits = (highest <= reach[0] * unit) & (-lowest <= reach[1] * unit)
    turned = ~fits & (highest < -lowest if reach[0] >= reach[1] else highest > -lowest)
    signs: Array = np.where(turned, -1, 1)
    return signs


def _masks(quotients: sparse.csr_matrix) -> Iterator[tuple[int, int]]:
    """Each column that is not empty with the set of its values, as bits of a whole number."""
    columns = sparse.csc_matrix(quotients)
    order = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
    pairs = np.unique(order * (2 * _OFFSET) + columns.data + _OFFSET)
    which, values = pairs // (2 * _OFFSET), pairs % (2 * _OFFSET)
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    ends = np.append(starts[1:], len(which))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        mask = 0
        for value in values[start:end].tolist():
            mask |= 1 << value
        yield int(which[start]), mask


def mask_of(values: Sequence[int]) -> int:
    """A set of weights in units, as bits of a whole number."""
    mask = 0
    for value in values:
        mask |= 1 << (value + _OFFSET)
    return mask


@lru_cache(maxsize=1 << 18)
def axons_for(mask: int, base: tuple[int, ...]) -> Counts | None:
    """The fewest axons of each type whose subset sums hold all values of a set; 0 is always one."""
    for counts, sums in _candidates(base):
        if mask & ~sums == 0:
            return counts
    return None


@lru_cache(maxsize=len(BASES))
def _candidates(base: tuple[int, ...]) -> tuple[tuple[Counts, int], ...]:
    """Axon counts with the set of their subset sums, fewest axons first."""
    found = []
    for total in range(MOST_AXONS + 1):
        for chosen in combinations_with_replacement(range(len(base)), total):
            counts = [chosen.count(kind) for kind in range(4)]
            found.append(((counts[0], counts[1], counts[2], counts[3]), _sums(base, counts)))
    return tuple(found)


def _sums(base: tuple[int, ...], counts: Sequence[int]) -> int:
    sums = 1 << _OFFSET
    for worth, count in zip(base, counts[: len(base)], strict=True):
        for _ in range(count):
            sums |= sums << worth if worth > 0 else sums >> -worth
    return sums


@lru_cache(maxsize=1 << 16)
def bits_of(value: int, base: tuple[int, ...], counts: Counts) -> Counts | None:
    """How many of the axons of each type a weight uses: the fewest; None if they cannot spell it.

    Ties go to the last types.
    """
    return min(_ways(value, base, counts), key=sum, default=None)


def _ways(value: int, base: tuple[int, ...], counts: Counts) -> Iterator[Counts]:
    def search(kind: int, left: int, used: tuple[int, ...]) -> Iterator[Counts]:
        if kind == len(base):
            if left == 0:
                full = (*used, 0, 0, 0, 0)
                yield full[0], full[1], full[2], full[3]
            return
        for count in range(counts[kind] + 1):
            yield from search(kind + 1, left - count * base[kind], (*used, count))

    return search(0, value, ())

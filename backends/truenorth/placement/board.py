"""The board on which cores are moved: traffic between pieces, and where each of them lies.

Every place of the rectangle holds a piece: a core, or an empty piece without traffic. Moving cores
is exchanging pieces, so no place is ever taken twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Pieces on places; P pieces, of which the first C are cores.

    Attributes:
        traffic: float64 (P, P), symmetric: between two pieces in both directions together.
        points: int64 (P, 2): column and row of each piece.
        free: bool (P,): which pieces may be moved.
    """

    traffic: sparse.csr_array
    points: Array
    free: Array

    @property
    def size(self) -> int:
        """Pieces on the board."""
        return len(self.points)

    def hop_weight(self) -> float:
        """Sum over all traffic of amount times hops, each pair of pieces once."""
        return hop_weight(self.traffic, self.points) / 2

    def moved(self, points: Array) -> Board:
        """The same pieces elsewhere."""
        return replace(self, points=points)


def hop_weight(traffic: sparse.csr_array, points: Array) -> float:
    """Sum over the entries of `traffic` (C, C) of amount times |dx| + |dy|."""
    entries = traffic.tocoo()
    rows, columns = entries.coords
    hops = np.abs(points[rows].astype(np.int64) - points[columns]).sum(axis=1)
    return float(entries.data @ hops)


def rectangle(cores: int, spec: ChipSpec) -> tuple[int, int]:
    """Columns and rows of the smallest, about square part of the mesh that holds the cores."""
    columns, rows = spec.grid
    width = min(columns, max(1, int(np.ceil(np.sqrt(cores)))))
    height = -(-cores // width)
    if height > rows:
        width, height = -(-cores // rows), rows
    return width, height


def places(width: int, height: int) -> Array:
    """All places of a rectangle, row by row: int64 (width * height, 2), column and row."""
    rows, columns = np.divmod(np.arange(width * height), width)
    return np.stack([columns, rows], axis=1)


def outside(taken: Array, among: Array) -> Array:
    """Those places of `among` (N, 2) that are not in `taken` (M, 2), in their order."""
    known = {(int(x), int(y)) for x, y in taken}
    kept = [i for i, (x, y) in enumerate(among) if (int(x), int(y)) not in known]
    left: Array = among[kept]
    return left


def neighbours(matrix: sparse.csr_array, rows: Array) -> tuple[Array, Array]:
    """Where the entries of some rows lie in a CSR matrix.

    Returns:
        For each entry the place in `rows` of its row, and its index in `matrix.indices`.
    """
    lengths = matrix.indptr[rows + 1] - matrix.indptr[rows]
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    owners = np.repeat(np.arange(len(rows)), lengths)
    offsets = np.repeat(matrix.indptr[rows] - (ends - lengths), lengths)
    return owners, offsets + np.arange(total)

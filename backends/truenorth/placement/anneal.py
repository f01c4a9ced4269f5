"""Simulated annealing: exchanges of two pieces, many at a time.

A batch of random exchanges is judged together, each by itself (Metropolis et al. 1953, Kirkpatrick
et al. 1983). Those that are accepted and touch a piece with traffic to another accepted one of a
lower number are dropped, so that what each exchange gains is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.placement.board import Board, neighbours
from snnc.ir.tensors import Array

MOVES_PER_PIECE = 500
"""Exchanges that are tried, unless their number is given."""

HOT, COLD = 0.5, 0.005
"""Temperatures of the first and the last batch, as shares of the mean change by an exchange."""

FURTHEST, NEAREST = 0.25, 2
"""How far pieces move: from this share of the longer side at first to this many places at last."""

Progress = Callable[[int, int, float], None]
"""Called with exchanges tried, exchanges in all and the present hop-weight."""


@dataclass(slots=True)
class _State:
    """Where the pieces lie, and on each place its piece (-1: none)."""

    board: Board
    points: Array
    grid: Array


def annealed(
    board: Board, seed: int, moves: int | None = None, progress: Progress | None = None
) -> Board:
    """The best board found, never worse than the one given.

    Args:
        board: Where to start.
        seed: Of all random choices.
        moves: Exchanges to try; None for a number by the size of the board.
        progress: Called about a hundred times.
    """
    if board.free.sum() < 2 or not board.traffic.nnz:
        return board
    total = MOVES_PER_PIECE * board.size if moves is None else moves
    random = np.random.default_rng(seed)
    state = _State(board, board.points.copy(), _grid(board.points))
    size = max(8, board.size // 12)
    scale, side = _usual_change(state, random), max(state.grid.shape)
    batches = -(-total // size)
    weight = best = board.hop_weight()
    kept = board.points
    for batch in range(batches):
        part = batch / batches
        reach = max(NEAREST, round(FURTHEST * side * (1 - part) ** 2))
        heat = scale * HOT * (COLD / HOT) ** part
        weight += _batch(state, random, size, reach, heat)
        if weight < best * (1 - 1e-12):
            best, kept = weight, state.points.copy()
        if progress is not None and (batch % max(1, batches // 100) == 0 or batch == batches - 1):
            progress(min(total, (batch + 1) * size), total, weight)
    found = board.moved(kept)
    return found if found.hop_weight() <= board.hop_weight() else board


def _grid(points: Array) -> Array:
    """The piece on each place, (columns, rows); -1 where there is none."""
    grid = np.full(tuple(points.max(axis=0) + 1), -1)
    grid[points[:, 0], points[:, 1]] = np.arange(len(points))
    return grid


def _usual_change(state: _State, random: np.random.Generator) -> float:
    """Mean |change of hop-weight| by random exchanges that are near, above 0."""
    pairs = _proposed(state, random, 2000, NEAREST)
    changes = np.abs(changes_of(state.board.moved(state.points), pairs)) if len(pairs) else None
    mean = float(changes.mean()) if changes is not None else 0.0
    return mean if mean > 0 else 1.0


def _batch(state: _State, random: np.random.Generator, size: int, reach: int, heat: float) -> float:
    """Try a batch of exchanges; make those that are accepted. Returns the change of hop-weight."""
    pairs = _once(_proposed(state, random, size, reach), state.board.size)
    if not len(pairs):
        return 0.0
    changes = changes_of(state.board.moved(state.points), pairs)
    chance = np.exp(-np.maximum(changes, 0) / heat)
    accepted = random.random(len(pairs)) < chance
    pairs, changes = pairs[accepted], changes[accepted]
    apart = _apart(state.board, pairs)
    pairs = pairs[apart]
    state.points[pairs] = state.points[pairs[:, ::-1]]
    moved = pairs.ravel()
    state.grid[state.points[moved, 0], state.points[moved, 1]] = moved
    return float(changes[apart].sum())


def _proposed(state: _State, random: np.random.Generator, size: int, reach: int) -> Array:
    """Random free pieces, each with the piece on a random place near it: (up to size, 2)."""
    first = random.integers(state.board.size, size=size)
    place = state.points[first] + random.integers(-reach, reach + 1, size=(size, 2))
    inside = ((place >= 0) & (place < state.grid.shape)).all(axis=1)
    first, place = first[inside], place[inside]
    second = state.grid[place[:, 0], place[:, 1]]
    free = state.board.free
    good = (second >= 0) & (second != first) & free[first] & free[second]
    pairs: Array = np.stack([first[good], second[good]], axis=1)
    return pairs


def _once(pairs: Array, size: int) -> Array:
    """Pairs neither of whose pieces is in an earlier pair."""
    numbers = np.repeat(np.arange(len(pairs)), 2)
    first = np.full(size, len(pairs))
    first[pairs.ravel()[::-1]] = numbers[::-1]  # of several values the last is kept: the earliest
    kept: Array = pairs[(first[pairs] == np.arange(len(pairs))[:, None]).all(axis=1)]
    return kept


def _apart(board: Board, pairs: Array) -> Array:
    """Pairs without traffic to a pair of a lower number, bool."""
    none = len(pairs)
    number = np.full(board.size, none)
    number[pairs] = np.arange(none)[:, None]
    owners, entries = neighbours(board.traffic, pairs.ravel())
    touched = np.full(none, none)
    np.minimum.at(touched, owners // 2, number[board.traffic.indices[entries]])
    apart: Array = touched >= np.arange(none)
    return apart


def changes_of(board: Board, pairs: Array) -> Array:
    """How each exchange by itself would change the hop-weight, float64 (pairs,)."""
    movers = pairs.ravel()
    owners, entries = neighbours(board.traffic, movers)
    others = board.traffic.indices[entries]
    old, new = board.points[movers], board.points[pairs[:, ::-1].ravel()]
    there = board.points[others]
    after = np.abs(new[owners] - there).sum(axis=1)
    before = np.abs(old[owners] - there).sum(axis=1)
    change = np.where(others == pairs[:, ::-1].ravel()[owners], 0, after - before)
    weighted = board.traffic.data[entries] * change
    found: Array = np.bincount(owners // 2, weights=weighted, minlength=len(pairs))
    return found

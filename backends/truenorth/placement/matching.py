"""Improves a placement by exchanging many pieces at once, exactly.

Pieces without traffic between each other do not see each other's moves: what each of them costs on
each of their places is known, so the best exchange of all of them is a linear assignment. No round
makes the placement worse.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from snnc.backends.truenorth.placement.board import Board
from snnc.ir.tensors import Array

ROUNDS = 120
"""Rounds at most."""

PATIENCE = 12
"""Rounds without any gain after which it ends."""

TOGETHER = 400
"""Pieces that are exchanged in a round at most; an assignment takes time with their cube."""

PICKS = 3
"""Passes over the pieces in which those that may move together are gathered."""


def improved(board: Board, seed: int, rounds: int = ROUNDS) -> Board:
    """The board after rounds of exchanges, never worse than before.

    Args:
        board: Where the pieces lie.
        seed: Of the choice of pieces that move together.
        rounds: Rounds at most.
    """
    random = np.random.default_rng(seed)
    points, idle = board.points, 0
    for _ in range(rounds):
        chosen = _nearby(points, independent(board, random), random)
        if len(chosen) < 2:
            break
        gain, order = _best_exchange(board.moved(points), chosen)
        idle = 0 if gain > 0 else idle + 1
        if gain > 0:
            points = points.copy()
            points[chosen] = points[chosen[order]]
        if idle == PATIENCE:
            break
    return board.moved(points)


def independent(board: Board, random: np.random.Generator) -> Array:
    """Free pieces of which no two have traffic between each other, by random priorities.

    In each pass a piece is taken that comes before all neighbours that are still there; its
    neighbours drop out (Luby 1986).
    """
    priority = random.permutation(board.size)
    taken, there = np.zeros(board.size, bool), board.free.copy()
    entries = board.traffic.tocoo()
    rows, columns = entries.coords
    for _ in range(PICKS):
        first = np.full(board.size, -1)
        np.maximum.at(first, rows, np.where(there[columns], priority[columns], -1))
        new = there & (priority > first)
        taken |= new
        there &= ~new
        there[rows[new[columns]]] = False
    chosen: Array = np.flatnonzero(taken)
    return chosen


def _nearby(points: Array, chosen: Array, random: np.random.Generator) -> Array:
    """At most `TOGETHER` of the chosen pieces: those nearest to a random one, in either axis."""
    if len(chosen) <= TOGETHER:
        return chosen
    centre = points[chosen[random.integers(len(chosen))]]
    distance = np.abs(points[chosen] - centre).max(axis=1)
    near: Array = chosen[np.argsort(distance, kind="stable")[:TOGETHER]]
    return near


def _best_exchange(board: Board, chosen: Array) -> tuple[float, Array]:
    """What the best exchange of independent pieces gains, and whose place each of them takes."""
    rows = board.traffic[chosen]
    costs = np.zeros((len(chosen), len(chosen)))
    for axis in (0, 1):
        values = board.points[:, axis]
        line = np.arange(values.max() + 1)
        along = rows @ np.abs(values[:, None] - line[None]).astype(float)
        costs += along[:, values[chosen]]
    _, order = linear_sum_assignment(costs)
    numbers = np.arange(len(chosen))
    return float(costs[numbers, numbers].sum() - costs[numbers, order].sum()), order

"""The parts of placement: spectra, first placements, exchanges, and their exact gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_maps import random_counts
from scipy import sparse

from snnc.backends.truenorth.placement import spectrum, starts
from snnc.backends.truenorth.placement.anneal import annealed, changes_of
from snnc.backends.truenorth.placement.board import Board, places
from snnc.backends.truenorth.placement.matching import improved, independent
from snnc.backends.truenorth.placement.traffic import both_ways
from snnc.ir.tensors import Array

SEEDS = st.integers(0, 2**20)


def board_of(seed: int, width: int = 4, height: int = 3, links: int = 40) -> Board:
    size = width * height
    traffic = both_ways(sparse.csr_array(random_counts(seed, size, links)))
    shuffled = np.random.default_rng(seed).permutation(places(width, height))
    return Board(traffic, shuffled, np.ones(size, bool))


def path(cores: int) -> sparse.csr_array:
    """Cores in a chain."""
    return both_ways(sparse.csr_array(sparse.eye_array(cores, k=1)))


def exchanged(board: Board, first: int, second: int) -> Board:
    points = board.points.copy()
    points[[first, second]] = points[[second, first]]
    return board.moved(points)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_the_gain_of_an_exchange_is_exact(seed: int) -> None:
    """Also of two pieces that drive each other, whose distance stays."""
    board = board_of(seed)
    pairs = np.array([(a, b) for a in range(12) for b in range(a)])
    found = changes_of(board, pairs)
    direct = [exchanged(board, a, b).hop_weight() - board.hop_weight() for a, b in pairs]
    np.testing.assert_allclose(found, direct)
    assert np.abs(found).max() > 0


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_pieces_that_move_together_have_no_traffic(seed: int) -> None:
    board = board_of(seed, links=20)
    board.free[3] = False
    chosen = independent(board, np.random.default_rng(seed))
    assert len(chosen) >= 2
    assert 3 not in chosen
    assert board.traffic[chosen][:, chosen].nnz == 0


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_exchanges_never_make_it_worse_and_lose_no_piece(seed: int) -> None:
    board = board_of(seed)
    for better in (improved(board, seed), annealed(board, seed, moves=400)):
        assert better.hop_weight() <= board.hop_weight()
        assert sorted(map(tuple, better.points.tolist())) == sorted(
            map(tuple, board.points.tolist())
        )


def test_exchanges_help() -> None:
    board = board_of(7)
    assert improved(board, 0).hop_weight() < board.hop_weight()
    assert annealed(board, 0, moves=2000).hop_weight() < board.hop_weight()


def test_pieces_that_are_held_stay() -> None:
    board = board_of(7)
    board.free[[2, 5]] = False
    for better in (improved(board, 0), annealed(board, 0, moves=2000)):
        np.testing.assert_array_equal(better.points[[2, 5]], board.points[[2, 5]])
        assert better.hop_weight() < board.hop_weight()


def test_annealing_tells_how_far_it_is() -> None:
    told: list[tuple[int, int, float]] = []
    board = board_of(1)
    annealed(board, 0, moves=1000, progress=lambda *told_now: told.append(told_now))
    done = [d for d, _, _ in told]
    assert done == sorted(done)
    assert (done[-1], {total for _, total, _ in told}) == (1000, {1000})
    assert len(told) > 50


def test_the_weight_that_annealing_follows_is_that_of_the_board() -> None:
    """Many exchanges of a batch are made at once: their gains add up only if they are apart."""
    weights: list[float] = []
    board = board_of(3, 8, 8, links=300)
    best = annealed(board, 0, moves=5000, progress=lambda _d, _t, weight: weights.append(weight))
    assert min(weights) == pytest.approx(best.hop_weight())


@pytest.mark.parametrize("cores", [9, spectrum.DENSE + 10])
def test_the_first_coordinate_sorts_a_chain(cores: int) -> None:
    """By all eigenvectors, and by the few that Lanczos finds."""
    order = np.random.default_rng(0).permutation(cores)
    mixed = sparse.csr_array(path(cores)[order][:, order])
    found = order[np.argsort(spectrum.coordinates(mixed)[:, 0], kind="stable")]
    assert found.tolist() in (list(range(cores)), list(range(cores))[::-1])


def test_coordinates_that_do_not_converge_are_left_out() -> None:
    """One restart is not enough for a long chain: every core still gets coordinates."""
    traffic = path(2000)
    found = spectrum.coordinates(traffic, steps=1)
    assert found.shape == (2000, 2)
    assert np.isfinite(found).all()
    assert (found == 0).all(axis=0).any()
    assert sorted(starts.median_cuts(found, places(50, 40)).tolist()) == list(range(2000))


def test_components_are_sorted_by_size() -> None:
    traffic = both_ways(sparse.csr_array(([1.0] * 3, ([0, 2, 4], [1, 3, 5])), shape=(7, 7)))
    joined = both_ways(traffic + sparse.csr_array(([1.0], ([3], [4])), shape=(7, 7)))
    assert [part.tolist() for part in spectrum.components(joined)] == [[2, 3, 4, 5], [0, 1], [6]]


@pytest.mark.parametrize("side", [2, 8, 16])
def test_the_hilbert_curve_visits_every_place_and_goes_by_steps_of_one(side: int) -> None:
    square = places(side, side)
    index = starts.hilbert_index(square)
    assert sorted(index.tolist()) == list(range(side * side))
    walked = square[np.argsort(index)]
    assert (np.abs(np.diff(walked, axis=0)).sum(axis=1) == 1).all()


@pytest.mark.parametrize("cut", [starts.median_cuts, starts.snapped])
@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 6)])
def test_a_stretched_grid_is_laid_on_its_places(cut: Any, size: tuple[int, int]) -> None:
    square = places(*size)
    order = np.random.default_rng(0).permutation(len(square))
    points: Array = square[order] ** 1.5 * [3.0, -0.5]
    found = square[cut(points, square)]
    assert (found[:, 0] == square[order][:, 0]).all()
    assert (found[:, 1] == size[1] - 1 - square[order][:, 1]).all()


def test_large_parts_are_cut_and_small_ones_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing is assigned, and the result is still a placement by the spectrum."""
    traffic = path(64)
    order = places(8, 8)
    found = starts.spectral(traffic, order)
    monkeypatch.setattr(starts, "ASSIGNED", 10)
    monkeypatch.setattr(starts, "snapped", None)  # would fail if it were called
    cut = starts.spectral(traffic, order)
    assert sorted(found.tolist()) == sorted(cut.tolist()) == list(range(64))
    hops = np.abs(np.diff(order[cut], axis=0)).sum(axis=1)
    assert hops.mean() < 3

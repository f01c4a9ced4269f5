"""Tilings are complete, equal but for the ends, and come with fewest cores first."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from snnc.backends.loihi.partition.tiles import Order, Tiling, as_image, candidates, tile_sizes


def test_a_vector_is_channels_of_one_pixel() -> None:
    assert as_image((5,)) == (5, 1, 1)
    assert as_image((2, 3, 4)) == (2, 3, 4)
    assert as_image((2, 3)) == (6, 1, 1)


def test_tiles_at_the_end_are_smaller() -> None:
    tiling = Tiling((3, 5, 1), (3, 2, 1))
    assert tiling.counts == (1, 3, 1)
    assert tiling.cores == 3
    assert tiling.sizes(1).tolist() == [2, 2, 1]
    assert tiling.neurons().reshape(-1).tolist() == [6, 6, 3]
    assert tiling.neurons_per_tile == 6


def test_cores_are_numbered_row_major() -> None:
    cores = Tiling((2, 2, 3), (1, 2, 2)).core_of_neurons()
    assert cores[0].tolist() == [[0, 0, 1], [0, 0, 1]]
    assert cores[1].tolist() == [[2, 2, 3], [2, 2, 3]]


@pytest.mark.parametrize("length", [1, 2, 7, 12, 35])
def test_sizes_are_those_that_no_number_of_tiles_beats(length: int) -> None:
    """A size of 5 for 12 makes three tiles, which 4 does too with equal tiles."""
    sizes = tile_sizes(length)
    counts = [-(-length // size) for size in sizes]
    assert len(set(counts)) == len(counts)
    assert all(size == -(-length // count) for size, count in zip(sizes, counts, strict=True))
    assert {-(-length // size) for size in range(1, length + 1)} == set(counts)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_candidates_are_all_tilings_that_are_small_enough(order: Order) -> None:
    shape, largest = (4, 3, 5), 12
    found = list(candidates(shape, largest, order))
    every = itertools.product(*(tile_sizes(n) for n in shape))
    assert {t.tile for t in found} == {t for t in every if math.prod(t) <= largest}
    assert [t.cores for t in found] == sorted(t.cores for t in found)
    assert min(t.cores for t in found) >= math.prod(shape) / largest


def test_a_convolution_cuts_channels_last_and_a_depthwise_one_first() -> None:
    last = next(candidates((4, 4, 4), 16, "channels_last"))
    first = next(candidates((4, 4, 4), 16, "channels_first"))
    assert last.counts == (1, 1, 4)
    assert first.counts == (4, 1, 1)


def test_no_tile_is_small_enough_for_no_room() -> None:
    assert list(candidates((2, 1, 1), 0, "channels_last")) == []


def test_neurons_sum_to_the_shape() -> None:
    for tiling in candidates((3, 4, 5), 60, "channels_last"):
        assert int(np.sum(tiling.neurons())) == 60

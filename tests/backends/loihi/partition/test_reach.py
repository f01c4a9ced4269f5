"""Axons and entries of single connections, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from layout_networks import chip

from snnc.backends.loihi.partition.axes import GroupAxis, WindowAxis
from snnc.backends.loihi.partition.connections import MatrixConnection, WindowConnection
from snnc.backends.loihi.partition.reach import entries, reach
from snnc.backends.loihi.partition.tiles import Tiling

ONE = chip()


def three_by_three() -> WindowConnection:
    """One channel of 4 x 4 onto two, a padded window of 3 x 3."""
    axis = WindowAxis(4, 4, 3, 1, 1)
    return WindowConnection("x", (1, 4, 4), GroupAxis(1, 2, 1), axis, axis, 9, 0)


def test_the_receptive_field_is_clipped_to_the_image() -> None:
    """Tiles of two columns read three of the four."""
    found = reach(three_by_three(), False, Tiling((2, 4, 4), (2, 4, 2)), None)
    assert found.axons.tolist() == [[[12, 12]]]
    source = Tiling((1, 4, 4), (1, 4, 1))
    assert entries(found.fans, source, ONE).on_chip.tolist() == [[[4, 8, 8, 4]]]


def test_channel_tiles_each_read_all_inputs() -> None:
    found = reach(three_by_three(), False, Tiling((2, 4, 4), (1, 4, 4)), None)
    assert found.axons.tolist() == [[[16]], [[16]]]
    whole = Tiling((1, 4, 4), (1, 4, 4))
    assert entries(found.fans, whole, ONE).on_chip.tolist() == [[[32]]]


def test_columns_that_reach_one_core_share_an_axon() -> None:
    """The first column reaches the left core alone, the last one the right; two reach both."""
    found = reach(three_by_three(), True, Tiling((2, 4, 4), (2, 4, 2)), None)
    assert found.axons.tolist() == [[[1 + 8, 8 + 1]]]
    sent = entries(found.fans, Tiling((1, 4, 4), (1, 4, 1)), ONE)
    assert sent.on_chip.tolist() == [[[2, 8, 8, 2]]]
    assert sent.axons.tolist() == [[[1, 8, 8, 1]]]


def test_a_column_on_two_cores_has_an_axon_on_either() -> None:
    """Rows 0 and 1 lie on one core of the source, 2 and 3 on the other; all reach one core."""
    found = reach(three_by_three(), True, Tiling((2, 4, 4), (2, 4, 4)), None)
    assert found.axons.tolist() == [[[4]]]
    sent = entries(found.fans, Tiling((1, 4, 4), (1, 2, 4)), ONE)
    assert sent.on_chip.tolist() == [[[8], [8]]]


@pytest.mark.parametrize("full", [True, False])
def test_a_matrix_reaches_the_cores_with_a_weight(full: bool) -> None:
    """Three sources, four targets on two cores; the last source reaches the second core alone."""
    weight = np.ones((4, 3), bool)
    weight[:2, 2] = full
    connection = MatrixConnection("x", (3, 1, 1), 4, None if full else weight, 0)
    found = reach(connection, False, Tiling((4, 1, 1), (2, 1, 1)), None)
    assert found.axons.reshape(-1).tolist() == [3 if full else 2, 3]
    sent = entries(found.fans, Tiling((3, 1, 1), (2, 1, 1)), ONE)
    assert sent.on_chip.reshape(-1).tolist() == [4, 2 if full else 1]

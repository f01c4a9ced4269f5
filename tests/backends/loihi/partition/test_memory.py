"""Synapse memory worked out by hand with NxTF's formula."""

from __future__ import annotations

import numpy as np
import pytest
from layout_networks import chip

from snnc.backends.loihi.partition.axes import GroupAxis, WindowAxis
from snnc.backends.loihi.partition.connections import WindowConnection
from snnc.backends.loihi.partition.memory import format_of, matrix_lists, window_lists
from snnc.backends.loihi.partition.tiles import Tiling

ONE, TWO = chip("loihi1"), chip("loihi2")


@pytest.mark.parametrize(("compartments", "bits"), [(1, 6), (64, 6), (65, 7), (512, 9), (1024, 10)])
def test_an_index_has_at_least_six_bits(compartments: int, bits: int) -> None:
    layout = format_of(ONE, compartments, 0)
    assert layout is not None
    assert layout.index == bits


@pytest.mark.parametrize(("delay", "bits"), [(0, 0), (1, 3), (7, 3), (8, 4), (62, 6)])
def test_a_delay_has_three_to_six_bits_or_none(delay: int, bits: int) -> None:
    layout = format_of(ONE, 1, delay)
    assert layout is not None
    assert layout.delay == bits


def test_the_format_of_loihi_2_is_not_public() -> None:
    assert format_of(TWO, 1, 0) is None


@pytest.mark.parametrize(
    ("runs", "length", "bits"),
    [
        (1, 1, 10 + 8 + 10),  # either form
        (1, 60, 10 + 10 + 480),  # dense: one prefix with index
        (1, 61, 2 * 20 + 488),  # dense: two entries
        (4, 1, 10 + 4 * 18),  # sparse: four indices are shorter than four prefixes
        (4, 30, 4 * 20 + 960),  # dense: four prefixes are shorter than 120 indices
        (70, 1, 2 * 10 + 70 * 18),  # sparse: two entries
    ],
)
def test_the_shorter_form_is_taken(runs: int, length: int, bits: int) -> None:
    layout = format_of(ONE, 1024, 0)
    assert layout is not None
    assert int(layout.words(np.array(runs), length)) == -(-bits // 64)


def conv(channels: GroupAxis, rows: WindowAxis, columns: WindowAxis) -> WindowConnection:
    shape = (channels.source, rows.source, columns.source)
    return WindowConnection("x", shape, channels, rows, columns, rows.kernel * columns.kernel, 0)


def test_columns_with_the_same_taps_share_their_lists() -> None:
    """3 x 3 onto one core of 4 x 8 x 8, padded: lists of a column differ at either edge only.

    Three kinds of columns (two or three taps), eight rows, four synapses for each pixel. In the
    middle 9 runs of 4 synapses: 9 * 18 + 36 * 8 = 450 bits are less than 10 + 36 * 16: 8 words. At
    the edges 6 runs: 6 * 18 + 24 * 8 = 300 bits, 5 words.
    """
    axis = WindowAxis(8, 8, 3, 1, 1)
    layout = format_of(ONE, 256, 0)
    found = window_lists(conv(GroupAxis(1, 4, 1), axis, axis), Tiling((4, 8, 8), (4, 8, 8)), layout)
    assert found.size.tolist() == [[[8 * 8 * (8 + 5 + 5)]]]
    assert found.longest == 8


def test_rows_and_channels_share_nothing() -> None:
    """1 x 1 from two channels of 3 x 5 pixels: one kind of column, three rows, two channels."""
    layout = format_of(ONE, 15, 0)
    connection = conv(GroupAxis(2, 1, 1), WindowAxis(3, 3), WindowAxis(5, 5))
    found = window_lists(connection, Tiling((1, 3, 5), (1, 3, 5)), layout)
    assert found.size.tolist() == [[[2 * 3 * 8]]]


def test_a_core_of_loihi_2_holds_the_kernels_of_its_channels_once() -> None:
    connection = conv(GroupAxis(1, 5, 1), WindowAxis(8, 8, 3, 1, 1), WindowAxis(8, 8, 3, 1, 1))
    found = window_lists(connection, Tiling((5, 8, 8), (2, 4, 8)), None)
    assert found.size[:, :, 0].tolist() == [[18, 18], [18, 18], [9, 9]]


def test_a_matrix_takes_the_block_or_its_non_zero_weights() -> None:
    """40 neurons. Full: 16 + 320 bits, 6 words. One weight: 10 + 14 bits, 1 word. None: nothing."""
    layout = format_of(ONE, 40, 0)
    tiling = Tiling((40, 1, 1), (40, 1, 1))
    found = matrix_lists(np.array([[40, 1, 0]]), 1, tiling, layout)
    assert found.size.tolist() == [[[7 * 8]]]
    assert found.longest == 6


def test_sources_that_are_alike_count_as_many() -> None:
    layout = format_of(ONE, 40, 0)
    tiling = Tiling((40, 1, 1), (40, 1, 1))
    one = matrix_lists(np.array([[40, 40, 40]]), 1, tiling, layout)
    alike = matrix_lists(np.array([[40]]), 3, tiling, layout)
    assert one.size.tolist() == alike.size.tolist() == [[[18 * 8]]]


@pytest.mark.parametrize(("synapses", "size"), [((4, 4, 4), 12), ((1, 1, 0), 6), ((4, 2, 0), 8)])
def test_loihi_2_is_estimated_by_the_smaller_of_two_forms(
    synapses: tuple[int, ...], size: int
) -> None:
    """A byte for each of 4 neurons and source that has any; or three for each weight."""
    found = matrix_lists(np.array([synapses]), 1, Tiling((4, 1, 1), (4, 1, 1)), None)
    assert found.size.tolist() == [[[size]]]

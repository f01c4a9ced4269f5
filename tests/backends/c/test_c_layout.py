"""How weights and spikes lie in memory."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.c.connections import paired, place8, place16, side_by_side
from snnc.backends.c.names import Idents, comment, string
from snnc.backends.c.trains import Size, event_planes, size_of, sum_planes


@pytest.mark.parametrize("lanes", [16, 32, 48, 64, 80, 128])
def test_every_channel_of_a_row_has_a_place_of_its_own(lanes: int) -> None:
    assert sorted(place8(lane, lanes) for lane in range(lanes)) == list(range(lanes))
    assert sorted(place16(lane) for lane in range(lanes)) == list(range(lanes))


def test_a_word_is_its_high_channel_and_a_positive_low_one() -> None:
    rng = np.random.default_rng(0)
    for dtype, place in ((np.int8, lambda lane: place8(lane, 48)), (np.int16, place16)):
        largest = np.iinfo(dtype).max
        rows = rng.integers(-largest, largest + 1, (5, 48)).astype(dtype)
        bits = 8 * rows.itemsize
        words = paired(rows).view(np.dtype(f"<i{2 * rows.itemsize}")).astype(np.int64)
        for lane in range(48):
            word = words[:, place(lane) // 2]
            high, low = word >> bits, (word & (2**bits - 1)) - 2 ** (bits - 1)
            np.testing.assert_array_equal(rows[:, lane], high if place(lane) % 2 else low)


def test_kernels_of_positions_side_by_side_are_shifted() -> None:
    rows = np.arange(1, 7, dtype=np.int8).reshape(1, 3, 1, 2, 1)
    wide = side_by_side(rows, 2, 1)
    assert wide.shape == (1, 4, 1, 2, 2)
    np.testing.assert_array_equal(wide[0, :, 0, 0], [[1, 0], [3, 1], [5, 3], [0, 5]])


def test_sizes_and_planes() -> None:
    assert size_of((17, 3, 2)) == Size(17, 3, 2)
    assert (Size(17, 3, 2).bytes, Size(17, 3, 2).lanes, Size(17, 3, 2).neurons) == (3, 32, 192)
    assert size_of((9,)) == Size(9, 1, 1)
    assert sum_planes((1, -1), 4) == (1, 2, 4, -1, -2, -4)
    assert event_planes(5) == (1, 2, 4, -1, -2, -4)


def test_names_and_comments_cannot_leave_their_place() -> None:
    idents = Idents()
    assert [idents.new(n) for n in ("a.b", "a b", "A_B", "", "*/", "é")] == [
        "a_b",
        "a_b_2",
        "A_B_3",
        "layer",
        "layer_2",
        "layer_3",
    ]
    assert comment("end */ and /* more \n ??/ \\") == "end * / and / * more ? ? ?/ /"
    assert string('say "??' + chr(92)) == r'"say \"?\?\\"'

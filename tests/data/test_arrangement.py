"""Samples are rearranged as stated, and never by guessing."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.data.arrangement import arrange
from snnc.data.preprocessing import Layout, Preprocessing
from snnc.diagnostics import InputError, UsageError

RAW = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


def arranged(
    raw: np.ndarray,
    shape: tuple[int, ...],
    layout: Layout | None = None,
    preprocessing: Preprocessing | None = None,
) -> tuple[np.ndarray, tuple[str, ...]]:
    made = arrange(raw.shape[1:], shape, preprocessing or Preprocessing(), layout, "data")
    x = made.apply(raw)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert x.flags.writeable
    assert x.shape == (len(raw), *shape)
    return x, made.notes


def test_axes_move_only_as_the_layout_says() -> None:
    first = RAW.transpose(0, 3, 1, 2)
    for raw, shape, layout, expected in (
        (RAW, (4, 5, 3), None, RAW),
        (RAW, (4, 5, 3), "NHWC", RAW),
        (first, (3, 4, 5), "NCHW", first),
        (RAW, (3, 4, 5), "NHWC", first),
        (first, (4, 5, 3), "NCHW", RAW),
        (RAW[:, :, 0], (3, 4), "NHWC", RAW[:, :, 0].transpose(0, 2, 1)),
    ):
        x, notes = arranged(raw, shape, layout)
        np.testing.assert_array_equal(x, expected)
        assert notes == ()


@pytest.mark.parametrize(("shape", "axis"), [((1, 4, 5), 1), ((4, 5, 1), 3)])
def test_a_missing_channel_axis_is_added_aloud(shape: tuple[int, ...], axis: int) -> None:
    raw = RAW[..., 0]
    x, notes = arranged(raw, shape)
    np.testing.assert_array_equal(x, np.expand_dims(raw, axis))
    assert "channel axis was added" in notes[0]


def test_samples_are_flattened_aloud_for_a_model_that_takes_vectors() -> None:
    x, notes = arranged(RAW, (60,))
    np.testing.assert_array_equal(x, RAW.reshape(6, 60))
    assert "flattened to 60 values" in notes[0]
    assert arranged(RAW.reshape(6, 60), (60,))[1] == ()


@pytest.mark.parametrize(
    ("found", "wanted", "layout", "cure"),
    [
        ((4, 5, 3), (3, 4, 5), None, "--layout NHWC"),
        ((3, 4, 5), (4, 5, 3), None, "--layout NCHW"),
        ((4, 5, 3), (3, 4, 5), "NCHW", "--layout NHWC"),
        ((4, 5, 1), (1, 4, 5), None, "--layout NHWC"),
        ((4, 5), (6, 4, 5), None, r"x\[None\]"),
        ((20,), (1, 4, 5), None, r"\(n, 1, 4, 5\)"),
        ((5, 4), (1, 4, 5), None, r"\(n, 1, 4, 5\)"),
        ((8, 8), (3, 4, 5), None, "grey"),
        ((8, 8, 3), (3, 4, 4), "NHWC", "crop or resize"),
        ((), (1,), None, r"\(n, 1\)"),
        ((), (3, 4), None, "crop or resize"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named_with_a_cure(
    found: tuple[int, ...], wanted: tuple[int, ...], layout: Layout | None, cure: str
) -> None:
    with pytest.raises(InputError, match=f"SN808[\\s\\S]*help: .*{cure}") as caught:
        arrange(found, wanted, Preprocessing(), layout, "data.npz")
    for shape in (found, wanted):
        assert "x".join(map(str, shape)) in str(caught.value)


def test_values_are_divided_then_shifted_then_scaled() -> None:
    settings = Preprocessing(255.0, (0.1, 0.2, 0.3), (0.5, 0.25, 2.0))
    expected = (RAW.astype(np.float64) / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 2.0]
    for shape, axes in (((4, 5, 3), (0, 1, 2, 3)), ((3, 4, 5), (0, 3, 1, 2))):
        x, _ = arranged(RAW, shape, "NHWC", settings)
        np.testing.assert_allclose(x, expected.transpose(axes), rtol=0, atol=2e-6)
    wrong = (RAW.astype(np.float64) / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 1.9]
    x, _ = arranged(RAW, (4, 5, 3), "NHWC", settings)
    assert np.abs(x - wrong).max() > 1e-3


def test_channels_are_found_without_a_layout_where_only_one_axis_can_be_it() -> None:
    settings = Preprocessing(mean=(1.0, 2.0, 3.0))
    x, _ = arranged(RAW, (4, 5, 3), None, settings)
    np.testing.assert_array_equal(x, RAW - np.array([1, 2, 3], np.float32))
    first = RAW.transpose(0, 3, 1, 2)
    x, _ = arranged(first, (3, 4, 5), None, settings)
    np.testing.assert_array_equal(x, first - np.array([1, 2, 3], np.float32)[:, None, None])


def test_per_channel_values_also_fit_vectors_and_precede_flattening() -> None:
    settings = Preprocessing(std=tuple(range(1, 61)))
    x, _ = arranged(RAW.reshape(6, 60), (60,), None, settings)
    np.testing.assert_allclose(x, RAW.reshape(6, 60) / np.arange(1, 61), rtol=1e-6)
    x, _ = arranged(RAW, (60,), "NHWC", Preprocessing(mean=(1.0, 2.0, 3.0)))
    np.testing.assert_array_equal(x, (RAW - np.array([1, 2, 3], np.float32)).reshape(6, 60))


@pytest.mark.parametrize(
    ("found", "layout", "count"),
    [
        ((3, 5, 3), None, 3),
        ((3, 4, 5), "NHWC", 3),
        ((4, 5), "NHWC", 3),
        ((4, 5, 3), None, 2),
        ((7,), None, 3),
        ((), None, 3),
    ],
)
def test_per_channel_values_that_fit_no_axis_or_two_are_refused(
    found: tuple[int, ...], layout: Layout | None, count: int
) -> None:
    settings = Preprocessing(mean=tuple(range(count)))
    wanted = found or (1,)
    with pytest.raises((UsageError, InputError), match=r"SN811.*--mean has|SN808"):
        arrange(found, wanted, settings, layout, "data")

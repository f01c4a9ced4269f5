"""Streaming statistics agree with numpy on the whole array, however the values are batched."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snnc.data.histogram import bins_for
from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import InputError

FLOATS = st.floats(-1e3, 1e3, width=32)
BATCHES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5), elements=FLOATS
)


def gathered(values: np.ndarray, size: int | None = None) -> ActivationStatistics:
    statistics = ActivationStatistics("layer")
    for start in range(0, len(values), size or len(values)):
        statistics.update(values[start : start + (size or len(values))])
    return statistics


def channels(values: np.ndarray) -> np.ndarray:
    """(C, N * positions) in float64."""
    flat = values.astype(np.float64).reshape(values.shape[0], values.shape[1], -1)
    return flat.transpose(1, 0, 2).reshape(values.shape[1], -1)


def bin_width(values: np.ndarray) -> np.ndarray:
    """At most twice the largest magnitude over the number of bins, per channel."""
    largest = np.abs(channels(values)).max(axis=1)
    return np.maximum(2 * largest, 2.0**-60) / bins_for(values.shape[1]) * 1.0001


@given(values=BATCHES, size=st.integers(1, 5))
@settings(deadline=None)
def test_moments_and_extremes_equal_numpy(values: np.ndarray, size: int) -> None:
    found, flat = gathered(values, size), channels(values)
    scale = np.abs(flat).max() + 1e-30
    assert found.count == len(values)
    np.testing.assert_allclose(found.mean, flat.mean(axis=1), rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(
        found.mean_neuron, values.astype(np.float64).mean(axis=0), rtol=0, atol=1e-9 * scale
    )
    np.testing.assert_allclose(found.std, flat.std(axis=1), rtol=1e-5, atol=1e-6 * scale)
    np.testing.assert_array_equal(found.minimum, flat.min(axis=1))
    np.testing.assert_array_equal(found.maximum, flat.max(axis=1))
    np.testing.assert_array_equal(found.zeros, (flat == 0).sum(axis=1))
    np.testing.assert_allclose(found.active, (flat != 0).mean(axis=1), rtol=0, atol=1e-12)


@given(values=BATCHES, size=st.integers(1, 5), q=st.floats(0, 100))
@settings(deadline=None)
def test_percentiles_are_numpys_to_the_width_of_a_bin(
    values: np.ndarray, size: int, q: float
) -> None:
    found, flat, width = gathered(values, size), channels(values), bin_width(values)
    assert (np.abs(found.percentile(q) - np.percentile(flat, q, axis=1)) <= width).all()
    absolute = np.percentile(np.abs(flat), q, axis=1)
    assert (np.abs(found.absolute_percentile(q) - absolute) <= width).all()
    assert abs(found.layer_percentile(q) - np.percentile(flat, q)) <= width.max()
    layer = np.percentile(np.abs(flat), q)
    assert abs(found.layer_percentile(q, absolute=True) - layer) <= width.max()


@given(values=BATCHES, q=st.floats(0, 100), rectified=st.booleans())
@settings(deadline=None)
def test_nonzero_percentiles_leave_zeros_out(values: np.ndarray, q: float, rectified: bool) -> None:
    values = np.maximum(values, 0) if rectified else values
    found, width = gathered(values).percentile(q, nonzero=True), bin_width(values)
    for channel, row in enumerate(channels(values)):
        expected = np.percentile(row[row != 0], q) if row.any() else 0.0
        assert abs(found[channel] - expected) <= width[channel]


def test_a_percentile_of_other_values_is_outside_the_width_of_a_bin() -> None:
    """Negative control: the comparison above would notice values that are two percent off."""
    values = np.random.default_rng(0).random((50, 3, 4, 4), dtype=np.float32)
    expected = np.percentile(channels(values * 1.02), 99.0, axis=1)
    assert (np.abs(gathered(values).percentile(99.0) - expected) > bin_width(values)).all()


@given(values=BATCHES, size=st.integers(1, 5))
@settings(deadline=None)
def test_batching_does_not_change_the_histogram(values: np.ndarray, size: int) -> None:
    one, many = gathered(values), gathered(values, size)
    for a, b in zip(one.histogram(), many.histogram(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.percentile(37.0), many.percentile(37.0))


@given(values=BATCHES, cut=st.integers(0, 5))
@settings(deadline=None)
def test_merged_statistics_are_those_of_all_samples(values: np.ndarray, cut: int) -> None:
    whole = gathered(values)
    first, second = ActivationStatistics(), ActivationStatistics()
    first.update(values[:cut])
    second.update(values[cut:])
    merged = first.merge(second)
    scale = np.abs(values).max() + 1e-30
    assert merged.count == whole.count
    assert merged.shape == whole.shape
    for a, b in zip(merged.histogram(), whole.histogram(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(merged.std, whole.std, rtol=1e-5, atol=1e-6 * scale)
    for q in (0.0, 50.0, 100.0):
        np.testing.assert_array_equal(merged.absolute_percentile(q), whole.absolute_percentile(q))
    np.testing.assert_array_equal(merged.zeros, whole.zeros)


def test_merging_changes_neither_argument() -> None:
    a, b = gathered(np.full((2, 1), 1.0)), gathered(np.full((3, 1), 100.0))
    a.merge(b)
    assert (a.count, b.count) == (2, 3)
    assert a.maximum[0] == 1.0
    assert a.histogram()[0].sum() == 2


def test_the_histogram_counts_the_values_above_zero_in_their_bins() -> None:
    values = np.array([[-1.0], [0.0], [0.25], [0.75], [0.75], [3.0]], dtype=np.float32)
    counts, edges = gathered(values).histogram()
    assert counts.shape == (1, 2048)
    assert edges.shape == (1, 2049)
    assert counts.sum() == 4
    for value, number in ((0.25, 1), (0.75, 2), (3.0, 1)):
        cell = int(np.searchsorted(edges[0], value, side="right")) - 1
        assert counts[0, cell] == number
    assert edges[0, 0] == 0.0
    assert 3.0 < edges[0, -1] <= 6.0


def test_channels_of_different_size_have_their_own_resolution() -> None:
    values = np.random.default_rng(1).random((400, 2)).astype(np.float32) * [1e-4, 1e4]
    found = gathered(values.astype(np.float32)).percentile(90.0)
    expected = np.percentile(values.astype(np.float32), 90.0, axis=0)
    np.testing.assert_allclose(found, expected, rtol=3e-3)


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e-20, 1e20, 3e38])
def test_extreme_magnitudes_neither_overflow_nor_break_percentiles(scale: float) -> None:
    values = (np.array([[0.0], [0.5], [1.0]]) * scale).astype(np.float64)
    found = gathered(values)
    assert found.percentile(100.0)[0] == scale
    assert abs(found.percentile(50.0)[0] - 0.5 * scale) <= max(scale / 1000, 2.0**-60)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "bool"])
def test_any_real_element_type_is_taken(dtype: str) -> None:
    values = np.array([[0, 1], [1, 1]]).astype(dtype)
    np.testing.assert_array_equal(gathered(values).mean, [0.5, 1.0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_and_named(value: float) -> None:
    values = np.zeros((2, 3, 2, 2), dtype=np.float32)
    values[1, 2, 0, 1] = value
    with pytest.raises(InputError, match=r"SN814.*channel 2") as caught:
        gathered(values)
    assert caught.value.diagnostics[0].where == "layer"


def test_a_refused_batch_changes_nothing() -> None:
    statistics = gathered(np.ones((2, 1)))
    with pytest.raises(InputError):
        statistics.update(np.array([[np.nan]]))
    assert statistics.count == 2
    assert statistics.mean[0] == 1.0


def test_another_shape_is_a_mistake_of_the_caller() -> None:
    statistics = gathered(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shape \(4,\) after ones of shape \(3,\)"):
        statistics.update(np.ones((2, 4)))
    with pytest.raises(ValueError, match="cannot merge"):
        statistics.merge(gathered(np.ones((2, 4))))
    with pytest.raises(ValueError, match="N, C"):
        statistics.update(np.ones(3))


def test_statistics_without_samples_say_so() -> None:
    with pytest.raises(ValueError, match="no activations of conv1 were gathered"):
        ActivationStatistics("conv1").mean  # noqa: B018
    with pytest.raises(ValueError, match="no activations"):
        ActivationStatistics().percentile(50.0)
    with pytest.raises(ValueError, match="between 0 and 100"):
        gathered(np.ones((1, 1))).percentile(101.0)


def test_bins_bound_the_memory_of_wide_layers() -> None:
    assert [bins_for(c) for c in (1, 512, 1024, 4096, 10**6)] == [2048, 2048, 1024, 256, 128]


def test_memory_does_not_depend_on_the_number_of_images() -> None:
    statistics = ActivationStatistics()
    values = np.random.default_rng(2).random((64, 8, 6, 6), dtype=np.float32)
    sizes = set()
    for _ in range(5):
        statistics.update(values)
        held = [v for v in vars(statistics).values() if isinstance(v, np.ndarray)]
        sizes.add((sum(a.nbytes for a in held), statistics.histogram()[0].nbytes))
    assert len(sizes) == 1


def test_a_convolutional_layer_over_500_images_takes_well_under_a_second() -> None:
    """0.07 s on the machine it was written on; the bound leaves room for a slow, busy one."""
    values = np.maximum(np.random.default_rng(3).normal(size=(500, 16, 28, 28)), 0)
    values = values.astype(np.float32)
    start = time.perf_counter()
    gathered(values)
    assert time.perf_counter() - start < 1.0

"""Histograms whose range doubles have the counts of one pass with the final range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snnc.data.histogram import Histogram

VALUES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(-10, 1e6, width=32),
)


@given(values=VALUES)
@settings(deadline=None)
def test_counts_equal_numpys_with_the_final_range(values: np.ndarray) -> None:
    found = Histogram(values.shape[1], 16)
    for sample in values:
        found.add(sample[None], sample.max(axis=1).astype(np.float64))
    for channel, edges in enumerate(found.edges()):
        row = values[:, channel].ravel()
        expected, _ = np.histogram(row[row > 0].astype(np.float64), bins=edges)
        np.testing.assert_array_equal(found.counts[channel], expected)
        assert row.max() < edges[-1]
        assert edges[-1] <= max(2.0 * row.max(), 2.0**-60)


def test_a_range_doubles_by_merging_pairs_of_bins() -> None:
    histogram = Histogram(1, 4)
    histogram.add(np.array([[[0.1, 0.3, 0.6, 0.9]]]), np.array([0.9]))
    np.testing.assert_array_equal(histogram.counts, [[1, 1, 1, 1]])
    histogram.add(np.array([[[1.9]]]), np.array([1.9]))
    np.testing.assert_array_equal(histogram.counts, [[2, 2, 0, 1]])
    np.testing.assert_array_equal(histogram.edges(), [[0.0, 0.5, 1.0, 1.5, 2.0]])


def test_pooling_adds_channels_of_different_range() -> None:
    histogram = Histogram(2, 4)
    histogram.add(np.array([[[0.9], [3.9]]]), np.array([0.9, 3.9]))
    pooled = histogram.pooled()
    np.testing.assert_array_equal(pooled.counts, [[1, 0, 0, 1]])
    np.testing.assert_array_equal(pooled.edges()[:, -1], [4.0])


def test_a_number_of_bins_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        Histogram(1, 12)

"""Measures of a layer against NumPy's own definitions, and with a fault put in."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.evaluation.breakdown import Time, largest_rate
from snnc.evaluation.layers import ComparisonSums, LayerMeter
from snnc.ir import model as m


def sums_of(value: np.ndarray, activation: np.ndarray, limit: float = np.inf) -> ComparisonSums:
    sums = ComparisonSums()
    for start in range(0, len(value), 7):
        part = slice(start, start + 7)
        sums.add(value[part], activation[part], np.full(value.shape[1:], limit))
    return sums


def test_correlation_and_relative_error_equal_numpys_over_any_batches() -> None:
    rng = np.random.default_rng(1)
    a = rng.random((40, 3, 4))
    x = a + 0.1 * rng.normal(size=a.shape)
    sums = sums_of(x, a)
    correlation = sums.correlation()
    assert correlation == pytest.approx(np.corrcoef(x.ravel(), a.ravel())[0, 1], abs=1e-12)
    assert sums.relative_error() == pytest.approx(np.abs(x - a).mean() / a.mean(), rel=1e-12)


def test_the_error_grows_when_one_value_is_wrong() -> None:
    a = np.random.default_rng(2).random((10, 5))
    wrong = a.copy()
    wrong[3, 2] += 1.0
    assert sums_of(a, a).relative_error() == 0.0
    error = sums_of(wrong, a).relative_error()
    assert error == pytest.approx(1.0 / a.sum(), rel=1e-9)
    assert (sums_of(wrong, a).correlation() or 1.0) < 0.999


def test_a_constant_layer_has_no_correlation() -> None:
    assert sums_of(np.ones((5, 2)), np.random.default_rng(0).random((5, 2))).correlation() is None
    assert sums_of(np.ones((5, 2)), np.zeros((5, 2))).relative_error() is None


def test_clipped_is_the_share_of_activations_above_the_limit() -> None:
    a = np.array([[0.5, 1.0, 1.5, 3.0]])
    assert sums_of(a, a, limit=1.0).clipped_share() == 0.5


def test_the_largest_rate_is_one_spike_a_step_or_what_max_spikes_allows() -> None:
    assert largest_rate(m.IF(), Time(8, 8)) == 1.0
    assert largest_rate(m.IF(max_spikes=3), Time(12, 12)) == 0.25
    assert largest_rate(m.Integrator(), Time(8, 8)) == np.inf


def test_silent_counts_neurons_that_never_fired_in_any_batch() -> None:
    population = m.Population("p", (4,), m.IF(), incoming=(m.Incoming("x"),))
    network = m.Network("n", "snn", (m.Input("x", "f32", (4,)),), (population,), ())
    meter = LayerMeter(network, population)
    meter.count(np.array([[2, 0, 0, 0]]), np.array([2]))
    meter.count(np.array([[0, 0, 3, 0]]), np.array([3]))
    report = meter.report(steps=5)
    assert report.silent == 0.5
    assert report.spikes_per_sample == 2.5
    assert report.mean_rate == 2.5 / (4 * 5)

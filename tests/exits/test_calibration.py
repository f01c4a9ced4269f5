from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.calibration import (
    LOG_RANGE,
    at_end,
    expected_calibration_error,
    fit_temperature,
    nll,
)


def logits_of(seed: int, samples: int = 200, classes: int = 4, scale: float = 3.0) -> Any:
    """Logits whose labels are drawn from the softmax of logits / scale: that is the temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (samples, classes))
    weights = np.exp(logits / scale)
    cumulated = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    labels = (rng.random((samples, 1)) > cumulated).sum(axis=1)
    return logits, np.minimum(labels, classes - 1)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.3, 8.0))
def test_no_temperature_of_a_grid_is_more_likely(seed: int, scale: float) -> None:
    logits, labels = logits_of(seed, scale=scale)
    found = nll(logits, labels, fit_temperature(logits, labels))
    grid = np.exp(np.linspace(*LOG_RANGE, 301))
    assert found <= min(nll(logits, labels, float(t)) for t in grid) + 1e-6


def test_the_temperature_that_made_the_labels_is_found() -> None:
    logits, labels = logits_of(1, samples=20_000, scale=2.0)
    assert fit_temperature(logits, labels) == pytest.approx(2.0, rel=0.05)


def test_scaled_logits_have_a_scaled_temperature() -> None:
    logits, labels = logits_of(2)
    once = fit_temperature(logits, labels)
    assert fit_temperature(2 * logits, labels) == pytest.approx(2 * once, rel=2e-3)


def test_samples_that_are_all_right_take_the_lowest_temperature() -> None:
    labels = np.arange(3)
    found = fit_temperature(0.5 * np.eye(3), labels)
    assert found == pytest.approx(math.exp(LOG_RANGE[0]), rel=1e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_a_temperature_has_four_digits(seed: int) -> None:
    found = fit_temperature(*logits_of(seed))
    assert found == float(f"{found:.3e}")
    assert not at_end(found)


def test_an_end_of_the_range_is_told_from_a_minimum() -> None:
    right = fit_temperature(0.5 * np.eye(3), np.arange(3))
    wrong = fit_temperature(5.0 * np.eye(3), np.array([1, 2, 0]))
    assert right < 1 < wrong
    assert at_end(right)
    assert at_end(wrong)


def test_the_likelihood_is_that_of_the_softmax() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
    probability = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    expected = -(math.log(probability[0, 1]) + math.log(probability[1, 0])) / 2
    assert nll(logits, np.array([1, 0]), 2.0) == pytest.approx(expected, rel=1e-12)


def test_huge_logits_have_a_finite_likelihood() -> None:
    assert nll(np.array([[1e4, -1e4]]), np.array([1])) == pytest.approx(2e4)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 20),
)
def test_the_calibration_error_is_that_of_its_definition(
    samples: list[tuple[int, bool]], bins: int
) -> None:
    """Sum over bins of their share of samples times |accuracy - confidence|."""
    pairs = [(sixtieths / 60, correct) for sixtieths, correct in samples]
    expected = 0.0
    for b in range(bins):
        inside = [(c, ok) for c, ok in pairs if b == min(max(math.ceil(c * bins) - 1, 0), bins - 1)]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(ok for _, ok in inside) / len(inside)
            expected += len(inside) / len(pairs) * abs(accuracy - confidence)
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    found = expected_calibration_error(confidences, correct, bins)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_bin_reaches_up_to_its_upper_edge() -> None:
    """With two bins a confidence of one half lies in the lower one, with 0.2; 0.6 in the other."""
    confidence = np.array([0.2, 0.5, 0.6])
    correct = np.array([False, True, True])
    expected = (abs(0.5 - 0.35) * 2 + abs(1 - 0.6)) / 3
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx(expected)


def test_confidence_that_equals_accuracy_has_no_error() -> None:
    correct = np.arange(10) < 7
    assert expected_calibration_error(np.full(10, 0.7), correct) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(np.full(10, 0.9), correct) == pytest.approx(0.2)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0.0

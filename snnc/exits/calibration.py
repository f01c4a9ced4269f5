"""Calibration of confidence: temperature scaling, and how far confidence is from accuracy."""

from __future__ import annotations

import math

import numpy as np

from snnc.ir.tensors import Array

LOG_RANGE = (-3.0, 3.0)
"""Natural logarithms between which temperatures are searched."""
DIGITS = 4
"""Of a temperature: more of them no data tells, and none would read them."""
BINS = 15


def nll(logits: Array, labels: Array, temperature: float = 1.0) -> float:
    """The mean negative log likelihood of labels (N,) under `softmax(logits / temperature)`.

    Args:
        logits: (N, K) with K of at least 2.
        labels: (N,) int64.
        temperature: above 0.
    """
    z = logits.astype(np.float64) / temperature
    z = z - z.max(axis=1, keepdims=True)
    right = z[np.arange(len(z)), labels]
    return float((np.log(np.exp(z).sum(axis=1)) - right).mean())


def fit_temperature(logits: Array, labels: Array) -> float:
    """The temperature that minimises `nll`, between exp(-3) and exp(3), in four digits.

    Guo et al. 2017 ("On calibration of modern neural networks"), section 4.2. The likelihood is
    convex in `1 / temperature`, so there is one minimum. Where every sample is right it lies at the
    lower end (the sharper, the better), or where float64 no longer tells the likelihood from 1.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log: nll(logits, labels, math.exp(log)),
        bounds=LOG_RANGE,
        method="bounded",
        options={"xatol": 1e-6},
    )
    return rounded(math.exp(float(found.x)))


def at_end(temperature: float) -> bool:
    """Whether a fitted temperature is an end of the range that is searched, not a minimum."""
    return temperature in {rounded(math.exp(end)) for end in LOG_RANGE}


def rounded(temperature: float) -> float:
    """The temperature in `DIGITS` significant digits, as the policy's text form prints it."""
    return float(f"{temperature:.{DIGITS}g}")


def expected_calibration_error(confidence: Array, correct: Array, bins: int = BINS) -> float:
    """The mean distance between confidence and accuracy, over bins of equal width.

    Guo et al. 2017, eq. 3: bin b holds the samples with confidence in (b / bins, (b + 1) / bins];
    0 falls into the first.

    Args:
        confidence: (N,) between 0 and 1.
        correct: (N,) bool.
        bins: how many.
    """
    if len(confidence) == 0:
        return 0.0
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(index, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))

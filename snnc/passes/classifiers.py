"""Linear classifiers trained at compile time, on activations of a network that nobody retrains."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from snnc.ir.tensors import Array

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of scikit-learn's C (the inverse of the strength of regularisation) that are tried."""

FOLDS = 3
"""Parts of the cross-validation; fewer where a class has fewer samples."""

LEAST_PER_CLASS = 2
"""Samples that every class needs: one to train on, one to validate on."""

_MOST_ITERATIONS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Logits `weight @ x + bias` of features, and how good they are.

    Attributes:
        weight: (K, F) float64.
        bias: (K,) float64.
        regularisation: the chosen value of C.
        answer: (N,) the class that a classifier gave each sample it had not been trained on.
        confidence: (N,) the probability that it gave that class.
        converged: whether the last training came to its end.
    """

    weight: Array
    bias: Array
    regularisation: float
    answer: Array
    confidence: Array
    converged: bool


def train(features: Array, labels: Array, seed: int) -> Classifier:
    """Logistic regression (multinomial for three classes or more), cross-validated.

    Features are standardised for the fit; weight and bias are those of the features as they are.
    Of the values of C the one with the least held-out log loss is taken. The same input gives the
    same bytes, whatever the number of threads.

    Args:
        features: (N, F).
        labels: (N,) int64; every class from 0 to the largest has `LEAST_PER_CLASS` samples.
        seed: of the split into folds.
    """
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]

    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=float)
    deviation[deviation == 0] = 1.0
    standard = features.astype(np.float64)
    standard -= mean
    standard /= deviation
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # A training that stops at its last iteration is told by `converged`.
        warnings.simplefilter("ignore", ConvergenceWarning)
        held_out = {c: _held_out(standard, labels, c, seed) for c in STRENGTHS}
        best = min(STRENGTHS, key=lambda c: _log_loss(held_out[c], labels))
        model = _model(best).fit(standard, labels)
    weight, bias = _logits(model)
    weight = weight / deviation
    return Classifier(
        weight=weight,
        bias=bias - weight @ mean,
        regularisation=best,
        answer=held_out[best].argmax(axis=1),
        confidence=held_out[best].max(axis=1),
        converged=bool(np.max(model.n_iter_) < _MOST_ITERATIONS),
    )


def _model(regularisation: float) -> Any:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    return LogisticRegression(C=regularisation, max_iter=_MOST_ITERATIONS)


def _held_out(x: Array, labels: Array, regularisation: float, seed: int) -> Array:
    """Probabilities (N, K) of every sample by a classifier that was trained without it."""
    from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

    counts = np.bincount(labels)
    folds = StratifiedKFold(min(FOLDS, int(counts.min())), shuffle=True, random_state=seed)
    found = np.zeros((len(labels), len(counts)))
    for fit, rest in folds.split(x, labels):
        found[rest] = _model(regularisation).fit(x[fit], labels[fit]).predict_proba(x[rest])
    return found


def _log_loss(probabilities: Array, labels: Array) -> float:
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, np.finfo(np.float64).tiny)).mean())


def _logits(model: Any) -> tuple[Array, Array]:
    """Weight (K, F) and bias (K,) of one logit per class; two classes share one difference."""
    weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weight) == 1:
        return np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias

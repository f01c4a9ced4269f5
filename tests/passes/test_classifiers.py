"""Training finds what scikit-learn finds, in the units of the features."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from snnc.passes import classifiers
from snnc.passes.classifiers import STRENGTHS, train


def blobs(classes: int, count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Clouds of features with very different ranges, one of them constant."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = rng.normal(size=(classes, 5)) * 2
    x = (centres[labels] + rng.normal(size=(count, 5))) * [1, 100, 0.01, 1, 1] + [0, 5, 3, 0, 0]
    x[:, 3] = 7.0
    return x.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_logits_are_scikit_learns_decision_function(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs(classes)
    found = train(x, y, seed=0)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=found.regularisation, max_iter=1000)
    ).fit(x.astype(np.float64), y)
    expected = model.decision_function(x.astype(np.float64))
    logits = x @ found.weight.T + found.bias
    if classes == 2:
        logits = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(logits, expected, atol=1e-3 * np.abs(expected).max())
    changed = found.weight.copy()
    changed[-1, 0] += 1.0
    wrong = x @ changed.T + found.bias
    wrong = wrong[:, 1] - wrong[:, 0] if classes == 2 else wrong
    assert np.abs(wrong - expected).max() > 1e-2 * np.abs(expected).max()


def test_a_constant_feature_gets_no_weight() -> None:
    x, y = blobs(3)
    found = train(x, y, seed=0)
    assert np.abs(found.weight[:, 3]).max() < 1e-6
    assert np.abs(found.weight[:, 0]).max() > 1e-3


def test_held_out_answers_do_not_know_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "STRENGTHS", (10.0,))
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 150)).astype(np.float32)
    y = rng.integers(0, 2, 200)
    found = train(x, y, seed=0)
    inside = ((x @ found.weight.T + found.bias).argmax(axis=1) == y).mean()
    assert inside > 0.9
    assert abs((found.answer == y).mean() - 0.5) < 0.12


def test_regularisation_is_chosen_on_held_out_samples() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(200, 40)).astype(np.float32)
    assert train(noise, rng.integers(0, 2, 200), seed=0).regularisation == min(STRENGTHS)
    x, y = blobs(3, count=600)
    assert train(x, y, seed=0).regularisation > min(STRENGTHS)


def test_training_is_deterministic_whatever_the_number_of_threads() -> None:
    x, y = blobs(4)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.append(train(x, y, seed=5))
    assert found[0].weight.tobytes() == found[1].weight.tobytes()
    assert found[0].bias.tobytes() == found[1].bias.tobytes()
    assert (found[0].answer == found[1].answer).all()


def test_two_samples_of_a_class_are_enough() -> None:
    x, y = blobs(3, count=6)
    assert train(x, y, seed=0).weight.shape == (3, 5)


def test_a_training_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = blobs(4)
    assert train(x, y, seed=0).converged
    monkeypatch.setattr(classifiers, "_MOST_ITERATIONS", 2)
    assert not train(x, y, seed=0).converged

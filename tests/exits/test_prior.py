"""The strength of the prior and the dispersion come out as what made the data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from snnc.exits.prior import DISPERSIONS, STRENGTHS, fit_dispersion, fit_strength
from snnc.ir.scores import fuse

STEPS, CLASSES = 24, 4


def spikes(rate: np.ndarray, rng: np.random.Generator, steps: int = STEPS) -> np.ndarray:
    """Counts (T, N, K) of independent spikes."""
    return np.cumsum(rng.random((steps, *rate.shape)) < rate, axis=0)


def case(
    samples: int = 600, seed: int = 0, weak: float = 0.05, strong: float = 0.3
) -> tuple[list[np.ndarray], np.ndarray]:
    """An internal head whose rates hardly tell the class, and a last one whose rates do."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    right = np.eye(CLASSES)[labels]
    return [spikes(0.3 + weak * right, rng), spikes(0.3 + strong * right, rng)], labels


def accuracy(counts: list[np.ndarray], labels: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Share of right answers after each step."""
    return np.array(
        [
            (
                fuse([c[t] for c in counts], t + 1, strength[:, t]).mean.argmax(axis=1) == labels
            ).mean()
            for t in range(len(counts[0]))
        ]
    )


@pytest.mark.parametrize("index", [4, 12, 18])
def test_the_likelihood_finds_the_strength_that_made_the_counts(index: int) -> None:
    rng = np.random.default_rng(1)
    made, steps = STRENGTHS[index], 40
    first = rng.binomial(steps, 0.4, size=(4000, 5))
    rate = (first + 0.5) / (steps + 1.0)
    second = betabinom.rvs(steps, made, made * (1 / rate - 1), random_state=rng)
    time = np.arange(1, steps + 1)[:, None, None]
    counts = [np.minimum(c, time) for c in (first, second)]
    found = fit_strength(counts, np.zeros(4000, np.int64), "likelihood")[0, -1]
    assert found == pytest.approx(made, rel=0.7)
    # Negative control: counts of another strength do not give this one.
    other = betabinom.rvs(steps, 30 * made, 30 * made * (1 / rate - 1), random_state=rng)
    counts[1] = np.minimum(other, time)
    assert fit_strength(counts, np.zeros(4000, np.int64), "likelihood")[0, -1] > 2 * made


@pytest.mark.parametrize("rule", ["accuracy", "both"])
def test_a_head_that_says_nothing_only_settles_ties(rule: str) -> None:
    counts, labels = case(weak=0.0)
    found = fit_strength(counts, labels, rule)
    assert found.shape == (1, STEPS)
    assert found.max() <= STRENGTHS[6]


def test_a_head_that_knows_better_gets_a_say() -> None:
    counts, labels = case(weak=0.4, strong=0.02)
    found = fit_strength(counts, labels, "accuracy")
    assert np.median(found) > 0.5
    alone = (counts[1].argmax(axis=2) == labels).mean(axis=1)
    assert (accuracy(counts, labels, found)[3:] > alone[3:] + 0.2).all()


def test_both_is_never_above_the_likelihood() -> None:
    counts, labels = case(weak=0.4, strong=0.02)
    both, likely = (fit_strength(counts, labels, rule) for rule in ("both", "likelihood"))
    assert (both <= likely * (1 + 1e-9)).all()
    assert (fit_strength(counts, labels, "accuracy") > likely).any()


@pytest.mark.parametrize("rule", ["accuracy", "both"])
@pytest.mark.parametrize("weak", [0.02, 0.1, 0.2, 0.35])
def test_on_new_samples_the_fused_answer_is_no_worse_than_the_better_head(rule, weak) -> None:
    counts, labels = case(3000, weak=weak, strong=0.2)
    strength = fit_strength(counts, labels, rule)
    new, right = case(3000, seed=9, weak=weak, strong=0.2)
    fused = accuracy(new, right, strength)
    single = np.max([(c.argmax(axis=2) == right).mean(axis=1) for c in new], axis=0)
    if rule == "accuracy" or weak <= 0.2:
        assert (fused - single)[3:].min() > -0.02
        assert (fused - single)[3:].mean() > 0.0


def fused_and_last(
    fitted: tuple[list[np.ndarray], np.ndarray], new: tuple[list[np.ndarray], np.ndarray], rule: str
) -> np.ndarray:
    """How much more often the fused answer is right on new samples than that of the last head."""
    fused = accuracy(*new, fit_strength(*fitted, rule))
    return (fused - (new[0][-1].argmax(axis=2) == new[1]).mean(axis=1))[3:]


def test_the_likelihood_trusts_a_weak_head_too_much_and_accuracy_does_not() -> None:
    weak = [case(3000, seed=seed, weak=0.02, strong=0.2) for seed in (0, 9)]
    assert fused_and_last(*weak, "likelihood").mean() < -0.05
    assert fused_and_last(*weak, "accuracy").mean() > -0.005


def test_of_a_head_that_knows_the_fitting_samples_both_believes_less_than_accuracy() -> None:
    """As a classifier does that was trained on them: on new samples it is much weaker."""
    memorised, new = case(3000, weak=0.4, strong=0.2), case(3000, seed=9, weak=0.05, strong=0.2)
    accuracy_alone, both = (fused_and_last(memorised, new, r) for r in ("accuracy", "both"))
    assert accuracy_alone.min() < -0.15
    assert both.min() > accuracy_alone.min() + 0.05


def test_the_dispersion_of_soft_reset_neurons_falls_with_time() -> None:
    """Their counts follow the rate to within one spike, those of the binomial model do not."""
    rng = np.random.default_rng(0)
    labels, time = rng.integers(0, CLASSES, 3000), np.arange(1, STEPS + 1)[:, None, None]
    regular = []
    for lead, noise in ((0.1, 0.15), (0.2, 0.1)):
        rate = 0.3 + lead * np.eye(CLASSES)[labels] + noise * rng.normal(size=(3000, CLASSES))
        regular.append(
            np.floor(np.clip(rate, 0, 1) * time + rng.random(rate.shape)).astype(np.int64)
        )
    found = fit_dispersion(regular, labels, fit_strength(regular, labels, "accuracy"))
    assert found[12] < found[3] / 4
    assert found[12] < 0.1
    counts, labels = case(3000, weak=0.1, strong=0.2)
    binomial = fit_dispersion(counts, labels, fit_strength(counts, labels, "accuracy"))
    assert binomial[12] > 3 * found[12]


def test_a_chain_has_a_strength_for_every_head_but_the_first() -> None:
    counts, labels = case(300)
    rng = np.random.default_rng(5)
    middle = spikes(0.3 + 0.1 * np.eye(CLASSES)[labels], rng)
    found = fit_strength([counts[0], middle, counts[1]], labels, "accuracy")
    assert found.shape == (2, STEPS)
    # The first strength does not know of heads behind it.
    assert (found[0] == fit_strength([counts[0], middle], labels, "accuracy")[0]).all()


def test_strengths_lie_in_their_grid_and_are_deterministic() -> None:
    counts, labels = case(200)
    for rule in ("likelihood", "accuracy", "both"):
        first, second = (fit_strength(counts, labels, rule) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert first.min() >= STRENGTHS[0] * (1 - 1e-9)
        assert first.max() <= STRENGTHS[-1] * (1 + 1e-9)


def test_a_single_step_can_be_fitted() -> None:
    counts, labels = case(200)
    found = fit_strength([c[:1] for c in counts], labels, "both")
    assert found.shape == (1, 1)
    assert fit_dispersion([c[:1] for c in counts], labels, found).shape == (1,)


def test_the_dispersion_makes_the_score_a_probability_of_losing_nothing() -> None:
    counts, labels = case(6000)
    strength = fit_strength(counts, labels, "accuracy")
    dispersion = fit_dispersion(counts, labels, strength)
    assert DISPERSIONS[0] * 0.99 <= dispersion.min()
    end = fuse([c[-1] for c in counts], STEPS, strength[:, -1]).mean.argmax(axis=1) == labels
    for t in (1, 3, 8, 15):
        now = [c[t] for c in counts]
        posterior = fuse(now, t + 1, strength[:, t], float(dispersion[t]))
        lossless = (posterior.mean.argmax(axis=1) == labels) | ~end
        assert posterior.ahead().mean() == pytest.approx(lossless.mean(), abs=0.06)
        plain = fuse(now, t + 1, strength[:, t]).ahead()
        error, error_plain = (np.mean((g - lossless) ** 2) for g in (posterior.ahead(), plain))
        assert error <= error_plain + 1e-3

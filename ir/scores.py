"""How sure a head is of its answer: the scores that exit policies compare with their thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.exits import Scaled
from snnc.ir.tensors import Array

_NOTHING = -1000.0
"""Where `exp` has long been 0."""


def softmax_confidence(z: Array) -> Array:
    """The largest probability of `softmax(z)` over the last axis, at least 1 / K and at most 1.

    Li, Jones, Furber 2023 ("Unleashing the potential of spiking neural networks with dynamic
    confidence"), eq. 1 and 2.
    """
    largest: Array = 1.0 / np.exp(_below_largest(z)).sum(axis=-1)
    return largest


def lead(z: Array) -> Array:
    """The difference between the two largest of at least two values of the last axis, >= 0."""
    two = np.partition(z, -2, axis=-1)[..., -2:]
    difference: Array = two[..., 1] - two[..., 0]
    return difference


def certainty(z: Array) -> Array:
    """One less the entropy of `softmax(z)` over its largest possible value, in [0, 1].

    There are at least two values in the last axis.
    """
    shifted = _below_largest(z)
    weights = np.exp(shifted)
    total = weights.sum(axis=-1)
    # H = log(total) - sum(p * shifted); what _below_largest cuts off has the weight 0.
    entropy = np.log(total) - (weights * shifted).sum(axis=-1) / total
    # The same logarithm above and below the line: equal values are exactly without certainty.
    sure: Array = np.clip(1.0 - entropy / np.log(np.float64(z.shape[-1])), 0.0, 1.0)
    return sure


def score(policy: Scaled, temperature: float, values: Array) -> Array:
    """The score (...) of values per class (..., K) by the policy's own rule, float64.

    It is that of `z = values / (alpha * temperature)`. Differences are taken before they are
    divided, so that values of any size that float64 holds have a score.
    """
    scale = policy.alpha * temperature
    # Sums over rows that lie apart in memory are added in another order: other bits.
    values = np.ascontiguousarray(values, np.float64)
    with np.errstate(over="ignore"):
        if isinstance(policy, m.Margin):
            return np.asarray(lead(values) / scale)
        z = _below_largest(values, scale)
    return softmax_confidence(z) if isinstance(policy, m.Confidence) else certainty(z)


def _below_largest(z: Array, scale: float = 1.0) -> Array:
    """How far each value lies below the largest of its row, over `scale`: at most 0, finite."""
    with np.errstate(over="ignore"):
        shifted = (z - z.max(axis=-1, keepdims=True)) / scale
    bounded: Array = np.maximum(shifted, _NOTHING)
    return bounded


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """The rate of each class as the fused heads see it: mean and variance, (n, K) each, K > 1."""

    mean: Array
    variance: Array

    def lead(self) -> Array:
        """By how many standard deviations (n,) the best class's rate is above the runner-up's.

        Both rates are taken as normal and independent. Where neither varies, infinity if the means
        differ, else 0.
        """
        order = np.argsort(-self.mean, axis=1, kind="stable")[:, :2]
        mean = np.take_along_axis(self.mean, order, axis=1)
        variance = np.take_along_axis(self.variance, order, axis=1).sum(axis=1)
        difference = mean[:, 0] - mean[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            standard = difference / np.sqrt(variance)
        return np.where(variance > 0, standard, np.where(difference > 0, np.inf, 0.0))

    def ahead(self) -> Array:
        """The probability (n,) that the best class's rate is above the runner-up's: see `lead`."""
        return _normal_cdf(self.lead())


def prior_rate(counts: Sequence[Array], steps: int, strength: Array) -> Array:
    """The firing rate (n, K) that heads expect together of the next one: see `fuse`.

    Args:
        counts: spikes of each head so far, (n, K) each, in order of depth; at least one.
        steps: N, time steps so far.
        strength: `a` of each of these heads but the first.
    """
    rate: Array = (counts[0] + 0.5) / (steps + 1.0)
    for a, count in zip(strength, counts[1:], strict=True):
        rate = (a + count + 0.5) / (a / rate + steps + 1.0)
    return rate


def fuse(
    counts: Sequence[Array], steps: int, strength: Array, dispersion: float = 1.0
) -> Posterior:
    """The posterior of the last head's firing rates, with the heads before it as its prior.

    Habara, Sato, Awano 2024 ("BayesianSpikeFusion"), as implemented by its authors, with the
    smoothed rate `(K + 1/2) / (N + 1)` of the first head for `K / N`: a class whose internal
    neuron has not fired yet would else be ruled out whatever the last head says.

    Args:
        counts: spikes of each head so far, (n, K) each, in order of depth; at least two.
        steps: N, time steps so far.
        strength: `a` of each head but the first; 0 ignores the heads before it.
        dispersion: factor of the variances; at 0 the rates count as known exactly.
    """
    rate = prior_rate(counts[:-1], steps, strength[:-1])
    a = float(strength[-1])
    first, second = a + counts[-1], a * (1.0 / rate - 1.0) + steps - counts[-1]
    total = first + second
    mean = first / total
    return Posterior(mean, mean * (second / total) / (total + 1.0) * dispersion)


def _normal_cdf(x: Array) -> Array:
    values = [0.5 * math.erfc(-float(v) / math.sqrt(2.0)) for v in x]
    return np.array(values, dtype=np.float64)

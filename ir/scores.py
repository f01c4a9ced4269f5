"""How sure a head is of its answer: the scores that exit policies compare with their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.exits import Scaled
from snnc.ir.tensors import Array


def softmax_confidence(z: Array) -> Array:
    """The largest probability of `softmax(z)` over the last axis, in (0, 1].

    Li, Jones, Furber 2023 ("Unleashing the potential of spiking neural networks with dynamic
    confidence"), eq. 1 and 2.
    """
    largest: Array = 1.0 / np.exp(z - z.max(axis=-1, keepdims=True)).sum(axis=-1)
    return largest


def lead(z: Array) -> Array:
    """The difference between the two largest values of the last axis, at least 0."""
    two = np.partition(z, -2, axis=-1)[..., -2:]
    difference: Array = two[..., 1] - two[..., 0]
    return difference


def certainty(z: Array) -> Array:
    """One less the entropy of `softmax(z)` over its largest possible value, in [0, 1]."""
    shifted = z - z.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=-1)
    # H = log(total) - sum(p * shifted); a weight of 0 adds nothing, even where shifted is -inf.
    products = np.where(weights > 0, weights * shifted, 0.0)
    entropy = np.log(total) - products.sum(axis=-1) / total
    sure: Array = np.clip(1.0 - entropy / math.log(z.shape[-1]), 0.0, 1.0)
    return sure


def score(policy: Scaled, temperature: float, values: Array) -> Array:
    """The score (...) of values per class (..., K) by the policy's own rule."""
    z = values / (policy.alpha * temperature)
    if isinstance(policy, m.Confidence):
        return softmax_confidence(z)
    return lead(z) if isinstance(policy, m.Margin) else certainty(z)


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """The rate of each class as the fused heads see it: mean and variance, (n, K) each."""

    mean: Array
    variance: Array

    def ahead(self) -> Array:
        """The probability (n,) that the best class's rate is above the runner-up's.

        Both rates are taken as normal and independent. Where neither varies, 1 if the means differ,
        else one half.
        """
        order = np.argsort(-self.mean, axis=1, kind="stable")[:, :2]
        mean = np.take_along_axis(self.mean, order, axis=1)
        variance = np.take_along_axis(self.variance, order, axis=1).sum(axis=1)
        difference = mean[:, 0] - mean[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            standard = difference / np.sqrt(variance)
        standard = np.where(variance > 0, standard, np.where(difference > 0, np.inf, 0.0))
        return _normal_cdf(standard)


def fuse(counts: list[Array], steps: int, strength: Array, dispersion: float = 1.0) -> Posterior:
    """The posterior of the last head's firing rates, with the heads before it as its prior.

    Habara, Sato, Awano 2024 ("BayesianSpikeFusion"), as implemented by its authors, with the
    smoothed rate `(K + 1/2) / (N + 1)` of the first head for `K / N`: a class whose internal
    neuron has not fired yet would else be ruled out whatever the last head says.

    Args:
        counts: spikes of each head so far, (n, K) each, in order of depth; at least two.
        steps: N, time steps so far.
        strength: `a` of each head but the first; 0 ignores the heads before it.
        dispersion: factor of the variances.
    """
    rate = (counts[0] + 0.5) / (steps + 1.0)
    for a, count in zip(strength[:-1], counts[1:-1], strict=True):
        rate = (a + count + 0.5) / (a / rate + steps + 1.0)
    a = float(strength[-1])
    first, second = a + counts[-1], a * (1.0 / rate - 1.0) + steps - counts[-1]
    total = first + second
    variance = first * second / (total * total * (total + 1.0)) * dispersion
    return Posterior(first / total, variance)


def _normal_cdf(x: Array) -> Array:
    values = [0.5 * math.erfc(-float(v) / math.sqrt(2.0)) for v in x]
    return np.array(values, dtype=np.float64)

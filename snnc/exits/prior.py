"""How strongly internal heads speak for the last one, and how sure their fused answer is.

The policy `bayes` takes the spikes of internal heads as a prior for the firing rates of the last
one (`snnc.ir.scores.fuse`). Two tables over time come from data: the strength of the prior, and the
factor of the posterior variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from snnc.ir.scores import fuse, prior_rate
from snnc.ir.tensors import Array

Rule: TypeAlias = Literal["likelihood", "accuracy", "both"]

STRENGTHS = np.logspace(-2, 2, 25)
"""Values of `a` that are tried. The least one only settles ties between the last head's counts."""

DISPERSIONS = np.logspace(-3, 3, 61)
"""Factors of the posterior variances that are tried."""

_GROWTH = 1.25
"""From one step at which strengths are fitted to the next, where that is more than one step."""

_MOST_COUNTS = 1 << 18
"""Counts (samples times classes) that the marginal likelihood is summed over."""

_ERRORS = 2.0
"""Standard errors of the paired difference by which a stronger prior must be better."""

_ROUNDING = 1e-12

_UNSEEN = 0.1
"""Losses that are taken to have been missed, spread over all samples: where none was seen, the
answer is not taken for certain. It is less than one whole loss, which would make steps in which
samples lose nothing needlessly cautious."""


def fit_strength(counts: Sequence[Array], labels: Array, how: Rule) -> Array:
    """The strength of the prior of each head but the first, in each step.

    Head by head in order of depth, with those before it already fused, and at steps that lie the
    further apart the later they are (in between, the logarithm is interpolated):

    - `likelihood`: the strength with the largest marginal likelihood of the head's spike counts,
      `B(a + K, b + N - K) / B(a, b)`, pooled over samples and classes.
    - `accuracy`: the smallest strength with which the answers are right as often as with the best
      one, but for two standard errors of the paired difference; over three neighbouring steps.
    - `both`: as `accuracy`, but not above that of the likelihood.

    Args:
        counts: (T, N, K) spikes of each head up to each step; at least two heads.
        labels: (N,).
        how: see above.

    Returns:
        (len(counts) - 1, T) float64.
    """
    steps = len(counts[0])
    knots = _knots(steps)
    strength = np.empty((len(counts) - 1, steps))
    for index in range(len(strength)):
        chosen = STRENGTHS[_chosen(counts[: index + 2], strength[:index], labels, knots, how)]
        strength[index] = _between(knots, chosen, steps)
    return strength


def _knots(steps: int) -> Array:
    """The steps, from 1, at which strengths are fitted."""
    found = [1]
    while found[-1] < steps:
        found.append(min(steps, max(found[-1] + 1, round(found[-1] * _GROWTH))))
    return np.array(found)


def _chosen(
    counts: Sequence[Array], before: Array, labels: Array, knots: Array, how: Rule
) -> Array:
    """The index in STRENGTHS of the last of some heads, at each knot."""
    highest = np.full(len(knots), len(STRENGTHS) - 1)
    if how != "accuracy":
        highest = np.array(
            [_likeliest([c[n - 1] for c in counts], n, before[:, n - 1]) for n in knots]
        )
    if how == "likelihood":
        return highest
    right = [_right([c[n - 1] for c in counts], n, before[:, n - 1], labels) for n in knots]
    return np.array(
        [
            _smallest(np.mean(right[max(0, i - 1) : i + 2], axis=0)[: top + 1])
            for i, top in enumerate(highest)
        ]
    )


def _right(counts: list[Array], steps: int, before: Array, labels: Array) -> Array:
    """Whether the fused answer is right, (strengths, N) bool."""
    answers = [fuse(counts, steps, np.append(before, a)).mean.argmax(axis=1) for a in STRENGTHS]
    right: Array = np.array(answers) == labels
    return right


def _smallest(right: Array) -> int:
    """The first row of (strengths, N) that is not clearly less often right than the best."""
    best = right[right.mean(axis=1).argmax()]
    loss = best - right
    error = loss.std(axis=1) / np.sqrt(loss.shape[1])
    return int(np.flatnonzero(loss.mean(axis=1) <= _ERRORS * error + _ROUNDING)[0])


def _likeliest(counts: list[Array], steps: int, before: Array) -> int:
    """The index of the strength with the largest pooled marginal likelihood."""
    from scipy.special import betaln

    samples, classes = counts[0].shape
    some = slice(None, None, max(1, samples * classes // _MOST_COUNTS))
    part = [c[some] for c in counts]
    odds = 1.0 / prior_rate(part[:-1], steps, before) - 1.0
    fired = part[-1]
    sums = [
        (betaln(a + fired, a * odds + steps - fired) - betaln(a, a * odds)).sum() for a in STRENGTHS
    ]
    return int(np.argmax(sums))


def fit_dispersion(counts: Sequence[Array], labels: Array, strength: Array) -> Array:
    """The factor of the posterior variances in each step, so that one threshold fits all steps.

    It makes the probability that the best class is ahead a probability that stopping loses nothing:
    that the answer is right, or wrong at the end as well. That is the factor of the largest
    likelihood. The spikes of neurons with soft reset vary the less against a binomial number the
    longer they are counted, so it falls with time; with a factor of 1 a threshold that is safe in
    the first steps stops hardly any sample later on.

    Args:
        counts: (T, N, K) spikes of each head up to each step.
        labels: (N,).
        strength: (len(counts) - 1, T).

    Returns:
        (T,) float64.
    """
    steps = len(counts[0])
    knots = _knots(steps)
    leads, right = [], []
    for n in knots:
        posterior = fuse([c[n - 1] for c in counts], int(n), strength[:, n - 1])
        leads.append(posterior.lead())
        right.append(posterior.mean.argmax(axis=1) == labels)
    found = [_calibrated(x, good | ~right[-1]) for x, good in zip(leads, right, strict=True)]
    return _between(knots, np.array(found), steps)


def _between(knots: Array, values: Array, steps: int) -> Array:
    """Values (T,) in every step, of those at knots: their logarithm is linear in that of time."""
    every = np.log(np.arange(1, steps + 1))
    values_at_all: Array = np.exp(np.interp(every, np.log(knots), np.log(values)))
    return values_at_all


def _calibrated(lead: Array, lossless: Array) -> float:
    """The factor of the variance with which leads (N,) tell best who loses nothing by stopping."""
    from scipy.special import log_ndtr

    losses = ~lossless + _UNSEEN / len(lossless)
    likelihood = [
        (log_ndtr(x) * lossless).sum() + (log_ndtr(-x) * losses).sum()
        for x in (lead / np.sqrt(factor) for factor in DISPERSIONS)
    ]
    return float(DISPERSIONS[int(np.argmax(likelihood))])

"""What a fit reports: the policy, and what it does to the samples that chose its threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.exits import fixed
from snnc.exits.asked import asked
from snnc.exits.front import pareto, thinned
from snnc.exits.scan import scan
from snnc.exits.search import Demand, Ground, silent_steps
from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.tensors import Array

POINTS = 50
"""Of a Pareto front with more points, so many are reported."""


def measured(ground: Ground, policy: m.ExitPolicy) -> dict[str, Any]:
    """What a policy does to labelled samples, as JSON: steps and accuracy with and without it.

    Args:
        ground: the samples.
        policy: of the same network, with its thresholds.
    """
    rows = asked(ground.network_with(policy), ground.recorded)
    stops, every = rows.stops(), np.arange(ground.recorded.samples)
    right = rows.answer[stops, every] == ground.labels
    heads = np.bincount(rows.head[stops], minlength=len(ground.network.heads))
    return {
        "samples": ground.recorded.samples,
        "mean_steps": float(rows.step[stops, every].mean()),
        "mean_cost": float(rows.cost[stops, every].mean()),
        "steps_full": float(ground.recorded.rest().mean()),
        "accuracy": float(right.mean()),
        "accuracy_full": ground.full,
        "changed": float((right != ground.reference).mean()),
        "sure": float((stops < len(rows.head) - 1).mean()),
        "heads": {
            head.name: int(count) / ground.recorded.samples
            for head, count in zip(ground.network.heads, heads, strict=True)
        },
    }


def front(ground: Ground, policy: m.ExitPolicy) -> list[dict[str, Any]]:
    """The Pareto front over one threshold for all heads of a policy, by rising cost.

    `mean_steps` is the mean cost (`Asked.cost`). Infinite thresholds are None; with patience a
    threshold of 2.5 means 3 repeats. At most `POINTS` points, evenly spaced, the ends included.
    """
    rows = asked(ground.network_with(policy), ground.recorded)
    curve = scan(rows.score, rows.answer == ground.labels, rows.cost)
    return [
        {
            "threshold": finite(curve.rounded(index)),
            "mean_steps": float(curve.cost[index]),
            "accuracy": float(curve.correct[index]),
        }
        for index in thinned(pareto(curve.cost, curve.correct).tolist(), POINTS)
    ]


def fixed_steps(ground: Ground, demand: Demand) -> dict[str, Any]:
    """What stopping every sample after the same number of steps gives, as JSON.

    `step` is the smallest number of steps whose accuracy is within the accepted drop of the full
    run's, `t_star` the smallest within 0.1 points of the best of any.
    """
    accuracy = fixed_accuracy(ground)
    # Steps before the window of the head are no choice, however the empty read-out does.
    silent = silent_steps(ground.network)
    step = fixed.smallest_step(accuracy[silent:], ground.full - demand.max_drop / 100)
    # The full run itself is accurate enough, so there always is one.
    assert step is not None
    step, star = silent + step, silent + fixed.t_star(accuracy[silent:])
    return {
        "step": step,
        "mean_steps": fixed_cost(ground, step),
        "accuracy": float(accuracy[step - 1]),
        "t_star": star,
        "t_star_mean_steps": fixed_cost(ground, star),
        "t_star_accuracy": float(accuracy[star - 1]),
        "best_accuracy": float(accuracy.max()),
    }


def fixed_accuracy(ground: Ground) -> Array:
    """The accuracy (T,) of the last head if every sample stops after 1, 2, ... steps."""
    heard = fixed.accuracy_by_step(ground.answers, ground.labels)
    # The first recorded step stands for those that were left out.
    before = np.full(ground.recorded.skipped, heard[0])
    return np.concatenate([before, heard])


def fixed_cost(ground: Ground, step: int) -> float:
    """The mean time steps if every sample stops after `step` of them, or where it rests before."""
    return float(np.minimum(ground.recorded.rest(), step).mean())


def remarks(
    ground: Ground, policy: m.ExitPolicy, demand: Demand, figures: Mapping[str, Any]
) -> list[str]:
    """What must not stay unsaid about a policy and its figures on the choosing samples."""
    notes: list[str] = []
    if not isinstance(policy, m.Fixed):
        notes += _beaten(ground, figures)
    if figures["sure"] == 0.0 and not isinstance(policy, m.Fixed):
        notes.append("no head is sure of any sample in time: all are answered at the last step")
    one = 100 / ground.recorded.samples
    if one > max(demand.max_drop, 0.1):
        notes.append(
            f"the policy was chosen on {ground.recorded.samples} samples, one of which is "
            f"{one:.2g} points: smaller losses show on more samples only"
        )
    return notes


def _beaten(ground: Ground, figures: Mapping[str, Any]) -> list[str]:
    """A note if some fixed number of steps is as accurate as the policy and costs no more."""
    accuracy = fixed_accuracy(ground)
    silent = silent_steps(ground.network)
    step = fixed.smallest_step(accuracy[silent:], figures["accuracy"])
    if step is None:
        return []
    step += silent
    cost, own = fixed_cost(ground, step), figures["mean_cost"]
    if cost > own + 1e-9:
        return []
    note = (
        f"stopping every sample after {step} steps is as accurate "
        f"({100 * accuracy[step - 1]:.2f} %) and no slower ({cost:.2f} steps) than this policy "
        f"({100 * figures['accuracy']:.2f} %, {own:.2f} steps): use --exit fixed"
    )
    return [note]


def described(policy: m.ExitPolicy) -> dict[str, Any]:
    """A policy as JSON: what was fitted, by the names of the IR; infinite thresholds are None."""
    entry: dict[str, Any] = {
        "rule": KEYWORD_OF[type(policy)],
        "heads": list(exits.asked_heads(policy)),
    }
    if isinstance(policy, m.Fixed):
        return {**entry, "step": policy.step, "last_step": policy.step}
    entry |= {"first_step": policy.first_step, "last_step": policy.last_step}
    if isinstance(policy, m.Bayes):
        return {**entry, "threshold": finite(policy.threshold)}
    entry |= {"order": policy.order, "budgets": list(policy.budgets)}
    if isinstance(policy, m.Patience):
        return {**entry, "repeats": policy.repeats[0]}
    if isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
        return {**entry, "limits": list(policy.limits)}
    return {
        **entry,
        "alpha": policy.alpha,
        "temperatures": list(policy.temperatures),
        "threshold": finite(policy.thresholds[0]),
        "thresholds": [finite(value) for value in policy.thresholds],
    }


def finite(value: float) -> float | None:
    """The number, or None for an infinite one, which JSON does not have."""
    return value if math.isfinite(value) else None

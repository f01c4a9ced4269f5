"""Rows of the tables about exits, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snnc.text import percent

DROPS = (2.0, 1.0, 0.5, 0.2, 0.1, 0.0)
"""Points below the full length that `ways` allows."""

NOTHING = "-"
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one sample costs with exits and at full length, as text."""

    name: str
    stopped: str
    full: str
    saved: str


def cost_rows(found: Mapping[str, Any]) -> list[CostRow]:
    """Accuracy, time steps, operations and energy estimates of an exit report."""
    rows = [CostRow("accuracy", percent(found["accuracy"]), percent(found["accuracy_full"]), "")]
    counts = [
        ("mean time steps", found["mean_steps"], found["steps_full"], ",.2f"),
        ("spikes", found["spikes_per_sample"], found["spikes_full"], ",.0f"),
        ("synaptic operations", found["synops_per_sample"], found["synops_full"], ",.0f"),
        ("neuron updates", found["updates_per_sample"], found["updates_full"], ",.0f"),
    ]
    if found["order"] == "depth":
        cost = (found["equivalent_steps"], found["steps_full"])
        counts.insert(1, ("time steps of the whole network that cost as much", *cost, ",.2f"))
    rows.extend(_cost_row(*row) for row in counts)
    return [*rows, *_energy_rows(found["energy"])]


def _energy_rows(energy: Mapping[str, Any]) -> Iterator[CostRow]:
    without = energy["without"] or [None] * len(energy["with"])
    for stopped, full in zip(energy["with"], without, strict=True):
        name = f"energy estimate, {stopped['name']}, uJ"
        without_exits = None if full is None else full["picojoules"] / 1e6
        yield _cost_row(name, stopped["picojoules"] / 1e6, without_exits, ".3g")


def _cost_row(name: str, stopped: float, full: float | None, form: str) -> CostRow:
    if full is None:
        return CostRow(name, format(stopped, form), NOTHING, "")
    saved = f"{100 * (1 - stopped / full):.1f} %" if full > 0 else ""
    return CostRow(name, format(stopped, form), format(full, form), saved)


@dataclass(frozen=True, slots=True)
class Way:
    """The fewest mean steps on the evaluated data with which no more than `drop` points are lost.

    By one threshold for all heads (`threshold`, `steps`, `accuracy`), by the same number of steps
    for all samples (`fixed`; its mean in brackets where samples come to rest before), and by an
    oracle that knows the labels, as text.
    """

    drop: str
    threshold: str
    steps: str
    accuracy: str
    fixed: str
    oracle: str


def ways_title(found: Mapping[str, Any]) -> str:
    """What the rows of `ways` are, and in which unit."""
    unit = " of the whole network" if found["order"] == "depth" else ""
    return f"fewest mean time steps{unit} on the evaluated data"


def ways(evaluated: Mapping[str, Any]) -> list[Way]:
    """A row for each of `DROPS`; none without labels or a full-length run."""
    found = evaluated["exit"]
    full = found["accuracy_full"]
    if full is None:
        return []
    curve = evaluated["accuracy_by_step"]
    rows = []
    for drop in DROPS:
        wanted = full - drop / 100 - _ROUNDING
        point = _first(found["pareto"], wanted)
        bound = _first(found["oracle"], wanted)
        fixed = next((t for t, value in enumerate(curve, start=1) if value >= wanted), None)
        rows.append(
            Way(
                drop=f"{drop:g}",
                threshold=NOTHING if point is None else _threshold(found["policy"], point),
                steps=NOTHING if point is None else f"{point['mean_steps']:.2f}",
                accuracy=NOTHING if point is None else percent(point["accuracy"]),
                fixed=NOTHING if fixed is None else _length(evaluated["settled"], fixed),
                oracle=NOTHING if bound is None else f"{bound['mean_steps']:.2f}",
            )
        )
    return rows


def fixed_mean_steps(settled: Mapping[str, Any] | None, step: int) -> float:
    """Mean time steps where every sample stops after `step` of them, or at rest before.

    `settled`: when samples of a gated network came to rest, as JSON; None of other networks.
    """
    if settled is None:
        return float(step)
    taken = sum(min(int(at), step) * count for at, count in settled["histogram"].items())
    return float(taken + settled["unsettled"] * step) / float(settled["samples"])


def _length(settled: Mapping[str, Any] | None, step: int) -> str:
    """A number of steps for all samples; in brackets the mean where some come to rest before."""
    mean = fixed_mean_steps(settled, step)
    return str(step) if mean == step else f"{step} ({mean:.2f})"


def _first(points: Sequence[Mapping[str, Any]] | None, wanted: float) -> Mapping[str, Any] | None:
    """The first point that is accurate enough: fronts are sorted by cost."""
    return next((point for point in points or () if point["accuracy"] >= wanted), None)


def _threshold(policy: str, point: Mapping[str, Any]) -> str:
    """What a score must exceed; for `patience` the number of repeats, which it must reach.

    Scores of `integer_margin` are whole, so the largest whole number that must be exceeded.
    """
    value: float | None = point["threshold"]
    if value is None:
        return "none"
    if policy == "integer_margin":
        return str(math.floor(value))
    return str(math.ceil(value)) if policy == "patience" else f"{value:.12g}"


def other_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How sure the answers were, and the fixed numbers of steps beside them."""
    rows = [("answered by a sure head", percent(found["sure"]))]
    if found["same_answer"] is not None:
        rows.append(("same answer as full length", percent(found["same_answer"])))
    if found["ece"] is not None:
        rows.append(("calibration error at the exit (ECE)", f"{found['ece']:.4f}"))
    fixed = found["fixed"]
    if fixed is None:
        return rows
    star = _fixed(fixed["t_star"], fixed["t_star_mean_steps"], fixed["t_star_accuracy"])
    rows.append(("T*, fewest fixed steps near the best", star))
    rival = "no number of steps"
    if fixed["step"] is not None:
        rival = _fixed(fixed["step"], fixed["mean_steps"], fixed["accuracy"])
    return [*rows, ("fixed steps as accurate as the exits", rival)]


def _fixed(step: int, mean: float, accuracy: float) -> str:
    average = "" if mean == step else f" (on average {mean:.2f})"
    return f"{step} steps{average}, {percent(accuracy)}"

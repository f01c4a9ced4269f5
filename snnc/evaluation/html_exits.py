"""What the HTML report says about exits: of the compilation, and of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snnc.evaluation.exit_rows import cost_rows, other_rows, ways, ways_title
from snnc.exits.front import thinned
from snnc.text import percent

FRONT_POINTS = 8
"""Points of the fitted Pareto front that are shown; report.json has more."""


def exit_context(report: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the template of the exit section is given.

    Args:
        report: the compilation's, with or without a record of a fitted exit.
        evaluation: an evaluation's JSON object, or None.
    """
    fitted = report.get("exit")
    found = None if evaluation is None else evaluation.get("exit")
    context: dict[str, Any] = {"fitted": fitted, "found": found}
    if fitted is not None and fitted.get("fitted"):
        context["fitted_rows"] = _fitted_rows(fitted)
        context["fitted_front"] = thinned(fitted["pareto"], FRONT_POINTS)
    if found is not None and evaluation is not None:
        context["exit_costs"] = cost_rows(found)
        context["exit_others"] = other_rows(found)
        context["exit_bars"] = _bars(found["histogram"])
        context["exit_ways"] = ways(evaluation)
        context["ways_title"] = ways_title(found).capitalize()
    return context


def _fitted_rows(fitted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a policy did on the samples that chose its threshold, and what it was chosen by."""
    chosen, fixed = fitted["choosing"], fitted["fixed"]
    data = fitted.get("data") or {}
    rows = [
        ("fitted on", str(data.get("data") or "data from Python")),
        ("asked for", str(fitted["request"])),
        ("accepted loss", f"{fitted['max_drop']:g} points, {fitted['luck']:g} standard errors"),
        ("samples", f"{fitted['fitting']['samples']:,} to fit, {chosen['samples']:,} to choose"),
        ("accuracy", f"{percent(chosen['accuracy'])}, full {percent(chosen['accuracy_full'])}"),
        ("mean time steps", f"{chosen['mean_steps']:.2f}, full {chosen['steps_full']:.2f}"),
        (
            "fixed steps within the same loss",
            f"{fixed['step']} (on average {fixed['mean_steps']:.2f}), {percent(fixed['accuracy'])}",
        ),
        ("T*", f"{fixed['t_star']}, {percent(fixed['t_star_accuracy'])}"),
    ]
    whole = fitted.get("integer")
    if whole is not None:
        changed = f"{whole['different']} of {whole['samples']} samples stop or answer otherwise"
        rows.append(("in whole numbers", changed))
    return rows


def _bars(histogram: Mapping[str, int]) -> list[dict[str, Any]]:
    largest = max(histogram.values(), default=1)
    return [
        {"step": step, "count": count, "width": round(100 * count / largest, 1)}
        for step, count in histogram.items()
    ]

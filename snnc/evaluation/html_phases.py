"""The schedule of a network of spike times in the HTML report: a picture and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snnc.evaluation.phases import COLUMNS, summary, text_rows

LEFT, RIGHT, TOP, ROW = 160.0, 614.0, 34, 22
INTEGRATES, FIRES = "#cbd5e0", "#2b6cb0"
TICKS = 8
"""Marks of the time axis, at most."""


def phase_context(
    report: Mapping[str, Any], draw: Callable[[str, Mapping[str, Any]], str]
) -> dict[str, Any]:
    """What the template of the report is given about phases.

    Args:
        report: of a compilation; older ones have no section `phases`.
        draw: fills a template, by its name, with a context.
    """
    found = report.get("phases")
    if found is None:
        return {"phases": None}
    shown = {"columns": COLUMNS, "rows": text_rows(found), "text": summary(found)}
    return {"phases": shown, "phases_svg": draw("report/phases.svg.j2", phase_picture(found))}


def phase_picture(found: Mapping[str, Any]) -> dict[str, Any]:
    """Coordinates of the picture: a row per population, its two windows as bars."""
    steps = found["steps"]
    rows = [_row(row, index, steps) for index, row in enumerate(found["populations"])]
    bottom = TOP + ROW * len(rows) + 4
    return {
        "rows": rows,
        "legend": [
            {"name": "integrates", "colour": INTEGRATES, "x": LEFT},
            {"name": "fires", "colour": FIRES, "x": LEFT + 110},
        ],
        "ticks": [{"x": _x(step, steps), "text": step} for step in _ticks(steps, found["window"])],
        "bottom": bottom,
        "height": bottom + 44,
        "total": steps,
    }


def _row(row: Mapping[str, Any], index: int, steps: int) -> dict[str, Any]:
    y = TOP + ROW * index
    bars = []
    for key, colour, place, height in (
        ("integrates", INTEGRATES, y, 15),
        ("fires", FIRES, y + 4, 7),
    ):
        if row[key] is not None:
            first, last = row[key]
            x = _x(first - 1, steps)
            width = round(_x(last, steps) - x, 1)
            bars.append({"x": x, "y": place, "width": width, "height": height, "colour": colour})
    name = row["name"] if len(row["name"]) <= 24 else f"…{row['name'][-23:]}"
    return {"name": name, "y": y, "bars": bars}


def _x(step: int, steps: int) -> float:
    return round(LEFT + (RIGHT - LEFT) * step / steps, 1)


def _ticks(steps: int, window: int) -> list[int]:
    """Ends of windows, every one or every second, third, ... of them."""
    ends = range(0, steps + 1, window)
    return list(ends[:: -(-len(ends) // TICKS)])

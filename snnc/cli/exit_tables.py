"""The text forms of an exit report: what `snnc eval` prints of a network that stops early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table

if TYPE_CHECKING:
    from snnc.evaluation.result import Evaluation

MOST_SHOWN = 12
"""Exit steps of the text form; the JSON object has all of them."""


def exit_tables(measured: Evaluation) -> list[RenderableType]:
    """Costs with and without exits, the heads, when samples exit, other ways to stop."""
    from snnc.evaluation.exit_rows import ways

    if measured.exit is None:
        return []
    payload = measured.as_dict()
    found = payload["exit"]
    tables: list[RenderableType] = ["", f"exit {found['text']}", cost_table(found), ""]
    tables.extend((head_table(found), "", other_table(found), ""))
    return [*tables, ways_table(payload), ""] if ways(payload) else tables


def cost_table(found: Mapping[str, Any]) -> Table:
    """Steps, accuracy, spikes, operations and energy, with exits and at full length."""
    from snnc.evaluation.exit_rows import cost_rows

    table = _table("per sample", "with exits", "full length", "saved")
    for row in cost_rows(found):
        table.add_row(row.name, row.stopped, row.full, row.saved)
    return table


def head_table(found: Mapping[str, Any]) -> Table:
    """What each head answered, and how it does alone on all samples."""
    from snnc.text import percent

    names = ("answered", "after steps", "accuracy", "alone, full length", "ANN's head")
    table = _table("head", *names)
    for head in found["heads"]:
        table.add_row(
            head["name"],
            percent(head["share"]),
            "-" if head["mean_steps"] is None else f"{head['mean_steps']:.2f}",
            percent(head["accuracy"]),
            percent(head["accuracy_full"]),
            percent(head["ann_accuracy"]),
        )
    return table


def other_table(found: Mapping[str, Any]) -> Table:
    """When samples exit, how well calibrated they are, fixed numbers of steps."""
    from snnc.evaluation.exit_rows import other_rows

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in (*histogram_rows(found), *other_rows(found)):
        table.add_row(name, value)
    return table


def histogram_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How many samples exit at which step."""
    steps = list(found["histogram"].items())
    shown = ", ".join(f"{step}: {count:,}" for step, count in steps[:MOST_SHOWN])
    more = len(steps) - MOST_SHOWN
    yield "samples by exit step", shown + (f" and {more} steps more" if more > 0 else "")


def ways_table(payload: Mapping[str, Any]) -> Table:
    """The fewest steps for a loss of accuracy, by threshold, fixed steps and oracle."""
    from snnc.evaluation.exit_rows import ways, ways_title

    table = _table("points below full length", "threshold", "steps", "accuracy", "fixed", "oracle")
    table.title, table.title_justify = ways_title(payload["exit"]), "left"
    for way in ways(payload):
        table.add_row(way.drop, way.threshold, way.steps, way.accuracy, way.fixed, way.oracle)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right")
    return table

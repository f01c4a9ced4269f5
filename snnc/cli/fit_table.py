"""Tables of chips: what a network takes of them, and what their limits are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table

if TYPE_CHECKING:
    from snnc.backends.loihi.chips import Chip


def fit_tables(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """All chips of `report["fit"]`: a table, a line of totals, and notes; nothing without a fit."""
    tables: list[RenderableType] = []
    for entry in (found or {}).values():
        tables.extend(("", fit_table(entry), *total_lines(entry)))
    return tables


def fit_table(found: Mapping[str, Any]) -> Table:
    """The layers of a network on one chip, from the JSON object of its fit."""
    from snnc.evaluation.fit_rows import COLUMNS, layer_rows

    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"Does it fit? {found['title']}"
    table.add_column("layer", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("binds")
    for row in layer_rows(found):
        table.add_row(row.name, *row.values, row.binds)
    return table


def total_lines(found: Mapping[str, Any]) -> list[str]:
    """Below a table: cores and chips, mean use, what does not fit, inputs, notes."""
    from snnc.evaluation.fit_rows import finding_lines, input_lines, use, verdict

    notes = [f"note: {note}" for note in found["notes"]]
    return [verdict(found), use(found), *finding_lines(found), *input_lines(found), *notes]


def chip_table(chip: Chip) -> Table:
    """All limits of a chip with value, unit, kind and source; `Chip.as_dict` is the JSON form."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"{chip.title} ({chip.name}): limits, {chip.kind}"
    for name in ("limit", "value", "unit", "kind", "checked", "source"):
        table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
    for limit in chip.limits:
        value = "unknown" if limit.value is None else f"{limit.value:,}"
        checked = "yes" if limit.checked else "no"
        name = limit.name.replace("_", " ")
        table.add_row(name, value, limit.unit, limit.kind, checked, limit.source)
    return table

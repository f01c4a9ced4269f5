"""The windows of a network of spike times, as `snnc inspect` and `snnc report` print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table


def phase_tables(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """A row per population: windows and kernel; nothing for networks without phases."""
    from snnc.evaluation.phases import COLUMNS, summary, text_rows

    if found is None:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("population", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in text_rows(found):
        table.add_row(*row)
    return ["", f"windows: {summary(found)}", table]

"""Tables of a core map: layers with their cores, and totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table


def core_map_tables(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """`report["core_map"]` as a table of its layers and lines of totals; nothing without one."""
    from snnc.evaluation.core_map_rows import COLUMNS, layer_rows, total_lines

    if not found:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"Cores of {found['chip']}"
    table.add_column("layer", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("axon code", overflow="fold")
    for name, values, code in layer_rows(found):
        table.add_row(name, *values, code)
    return ["", table, *total_lines(found)]

"""`snnc targets`: what networks can be compiled for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from snnc.cli.console import Output

if TYPE_CHECKING:
    from snnc.backends.base import Target


def targets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
) -> int:
    """List the targets, or show what one of them can do."""
    from snnc.backends import TARGETS
    from snnc.driver.targets import find_target

    out: Output = context.obj
    if name is None:
        rows = [{"name": t.name, "description": t.description} for t in TARGETS.values()]
        out.result({"targets": rows}, _table([(r["name"], r["description"]) for r in rows]))
        return 0
    payload = _described(find_target(name))
    limits = [(key, _value(value)) for key, value in payload["limits"].items()]
    pipeline = ",".join(payload["pipeline"]) or "(none of its own)"
    heading = f"{payload['name']}: {payload['description']}\nown passes: {pipeline}\nlimits:"
    out.result(payload, heading, _table(limits))
    return 0


def _described(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "description": target.description,
        "pipeline": list(target.pipeline),
        "limits": target.limits.as_dict(),
    }


def _value(value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table

"""`snnc passes`: the passes, their options, and the default pipeline."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from rich.table import Table

from snnc.cli.console import Output


def passes(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
) -> int:
    """List the passes and pipelines, or show the options of one pass."""
    from snnc.options import look_up
    from snnc.passes import CANDIDATE_PIPELINES, DEFAULT_PIPELINE, PASSES

    out: Output = context.obj
    if name is not None:
        described = _described(look_up(name, PASSES, "pass"))
        out.result(described, f"{described['name']}\n\n{described['doc']}", _options(described))
        return 0
    rows = [_described(cls) for cls in PASSES.values()]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(row["name"], row["doc"].splitlines()[0])
    payload = {
        "passes": rows,
        "default_pipeline": DEFAULT_PIPELINE,
        "auto_pipelines": dict(CANDIDATE_PIPELINES),
    }
    out.result(payload, table, f"\ndefault pipeline: {DEFAULT_PIPELINE}")
    return 0


def _described(cls: Any) -> dict[str, Any]:
    from snnc.options import describe_options

    return {
        "name": cls.name,
        "doc": inspect.getdoc(cls) or "",
        "requires": [prop.name for prop in cls.requires],
        "ensures": [prop.name for prop in cls.ensures],
        "options": [
            {"name": option, "takes": takes, "default": default}
            for option, takes, default in describe_options(cls)
        ],
    }


def _options(described: dict[str, Any]) -> Table | str:
    if not described["options"]:
        return "\nno options"
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("option", "takes", "default"):
        table.add_column(title)
    for option in described["options"]:
        table.add_row(option["name"], option["takes"], option["default"])
    return table

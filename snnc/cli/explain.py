"""`snnc explain`: what a diagnostic code means and what to do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from snnc.cli.console import Output
from snnc.diagnostics import Diagnostic, UsageError
from snnc.text import one_of


def explain(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="SN503")] = None,
) -> int:
    """Explain a diagnostic code; without one, list all codes."""
    from snnc.codes import all_codes

    out: Output = context.obj
    table = all_codes()
    if code is None:
        out.result({"codes": table}, _listing(table))
        return 0
    wanted = code.upper()
    if wanted not in table:
        text = f'there is no diagnostic "{code}"{one_of(wanted, table)}'
        raise UsageError(Diagnostic("SN923", text, help="`snnc explain` lists all codes"))
    out.result({"code": wanted, "explanation": table[wanted]}, f"{wanted}\n\n{table[wanted]}")
    return 0


def _listing(table: dict[str, str]) -> Table:
    listing = Table(box=None, pad_edge=False, show_header=False)
    listing.add_column(style="bold", no_wrap=True)
    listing.add_column()
    for code, explanation in table.items():
        first = explanation.split(". ")[0].rstrip(".")
        listing.add_row(code, f"{first}.")
    return listing

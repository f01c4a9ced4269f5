"""`snnc diff`: what differs between two networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnc.cli.console import Output

if TYPE_CHECKING:
    from snnc.ir.model import Network


def diff(
    context: typer.Context,
    before: Annotated[Path, typer.Argument(metavar="A")],
    after: Annotated[Path, typer.Argument(metavar="B")],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if the networks differ.")
    ] = False,
) -> int:
    """Compare two networks (.snn files, program directories or ONNX models): structure, tensors."""
    from snnc.ir.diff import diff as compare

    out: Output = context.obj
    found = compare(_network(before), _network(after))
    text = "\n".join(found.lines()) if not found.empty else "the networks are equal"
    out.result({"equal": found.empty, **found.as_dict()}, text)
    return 1 if exit_code and not found.empty else 0


def _network(path: Path) -> Network:
    from snnc.driver.loading import kind_of, load

    if kind_of(path) == "onnx":
        from snnc.frontend.importer import import_model

        return import_model(str(path)).network
    return load(path).network

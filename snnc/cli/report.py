"""`snnc report`: one HTML page about a program directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.cli.phase_table import phase_tables
from snnc.diagnostics import Diagnostic, UsageError


def report(
    context: typer.Context,
    program: Annotated[Path, typer.Argument(metavar="DIR")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="Where the page goes.")
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Evaluate on this first: " + o.DATA),
    ] = None,
    steps: o.Steps = None,
    batch: o.Batch = None,
) -> int:
    """Render what compile (and, with --data, eval) measured as one self-contained HTML page."""
    from snnc.cli.files import check_writable, write_atomic
    from snnc.driver.loading import kind_of, load
    from snnc.evaluation.html import render_report

    out: Output = context.obj
    o.positive("--steps", steps)
    o.positive("--batch", batch)
    if kind_of(program) != "program":
        text = f"{program} is not a program directory"
        raise UsageError(Diagnostic("SN924", text, help="`snnc compile -o DIR` writes one"))
    if output.absolute().is_relative_to(program.absolute()):
        text = f"{output} lies inside the program directory, whose files are fixed by digests"
        raise UsageError(Diagnostic("SN936", text, help=f"for example -o {program.name}.html"))
    check_writable(output)
    compiled = load(program)
    content = dict(compiled.report)
    if data is not None:
        with out.progress() as bars:
            measured = compiled.evaluate(data, steps=steps, batch=batch, progress=bars)
        content["evaluation"] = measured.as_dict()
    mesh = program / "mesh.svg"
    picture = mesh.read_bytes() if content.get("core_map") and mesh.is_file() else None
    write_atomic(output, render_report(content, picture).encode("utf-8"))
    payload = {"output": str(output), "evaluated": data is not None}
    out.result(payload, f"written    {output}", *phase_tables(content.get("phases")))
    return 0

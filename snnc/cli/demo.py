"""`snnc demo`: the bundled network through compile and eval, in one command."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.cli.eval_tables import summary_rows

STEPS = 32


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Program directory.")
    ] = Path("snnc-demo"),
    steps: o.Steps = STEPS,
    force: o.Force = False,
) -> int:
    """Compile the bundled MNIST network and classify the bundled images with spikes."""
    from snnc.compiler import compile_model
    from snnc.data.preprocessing import Preprocessing
    from snnc.program_write import check_directory

    out: Output = context.obj
    o.positive("--steps", steps)
    check_directory(output, force=force)
    bundled = files("snnc.examples") / "mnist"
    with ExitStack() as stack:
        model = stack.enter_context(as_file(bundled / "model.onnx"))
        images = stack.enter_context(as_file(bundled / "images.npz"))
        bars = stack.enter_context(out.progress())
        compiled = compile_model(
            model,
            calibration=f"{images}:train",
            preprocessing=Preprocessing(divide=255.0),
            steps=steps or STEPS,
            progress=bars,
        )
        place = compiled.save(output, force=force)
        measured = compiled.evaluate(f"{images}:test", progress=bars)
    table = Table(title="MNIST, bundled test images", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = [row for row in summary_rows(measured) if not row[0].startswith("energy")]
    for name, value in [*rows, ("program directory", str(place))]:
        table.add_row(name, value)
    commands = next_commands(place, Path(str(images)), Path(str(model)))
    payload = {**measured.as_dict(), "output": str(place), "next_commands": commands}
    out.result(payload, table, "next, try:\n" + "\n".join(f"  {c}" for c in commands))
    return 0


def next_commands(place: Path, images: Path, model: Path) -> list[str]:
    """Three commands that go on from the demo."""
    return [
        f"snnc inspect {place}",
        f"snnc report {place} --data {images}:test -o {place}.html",
        f"snnc compile {model} --calibration {images}:train --divide 255 --auto -o {place}-auto",
    ]

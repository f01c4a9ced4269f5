"""`snnc opt`: passes on a network in text form, IR in and IR out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snnc.cli import options as o
from snnc.cli.compile import hooks_of
from snnc.cli.console import Output
from snnc.diagnostics import Diagnostic, UsageError


def opt(
    context: typer.Context,
    network: Annotated[Path, typer.Argument(metavar="NET.snn")],
    passes: o.Passes = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="-|FILE.snn", help="Where the result goes.")
    ] = "-",
    calibration: o.Calibration = None,
    divide: o.Divide = None,
    mean: o.Mean = None,
    std: o.Std = None,
    layout: o.LayoutOption = None,
    steps: o.Steps = None,
    seed: o.Seed = 0,
    print_ir_after: o.PrintIrAfter = None,
    print_changed: o.PrintChanged = False,
    dump_ir: o.DumpIr = None,
    stop_after: o.StopAfter = None,
) -> int:
    """Run passes on a network; `-o -` prints the canonical text (tensors are digests there)."""
    from snnc.driver.optimising import optimise
    from snnc.ir.print import to_text
    from snnc.ir.storage import save

    out: Output = context.obj
    o.positive("--steps", steps)
    if output != "-" and not output.endswith(".snn"):
        text = f"-o {output} should end in .snn (or be - for stdout)"
        raise UsageError(Diagnostic("SN922", text, "command line"))
    with out.progress() as bars:
        result, notes = optimise(
            network,
            passes,
            calibration=calibration,
            preprocessing=o.preprocessing_of(divide, mean, std, layout),
            steps=steps,
            seed=seed,
            hooks=hooks_of(print_ir_after, print_changed, dump_ir),
            stop_after=stop_after,
            progress=bars,
        )
    for note in notes:
        out.note(f"note: {note}")
    if output != "-":
        save(result, Path(output))
        out.result({"passes": list(result.passes), "output": output}, f"written    {output}")
    elif out.settings.json:
        out.result({"passes": list(result.passes), "text": to_text(result)})
    else:
        out.raw(to_text(result))
    return 0

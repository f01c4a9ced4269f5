"""`snnc compile`: from an ONNX file to a program directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.cli.core_map_table import core_map_tables
from snnc.cli.fit_table import fit_tables
from snnc.diagnostics import Diagnostic, UsageError

if TYPE_CHECKING:
    from snnc.driver.auto import Trial
    from snnc.driver.compiled import Compiled
    from snnc.ir.model import Network
    from snnc.passes.manager import Hook


def compile_(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The trained network.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Program directory.")
    ] = None,
    target: o.Target = "reference",
    partial_sums: o.PartialSums = None,
    calibration: o.Calibration = None,
    divide: o.Divide = None,
    mean: o.Mean = None,
    std: o.Std = None,
    layout: o.LayoutOption = None,
    steps: o.Steps = None,
    coding: o.Coding = None,
    passes: o.Passes = None,
    auto: o.Auto = False,
    max_steps: o.MaxSteps = None,
    classifiers: o.Classifiers = None,
    exit_policy: o.Exit = None,
    exit_data: o.ExitData = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            metavar="POINTS",
            help="Accepted loss of accuracy in points: with --auto against the ANN (0.5), with "
            "--exit against the full length (0).",
            rich_help_panel=o.EXIT_PANEL,
        ),
    ] = None,
    seed: o.Seed = 0,
    force: o.Force = False,
    print_ir_after: o.PrintIrAfter = None,
    print_changed: o.PrintChanged = False,
    dump_ir: o.DumpIr = None,
    stop_after: o.StopAfter = None,
    check_passes: o.CheckPasses = False,
) -> int:
    """Compile a trained ONNX network into a spiking program directory."""
    from snnc.program_write import check_directory

    out: Output = context.obj
    _refuse_contradictions(auto, steps, max_steps, stop_after, output)
    if partial_sums is not None:
        target = _with_partial_sums(target, partial_sums)
    if output is not None:
        check_directory(output, force=force)
    given: dict[str, Any] = {
        "target": target,
        "passes": passes,
        "steps": steps,
        "coding": coding,
        "auto": auto,
        "classifiers": classifiers,
        "exit": exit_policy,
        "exit_data": exit_data,
        "max_drop": max_drop,
        "max_steps": max_steps,
        "seed": seed,
        "check_passes": check_passes,
        "stop_after": stop_after,
        "preprocessing": o.preprocessing_of(divide, mean, std, layout),
        "hooks": hooks_of(print_ir_after, print_changed, dump_ir),
    }
    compiled = compile_with(out, model, calibration, given)
    place = None if output is None else compiled.save(output, force=force)
    for note in dict.fromkeys(compiled.report["notes"]):
        out.note(f"note: {note}")
    out.result(
        {**compiled.report, "output": None if place is None else str(place)},
        *_text(compiled, place),
        *fit_tables(compiled.report.get("fit")),
        *core_map_tables(compiled.report.get("core_map")),
    )
    return 0


def _with_partial_sums(target: str, partial_sums: str) -> str:
    from snnc.driver.targets import with_option

    return with_option(target, "partial_sums", partial_sums, "--partial-sums")


def _refuse_contradictions(
    auto: bool,
    steps: int | None,
    max_steps: int | None,
    stop_after: str | None,
    output: Path | None,
) -> None:
    if auto and steps is not None:
        message = "--auto searches the number of steps, so --steps contradicts it"
        cure = "bound the search with --max-steps, or leave --auto out"
        raise UsageError(Diagnostic("SN936", message, "command line", cure))
    if not auto and max_steps is not None:
        message = "--max-steps means something with --auto only"
        raise UsageError(Diagnostic("SN936", message, "command line", "add --auto"))
    if output is None and stop_after is None:
        message = "compile writes a program directory and needs -o DIR"
        raise UsageError(Diagnostic("SN922", message, "command line", "add -o DIR"))


def hooks_of(
    print_ir_after: str | None, print_changed: bool, dump_ir: Path | None
) -> tuple[Hook, ...]:
    """The hooks that the pipeline options ask for; text goes to stderr."""
    import sys

    from snnc.driver.hooks import Dump, PrintAfter, PrintChanged

    hooks: list[Hook] = []
    if print_ir_after is not None:
        hooks.append(PrintAfter(print_ir_after, sys.stderr.write))
    if print_changed:
        hooks.append(PrintChanged(sys.stderr.write))
    if dump_ir is not None:
        hooks.append(Dump(dump_ir))
    return tuple(hooks)


def compile_with(
    out: Output, model: Path, calibration: str | None, given: dict[str, Any]
) -> Compiled:
    """Compile with the options that are not None, showing progress and trials on stderr."""
    from snnc.compiler import compile_model

    chosen = {name: value for name, value in given.items() if value is not None}

    def tried(trial: Trial, expected: float) -> None:
        verdict = "within" if trial.within else "too far below"
        out.note(
            f"tried {trial.name} at {trial.steps} steps: {100 * trial.accuracy:.2f} %, "
            f"{trial.drop_points:.2f} points below the ANN's {100 * expected:.2f} % ({verdict})"
        )

    with out.progress() as bars:
        return compile_model(model, calibration=calibration, progress=bars, tried=tried, **chosen)


def _text(compiled: Compiled, place: Path | None) -> list[RenderableType]:
    network = compiled.network
    lines = [
        f"network    {network.name}, {len(network.populations)} populations, stage {network.stage}",
        f"target     {compiled.target}",
        f"pipeline   {','.join(network.passes)}",
    ]
    choice = compiled.report["choice"]
    if choice is not None:
        lines.append(f"chosen     because {choice['reason']}")
    if network.stage != "ann":
        lines.append(f"steps      {steps_text(network)}")
    search = compiled.report["auto"]
    if search is not None:
        chosen = search["chosen"]
        lines.append(
            f"auto       {chosen['name']} at {chosen['steps']} steps: {chosen['drop_points']:.2f} "
            f"points below the ANN on {search['held_out_samples']} held-out samples"
        )
    lines.extend(exit_lines(compiled.report["exit"]))
    lines.extend(
        f"check      after {check['spec']}: {check['measure']} of {check['layers']} layers, worst "
        f"{check['worst_layer']} {check['worst_difference']:.2e} of band {check['band']:.2e}"
        f"{edge_text(check['at_edge'])}"
        for check in compiled.report["checks"]
    )
    if place is not None:
        lines.append(f"written    {place}")
    return ["\n".join(lines)]


def exit_lines(record: dict[str, Any] | None) -> list[str]:
    """The exit policy of a report: what it does to the samples that chose its threshold."""
    if record is None:
        return []
    if not record["fitted"]:
        return [
            f"exit       {record['text']}",
            *integer_lines(record),
            "           (as given; nothing was measured)",
        ]
    found, fixed, rule = record["choosing"], record["fixed"], record["rule"]
    name = record["policy"] if rule == record["policy"] else f"{record['policy']} (by {rule})"
    steps = f"{found['mean_steps']:.2f} steps instead of {found['steps_full']:.2f}"
    if record.get("order") == "depth":
        steps += f" ({found['mean_cost']:.2f} by the share of operations)"
    accuracy = f"{100 * found['accuracy']:.2f} % instead of {100 * found['accuracy_full']:.2f} %"
    alike = str(fixed["step"])
    if fixed["mean_steps"] != fixed["step"]:  # some samples come to rest before
        alike += f" ({fixed['mean_steps']:.2f} on average)"
    return [
        f"exit       {name}: {steps}",
        f"           accuracy {accuracy} on the {found['samples']:,} samples that chose the policy",
        f"           {answering(record)}",
        *integer_lines(record),
        f"           fewest steps for all samples alike: {alike}, {100 * fixed['accuracy']:.2f} %",
    ]


def integer_lines(record: dict[str, Any]) -> list[str]:
    """What became of the policy where it compares whole numbers, and what that changed."""
    found = record.get("integer")
    if found is None:
        return []
    if "samples" not in found:
        return [f"           in whole numbers: {found['text']}"]
    what = "stop in another step or are answered otherwise"
    return [f"           in whole numbers {found['different']} of these samples {what}"]


def answering(record: dict[str, Any]) -> str:
    """Which heads answer, of a fitted exit: their shares, or those that answer together."""
    if record["policy"] == "bayes":
        return f"answered by {' + '.join(record['heads'])} together"
    shares = record["choosing"]["heads"].items()
    return "answered by " + ", ".join(f"{head} {100 * n:.1f} %" for head, n in shares if n)


def edge_text(at_edge: int) -> str:
    """How many quantised values rounding moved by a level, where there are any."""
    return f", {at_edge} values a level off at a rounding edge" if at_edge else ""


def steps_text(network: Network) -> str:
    """How many time steps a spiking network takes."""
    from snnc.ir.model import Gated, Phased

    schedule = network.schedule
    if schedule is None:
        return "-"
    if isinstance(schedule, Phased):
        return f"{schedule.steps} (windows of {schedule.window}; each neuron fires once)"
    if isinstance(schedule, Gated):
        window = schedule.window
        return f"at most {schedule.steps} (window {window}; ends when nothing fires)"
    return str(schedule.steps)


def population_table(rows: list[dict[str, Any]]) -> Table:
    """The populations of a report as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("population", "shape", "neuron", "MACs", "reads", "ONNX nodes"):
        table.add_column(title, justify="right" if title == "MACs" else "left", overflow="fold")
    for row in rows:
        table.add_row(
            row["name"],
            "x".join(str(n) for n in row["shape"]),
            row["neuron"],
            f"{row['macs']:,}",
            ", ".join(row["sources"]),
            ", ".join(row["onnx_nodes"]),
        )
    return table

"""`snnc inspect`: what a model, a network or a program directory consists of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import RenderableType
from rich.table import Table

from snnc.cli.compile import population_table, steps_text
from snnc.cli.console import Output
from snnc.cli.phase_table import phase_tables
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.text import one_of

if TYPE_CHECKING:
    from snnc.ir.model import Coding, Network
    from snnc.ir.tensors import Array


def inspect(
    context: typer.Context,
    subject: Annotated[Path, typer.Argument(metavar="MODEL.onnx|NET.snn|DIR")],
    text: Annotated[bool, typer.Option("--text", help="Print the canonical text form.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Add statistics of every tensor.")] = False,
    tensor: Annotated[
        str | None, typer.Option("--tensor", metavar="NAME", help="Print one tensor's values.")
    ] = None,
    mesh: Annotated[
        Path | None,
        typer.Option(
            "--mesh",
            metavar="FILE",
            help="Of a program for truenorth: draw its cores into a .svg, .png or .txt file.",
        ),
    ] = None,
) -> int:
    """Show what a model, a network or a program consists of; nothing is compiled or written."""
    from snnc.driver.loading import kind_of, load

    out: Output = context.obj
    if sum((text, stats, tensor is not None)) > 1:
        message = "--text, --stats and --tensor are different views; give one of them"
        raise UsageError(Diagnostic("SN936", message, "command line"))
    if mesh is not None:
        from snnc.cli.mesh import draw_mesh

        return draw_mesh(out, subject, mesh)
    kind = kind_of(subject)
    if kind == "onnx":
        return _inspect_model(out, subject, text, stats, tensor)
    compiled = load(subject)
    extra: dict[str, Any] = {"kind": kind, "path": str(subject)}
    if kind == "program":
        extra["target"] = compiled.target
        extra["calibration"] = dict(compiled.calibration_record)
        extra["preprocessing"] = compiled.preprocessing.as_dict()
    _show_network(out, compiled.network, extra, text, stats, tensor)
    return 0


def _inspect_model(out: Output, path: Path, text: bool, stats: bool, tensor: str | None) -> int:
    """The conversion report of an ONNX file; views of the network need one that converts."""
    from snnc.frontend.importer import import_model, survey

    report = survey(str(path))
    payload = {"kind": "onnx", "path": str(path), "conversion": report.as_dict()}
    if report.refused:
        if text or stats or tensor is not None:
            raise InputError(report.diagnostics())
        out.result(payload, *_refusals(report.as_dict()), report.summary())
        return 1
    imported = import_model(str(path))
    for note in dict.fromkeys((*report.notes, *imported.notes)):
        out.note(f"note: {note}")
    if not (text or stats or tensor is not None):
        payload |= _network_payload(imported.network)
        out.result(payload, report.summary(), *_network_texts(imported.network))
        return 0
    _show_network(out, imported.network, payload, text, stats, tensor)
    return 0


def _refusals(report: dict[str, Any]) -> list[RenderableType]:
    table = Table(title="nodes that cannot be converted", title_justify="left")
    for name in ("node", "operator", "reason", "what to do"):
        table.add_column(name, overflow="fold")
    for node in report["refused"]:
        table.add_row(node["name"], node["operator"], node["reason"], node["cure"])
    return [table]


def _show_network(
    out: Output,
    network: Network,
    extra: dict[str, Any],
    text: bool,
    stats: bool,
    tensor: str | None,
) -> None:
    from snnc.ir.print import to_text

    if text:
        if out.settings.json:
            out.result({**extra, "text": to_text(network)})
        else:
            out.raw(to_text(network))
    elif tensor is not None:
        _show_tensor(out, network, tensor.removeprefix("@"), extra)
    elif stats:
        rows = [_statistics(name, network) for name in network.tensors]
        out.result({**extra, "tensors": rows}, _statistics_table(rows))
    else:
        out.result({**extra, **_network_payload(network)}, *_network_texts(network))


def coding_text(coding: Coding) -> str:
    """An input coding with its fields, as the text form prints it."""
    from dataclasses import fields

    from snnc.driver.report import keyword_of

    given = ", ".join(f"{f.name}={getattr(coding, f.name)}" for f in fields(coding))
    return f"{keyword_of(coding)}({given})" if given else keyword_of(coding)


def _network_payload(network: Network) -> dict[str, Any]:
    from snnc.driver.exits import text_of
    from snnc.driver.report import keyword_of, population_rows, window_of
    from snnc.evaluation.phases import phase_record

    rows = population_rows(network)
    return {
        "network": network.name,
        "stage": network.stage,
        "passes": list(network.passes),
        "steps": None if network.schedule is None else network.schedule.steps,
        "window": window_of(network),
        "phases": phase_record(network),
        "inputs": [
            {"name": i.name, "shape": list(i.shape), "coding": coding_text(i.coding)}
            for i in network.inputs
        ],
        "heads": [
            {"name": h.name, "population": h.population, "readout": keyword_of(h.readout)}
            for h in network.heads
        ],
        "exit": text_of(network) or None,
        "populations": rows,
        "neurons": sum(row["neurons"] for row in rows),
        "macs": sum(row["macs"] for row in rows),
        "parameters": sum(math.prod(t.shape) for t in network.tensors.values()),
    }


def _network_texts(network: Network) -> list[RenderableType]:
    payload = _network_payload(network)
    coded = network.stage != "ann"
    inputs = ", ".join(
        f"{i.name} {list(i.shape)}" + (f", coding {coding_text(i.coding)}" if coded else "")
        for i in network.inputs
    )
    heads = ", ".join(
        f"{h['name']} on {h['population']}" + (f" ({h['readout']})" if coded else "")
        for h in payload["heads"]
    )
    lines = [
        f"network  {network.name}, stage {network.stage}",
        f"inputs   {inputs}",
        f"heads    {heads}",
        f"passes   {','.join(network.passes) or '(none)'}",
    ]
    if payload["steps"] is not None:
        lines.append(f"steps    {steps_text(network)}")
    if payload["exit"] is not None:
        lines.append(f"exit     {payload['exit']}")
    lines.append(
        f"size     {payload['neurons']:,} neurons, {payload['parameters']:,} parameters, "
        f"{payload['macs']:,} multiply-accumulates per sample"
    )
    tables = [population_table(payload["populations"]), *phase_tables(payload["phases"])]
    return ["\n".join(lines), *tables]


def _statistics(name: str, network: Network) -> dict[str, Any]:
    reference = network.tensors[name]
    array = network.store.get(reference)
    values = array.astype(np.float64)
    empty = array.size == 0
    return {
        "name": name,
        "dtype": reference.dtype,
        "shape": list(reference.shape),
        "minimum": None if empty else float(values.min()),
        "maximum": None if empty else float(values.max()),
        "mean": None if empty else float(values.mean()),
        "std": None if empty else float(values.std()),
        "zeros": None if empty else float((values == 0).mean()),
        "sha256": reference.sha256,
    }


def _statistics_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("tensor", overflow="fold")
    for name in ("type", "shape", "min", "max", "mean", "std", "zeros"):
        table.add_column(name, justify="right")
    for row in rows:
        numbers = (row[key] for key in ("minimum", "maximum", "mean", "std"))
        table.add_row(
            f"@{row['name']}",
            row["dtype"],
            str(row["shape"]),
            *("-" if n is None else f"{n:.4g}" for n in numbers),
            "-" if row["zeros"] is None else f"{100 * row['zeros']:.1f} %",
        )
    return table


def _show_tensor(out: Output, network: Network, name: str, extra: dict[str, Any]) -> None:
    if name not in network.tensors:
        text = f'there is no tensor "{name}"{one_of(name, network.tensors)}'
        raise UsageError(Diagnostic("SN923", text, where="--tensor"))
    row = _statistics(name, network)
    array: Array = network.store.get(network.tensors[name])
    payload = {**extra, "tensor": row, "values": array.tolist()}
    with np.printoptions(threshold=1000, linewidth=100, precision=5):
        out.result(payload, _statistics_table([row]), str(array))

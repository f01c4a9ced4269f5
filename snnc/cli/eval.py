"""`snnc eval`: accuracy, agreement, spikes and errors per layer on a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from snnc.cli import options as o
from snnc.cli.console import Output
from snnc.diagnostics import Diagnostic, InputError, UsageError

if TYPE_CHECKING:
    from snnc.evaluation.result import Evaluation


MOST_SHOWN = 12
"""Settling steps of the text form; the JSON object has all of them."""


def eval_(
    context: typer.Context,
    subject: Annotated[Path, typer.Argument(metavar="MODEL.onnx|NET.snn|DIR")],
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=o.DATA)],
    calibration: o.Calibration = None,
    divide: o.Divide = None,
    mean: o.Mean = None,
    std: o.Std = None,
    layout: o.LayoutOption = None,
    steps: o.Steps = None,
    passes: o.Passes = None,
    target: Annotated[str | None, typer.Option(help="Target of an ONNX file (reference).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    max_drop: Annotated[
        float | None,
        typer.Option("--max-drop", metavar="POINTS", help="Fail (exit 1) if more is lost."),
    ] = None,
    batch: o.Batch = None,
    dtype: o.Dtype = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Compare every spike count on all samples with the integers of the quantised "
            "ANN, in float64; fail (exit 1) if one differs.",
        ),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Write curves as SVG files.")
    ] = None,
) -> int:
    """Measure a network on a data set and compare it with its ANN."""
    from snnc.cli.failures import say
    from snnc.driver.evaluating import evaluate

    out: Output = context.obj
    o.positive("--steps", steps)
    o.positive("--batch", batch)
    o.known_dtype(dtype)
    if max_drop is not None and max_drop < 0:
        raise UsageError(Diagnostic("SN938", f"--max-drop is {max_drop}; it must be at least 0"))
    with out.progress() as bars:
        measured = evaluate(
            subject,
            data,
            calibration=calibration,
            steps=steps,
            preprocessing=o.preprocessing_of(divide, mean, std, layout),
            batch=batch,
            dtype=dtype,
            exact=exact,
            progress=bars,
            passes=passes,
            target=target,
            seed=seed,
        )
    if plot is not None:
        write_plots(measured, plot)
    payload, texts = _result(measured)
    for note in dict.fromkeys(measured.notes):
        out.note(f"note: {note}")
    judged = (excessive_drop(measured, max_drop), inexact(measured) if exact else None)
    failures = [failure for failure in judged if failure is not None]
    if failures:
        payload["error"] = [failure.as_dict() for failure in failures]
    out.result(payload, *texts)
    if not failures:
        return 0
    say(failures, out.settings)
    return InputError.exit_code


def _result(measured: Evaluation) -> tuple[dict[str, Any], list[RenderableType]]:
    """The JSON object and the text forms; the text explains only an accuracy that collapsed."""
    from snnc.evaluation.diagnosis import collapsed, diagnose

    diagnosis = diagnose(measured)
    payload = measured.as_dict()
    payload["diagnosis"] = None if diagnosis is None else diagnosis.as_dict()
    texts: list[RenderableType] = [summary_table(measured), layer_table(measured)]
    if diagnosis is not None and collapsed(measured):
        texts.append(str(diagnosis))
    return payload, texts


def excessive_drop(measured: Evaluation, max_drop: float | None) -> Diagnostic | None:
    """What is wrong where more accuracy was lost than allowed (SN932), or None.

    SN928 where there is no accuracy to judge.
    """
    from snnc.evaluation.diagnosis import drop_points

    if max_drop is None:
        return None
    drop = drop_points(measured)
    if drop is None:
        text = "--max-drop needs labels and an ANN to compare with"
        return Diagnostic("SN928", text, help="give labelled data and the ONNX file")
    if drop > max_drop + 1e-9:
        text = f"the SNN is {drop:.2f} points below the ANN; --max-drop allows {max_drop:g}"
        return Diagnostic("SN932", text, help="more --steps, or `snnc compile --auto`")
    return None


def inexact(measured: Evaluation) -> Diagnostic | None:
    """What is wrong where spike counts differ from the quantised ANN's integers (SN943)."""
    found = measured.exactness
    if found is None or found.equal:
        return None
    cure = "`snnc compile --check-passes` names the pass and the layer"
    if not found.resting_fault:
        cure = f"more --steps than {measured.steps}"
    return Diagnostic("SN943", found.verdict, where="--exact", help=cure)


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as a percentage; a dash for None."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def summary_table(measured: Evaluation) -> Table:
    """Accuracy, agreement and costs of an evaluation."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in summary_rows(measured):
        table.add_row(name, value)
    return table


def summary_rows(measured: Evaluation) -> list[tuple[str, str]]:
    """The rows of the summary, as text."""
    curve = measured.accuracy_by_step
    marks = [t for t in (1, 2, 4, 8, 16, 32, 64, 128, 256) if t < _last_change(measured)]
    rows = [
        ("samples", f"{measured.samples:,}"),
        ("ANN accuracy", percent(measured.ann_accuracy)),
        (f"SNN accuracy (T={measured.steps})", percent(measured.snn_accuracy)),
        ("agreement", percent(measured.agreement)),
        ("mean time steps", f"{measured.mean_steps:.1f}"),
        ("spikes per sample", f"{measured.spikes_per_sample:,.0f}"),
        ("synaptic operations per sample", f"{measured.synops_per_sample:,.0f}"),
    ]
    rows[5:5] = [*settled_rows(measured), *exact_rows(measured)]
    if measured.ann_macs is not None:
        rows.append(("ANN multiply-accumulates", f"{measured.ann_macs:,}"))
    if marks:
        points = ", ".join(f"{t}: {percent(curve[t - 1])}" for t in marks)
        rows.insert(3, ("accuracy by step", points))
    rows.extend(_energy_rows(measured.energy_estimates))
    return rows


def _last_change(measured: Evaluation) -> int:
    """The step after which the accuracy stays as it is, because all samples came to rest."""
    settled, steps = measured.settled, len(measured.accuracy_by_step)
    if settled is None or settled.unsettled or settled.largest is None:
        return steps
    return min(steps, settled.largest + 1)


def settled_rows(measured: Evaluation) -> list[tuple[str, str]]:
    """When the samples of a gated network came to rest; none for other networks."""
    found = measured.settled
    if found is None:
        return []
    if found.mean is None:
        return [("settled at step", f"none of {found.samples:,} samples")]
    text = f"mean {found.mean:.2f}, median {found.median:g}, max {found.largest}"
    if found.unsettled:
        text += f"; {found.unsettled:,} of {found.samples:,} samples did not settle"
    steps = ", ".join(f"{step}: {count:,}" for step, count in found.histogram[:MOST_SHOWN])
    more = len(found.histogram) - MOST_SHOWN
    rest = f" and {more} steps more" if more > 0 else ""
    return [("settled at step", text), ("samples by settling step", steps + rest)]


def exact_rows(measured: Evaluation) -> list[tuple[str, str]]:
    """The spike counts against the integers of the quantised ANN; none for other networks."""
    found = measured.exactness
    if found is None:
        return []
    readout = f"within {found.readout_difference:.1e} of the ANN's ({found.engine})"
    return [("spike counts", found.verdict), ("read-out", readout)]


def _energy_rows(estimates: tuple[dict[str, Any], ...]) -> list[tuple[str, str]]:
    rows = []
    for estimate in estimates:
        text = f"{estimate['picojoules'] / 1e6:.3g} uJ"
        if estimate["ann_picojoules"] is not None:
            text += f" (ANN {estimate['ann_picojoules'] / 1e6:.3g} uJ)"
        rows.append((f"energy estimate, {estimate['name']}", text))
    return rows


def layer_table(measured: Evaluation) -> Table:
    """A row per layer; errors were measured on `layer_samples` samples."""
    title = f"layers (errors on the first {measured.layer_samples} samples)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", overflow="fold")
    table.add_column("ONNX nodes", overflow="fold", max_width=40)
    columns = ["neurons", "spikes", "rate", "corr.", "error", "clipped", "silent"]
    counted = measured.exactness is not None
    if counted:
        columns.append("unequal")
    for name in columns:
        table.add_column(name, justify="right")
    for layer in measured.layers:
        table.add_row(
            layer.name,
            shortened(layer.onnx_nodes),
            f"{layer.neurons:,}",
            f"{layer.spikes_per_sample:,.0f}",
            "-" if layer.mean_rate is None else f"{layer.mean_rate:.3f}",
            "-" if layer.correlation is None else f"{layer.correlation:.4f}",
            percent(layer.relative_error, 1),
            percent(layer.clipped, 2),
            percent(layer.silent, 1),
            *((_count(layer.unequal),) if counted else ()),
        )
    return table


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def shortened(nodes: Sequence[str], width: int = 40) -> str:
    """Names of nodes; where they fill more than a line, the last one and how many are before it."""
    text = ", ".join(nodes)
    if len(text) <= width or len(nodes) < 2:
        return text
    return f"{nodes[-1]} and {len(nodes) - 1} before it"


def write_plots(measured: Evaluation, folder: Path) -> None:
    """`accuracy.svg` and `layers.svg` into a folder, each whole or not at all."""
    from snnc.cli.files import write_atomic
    from snnc.evaluation.html import accuracy_svg, layers_svg

    folder.mkdir(parents=True, exist_ok=True)
    payload = measured.as_dict()
    write_atomic(folder / "accuracy.svg", accuracy_svg(payload).encode())
    write_atomic(folder / "layers.svg", layers_svg(payload).encode())

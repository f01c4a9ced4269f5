"""The text forms of an evaluation: what `snnc eval` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table

from snnc.text import percent

if TYPE_CHECKING:
    from snnc.evaluation.layers import LayerReport
    from snnc.evaluation.result import Evaluation

MOST_SHOWN = 12
"""Settling steps of the text form; the JSON object has all of them."""


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
    before = 0 if measured.phases is None else measured.phases.opens - 1
    marks = [before + t for t in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    marks = [t for t in marks if t < _last_change(measured)]
    rows = [
        ("samples", f"{measured.samples:,}"),
        ("ANN accuracy", percent(measured.ann_accuracy)),
        (f"SNN accuracy ({_length(measured)})", percent(measured.snn_accuracy)),
        ("agreement", percent(measured.agreement)),
        ("mean time steps", f"{measured.mean_steps:.1f}"),
        ("spikes per sample", f"{measured.spikes_per_sample:,.0f}"),
        ("synaptic operations per sample", f"{measured.synops_per_sample:,.0f}"),
    ]
    if measured.phases is not None:
        timed = measured.phases
        text = f"{timed.spikes_per_neuron:.3f} of {timed.neurons:,} that fire once at most"
        rows.insert(6, ("spikes per neuron", text))
    rows[5:5] = [*settled_rows(measured), *exact_rows(measured)]
    if measured.ann_macs is not None:
        rows.append(("ANN multiply-accumulates", f"{measured.ann_macs:,}"))
    if marks:
        points = ", ".join(f"{t}: {percent(curve[t - 1])}" for t in marks)
        rows.insert(3, ("accuracy by step", points))
    rows.extend(_energy_rows(measured.energy_estimates))
    rows.extend(_relative_rows(measured.relative_energy))
    return rows


def _length(measured: Evaluation) -> str:
    """What the accuracy was measured with: a number of steps, or exits only."""
    only = measured.exit is not None and measured.exit.full is None
    return "with exits" if only else f"T={measured.steps}"


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


def _relative_rows(estimates: tuple[dict[str, Any], ...]) -> list[tuple[str, str]]:
    """Energies relative to another run, as estimates."""
    rows = []
    for estimate in estimates:
        parts = f"{estimate['dynamic']:.3g} by spikes, {estimate['static']:.3g} by time"
        text = f"{estimate['energy']:.3g} of {estimate['reference']}: {parts}"
        rows.append((f"energy estimate, {estimate['name']}", text))
    return rows


def layer_table(measured: Evaluation) -> Table:
    """A row per layer; errors were measured on `layer_samples` samples."""
    compared = measured.layer_samples
    title = f"layers (errors on the first {compared} samples)" if compared else "layers"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", overflow="fold")
    table.add_column("ONNX nodes", overflow="fold", max_width=40)
    rate = "rate" if measured.phases is None else "per neuron"
    columns = ["neurons", "spikes", rate, "corr.", "error", "clipped", "silent"]
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
            _rate(layer, measured),
            "-" if layer.correlation is None else f"{layer.correlation:.4f}",
            percent(layer.relative_error, 1),
            percent(layer.clipped, 2),
            percent(layer.silent, 1),
            *((_count(layer.unequal),) if counted else ()),
        )
    return table


def quantisation_tables(measured: Evaluation) -> list[RenderableType]:
    """What whole numbers cost, a row per layer; none for networks of fractions."""
    from snnc.evaluation.quantisation_rows import COLUMNS, layer_rows, summary

    if measured.quantisation is None:
        return []
    found = measured.quantisation.as_dict()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in layer_rows(found):
        table.add_row(*row)
    return ["", f"whole numbers against fractions, {summary(found)}", table]


def _rate(layer: LayerReport, measured: Evaluation) -> str:
    """Spikes per neuron and time step; per neuron alone where each fires once at most."""
    if layer.mean_rate is None:
        return "-"
    if measured.phases is None:
        return f"{layer.mean_rate:.3f}"
    return f"{layer.spikes_per_sample / layer.neurons:.3f}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def shortened(nodes: Sequence[str], width: int = 40) -> str:
    """Names of nodes; where they fill more than a line, the last one and how many are before it."""
    text = ", ".join(nodes)
    if len(text) <= width or len(nodes) < 2:
        return text
    return f"{nodes[-1]} and {len(nodes) - 1} before it"

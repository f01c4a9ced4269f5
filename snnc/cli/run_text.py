"""What `snnc run` prints: a summary, and the first answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table

if TYPE_CHECKING:
    from snnc.ir.model import Network
    from snnc.ir.tensors import Array

SHOWN = 10
SHOWN_ESTIMATES = ("truenorth-synop", "truenorth-whole-chip", "truenorth-real-time")
"""Of all that `--json` has: operations alone, the chip that is switched on, and time."""


def texts(
    payload: dict[str, Any], network: Network, arrays: Mapping[str, Array]
) -> list[RenderableType]:
    """The summary of a run and a table of its first answers.

    Args:
        payload: the JSON object of the run.
        network: what ran.
        arrays: what was kept of all samples.
    """
    on = "" if payload["engine"] == "reference" else f" in {payload['engine']}"
    lines = [f"{payload['samples']} samples, {payload['steps']} time steps, simulated{on}"]
    lines.extend(compared(payload))
    stopped = payload["exit"]
    if stopped is not None:
        shares = Counter(stopped["heads"])
        shown = ", ".join(f"{h.name} {shares[h.name]}" for h in network.heads)
        lines.append(
            f"stopped at step {stopped['mean_steps']:.2f} on average; samples answered by {shown}"
        )
    elif payload["settled"] is not None:
        lines.append(_settled_text(payload["settled"], payload["steps"]))
    if payload["accuracy"] is not None:
        lines.append(f"accuracy {100 * payload['accuracy']:.2f} %")
    lines.append(
        f"{payload['spikes_per_sample']:,.0f} spikes and {payload['synops_per_sample']:,.0f} "
        "synaptic operations per sample"
    )
    lines.extend(chip_lines(payload.get("chip")))
    if payload["trace"] is not None:
        lines.append(f"trace written to {payload['trace']}")
    return ["\n".join(lines), _prediction_table(network, arrays)]


def compared(payload: dict[str, Any]) -> list[str]:
    """Whether another engine did what the simulator does."""
    if payload.get("equal") is None:
        return []
    if payload["equal"]:
        return ["every spike, read-out and exit equals the reference simulator's"]
    d = payload["difference"]
    neuron = f", neuron {d['neuron']}" if d["neuron"] else ""
    place = f"{d['what']} {d['name']}, sample {d['sample']}, step {d['step']}{neuron}"
    found = d["lava"] if "lava" in d else d["found"]
    values = f"{found} instead of {d['reference']}"
    return [f"DIFFERENT from the reference simulator, first in {place}: {values}"]


def chip_lines(chip: Mapping[str, Any] | None) -> list[str]:
    """What a chip would do for a sample, and what that costs by models."""
    if chip is None:
        return []
    text = (
        f"on {chip['cores']:,} cores in {chip['ticks']:,} ticks: "
        f"{chip['spikes_per_sample']:,.0f} spikes, {chip['packets_per_sample']:,.0f} packets of "
        f"{chip['hops_per_sample']:,.0f} hops in all per sample"
    )
    shown = [figure for figure in chip["estimates"] if figure["name"] in SHOWN_ESTIMATES]
    return [text, *(_estimate(figure) for figure in shown)]


def _estimate(figure: Mapping[str, Any]) -> str:
    """A figure of a model, in microjoules or milliseconds."""
    scale, unit = (1e-6, "uJ") if figure["unit"] == "pJ" else (1e3, "ms")
    value = f"{scale * figure['value']:,.3g} {unit}"
    return f"estimate, never measured: {value} per sample ({figure['name']}, {figure['source']})"


def _settled_text(settled: list[int], steps: int) -> str:
    """When the samples came to rest."""
    found = [step for step in settled if step >= 0]
    if not found:
        return f"no sample came to rest within {steps} time steps"
    text = f"came to rest at step {np.mean(found):.2f} on average, at the latest {max(found)}"
    left = len(settled) - len(found)
    return text + (f"; {left} samples had not after {steps} steps" if left else "")


def _prediction_table(network: Network, arrays: Mapping[str, Array]) -> Table:
    labels, predictions = arrays.get("labels"), arrays["predictions"][:SHOWN]
    table = Table(title=f"first {len(predictions)} answers", title_justify="left")
    stopped = "exit/step" in arrays
    settled = None if stopped else arrays.get("settled")
    columns = ["sample", "class", *(["label"] if labels is not None else [])]
    if settled is not None:
        columns.append("settled")
    if stopped:
        columns.extend(("steps", "head"))
    for name in columns:
        table.add_column(name, justify="right")
    for index, predicted in enumerate(predictions):
        row = [str(index), str(int(predicted))]
        if labels is not None:
            row.append(str(int(labels[index])))
        if settled is not None:
            row.append(str(int(settled[index])) if settled[index] >= 0 else "-")
        if stopped:
            head = network.heads[int(arrays["exit/head"][index])].name
            row.extend((str(int(arrays["exit/step"][index])), head))
        table.add_row(*row)
    return table

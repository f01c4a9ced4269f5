"""How texts and pages show whether a network fits on a chip: rows and sentences from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.text import percent

COLUMNS = ("cores", "neurons", "tile", "input axons", "output entries", "memory")
"""The numbers of a row; axons, entries and memory are those of the core that has most."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer: its name, a text for each of `COLUMNS`, and what binds it."""

    name: str
    values: tuple[str, ...]
    binds: str


def layer_rows(found: Mapping[str, Any]) -> list[LayerRow]:
    """A row for every layer of a fit."""
    lacking = {f["layer"]: f for f in found["findings"]}
    return [_row(layer, lacking.get(layer["name"])) for layer in found["layers"]]


def _row(layer: Mapping[str, Any], finding: Mapping[str, Any] | None) -> LayerRow:
    if layer["tile"] is None:
        values = ("-", f"{layer['neurons']:,}", "-", "-", "-", "-")
    else:
        values = (
            f"{layer['cores']:,}",
            f"{layer['neurons']:,}",
            "x".join(str(n) for n in layer["tile"]),
            f"{layer['input_axons']:,}",
            f"{layer['output_axon_entries']:,}",
            f"{layer['memory_bytes'] / 1024:,.1f} KiB",
        )
    if finding is not None:
        return LayerRow(layer["name"], values, f"does not fit: {_excess(finding)}")
    share = percent(layer["binding_share"], 0)
    return LayerRow(layer["name"], values, f"{layer['binds']} {share}")


def _excess(finding: Mapping[str, Any]) -> str:
    return f"{finding['limit']}: {finding['count']:,} of {finding['allowed']:,}"


def verdict(found: Mapping[str, Any]) -> str:
    """Whether it fits, on how much, and what kind of limits say so."""
    kind = "published limits" if found["kind"] == "published" else "an estimate"
    cores = f"{found['cores']:,} core{'' if found['cores'] == 1 else 's'}"
    if found["fits"]:
        chips = f"{found['chips']:,} chip{'' if found['chips'] == 1 else 's'}"
        return f"{found['title']} ({kind}): fits on {chips}, {cores}"
    layers = len({finding["layer"] for finding in found["findings"]})
    return (
        f"{found['title']} ({kind}): does not fit, because of {layers} of {len(found['layers'])} "
        f"layers; those that have a place take {cores}"
    )


def use(found: Mapping[str, Any]) -> str:
    """The mean use of each budget over all cores."""
    shares = ", ".join(
        f"{name} {percent(share, 1)}"
        for name, share in found["utilisation"].items()
        if share is not None
    )
    fullest = percent(found["binding_utilisation"], 1)
    return f"mean use of a core: {shares}; of its fullest budget {fullest}"


def finding_lines(found: Mapping[str, Any]) -> list[str]:
    """Everything that does not fit."""
    return [f"{entry['layer']} does not fit: {_excess(entry)}" for entry in found["findings"]]


def input_lines(found: Mapping[str, Any]) -> list[str]:
    """What the inputs need: no cores, but axons of whoever sends them."""
    return [
        f"input {source['name']}: no cores; {source['output_axon_entries']:,} output entries for "
        f"{source['neurons']:,} values wherever it is sent from"
        for source in found["inputs"]
    ]

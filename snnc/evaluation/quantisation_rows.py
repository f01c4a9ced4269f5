"""What whole numbers cost, as the rows of a table for the command line and the HTML report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snnc.text import percent

COLUMNS = ("weight error", "rate", "difference", "other counts", "read-out error")


def summary(found: Mapping[str, Any]) -> str:
    """One line from the JSON object of a `Quantisation`."""
    text = f"first {found['samples']} samples: "
    if found["accuracy"] is not None:
        both = (percent(found["accuracy"]), percent(found["float_accuracy"]))
        text += f"accuracy {both[0]} against {both[1]}, "
    return f"{text}agreement {percent(found['agreement'])}"


def layer_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row of text per layer: its name, then what `COLUMNS` names."""
    return [
        (
            layer["name"],
            percent(layer["weight_error"]),
            _number(layer["rate"]),
            _number(layer["difference"]),
            percent(layer["unequal"]),
            percent(layer["read_out_error"]),
        )
        for layer in found["layers"]
    ]


def whole_context(evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the template of the section is given; nothing without an integer network."""
    found = None if evaluation is None else evaluation.get("quantisation")
    if found is None:
        return {"whole": None}
    return {
        "whole": {"text": summary(found), "columns": COLUMNS, "rows": layer_rows(found)},
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

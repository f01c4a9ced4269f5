"""What the HTML report says about chips: does the network fit?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snnc.evaluation.fit_rows import (
    COLUMNS,
    finding_lines,
    input_lines,
    layer_rows,
    use,
    verdict,
)


def fit_context(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of the section is given: a part for each chip of `report["fit"]`."""
    found = report.get("fit") or {}
    return {"fits": [_chip(entry) for entry in found.values()], "fit_columns": COLUMNS}


def _chip(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "verdict": verdict(found),
        "use": use(found),
        "rows": layer_rows(found),
        "lines": [*finding_lines(found), *input_lines(found), *found["notes"]],
    }

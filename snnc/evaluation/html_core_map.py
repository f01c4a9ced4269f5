"""What the HTML report says of a core map: its layers, totals, and the mesh."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from snnc.evaluation.core_map_rows import COLUMNS, layer_rows, total_lines


def core_map_context(report: Mapping[str, Any], mesh: bytes | None) -> dict[str, Any]:
    """What the template of the section is given.

    Args:
        report: of a compilation.
        mesh: the picture of the mesh, SVG; it becomes an image, so that its style is its own.
    """
    found = report.get("core_map")
    if not found:
        return {"core_map": None}
    picture = None if mesh is None else f"data:image/svg+xml;base64,{b64encode(mesh).decode()}"
    return {
        "core_map": {
            "chip": found["chip"],
            "rows": layer_rows(found),
            "columns": COLUMNS,
            "lines": total_lines(found),
            "picture": picture,
        }
    }

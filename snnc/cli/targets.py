"""`snnc targets`: what networks can be compiled for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from snnc.cli.console import Output
from snnc.cli.fit_table import chip_table

if TYPE_CHECKING:
    from snnc.backends.base import Target
    from snnc.backends.loihi.chips import Chip


def targets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
) -> int:
    """List the targets, or show what one of them can do."""
    from snnc.backends import TARGETS
    from snnc.driver.targets import find_target

    out: Output = context.obj
    if name is None:
        rows: list[dict[str, Any]] = [
            {"name": t.name, "description": t.description, "quantised": _quantised(t)}
            for t in TARGETS.values()
        ]
        lines: list[tuple[str, str]] = []
        for row in rows:
            lines.append((row["name"], row["description"]))
            lines.append(("", _quantised_text(row["quantised"])))
        out.result({"targets": rows}, _table(lines))
        return 0
    payload = _described(find_target(name))
    limits = [(key, _value(value)) for key, value in payload["limits"].items()]
    pipeline = ",".join(payload["pipeline"]) or "(none of its own)"
    heading = (
        f"{payload['name']}: {payload['description']}\nown passes: {pipeline}\n"
        f"{_quantised_text(payload['quantised'])}\nlimits:"
    )
    chips = _chips(name)
    if chips:
        payload["chips"] = {chip.name: chip.as_dict() for chip in chips}
    out.result(payload, heading, _table(limits), *(chip_table(chip) for chip in chips))
    return 0


def _chips(name: str) -> list[Chip]:
    """The chips that networks for a target are laid out on."""
    from snnc.backends.loihi.chips import CHIP_NAMES, load_chip

    return [load_chip(chip) for chip in CHIP_NAMES] if name == "loihi" else []


def _described(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "description": target.description,
        "pipeline": list(target.pipeline),
        "quantised": _quantised(target),
        "limits": target.limits.as_dict(),
    }


def _quantised(target: Target) -> dict[str, str]:
    """How networks with quantised activations are mapped for a target, and why."""
    from snnc.passes.defaults import mapping_mode

    mode, reason = mapping_mode(target.limits, 1, None)
    return {"mode": mode, "reason": reason}


def _quantised_text(quantised: dict[str, str]) -> str:
    kind = "exact" if quantised["mode"] == "qffs" else "rates that approach the network's"
    return f"quantised networks: {quantised['mode']} ({kind}), because {quantised['reason']}"


def _value(value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table

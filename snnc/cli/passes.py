"""`snnc passes`: the passes, exit policies and their options, and the default pipelines."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from rich.table import Table

from snnc.cli.console import Output


def passes(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None,
) -> int:
    """List the passes, pipelines and exit policies, or show the options of one of them."""
    from snnc.exits.requests import REQUESTS
    from snnc.options import look_up
    from snnc.passes import CANDIDATE_PIPELINES, DEFAULT_PIPELINE, PASSES, QUANTISED_CANDIDATES

    out: Output = context.obj
    if name is not None:
        known: dict[str, Any] = {**PASSES, **REQUESTS}
        described = _described(look_up(name, known, "pass or exit policy"))
        out.result(described, f"{described['name']}\n\n{described['doc']}", _options(described))
        return 0
    rows = [_described(cls) for cls in PASSES.values()]
    policies = [_described(cls) for cls in REQUESTS.values()]
    payload = {
        "passes": rows,
        "default_pipeline": DEFAULT_PIPELINE,
        "default_quantised_pipelines": _by_mode(),
        "auto_pipelines": dict(CANDIDATE_PIPELINES),
        "auto_quantised_pipelines": dict(QUANTISED_CANDIDATES),
        "exit_policies": policies,
    }
    heading = "\nexit policies, for `snnc compile --exit`:"
    out.result(payload, _list(rows), _defaults(payload), heading, _list(policies))
    return 0


def _list(rows: list[dict[str, Any]]) -> Table:
    """A line for each name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(row["name"], row["doc"].splitlines()[0])
    return table


def _by_mode() -> dict[str, str]:
    """The default pipelines of networks with quantised activations, by kind of mapping."""
    from snnc.passes import QUANTISED_CANDIDATES

    return {mode: QUANTISED_CANDIDATES[mode] for mode in ("qffs", "qcfs")}


def _defaults(payload: dict[str, Any]) -> str:
    quantised = payload["default_quantised_pipelines"]
    return (
        f"\ndefault pipelines, by the activations of the network:\n"
        f"  continuous: {payload['default_pipeline']}\n"
        f"  quantised, where the target can (`snnc targets`): {quantised['qffs']}\n"
        f"  quantised, elsewhere: {quantised['qcfs']}\n"
        "  some of both: the same with requantize,calibrate-bias in front of map-quantized"
    )


def _described(cls: Any) -> dict[str, Any]:
    from snnc.options import describe_options

    return {
        "name": cls.name,
        "doc": inspect.getdoc(cls) or "",
        "requires": [prop.name for prop in getattr(cls, "requires", ())],
        "ensures": [prop.name for prop in getattr(cls, "ensures", ())],
        "options": [
            {"name": option, "takes": takes, "default": default}
            for option, takes, default in describe_options(cls)
        ],
    }


def _options(described: dict[str, Any]) -> Table | str:
    if not described["options"]:
        return "\nno options"
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("option", "takes", "default"):
        table.add_column(title)
    for option in described["options"]:
        table.add_row(option["name"], option["takes"], option["default"])
    return table

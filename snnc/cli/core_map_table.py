"""Tables of a core map: layers with their cores, and totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

COLUMNS = ("cores", "splitters", "neurons", "replicas", "axons", "first tick")


def core_map_tables(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """`report["core_map"]` as a table of its layers and lines of totals; nothing without one."""
    if not found:
        return []
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.title = f"Cores of {found['chip']}"
    table.add_column("layer", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("axon code", overflow="fold")
    for row in found["layers"]:
        table.add_row(row["name"], *_values(row), row["code"])
    return ["", table, *lines(found)]


def _values(row: Mapping[str, Any]) -> list[str]:
    cores = row["cores"]
    own = sum(count for role, count in cores.items() if role != "splitter")
    numbers = (own, cores.get("splitter", 0), row["units"], row["replicas"], row["axons"])
    return [f"{n:,}" for n in (*numbers, row["first_tick"])]


def lines(found: Mapping[str, Any]) -> list[str]:
    """Totals in words."""
    roles = ", ".join(f"{count} {role}" for role, count in found["roles"].items())
    use, ways = found["use"], found["wiring"]
    cores = (
        f"{found['cores']:,} of {found['cores_per_chip']:,} cores ({roles}); "
        f"{100 * use['neurons']:.0f} % of their neurons and {100 * use['axons']:.0f} % of their "
        "axons are used"
    )
    links = (
        f"{ways['links']:,} links of {ways['mean_hops']:.2f} hops on average, {ways['max_hops']} "
        f"at most; {found['ticks']:,} ticks a sample, {found['ticks_per_step']} a time step, the "
        f"last layer begins at tick {found['latency']}"
    )
    if not found["host"]:
        return [cores, links]
    return [cores, links, f"the host computes {', '.join(found['host'])} and sends the spikes"]

"""A core map in words and rows, for the terminal and the HTML report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = ("cores", "splitters", "neurons", "replicas", "axons", "first tick")


def layer_rows(found: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, values of `COLUMNS` and axon code of each layer of `report["core_map"]`."""
    return [(row["name"], _values(row), row["code"]) for row in found["layers"]]


def _values(row: Mapping[str, Any]) -> tuple[str, ...]:
    cores = row["cores"]
    own = sum(count for role, count in cores.items() if role != "splitter")
    numbers = (own, cores.get("splitter", 0), row["units"], row["replicas"], row["axons"])
    return tuple(f"{n:,}" for n in (*numbers, row["first_tick"]))


def total_lines(found: Mapping[str, Any]) -> list[str]:
    """Totals: cores and their use, ways on the mesh and ticks, what the host does."""
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
    host = f"the host computes {', '.join(found['host'])} and sends the spikes"
    return [cores, links, *([host] if found["host"] else []), *found["left_out"]]

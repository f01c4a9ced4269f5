"""`report.json`: what compiling measured and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from snnc.driver.auto import Search
from snnc.driver.checks import PassCheck
from snnc.driver.source import Source
from snnc.driver.targets import find_target
from snnc.evaluation.phases import phase_record
from snnc.ir.interpret import network_macs, population_macs
from snnc.ir.model import Gated, Network
from snnc.passes.defaults import Choice

if TYPE_CHECKING:
    from snnc.driver.compiled import Compiled

SCHEMA_VERSION = 1


def build_report(
    compiled: Compiled,
    source: Source,
    choice: Choice | None,
    search: Search | None,
    checks: Sequence[PassCheck],
    notes: Sequence[str],
    stopping: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report of a compilation, a JSON object that depends on inputs and options alone."""
    figures = {}
    if compiled.network.stage in find_target(compiled.target).limits.stages:
        figures = find_target(compiled.target).figures(compiled.network)
    return {
        "schema_version": SCHEMA_VERSION,
        "network": compiled.network.name,
        "stage": compiled.network.stage,
        "target": compiled.target,
        "pipeline": list(compiled.network.passes),
        "choice": None if choice is None else asdict(choice),
        "steps": compiled.steps,
        "window": window_of(compiled.network),
        "phases": phase_record(compiled.network),
        "calibration": dict(compiled.calibration_record),
        "ann_macs": network_macs(source.network),
        "populations": population_rows(compiled.network),
        "conversion": source.conversion,
        "notes": list(notes),
        "checks": [asdict(check) for check in checks],
        "auto": None if search is None else search.as_dict(),
        "exit": stopping,
        "evaluation": None,
        **figures,
    }


def window_of(network: Network) -> int | None:
    """In how many time steps input acts, for a network that comes to rest by itself; else None."""
    return network.schedule.window if isinstance(network.schedule, Gated) else None


def population_rows(network: Network) -> list[dict[str, Any]]:
    """One row per population: shape, neuron, neurons, multiply-accumulates, ONNX nodes."""
    rows = []
    for population in network.populations:
        neurons = 1
        for size in population.shape:
            neurons *= size
        rows.append(
            {
                "name": population.name,
                "shape": list(population.shape),
                "neuron": keyword_of(population.neuron),
                "neurons": neurons,
                "macs": population_macs(network, population),
                "sources": [i.source for i in population.incoming],
                "onnx_nodes": list(population.origin),
            }
        )
    return rows


def keyword_of(node: object) -> str:
    """The name a neuron or operator has in the text form."""
    from snnc.ir.model import KEYWORDS

    return next(k for k, cls in KEYWORDS.items() if cls is type(node))

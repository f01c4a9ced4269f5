"""What the report says of a core map: cores by layer and role, what is used, ways and latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import ROLES, CoreMap
from snnc.backends.truenorth.host import host_populations
from snnc.backends.truenorth.picture_mesh import driven_axons
from snnc.backends.truenorth.placement import wiring
from snnc.ir import model as m
from snnc.ir.tensors import Array


def figures(core_map: CoreMap, network: m.Network) -> dict[str, Any]:
    """The section `core_map` of a report, a JSON object: counted, nothing is estimated.

    `use` are shares of what the cores in use have; `wiring` is of the links
    between cores: a hop is a step on the mesh.
    """
    steps = 1 if network.schedule is None else network.schedule.steps
    ways = wiring(core_map)
    roles = {role: int((core_map.roles == i).sum()) for i, role in enumerate(ROLES)}
    return {
        "chip": "TrueNorth",
        "cores": core_map.cores,
        "cores_per_chip": core_map.spec.cores,
        "roles": {role: count for role, count in roles.items() if count},
        "neurons": int(core_map.used.sum()),
        "axons": int(driven_axons(core_map).sum()),
        "use": {
            "neurons": float(core_map.used.mean()),
            "axons": float(driven_axons(core_map).mean()) / core_map.spec.axons,
        },
        "pins": len(core_map.pin_starts) - 1,
        "outputs": core_map.outputs,
        "wiring": ways.as_dict(),
        "ticks_per_step": core_map.ticks_per_step,
        "latency": max((layer.first_tick for layer in core_map.layers), default=0),
        "ticks": core_map.ticks(steps),
        "host": [p.name for p in host_populations(network)],
        "layers": _layers(core_map),
    }


def _layers(core_map: CoreMap) -> list[dict[str, Any]]:
    """One row for each layer: its cores by role, units, replicas, first tick, axon code."""
    names = [name.split("/")[0] for name in core_map.corelet_names]
    owner = np.array([names[i] for i in core_map.corelets])
    axons, rows = driven_axons(core_map), []
    for index, layer in enumerate(core_map.layers):
        own = owner == layer.name
        units = core_map.unit_of[core_map.layer_of == index]
        rows.append(
            {
                "name": layer.name,
                "cores": _by_role(core_map, own),
                "units": len(np.unique(units)),
                "replicas": len(units) - len(np.unique(units)),
                "axons": int(axons[own].sum()),
                "first_tick": layer.first_tick,
                "code": layer.code,
            }
        )
    return rows


def _by_role(core_map: CoreMap, own: Array) -> Mapping[str, int]:
    counts = {role: int((own & (core_map.roles == i)).sum()) for i, role in enumerate(ROLES)}
    return {role: count for role, count in counts.items() if count}

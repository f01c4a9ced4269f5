"""What the templates need to know of a population under a schedule of phases."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.c.arrays import INT32_MAX, Constant, lanes_of
from snnc.backends.c.plan import Layer, Plan
from snnc.ir import model as m


def describe_windows(plan: Plan, layer: Layer) -> dict[str, Any]:
    """When a population acts: `integrates`, `fires` (None where it never does) and `fire_steps`.

    `early`: whether it can fire before all has come. `always`: whether a head reads it, so that it
    says after each step what it holds.
    """
    phases, p = plan.phases, layer.population
    assert phases is not None
    timed = isinstance(p.neuron, m.IntegerTTFS)
    steps = phases.window
    if isinstance(p.neuron, m.IntegerTTFS):
        steps = plan.network.array(p.neuron.values).shape[0]
    integrates, fires = phases.integrates[p.name], phases.fires[p.name]
    acting = phases.active(p)
    return {
        "integrates": integrates,
        "fires": fires if timed else None,
        "fire_steps": steps,
        "early": timed and fires < integrates + phases.window,
        "always": any(head.population == p.name for head in plan.network.heads),
        "begins": acting.start,
        "ends": acting.stop,
    }


def falling_thresholds(network: m.Network, layer: Layer) -> Constant:
    """The thresholds of each step of the fire window, (steps, lanes) int32.

    Lanes that stand for no neuron never reach theirs.
    """
    neuron, shape = layer.population.neuron, layer.population.shape
    assert isinstance(neuron, m.IntegerTTFS)
    table = network.array(neuron.thresholds)
    columns = table.reshape(len(table), -1, *(1,) * (len(shape) - 1))
    rows = [lanes_of(np.broadcast_to(row, shape), layer.size, INT32_MAX)[0, 0] for row in columns]
    return Constant(f"threshold_{layer.ident}", np.stack(rows), "thresholds (steps, lanes)")

"""What the rules of core maps share: one diagnostic for all that break a rule in one way."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.diagnostics import Diagnostic
from snnc.ir.tensors import Array

CURE = "compile the model again; report it if snnc made this map"


def place_of(core_map: CoreMap, core: int, neuron: int) -> str:
    """A neuron as a place to read: core, neuron, and what it stands for."""
    layer = int(core_map.layer_of[core, neuron])
    if not 0 <= layer < len(core_map.layers):
        return f"core {core}, neuron {neuron}"
    unit = int(core_map.unit_of[core, neuron])
    return f'core {core}, neuron {neuron} (unit {unit} of "{core_map.layers[layer].name}")'


def broken(
    core_map: CoreMap,
    code: str,
    bad: Array,
    text: str,
    *,
    kind: str = "neuron",
    values: Array | None = None,
) -> list[Diagnostic]:
    """One diagnostic about all places where `bad` is true; none where there are none.

    Args:
        core_map: for the names of places.
        code: of the diagnostic.
        bad: bool (C,), (C, neurons or axons), or one entry per pin entry.
        text: the rule, as what is wrong.
        kind: what the last axis counts: neuron, axon, core or pin entry.
        values: of the same shape: what the first offender has.
    """
    places = np.argwhere(bad)
    if not len(places):
        return []
    first = tuple(int(n) for n in places[0])
    value = "" if values is None else f"; the first: {values[first]}"
    plural = kind[:-1] + "ies" if kind.endswith("y") else kind + "s"
    count = f"{len(places)} {plural if len(places) > 1 else kind}"
    if kind == "neuron":
        where = place_of(core_map, *first)
    else:
        where = f"{kind} {first[0]}" if len(first) == 1 else f"core {first[0]}, {kind} {first[1]}"
    return [Diagnostic(code, f"{text} ({count}{value})", where, CURE)]

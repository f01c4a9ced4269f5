"""Rule 1 of core maps: arrays of the right types and sizes, and numbers that name something."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import ROLES, TO_OUTPUT, CoreMap
from snnc.backends.truenorth.fields import FIELDS, expected_shapes
from snnc.backends.truenorth.legality_base import CURE, broken
from snnc.diagnostics import Diagnostic
from snnc.ir.tensors import Array


def array_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN565: what makes a map unreadable. Other rules hold only for maps without such faults."""
    return _shape_faults(core_map) or [*_number_faults(core_map), *_table_faults(core_map)]


def _shape_faults(core_map: CoreMap) -> list[Diagnostic]:
    faults = []
    for name, shape in expected_shapes(core_map).items():
        array, dtype = getattr(core_map, name), np.dtype(FIELDS[name][0])
        if array.dtype != dtype or array.shape != shape:
            found = f"{array.dtype} {array.shape}, not {dtype} {shape}"
            faults.append(Diagnostic("SN565", f"the array {name} is {found}", help=CURE))
    return faults


def _number_faults(core_map: CoreMap) -> list[Diagnostic]:
    spec = core_map.spec
    names = len(core_map.corelet_names)
    layer, unit = core_map.layer_of, core_map.unit_of
    no_layer = (layer < -1) | (layer >= len(core_map.layers)) | ((layer >= 0) & ~core_map.used)
    no_unit = ((layer >= 0) & (unit < 0)) | ((layer < 0) & (unit != -1))

    def check(bad: Array, text: str, values: Array, kind: str = "neuron") -> list[Diagnostic]:
        return broken(core_map, "SN565", bad, text, values=values, kind=kind)

    types, kinds, roles = core_map.axon_types, core_map.kinds, core_map.roles
    odd = (core_map.corelets < 0) | (core_map.corelets >= names)
    return [
        *check(types >= spec.types, f"axon types are 0 to {spec.types - 1}", types, "axon"),
        *check(kinds > TO_OUTPUT, "kinds of targets are 0, 1 and 2", kinds),
        *check(roles >= len(ROLES), f"roles are 0 to {len(ROLES) - 1}", roles, "core"),
        *check(odd, "a corelet that has no name", core_map.corelets, "core"),
        *check(no_layer, "a layer that does not exist, or of an unused neuron", layer),
        *check(no_unit, "a layer without a unit, or a unit without a layer", unit),
    ]


def _table_faults(core_map: CoreMap) -> list[Diagnostic]:
    texts = []
    starts = core_map.pin_starts
    if starts[0] != 0 or starts[-1] != len(core_map.pin_cores) or (np.diff(starts) < 0).any():
        texts.append("the starts of the pins' entries do not rise from 0 to their number")
    for what, groups, end in (
        ("pins", core_map.pins, len(starts) - 1),
        ("output lines", core_map.heads, core_map.outputs),
    ):
        bounds = [0] + [group.start + group.size for group in groups]
        if [group.start for group in groups] != bounds[:-1] or bounds[-1] != end:
            texts.append(f"the groups of {what} do not follow each other from 0 to {end}")
    signs = [(group.source, group.sign) for group in core_map.pins]
    if len(set(signs)) < len(signs) or {sign for _, sign in signs} - {1, -1}:
        texts.append("two groups of pins of one source and sign, or a sign that is not 1 or -1")
    names = [layer.name for layer in core_map.layers]
    if len(set(names)) < len(names) or any(layer.first_tick < 0 for layer in core_map.layers):
        texts.append("two layers of one name, or one that begins before tick 0")
    if core_map.ticks_per_step < 1:
        texts.append(f"a time step of {core_map.ticks_per_step} ticks")
    return [Diagnostic("SN565", text, help=CURE) for text in texts]

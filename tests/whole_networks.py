"""Small spiking networks brought to stage fixed by hand: weights times a power of two, rounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.properties import FIXED, SNN

LEVELS = 64


def whole(network: m.Network, unit: int = 64) -> m.Network:
    """Dense networks of IF neurons and integrators in whole numbers: `unit` of potential for 1.

    Inputs between -1 and 1 come in as graded spikes of -64 to 64; an integrator's scale undoes the
    unit.
    """
    graded = m.Graded(step=1 / LEVELS, levels=LEVELS, lowest=-LEVELS)
    inputs = tuple(replace(entry, coding=graded) for entry in network.inputs)
    names = {entry.name for entry in inputs}
    arrays: dict[str, Any] = {}
    populations = []
    for p in network.populations:
        # What enters from outside is LEVELS times larger, so everything in such a layer must be.
        outside = any(i.source in names for i in p.incoming)
        size = unit * LEVELS if outside else unit
        for incoming in p.incoming:
            by = unit if incoming.source in names else size
            for name in (name for op in incoming.ops for name in m.references(op)):
                arrays[name] = np.rint(network.array(m.Ref(name)) * by).astype(np.int32)
        if p.bias is not None:
            arrays[p.bias.name] = np.rint(network.array(p.bias) * size).astype(np.int32)
        populations.append(_population(network, p, size))
    made = replace(network, stage="fixed", inputs=inputs)
    return made.with_arrays(arrays).with_populations(populations)


def _population(network: m.Network, p: m.Population, size: int) -> m.Population:
    neuron = p.neuron
    if isinstance(neuron, m.Integrator):
        assert isinstance(p.scale, float)
        return replace(p, scale=p.scale / size)
    assert isinstance(neuron, m.IF)
    assert isinstance(neuron.threshold, float)
    assert isinstance(neuron.v_init, float)
    threshold = round(neuron.threshold * size)
    changed = replace(neuron, threshold=float(threshold), v_init=float(round(neuron.v_init * size)))
    return replace(p, neuron=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """`whole` as a pass."""

    name: ClassVar[str] = "whole"
    requires: ClassVar[tuple[Property, ...]] = (SNN,)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    unit: int = 64

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network in whole numbers."""
        return whole(network, self.unit)

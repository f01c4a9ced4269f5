"""Networks of one time step as threshold gates, which can take another frame in every tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.backends.truenorth.host import host_populations
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.properties import FIXED
from snnc.passes.tensors import NewTensors, compress, full, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ToGates:
    """Make memoryless gates of the neurons of a network that runs one time step (stage fixed).

    In its only step a neuron fires where `v_init + input >= threshold`. A gate that forgets its
    potential (`leak=0`) and has the threshold `threshold - v_init` fires then too, and in every
    later step anew: binary networks run one frame a tick that way (Esser et al. 2016). What the
    host computes stays as it is. Exact.
    """

    name: ClassVar[str] = "to-gates"
    requires: ClassVar[tuple[Property, ...]] = (FIXED,)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network of gates.

        Raises:
            InputError: SN789, it has more than one time step, delays, or neurons without a gate.
        """
        _check(network)
        host = {p.name for p in host_populations(network)}
        tensors = NewTensors(network)
        found = [p if p.name in host else _gate(network, p, tensors) for p in network.populations]
        return tensors.attach(network).with_populations(found)


def _gate(network: m.Network, population: m.Population, tensors: NewTensors) -> m.Population:
    neuron, shape = population.neuron, population.shape
    assert isinstance(neuron, m.IF)
    threshold, start = (
        full(values_of(value, network), shape) for value in (neuron.threshold, neuron.v_init)
    )
    values = threshold - start
    if (values < 1).any():
        raise InputError(_refused(population, "has neurons that fire without any input"))
    kept: m.Parameter = float(values.flat[0])
    if (values != kept).any():
        name = f"{population.name}.threshold"
        kept = tensors.put(name, compress(values).astype(np.int32))
    gate = m.IF(threshold=kept, v_init=0.0, leak=0.0, reset="zero")
    return replace(population, neuron=gate)


def _check(network: m.Network) -> None:
    schedule = network.schedule
    if not isinstance(schedule, m.Synchronous) or schedule.steps != 1:
        text = (
            "the network has more than one time step, and gates remember nothing from step to step"
        )
        cure = "compile a network with binary activations with --timesteps 1"
        raise InputError(Diagnostic("SN789", text, f"network {network.name}", cure))
    for population in network.populations:
        neuron = population.neuron
        if not isinstance(neuron, m.IF) or neuron.negative_spikes != "none":
            raise InputError(_refused(population, "does not only fire or not fire"))
        if any(i.delay for i in population.incoming):
            raise InputError(_refused(population, "reads what comes in a later step"))


def _refused(population: m.Population, why: str) -> Diagnostic:
    text = f"population {population.name} has no gate: it {why}"
    cure = "leave to-gates out; the network runs as it is"
    return Diagnostic("SN789", text, ", ".join(population.origin), cure)

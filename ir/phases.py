"""What a schedule of phases says of each source and population, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.tensors import Array

PASSING = (m.RunningMax2d,)
"""Neurons that pass spikes on in the step in which they come, each worth what it was."""


@dataclass(frozen=True, slots=True)
class Phases:
    """Windows by name: the number of time steps before each begins.

    Attributes:
        window: Steps of a window.
        integrates: Of every population.
        fires: Of every population and spiking input.
    """

    window: int
    integrates: dict[str, int]
    fires: dict[str, int]

    def active(self, population: m.Population) -> range:
        """The steps, from 0, in which a population does anything."""
        start, fires = self.integrates[population.name], self.fires[population.name]
        silent = isinstance(population.neuron, m.Integrator)
        return range(start, (start if silent else max(start, fires)) + self.window)


def phases_of(network: m.Network) -> Phases | None:
    """The windows of a network; None where its schedule has no phases.

    Raises:
        ValueError: the schedule does not name two windows for every population.
    """
    schedule = network.schedule
    if not isinstance(schedule, m.Phased):
        return None
    names = [p.name for p in network.populations]
    integrates = dict(zip(names, schedule.integrates, strict=True))
    fires = dict.fromkeys((i.name for i in network.inputs), 0)
    fires.update(zip(names, schedule.fires, strict=True))
    return Phases(schedule.window, integrates, fires)


def kernels(network: m.Network) -> dict[str, Array]:
    """What a spike of each source is worth by step of its fire window, (steps,), by name.

    Analog inputs and integrators are left out. float64 at stage snn, whole numbers at stage fixed.
    """
    found: dict[str, Array] = {}
    for entry in network.inputs:
        if isinstance(entry.coding, m.IntegerSpikeTime):
            found[entry.name] = np.asarray(entry.coding.values, np.int64)
        elif isinstance(entry.coding, m.SpikeTime):
            found[entry.name] = spike_times.values(entry.coding)
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, m.TTFS):
            found[population.name] = spike_times.values(neuron)
        elif isinstance(neuron, m.IntegerTTFS):
            found[population.name] = network.array(neuron.values)
        elif isinstance(neuron, PASSING):
            sources = [i.source for i in population.incoming if i.source in found]
            if sources:
                found[population.name] = found[sources[0]]
    return found


def fire_thresholds(network: m.Network, neuron: m.TTFS | m.IntegerTTFS) -> Array:
    """The threshold of each step of the fire window, (steps,) or (steps, C)."""
    if isinstance(neuron, m.IntegerTTFS):
        return network.array(neuron.thresholds)
    return spike_times.thresholds(neuron)

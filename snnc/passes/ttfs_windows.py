"""The windows of a network of spike times: who integrates and fires when."""

from __future__ import annotations

from dataclasses import replace

from snnc.ir import model as m
from snnc.ir.phases import PASSING


def scheduled(network: m.Network, window: int, stride: int) -> m.Network:
    """The network with a schedule of phases; delays equalise its branches.

    Args:
        network: of stage snn, its neurons those of a network of spike times.
        window: time steps of a window (W).
        stride: time steps from the start of integration to that of firing (S, up to W).

    A population starts to integrate when the last of its sources starts to fire; the others wait.
    One that reads analog inputs alone has all its input in one step, and fires from that step on.
    T2FSNN: layer d fires from step d S on, and all takes (L - 1) S + W steps (`formulas` 6.9).
    """
    analog = {i.name for i in network.inputs if isinstance(i.coding, m.Direct)}
    fires = {i.name: 0 for i in network.inputs if i.name not in analog}
    integrates: dict[str, int] = {}
    populations: list[m.Population] = []
    steps = window
    for population in network.populations:
        sent = [fires[i.source] for i in population.incoming if i.source not in analog]
        begin = max(sent, default=0)
        integrates[population.name] = begin
        fires[population.name] = begin + _wait(population, bool(sent), window, stride)
        incoming = tuple(
            i if i.source in analog else replace(i, delay=begin - fires[i.source])
            for i in population.incoming
        )
        neuron = population.neuron
        if isinstance(neuron, m.TTFS) and neuron.steps > window:
            neuron = replace(neuron, steps=window)
        populations.append(replace(population, incoming=incoming, neuron=neuron))
        silent = isinstance(neuron, m.Integrator)
        steps = max(steps, (begin if silent else fires[population.name]) + window)
    return replace(
        network,
        inputs=tuple(_within(i, window) for i in network.inputs),
        populations=tuple(populations),
        schedule=m.Phased(
            steps,
            window,
            tuple(integrates[p.name] for p in populations),
            tuple(fires[p.name] for p in populations),
        ),
    )


def _wait(population: m.Population, spikes: bool, window: int, stride: int) -> int:
    """Steps from the start of a population's integration to that of its fire window."""
    if isinstance(population.neuron, PASSING):
        return 0
    if isinstance(population.neuron, m.Integrator):
        return window
    return stride if spikes else 0


def _within(entry: m.Input, window: int) -> m.Input:
    coding = entry.coding
    if isinstance(coding, m.SpikeTime) and coding.steps > window:
        return replace(entry, coding=replace(coding, steps=window))
    return entry

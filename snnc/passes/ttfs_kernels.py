"""The kernels of a network of spike times: who has which, and who must share one.

A running maximum compares times, so its sources need one kernel to mean one thing. Where branches
of a residual sum or a concatenation arrive in one population, hardware adds them to one current
whose worth per step is the kernel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from snnc.ir import model as m
from snnc.ir.phases import PASSING, kernels
from snnc.ir.spike_times import Timed

Group = tuple[str, ...]
"""Inputs and populations that send spike times, by name, in order."""


def meeting(network: m.Network) -> list[Group]:
    """Groups with one kernel: who meets in a population. In order of their first members.

    Every sender of spike times is in one group; a running maximum, which passes on the kernel of
    its sources, joins them and is itself in none.
    """
    return _joined(network, network.populations)


def alike(network: m.Network) -> list[Group]:
    """As `meeting`, those apart whose kernels differ already: a clip at less than 1, an input."""
    found: dict[tuple[int, float, float, float], list[str]] = {}
    for number, group in enumerate(meeting(network)):
        for name in group:
            kernel = kernel_of(network, name)
            key = (number, kernel.tau, kernel.delay, kernel.threshold)
            found.setdefault(key, []).append(name)
    names = [*(i.name for i in network.inputs), *(p.name for p in network.populations)]
    return sorted((tuple(group) for group in found.values()), key=lambda g: names.index(g[0]))


def sharing_steps(network: m.Network) -> list[Group]:
    """Groups that fire in as many steps of their windows: the sources of one running maximum."""
    return _joined(network, [p for p in network.populations if isinstance(p.neuron, PASSING)])


def _joined(network: m.Network, populations: Iterable[m.Population]) -> list[Group]:
    """The senders, those that meet in one of `populations` joined."""
    parent = {name: name for name in kernels(network)}
    for population in populations:
        met = [i.source for i in population.incoming if i.source in parent]
        if isinstance(population.neuron, PASSING):
            met.append(population.name)
        for other in met[1:]:
            parent[_root(parent, other)] = _root(parent, met[0])
    passing = {p.name for p in network.populations if isinstance(p.neuron, PASSING)}
    groups: dict[str, list[str]] = {}
    for name in (*(i.name for i in network.inputs), *(p.name for p in network.populations)):
        if name in parent and name not in passing:
            groups.setdefault(_root(parent, name), []).append(name)
    return [tuple(group) for group in groups.values()]


def _root(parent: Mapping[str, str], name: str) -> str:
    while parent[name] != name:
        name = parent[name]
    return name


def kernel_of(network: m.Network, name: str) -> Timed:
    """The kernel of a sender of spike times."""
    coding = next((i.coding for i in network.inputs if i.name == name), None)
    kernel = coding or network.population(name).neuron
    assert isinstance(kernel, m.TTFS | m.SpikeTime)
    return kernel


def with_kernel(network: m.Network, group: Collection[str], kernel: Timed) -> m.Network:
    """The network with the values of one kernel for all of a group; each keeps its steps."""
    return _changed(network, group, tau=kernel.tau, delay=kernel.delay, threshold=kernel.threshold)


def was_trained(reference: m.Network, group: Collection[str], network: m.Network) -> bool:
    """Whether a member of a group has its kernel from the training.

    Populations say so in `reference`, the network before it was given windows. An input has taken
    over the kernel of the population that encoded it.
    """
    inputs = {i.name for i in network.inputs} & set(group)
    for population in reference.populations:
        kernel = population.neuron
        if not isinstance(kernel, m.TTFS):
            continue
        if population.name in group:
            return True
        for name in inputs & {i.source for i in population.incoming}:
            taken = kernel_of(network, name)
            if all(getattr(taken, f) == getattr(kernel, f) for f in ("tau", "delay", "threshold")):
                return True
    return False


def with_steps(network: m.Network, group: Collection[str], steps: int) -> m.Network:
    """The network with another number of steps for all of a group."""
    return _changed(network, group, steps=steps)


def is_early(network: m.Network) -> bool:
    """Whether a population fires before all its input has come."""
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    pairs = zip(schedule.integrates, schedule.fires, strict=True)
    return any(begin < fires < begin + schedule.window for begin, fires in pairs)


def _changed(network: m.Network, group: Collection[str], **fields: Any) -> m.Network:
    inputs = []
    for entry in network.inputs:
        if entry.name in group and isinstance(entry.coding, m.SpikeTime):
            entry = replace(entry, coding=replace(entry.coding, **fields))
        inputs.append(entry)
    populations = []
    for population in network.populations:
        if population.name in group and isinstance(population.neuron, m.TTFS):
            population = replace(population, neuron=replace(population.neuron, **fields))
        populations.append(population)
    return replace(network.with_populations(populations), inputs=tuple(inputs))

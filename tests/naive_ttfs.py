"""Time to first spike by its definition: one sample at a time, one step at a time.

It follows the docstrings of `TTFS`, `Phased` and `SpikeTime` word by word, with kernels by
`math.exp`, and shares nothing with the reference simulator but the linear operators. Networks of
stage fixed are computed in 64-bit integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass
class OneRun:
    """Spikes and potentials of one sample after every step, by name: lists of (*shape)."""

    spikes: dict[str, list[Array]] = field(default_factory=dict)
    potentials: dict[str, list[Array]] = field(default_factory=dict)


def simulate(network: m.Network, inputs: Mapping[str, Array], steps: int) -> OneRun:
    """One sample: `inputs` by name, (*shape)."""
    run = OneRun()
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    for entry in network.inputs:
        if isinstance(entry.coding, m.SpikeTime):
            run.spikes[entry.name] = _sent(entry.coding, inputs[entry.name], steps)
    for population in network.populations:
        run.spikes[population.name], run.potentials[population.name] = [], []
    for time in range(steps):
        for index, population in enumerate(network.populations):
            local = time - schedule.fires[index]
            first = time == schedule.integrates[index]
            total = _summed(network, population, run, inputs, time, first)
            _step(network, population, run, total, local, time)
    return run


def worth(network: m.Network, name: str, local: int) -> float:
    """What a spike of step `local` of its window is worth that the source `name` sent."""
    for entry in network.inputs:
        if entry.name == name:
            coding = entry.coding
            if isinstance(coding, m.IntegerSpikeTime):
                return coding.values[local]
            assert isinstance(coding, m.SpikeTime)
            return coding.threshold * math.exp((coding.delay - local) / coding.tau)
    population = network.population(name)
    neuron = population.neuron
    if isinstance(neuron, m.TTFS):
        return neuron.threshold * math.exp((neuron.delay - local) / neuron.tau)
    if isinstance(neuron, m.IntegerTTFS):
        return int(network.array(neuron.values)[local])
    assert isinstance(neuron, m.RunningMax2d)
    return worth(network, population.incoming[0].source, local)


def _threshold(kernel: m.TTFS | m.SpikeTime, local: int) -> float:
    late = 0.5 if kernel.rounding == "round" else 0.0
    return kernel.threshold * math.exp((kernel.delay - (local + late)) / kernel.tau)


def _sent(coding: m.SpikeTime, values: Array, steps: int) -> list[Array]:
    silent = np.ones(values.shape, bool)
    sent = []
    for time in range(steps):
        spikes = np.zeros(values.shape, np.int64)
        if time < coding.steps:
            now = silent & (np.abs(values) >= _threshold(coding, time))
            spikes[now] = np.sign(values[now])
            silent &= ~now
        sent.append(spikes)
    return sent


def _summed(
    network: m.Network,
    population: m.Population,
    run: OneRun,
    inputs: Mapping[str, Array],
    time: int,
    first: bool,
) -> Array:
    shape = shapes.summed_shape(network, population)
    dtype = np.int64 if network.stage == "fixed" else np.float64
    total = np.zeros(shape, dtype)
    if population.bias is not None and first:
        total = total + linear.broadcast_parameter(population.bias, shape, network.array)
    for incoming in population.incoming:
        if incoming.source not in run.spikes:
            if not first:
                continue
            value = inputs[incoming.source].astype(dtype)
        elif time < incoming.delay:
            continue
        else:
            value = run.spikes[incoming.source][time - incoming.delay].astype(dtype)
            if not value.any():
                continue
            if not isinstance(population.neuron, m.RunningMax2d):
                local = time - incoming.delay - _fires(network, incoming.source)
                value = value * dtype(worth(network, incoming.source, local))
        total = total + linear.apply_chain(incoming.ops, value[None], _as(network, dtype))[0]
    return total


def _as(network: m.Network, dtype: type) -> linear.Lookup:
    return lambda ref: network.array(ref).astype(dtype)


def _fires(network: m.Network, name: str) -> int:
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    names = [p.name for p in network.populations]
    return schedule.fires[names.index(name)] if name in names else 0


def _step(
    network: m.Network, population: m.Population, run: OneRun, total: Array, local: int, time: int
) -> None:
    spikes, potentials = run.spikes[population.name], run.potentials[population.name]
    neuron = population.neuron
    if isinstance(neuron, m.RunningMax2d):
        potentials.append(total + (potentials[-1] if potentials else 0))
        silent = np.zeros(population.shape, np.int64)
        found = _first_of_windows(neuron, potentials[-1], spikes, silent) if total.any() else silent
        spikes.append(found)
        return
    if not potentials and isinstance(neuron, m.Integrator):
        start = linear.broadcast_parameter(neuron.v_init, population.shape, network.array)
        potential = np.broadcast_to(start, population.shape) + total
    else:
        potential = (potentials[-1] if potentials else np.zeros_like(total)) + total
    now = np.zeros(population.shape, bool)
    if not isinstance(neuron, m.Integrator):
        fired = np.sum(spikes, axis=0) > 0 if spikes else now
        potential[fired] = 0
        now = ~fired & _reached(network, neuron, potential, local)
        potential[now] = 0
    spikes.append(now.astype(np.int64))
    potentials.append(potential)


def _reached(network: m.Network, neuron: m.Neuron, potential: Array, local: int) -> Array:
    if isinstance(neuron, m.TTFS):
        if not 0 <= local < neuron.steps:
            return np.zeros(potential.shape, bool)
        return potential >= _threshold(neuron, local)
    assert isinstance(neuron, m.IntegerTTFS)
    table = network.array(neuron.thresholds)
    if not 0 <= local < len(table):
        return np.zeros(potential.shape, bool)
    row = table[local]
    reached: Array = potential >= (
        row.reshape(-1, *(1,) * (potential.ndim - 1)) if row.ndim else row
    )
    return reached


def _first_of_windows(
    neuron: m.RunningMax2d, heard: Array, before: list[Array], silent: Array
) -> Array:
    """A window passes the first spike that any of its cells has heard, and no other."""
    spikes = silent.copy()
    past = np.sum(before, axis=0) if before else silent
    for channel, row, column in np.ndindex(*silent.shape):
        cells = [
            heard[channel, y, x]
            for i in range(neuron.kernel[0])
            for j in range(neuron.kernel[1])
            if (y := row * neuron.strides[0] + i * neuron.dilations[0] - neuron.pads[0]) >= 0
            and y < heard.shape[1]
            and (x := column * neuron.strides[1] + j * neuron.dilations[1] - neuron.pads[1]) >= 0
            and x < heard.shape[2]
        ]
        spikes[channel, row, column] = max(cells) > 0 and not past[channel, row, column]
    return spikes

"""A deliberately simple simulator: every neuron of every sample by itself, all history kept.

It follows the docstrings of `snnc.ir.model` word by word and shares nothing with the reference
simulator but the definition of the linear operators. Numbers are Python floats (float64).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.ir import linear, model, shapes
from snnc.ir.tensors import Array


@dataclass
class NaiveRun:
    """Spikes and potentials after every step, per population: lists over time of (N, *shape)."""

    spikes: dict[str, list[Array]] = field(default_factory=dict)
    potentials: dict[str, list[Array]] = field(default_factory=dict)


def simulate(network: model.Network, sources: Mapping[str, list[Array]], steps: int) -> NaiveRun:
    """Run `network`; `sources` holds for every input its value in each step, (N, *shape)."""
    run = NaiveRun()
    for entry in network.inputs:
        run.spikes[entry.name] = [_coded(entry.coding, value) for value in sources[entry.name]]
    state: dict[str, _State] = {}
    samples = len(next(iter(sources.values()))[0])
    for step in range(steps):
        for population in network.populations:
            total = _summed(network, population, run, step, samples)
            if step == 0:
                state[population.name] = _State(network, population, total.shape)
            spikes = state[population.name].step(total)
            run.spikes.setdefault(population.name, []).append(spikes)
            potential = state[population.name].potential.copy()
            run.potentials.setdefault(population.name, []).append(potential)
    return run


def _summed(
    network: model.Network, population: model.Population, run: NaiveRun, step: int, samples: int
) -> Array:
    shape = shapes.summed_shape(network, population)
    total = np.zeros((samples, *shape))
    inputs = {entry.name for entry in network.inputs}
    if population.bias is not None and _open(network, step):
        total = total + linear.broadcast_parameter(population.bias, shape, network.array)
    for incoming in population.incoming:
        sent = step - incoming.delay
        if sent < 0 or (incoming.source in inputs and not _open(network, sent)):
            continue
        value = run.spikes[incoming.source][sent].astype(np.float64)
        total = total + linear.apply_chain(incoming.ops, value, network.array)
    return total


def _open(network: model.Network, step: int) -> bool:
    """Whether input and bias act in a step; the first is step 0 here."""
    schedule = network.schedule
    return not isinstance(schedule, model.Gated) or step < schedule.window


def _coded(coding: model.Coding, value: Array) -> Array:
    """What the network gets to see of an input value."""
    if not isinstance(coding, model.Rounded):
        return value
    steps = value / coding.step
    whole = np.rint(steps) if coding.ties == "even" else np.floor(steps + coding.shift)
    level = np.minimum(np.maximum(whole, coding.lowest), coding.levels)
    return level if isinstance(coding, model.Graded) else coding.step * level


class _State:
    def __init__(
        self, network: model.Network, population: model.Population, summed: tuple[int, ...]
    ) -> None:
        self.neuron = population.neuron
        self.shape = (summed[0], *population.shape)
        self.count = np.zeros(self.shape, int)
        self.cells = np.zeros(summed)
        self.largest = np.zeros(self.shape)
        self.potential = np.zeros(self.shape)
        self.parameters: dict[str, Array] = {}
        for name in ("threshold", "slope", "v_init"):
            if hasattr(self.neuron, name):
                value = linear.broadcast_parameter(
                    getattr(self.neuron, name), population.shape, network.array
                )
                self.parameters[name] = np.broadcast_to(value, population.shape)
        if "v_init" in self.parameters:
            self.potential += self.parameters["v_init"]

    def step(self, total: Array) -> Array:
        neuron = self.neuron
        if isinstance(neuron, model.Integrator):
            self.potential += total
            return np.zeros(self.shape)
        if isinstance(neuron, model.IF):
            spikes = np.zeros(self.shape)
            for index in np.ndindex(*self.shape):
                spikes[index] = self._fire(neuron, index, float(total[index]))
            return spikes
        return self._pool(total)

    def _fire(self, neuron: model.IF, index: tuple[int, ...], current: float) -> int:
        theta = float(self.parameters["threshold"][index[1:]])
        slope = float(self.parameters["slope"][index[1:]])
        u = neuron.leak * float(self.potential[index]) + current
        if neuron.saturation is not None:
            u = min(max(u, -neuron.saturation), neuron.saturation)
        n = int(self.count[index])
        spike = 0
        if u >= theta and (neuron.max_spikes is None or n < neuron.max_spikes):
            spike = 1
        elif neuron.negative_spikes == "retract":
            if u < 0 and (neuron.min_spikes is None or n > neuron.min_spikes):
                spike = -1
        elif neuron.negative_spikes == "leaky" and slope > 0 and u <= -theta / slope:
            spike = -1
        if neuron.reset == "zero" and spike:
            u = 0.0
        elif neuron.reset == "subtract":
            if spike == -1 and neuron.negative_spikes == "leaky":
                u += theta / slope
            else:
                u -= theta * spike
        self.potential[index] = u
        self.count[index] += spike
        return spike

    def _pool(self, total: Array) -> Array:
        neuron = self.neuron
        self.cells += total
        spikes = np.zeros(self.shape)
        for index in np.ndindex(*self.shape):
            sample, channel, row, column = index
            best: tuple[float, float] | None = None
            for y, x in _window(neuron, row, column, total.shape[2:]):
                count = float(self.cells[sample, channel, y, x])
                if best is None or count > best[0]:
                    best = (count, float(total[sample, channel, y, x]))
            assert best is not None
            if isinstance(neuron, model.MaxGate2d):
                spikes[index] = best[1]
            else:
                spikes[index] = best[0] - self.largest[index]
                self.largest[index] = best[0]
        return spikes


def _window(
    neuron: model.Neuron, row: int, column: int, size: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    assert isinstance(neuron, (model.RunningMax2d, model.MaxGate2d))
    for i in range(neuron.kernel[0]):
        for j in range(neuron.kernel[1]):
            y = row * neuron.strides[0] + i * neuron.dilations[0] - neuron.pads[0]
            x = column * neuron.strides[1] + j * neuron.dilations[1] - neuron.pads[1]
            if 0 <= y < size[0] and 0 <= x < size[1]:
                yield y, x

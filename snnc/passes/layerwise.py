"""Simulating a network one population at a time, for passes that correct layer by layer.

The spike trains of earlier populations are kept (one byte per step and neuron) only as long as a
later population reads them, so every population is simulated once or twice instead of once for
every later layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.linear import broadcast_parameter
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array

_ELEMENTS_AT_ONCE = 1 << 25
"""Steps x samples x neurons that one simulation holds."""

_BYTES_OF_TRAINS = 1 << 30
"""Spike trains kept at a time; fewer samples are taken where more would be needed."""


def affordable_samples(network: m.Network, steps: int, wanted: int) -> int:
    """How many samples of spike trains fit into memory (at least 8)."""
    alive: dict[str, int] = {}
    widest = 1
    for index, population in enumerate(network.populations):
        alive[population.name] = steps * math.prod(population.shape)
        widest = max(widest, sum(alive.values()))
        later = {i.source for p in network.populations[index + 1 :] for i in p.incoming}
        alive = {name: size for name, size in alive.items() if name in later}
    return max(8, min(wanted, _BYTES_OF_TRAINS // widest))


class Layerwise:
    """Runs the populations of a network in order; `advance` fixes one and goes on.

    Args:
        network: names, connections and tensors; the populations given to the methods may differ
            from those it holds (other bias, other neuron).
        samples: input arrays (N, *shape) by input name.
        steps: time steps.
    """

    def __init__(self, network: m.Network, samples: Mapping[str, Array], steps: int) -> None:
        self._network = network
        self._samples = samples
        self._steps = steps
        self._trains: dict[str, Array] = {}
        self._count = len(next(iter(samples.values())))

    def mean_rate(self, population: m.Population, tensors: m.Network) -> Array:
        """Mean firing rate of every neuron over samples and steps, array of its shape."""
        total = np.zeros(population.shape)
        for part in self._parts(population):
            trace = self._simulate(population, tensors, part)
            total += trace.spike_counts[population.name].sum(axis=0)
        return total / (self._count * self._steps)

    def advance(self, population: m.Population, tensors: m.Network) -> None:
        """Simulate a population for good and keep its spike trains for its users."""
        if not self._network.consumers(population.name):
            return
        shape = (self._steps, self._count, *population.shape)
        trains = np.empty(shape, dtype=np.int8)
        for part in self._parts(population):
            trace = self._simulate(population, tensors, part, record=(population.name,))
            trains[:, part] = trace.rasters[population.name]
        self._trains[population.name] = trains
        self._forget(population.name)

    def currents(self, population: m.Population, tensors: m.Network) -> Iterator[Array]:
        """The summed input (T, n, *shape) of a population, in parts of the samples."""
        shape = summed_shape(tensors, population)
        probe = replace(population, shape=shape, neuron=m.Integrator(), scale=1.0)
        for part in self._parts(probe):
            trace = self._simulate(probe, tensors, part, membrane=(population.name,))
            potentials = trace.membrane_traces[population.name]
            yield np.diff(potentials, axis=0, prepend=np.zeros_like(potentials[:1]))

    def _forget(self, done: str) -> None:
        names = [p.name for p in self._network.populations]
        later = self._network.populations[names.index(done) + 1 :]
        needed = {i.source for p in later for i in p.incoming}
        self._trains = {n: t for n, t in self._trains.items() if n in needed}

    def _parts(self, population: m.Population) -> Iterator[slice]:
        widest = max(
            math.prod(population.shape),
            *(math.prod(self._network.source_shape(i.source)) for i in population.incoming),
        )
        size = max(1, _ELEMENTS_AT_ONCE // (self._steps * widest))
        for start in range(0, self._count, size):
            yield slice(start, min(start + size, self._count))

    def _simulate(
        self,
        population: m.Population,
        tensors: m.Network,
        part: slice,
        *,
        record: tuple[str, ...] = (),
        membrane: tuple[str, ...] = (),
    ) -> Trace:
        declared = {i.name: i for i in self._network.inputs}
        inputs: list[m.Input] = []
        arrays: dict[str, Array] = {}
        for name in dict.fromkeys(i.source for i in population.incoming):
            if name in declared:
                inputs.append(_with_samples(declared[name]))
                arrays[name] = self._samples[name][part]
            else:
                shape = self._network.source_shape(name)
                inputs.append(m.Input(name, "f32", shape, m.Events()))
                arrays[name] = self._trains[name][:, part]
        alone = m.Network(
            name=population.name,
            stage="snn",
            inputs=tuple(inputs),
            populations=(population,),
            heads=(),
            schedule=m.Synchronous(self._steps),
            tensors=tensors.tensors,
            store=tensors.store,
        )
        return Simulator(alone).run(
            arrays, record=record, record_membrane=membrane, first=part.start
        )


def _with_samples(entry: m.Input) -> m.Input:
    """An input that takes calibration samples: for events they stand for the mean over time."""
    return replace(entry, coding=m.Direct()) if isinstance(entry.coding, m.Events) else entry


def mean_activations(network: m.Network, samples: Mapping[str, Array]) -> dict[str, Array]:
    """Mean over the samples of every population's value, in ANN units, arrays of its shape."""
    totals: dict[str, Array] = {}
    count = len(next(iter(samples.values())))
    for start in range(0, count, 32):
        part = {name: x[start : start + 32] for name, x in samples.items()}
        for name, values in evaluate(network, part).items():
            total = values.sum(axis=0, dtype=np.float64)
            totals[name] = totals.get(name, 0.0) + total
    return {p.name: totals[p.name] / count * unit_map(network, p) for p in network.populations}


def unit_map(network: m.Network, population: m.Population) -> Array:
    """`Population.scale` as an array that broadcasts against the population's shape."""
    return broadcast_parameter(population.scale, population.shape, network.array)

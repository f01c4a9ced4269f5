"""How many labelled samples a network of spike times gets right, tried many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.ir import model as m
from snnc.ir.answers import class_values, classify, read_out_scale
from snnc.ir.tensors import Array
from snnc.passes import ttfs_values

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """What the reference simulator says of a network.

    Attributes:
        samples: How many were run.
        hits: How many of them the last head got right.
        spikes: Mean spikes of a sample by population and spiking input.
    """

    samples: int
    hits: int
    spikes: Mapping[str, float]


def measured(network: m.Network, x: Array, labels: Array) -> Measured:
    """Simulate samples (N, *shape) with their labels (N,)."""
    simulator, head = Simulator(network), network.heads[-1]
    hits, spikes = 0, dict[str, float]()
    for start in range(0, len(x), _BATCH):
        trace = simulator.run(x[start : start + _BATCH], exits=False)
        answers = classify(head, trace.outputs[head.name][-1])
        hits += int((answers == labels[start : start + _BATCH]).sum())
        for name, counts in trace.spikes.items():
            spikes[name] = spikes.get(name, 0.0) + float(counts.sum())
    return Measured(len(x), hits, {name: total / len(x) for name, total in spikes.items()})


class Trial:
    """Answers in closed form, early firing left out; what stands in front is run only once.

    Samples that a network was trained on keep their answers until long after others have lost
    theirs. So losses are counted by the lead of the right class, which tells earlier.

    Args:
        network: What the others are compared with.
        x: Samples (N, *shape) of its only input.
        labels: (N,).
    """

    def __init__(self, network: m.Network, x: Array, labels: Array) -> None:
        self._samples = {network.inputs[0].name: x}
        self._labels = labels
        self._done = -1
        self._values: dict[str, Array] = {}
        self._base = self._lead(network)

    def advance(self, network: m.Network, until: str) -> None:
        """Run all in front of an input or population for good, as `network` has it."""
        names = [p.name for p in network.populations]
        if until in names:
            head = network.heads[-1].population
            self._values = self._run(network, names.index(until), keep=head)
            self._done = names.index(until)

    def lost(self, network: m.Network) -> int:
        """How many samples fewer the network answers surely than the first one.

        A sample counts as lost where the right class no longer leads by half of what it led by.
        """
        lead = self._lead(network)
        shaken = int(((self._base > 0) & (lead < self._base / 2)).sum())
        wrong = int((self._base > 0).sum()) - int((lead > 0).sum())
        return max(shaken, wrong)

    def _lead(self, network: m.Network) -> Array:
        """By how much the right class leads the best other one in the last head, (N,)."""
        head = network.heads[-1]
        population = network.population(head.population)
        values = self._run(network, len(network.populations), keep=head.population)
        outputs = values[head.population].reshape(len(self._labels), -1)
        # What spikes are worth, largest first, is the order of first spikes: one rule serves both.
        outputs = class_values(head, outputs * read_out_scale(network, population))
        known = self._labels < outputs.shape[1]
        rows = np.arange(len(outputs))
        right = outputs[rows, np.where(known, self._labels, 0)]
        others = outputs.copy()
        others[rows, np.where(known, self._labels, 0)] = -np.inf
        return np.where(known, right - others.max(axis=1), -np.inf)

    def energies(self, network: m.Network) -> dict[str, float]:
        """The mean sum of squares of what each input and population sends to one sample."""
        values = ttfs_values.sent_inputs(network, self._samples)
        found = {name: _energy(array) for name, array in values.items()}
        for index, population in enumerate(network.populations):
            values[population.name] = ttfs_values.sent(network, population, values)
            found[population.name] = _energy(values[population.name])
            values = ttfs_values.still_read(network, index, values)
        return found

    def _run(self, network: m.Network, until: int, keep: str = "") -> dict[str, Array]:
        """Values in front of population number `until`, and those of `keep`."""
        values = self._values
        if self._done < 0:
            values = ttfs_values.sent_inputs(network, self._samples)
        values = dict(values)
        kept = {keep: values[keep]} if keep in values else {}
        for index in range(max(0, self._done), until):
            population = network.populations[index]
            values[population.name] = ttfs_values.sent(network, population, values)
            if population.name == keep:
                kept[keep] = values[keep]
            values = ttfs_values.still_read(network, index, values)
        return {**values, **kept}


def _energy(values: Array) -> float:
    flat = values.reshape(len(values), -1)
    return float(np.einsum("ij,ij->", flat, flat, dtype=np.float64) / max(1, len(flat)))

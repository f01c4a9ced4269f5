"""The front of a network whose kernels are being chosen: what it sends, and what it should send."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import activate
from snnc.ir.tensors import Array
from snnc.passes import ttfs_values
from snnc.passes.kernel_samples import Drawn, together

DRAWN = 200_000
"""Values that a kernel is chosen from, at most."""


class Front:
    """Runs a network of spike times in order, next to the ANN that it stands for.

    What a population sends comes from the kernels chosen so far, what it should send from exact
    activations all the way from the input: errors made in front are part of the error.

    Args:
        reference: The ANN, for the functions that ReLUs do not tell (clips, trained kernels).
        samples: Input arrays (N, *shape) by name.
        rng: Draws the neurons that are looked at.
    """

    def __init__(
        self, reference: m.Network, samples: Mapping[str, Array], rng: np.random.Generator
    ) -> None:
        self._reference = {p.name: p.neuron for p in reference.populations}
        self._tensors = reference
        self._samples = samples
        self._rng = rng
        self._done = -1
        self._values: dict[str, Array] = {}
        self._exact: dict[str, Array] = dict(samples)

    def advance(self, network: m.Network, until: str) -> None:
        """Run all in front of an input or population, with the kernels that `network` has."""
        names = [p.name for p in network.populations]
        if until not in names:
            return
        self._begin(network)
        while self._done < names.index(until):
            population = network.populations[self._done]
            self._values[population.name] = ttfs_values.sent(network, population, self._values)
            self._correct(network, population)
            self._values = ttfs_values.still_read(network, self._done, self._values)
            self._exact = ttfs_values.still_read(network, self._done, self._exact)
            self._done += 1

    def _begin(self, network: m.Network) -> None:
        if self._done < 0:
            self._values = ttfs_values.sent_inputs(network, self._samples)
            self._done = 0

    def draw(self, network: m.Network, group: Sequence[str]) -> Drawn:
        """Values of the members of a group, all of which stand at the front or behind it.

        A member behind others of its group sees their kernels as they are.
        """
        share = self._shares(network, group)
        found = [
            self._of_input(network, i, share[i.name]) for i in network.inputs if i.name in share
        ]
        left = {p.name for p in network.populations} & set(group)
        values = self._values
        if left and self._done < 0:
            values = ttfs_values.sent_inputs(network, self._samples)
        for index in range(max(0, self._done), len(network.populations)):
            if not left:
                break
            population = network.populations[index]
            self._correct(network, population)
            if population.name in left:
                found.append(self._of(network, population, values, share[population.name]))
                left.remove(population.name)
            if left:
                sent = ttfs_values.sent(network, population, values)
                values = {**values, population.name: sent}
        return together(found)

    def _shares(self, network: m.Network, group: Sequence[str]) -> dict[str, int]:
        """How many neurons of each member are looked at: by their numbers."""
        sizes = {name: math.prod(network.source_shape(name)) for name in group}
        count = len(next(iter(self._samples.values())))
        room = min(1.0, DRAWN / count / sum(sizes.values()))
        return {name: max(1, int(size * room)) for name, size in sizes.items()}

    def _of_input(self, network: m.Network, entry: m.Input, neurons: int) -> Drawn:
        x = np.abs(self._samples[entry.name]).reshape(len(self._samples[entry.name]), -1)
        drawn = x[:, self._chosen(x.shape[1], neurons)].astype(np.float64)
        return Drawn(drawn, drawn, np.ones(neurons), x.max(axis=1).astype(np.float64))

    def _of(
        self, network: m.Network, population: m.Population, values: Mapping[str, Array], count: int
    ) -> Drawn:
        """Values of a population of TTFS neurons."""
        chosen = self._chosen(math.prod(population.shape), count)
        parts = ttfs_values.potentials(network, population, values)
        potential = np.concatenate([z.reshape(len(z), -1)[:, chosen] for z in parts])
        wanted = self._exact[population.name].reshape(len(potential), -1)
        return Drawn(
            potential.astype(np.float64),
            wanted[:, chosen].astype(np.float64),
            np.ones(count),
            wanted.max(axis=1).astype(np.float64),
        )

    def _chosen(self, neurons: int, count: int) -> Array:
        return np.sort(self._rng.choice(neurons, count, replace=False))

    def _correct(self, network: m.Network, population: m.Population) -> None:
        """The exact activations of a population, next to those of its sources."""
        if population.name in self._exact:
            return
        neuron, tensors = ttfs_values.worth(population.neuron), network
        if isinstance(neuron, m.TTFS):
            meant = self._reference.get(population.name)
            told = isinstance(meant, m.Clip | m.TTFS)
            neuron, tensors = (meant, self._tensors) if told and meant else (m.Relu(), network)
        parts = ttfs_values.potentials(network, population, self._exact)
        self._exact[population.name] = np.concatenate([activate(neuron, z, tensors) for z in parts])

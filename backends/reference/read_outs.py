"""The read-outs of a group of samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from snnc.ir import model
from snnc.ir.answers import read_out_scale
from snnc.ir.tensors import Array


class Heads:
    """The read-outs of a group of samples."""

    def __init__(self, network: model.Network, samples: int) -> None:
        self._samples = samples
        self._by_population: dict[str, list[model.Head]] = {}
        self._totals: dict[str, Array] = {}
        self._scales: dict[str, Array] = {}
        self._sizes: dict[str, int] = {}
        self._integrated: set[str] = set()
        for head in network.heads:
            population = network.population(head.population)
            self._by_population.setdefault(head.population, []).append(head)
            size = int(np.prod(population.shape))
            self._sizes[head.name] = size
            self._totals[head.name] = np.zeros((samples, size))
            self._scales[head.name] = read_out_scale(network, population)
            if isinstance(population.neuron, model.Integrator):
                self._integrated.add(head.name)

    @property
    def populations(self) -> frozenset[str]:
        """The populations that are read out."""
        return frozenset(self._by_population)

    def buffers(self, steps: int, populations: Collection[str]) -> dict[str, Array]:
        """An array (steps, samples, K) per head on one of the `populations`."""
        return {
            head.name: np.empty((steps, self._samples, self._sizes[head.name]))
            for name, heads in self._by_population.items()
            if name in populations
            for head in heads
        }

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._samples = int(mask.sum())
        self._totals = {name: total[mask] for name, total in self._totals.items()}

    def observe(
        self,
        name: str,
        index: int,
        tile: slice,
        spikes: Array,
        potential: Array | None,
        outputs: Mapping[str, Array],
    ) -> None:
        """Write the read-outs of population `name` after step `index` of the block."""
        for head in self._by_population.get(name, ()):
            rows = outputs[head.name][index, tile]
            if isinstance(head.readout, model.Membrane):
                assert potential is not None
                rows[:] = potential.reshape(len(rows), -1)
                if head.name in self._integrated:
                    rows *= self._scales[head.name]
                continue
            total = self._totals[head.name][tile]
            sent = spikes.reshape(len(rows), -1)
            if isinstance(head.readout, model.FirstSpike):
                # Once it has fired, a neuron counts every step.
                total += (total > 0) | (sent > 0)
                rows[:] = total
                continue
            total += sent
            np.multiply(total, self._scales[head.name], out=rows)

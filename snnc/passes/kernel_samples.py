"""Potentials and what a spike should say of them: the data that kernels are fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir import spike_times
from snnc.ir.spike_times import Timed
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Values of neurons that share one kernel, a row for each sample.

    Attributes:
        potential: What is encoded, (N, K) float64.
        wanted: The activation of the ANN in the same units, (N, K) float64, none below 0.
        weight: How much the squared error of each counts, (K,).
        largest: The largest wanted value of each sample, drawn or not, (N,).
    """

    potential: Array
    wanted: Array
    weight: Array
    largest: Array

    def rows(self, chosen: Array) -> Drawn:
        """Some of the samples."""
        return Drawn(self.potential[chosen], self.wanted[chosen], self.weight, self.largest[chosen])


def together(parts: list[Drawn]) -> Drawn:
    """The values of several populations as those of one."""
    return Drawn(
        np.concatenate([p.potential for p in parts], axis=1),
        np.concatenate([p.wanted for p in parts], axis=1),
        np.concatenate([p.weight for p in parts]),
        np.maximum.reduce([p.largest for p in parts]),
    )


class Sorted:
    """The squared error of any kernel on the same values, in as many look-ups as it has steps.

    All potentials between two thresholds become one value, so with them sorted, sums over each
    such range tell the error.
    """

    def __init__(self, drawn: Drawn) -> None:
        order = np.argsort(drawn.potential, axis=None, kind="stable")
        wanted = drawn.wanted.reshape(-1)[order]
        weight = np.broadcast_to(drawn.weight, drawn.wanted.shape).reshape(-1)[order]
        self.potential = drawn.potential.reshape(-1)[order]
        self._sums = [
            np.concatenate(([0.0], np.cumsum(weight * wanted**power))) for power in (0, 1, 2)
        ]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.potential)

    @property
    def power(self) -> float:
        """The mean square of the wanted values: the error of a kernel that sends nothing."""
        return float(self._sums[2][-1] / (self._sums[0][-1] or 1.0))

    def error(self, kernel: Timed) -> float:
        """The mean squared error of what spikes are worth against what they should say."""
        worth = spike_times.values(kernel)
        above = np.searchsorted(self.potential, spike_times.thresholds(kernel), side="left")
        edges = np.concatenate(([self.size], above))
        total, first, second = self._sums
        weight, wanted = (s[edges[:-1]] - s[edges[1:]] for s in (total, first))
        gained = (2 * worth * wanted - worth**2 * weight).sum()
        return float((second[-1] - gained) / (total[-1] or 1.0))

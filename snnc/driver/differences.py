"""What the comparisons of `--check-passes` are made of: expectations, findings, distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ANN makes of the inputs `x` (N, *shape): values per population, (N, *shape).

    `engine` computed them.
    """

    network: m.Network
    x: Array
    values: Mapping[str, Array]
    engine: str = "interpreter"

    def of(self, network: m.Network) -> dict[str, Array]:
        """The values of the populations that `network` has too, under one name and shape."""
        shapes = {p.name: p.shape for p in network.populations}
        return {n: a for n, a in self.values.items() if shapes.get(n) == a.shape[1:]}


@dataclass(frozen=True, slots=True)
class Found:
    """How far one layer is off, or what is wrong with its levels."""

    layer: str
    difference: float
    band: float
    at_edge: int = 0
    fault: str = ""

    @property
    def share(self) -> float:
        """The difference as a share of the band; the difference itself where the band is 0."""
        return self.difference / self.band if self.band else self.difference


def quantisation_step(unit: Array, activation: Array, steps: int) -> float:
    """What one spike in `steps` steps stands for, over the mean activation (1 where that is 0)."""
    mean = float(np.abs(activation).mean()) or 1.0
    return float(np.broadcast_to(np.abs(unit), activation.shape[1:]).mean()) / steps / mean


def largest_difference(value: Array, expected: Array) -> float:
    """The largest absolute difference over the largest expected magnitude (1 where it is 0)."""
    largest = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(value - expected).max(initial=0.0)) / largest


def mean_difference(value: Array, expected: Array) -> float:
    """The mean absolute difference over the mean expected magnitude (1 where it is 0)."""
    mean = float(np.abs(expected).mean()) or 1.0
    return float(np.abs(value - expected).mean()) / mean

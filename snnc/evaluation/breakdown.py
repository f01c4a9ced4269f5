"""What the error of a spiking layer consists of: inherited, clipping, quantisation, unevenness.

With `z` the layer's actual mean input per step, `theta` its threshold and `T` steps, the value a
perfect neuron would report is `scale * f(z / theta)`; a neuron that received `z` evenly would fire
`floor((T z + v_init) / theta)` times, bounded by 0 and T (Bu et al. 2022, eq. 8 to 11, give these
three errors: clipping, quantisation and unevenness). What `z` itself differs from the ANN's is
inherited from the layers in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import activate, summed_input
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

GRID_TOLERANCE = 1e-6
"""A count this close below a whole number counts as reached (rounding of float32 sums)."""


@dataclass(frozen=True, slots=True)
class ErrorShares:
    """Mean absolute parts of a layer's error, each over the mean absolute activation."""

    inherited: float
    clipping: float
    quantisation: float
    unevenness: float

    @property
    def own(self) -> float:
        """The part that arises in this layer."""
        return self.clipping + self.quantisation + self.unevenness

    @property
    def main_cause(self) -> str:
        """The largest of the three parts that arise in this layer."""
        parts = {
            "clipping": self.clipping,
            "quantisation": self.quantisation,
            "unevenness": self.unevenness,
        }
        return max(parts, key=lambda name: parts[name])

    def as_dict(self) -> dict[str, Any]:
        """The parts as a JSON object."""
        return {
            "inherited": self.inherited,
            "clipping": self.clipping,
            "quantisation": self.quantisation,
            "unevenness": self.unevenness,
        }


class ShareSums:
    """Running sums of the four parts of one population's error."""

    def __init__(self, network: m.Network, population: m.Population) -> None:
        self._network = network
        self._population = population
        self._parts = np.zeros(4)
        self._absolute = 0.0

    def add(self, values: Mapping[str, Array], activation: Array, scale: Array, steps: int) -> None:
        """Add a batch: mean values per step of inputs and layers, and the ANN's activation."""
        population = self._population
        if isinstance(population.neuron, m.Integrator):
            return
        drive = summed_input(self._network, population, values).astype(np.float64)
        ideal, even = _ideal_and_even(self._network, population, drive, steps)
        reached = np.minimum(ideal, 1.0)
        actual = values[population.name]
        pairs = (
            (ideal * scale, activation),
            (reached * scale, ideal * scale),
            (even * scale, reached * scale),
            (actual * scale, even * scale),
        )
        self._parts += [float(np.abs(a - b).sum()) for a, b in pairs]
        self._absolute += float(np.abs(activation, dtype=np.float64).sum())

    def result(self) -> ErrorShares | None:
        """The parts over the mean absolute activation; None where there is nothing to divide by."""
        if self._absolute == 0:
            return None
        return ErrorShares(*(float(part / self._absolute) for part in self._parts))


def ideal_rate(network: m.Network, population: m.Population, drive: Array) -> Array:
    """The rate that a perfect neuron reports for the mean input `drive` (N, *shape) per step.

    It is not bounded by one spike per step. A neuron with soft reset comes to it, up to that
    bound, as the number of steps grows.
    """
    return _ideal_and_even(network, population, drive, 1)[0]


def _ideal_and_even(
    network: m.Network, population: m.Population, drive: Array, steps: int
) -> tuple[Array, Array]:
    """Rates of a perfect neuron and of one that gets its mean input `drive` in every step."""
    neuron = population.neuron
    if not isinstance(neuron, m.IF):
        largest = _pooled(network, neuron, drive)
        return largest, np.minimum(largest, 1.0)
    lookup = network.array
    shape = population.shape
    threshold = broadcast_parameter(neuron.threshold, shape, lookup).astype(np.float64)
    start = broadcast_parameter(neuron.v_init, shape, lookup).astype(np.float64)
    ideal = drive / threshold
    counts = np.floor((drive * steps + start) / threshold + GRID_TOLERANCE)
    if neuron.negative_spikes == "leaky":
        slope = broadcast_parameter(neuron.slope, shape, lookup).astype(np.float64)
        ideal = np.where(drive < 0, ideal * slope, ideal)
        below = -np.floor(-(drive * steps + start) / threshold * slope + GRID_TOLERANCE)
        counts = np.where(counts >= 0, counts, np.minimum(below, 0))
        return ideal, np.clip(counts, -steps, steps) / steps
    most = steps if neuron.max_spikes is None else min(steps, neuron.max_spikes)
    return np.maximum(ideal, 0.0), np.clip(counts, 0, most) / steps


def _pooled(network: m.Network, neuron: m.Neuron, drive: Array) -> Array:
    """The largest mean input of each window, for the spiking forms of max pooling."""
    if isinstance(neuron, m.RunningMax2d | m.MaxGate2d):
        pool = m.MaxPool2d(
            neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
        )
        return activate(pool, drive, network)
    raise ValueError(f"{type(neuron).__name__} has no rate")

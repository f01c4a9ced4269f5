"""What the error of a spiking layer consists of: inherited, clipping, quantisation, unevenness.

With `z` the layer's actual mean input per driven step, `theta` its threshold and `D` the number of
steps in which input acted, the value a perfect neuron would report is `scale * f(z / theta)`; a
neuron that received `z` evenly would fire `floor((D z + v_init) / theta)` times, within its bounds
(Bu et al. 2022, eq. 8 to 11, give these three errors: clipping, quantisation and unevenness). What
`z` itself differs from the ANN's is inherited from the layers in front. Where the ANN's activation
is a staircase, `f` is that staircase: rounding to it is no error.

Where a spike's time is its value, `z` is the whole input and `f(z) = max(z, 0)`: clipping is what
lies above the largest value, quantisation the rounding to a step in time (what is too small to be
sent included), and unevenness what neurons miss that fire before all their input has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from snnc.evaluation.decoded import largest_value, spoken
from snnc.ir import model as m
from snnc.ir.interpret import activate, summed_input
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

GRID_TOLERANCE = 1e-6
"""A count this close below a whole number counts as reached (rounding of float32 sums)."""

Staircase: TypeAlias = Callable[[Array], Array]
"""A quantised activation function, from a summed input to a value, both in ANN units."""


@dataclass(frozen=True, slots=True)
class Time:
    """A run's time steps, and in how many of them input and bias acted (`Schedule.drive`)."""

    steps: int
    drive: int


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
    """Running sums of the four parts of one population's error.

    `staircase`: the ANN's activation function of this layer where it is quantised.
    """

    def __init__(
        self, network: m.Network, population: m.Population, staircase: Staircase | None = None
    ) -> None:
        self._network = network
        self._population = population
        self._staircase = staircase
        self._parts = np.zeros(4)
        self._absolute = 0.0

    def add(self, values: Mapping[str, Array], activation: Array, scale: Array, time: Time) -> None:
        """Add a batch: mean values per driven step of inputs and layers, the ANN's activation."""
        population = self._population
        if isinstance(population.neuron, m.Integrator):
            return
        current = summed_input(self._network, population, values).astype(np.float64)
        ideal = ideal_rate(self._network, population, current)
        even = _even_rate(self._network, population, current, time)
        reached = np.minimum(ideal, largest_output(self._network, population, time))
        if self._staircase is not None and isinstance(population.neuron, m.IF):
            unit = _threshold(self._network, population)
            reached = ideal = self._staircase(current / unit * scale) / scale
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


def staircase_of(ann: m.Network, name: str) -> Staircase | None:
    """The quantised activation function of the ANN's population; None where it has no staircase.

    A value that lies below a step by rounding alone (`GRID_TOLERANCE` of it) counts as reached.
    """
    population = ann.population(name)
    neuron = population.neuron
    if not isinstance(neuron, m.Quantized):
        return None
    slack = broadcast_parameter(neuron.step, population.shape, ann.array) * GRID_TOLERANCE
    return lambda z: activate(neuron, z + slack, ann)


def ideal_rate(network: m.Network, population: m.Population, current: Array) -> Array:
    """The rate that a perfect neuron reports for the mean input `current` (N, *shape) per step.

    It is not bounded by one spike per step. A neuron with soft reset comes to it, up to that
    bound, as the number of steps grows.
    """
    neuron = population.neuron
    if isinstance(neuron, m.TTFS | m.IntegerTTFS):
        return np.maximum(current, 0.0)
    if not isinstance(neuron, m.IF):
        return _pooled(network, neuron, current)
    ideal: Array = current / _threshold(network, population)
    if neuron.negative_spikes == "leaky":
        slope = broadcast_parameter(neuron.slope, population.shape, network.array)
        return np.where(current < 0, ideal * slope.astype(np.float64), ideal)
    return ideal if _goes_below_zero(neuron) else np.maximum(ideal, 0.0)


def _goes_below_zero(neuron: m.IF) -> bool:
    """Whether a neuron can have taken back more spikes than it sent."""
    return neuron.negative_spikes == "retract" and neuron.min_spikes != 0


def _even_rate(network: m.Network, population: m.Population, current: Array, time: Time) -> Array:
    """The rate of a perfect neuron that gets its mean input `current` in every driven step."""
    neuron = population.neuron
    if isinstance(neuron, m.TTFS | m.IntegerTTFS):
        return spoken(network, population, current)
    if not isinstance(neuron, m.IF):
        limit = largest_output(network, population, time)
        return np.minimum(_pooled(network, neuron, current), limit)
    threshold = _threshold(network, population)
    start = broadcast_parameter(neuron.v_init, population.shape, network.array)
    total = current * time.drive + start.astype(np.float64)
    counts = np.floor(total / threshold + GRID_TOLERANCE)
    if neuron.negative_spikes == "leaky":
        slope = broadcast_parameter(neuron.slope, population.shape, network.array)
        below = -np.floor(-total / threshold * slope.astype(np.float64) + GRID_TOLERANCE)
        counts = np.where(counts >= 0, counts, np.minimum(below, 0))
    low, high = count_bounds(neuron, time.steps)
    rate: Array = np.clip(counts, low, high) / time.drive
    return rate


def count_bounds(neuron: m.IF, steps: int) -> tuple[int, int]:
    """The smallest and the largest net number of spikes that a neuron can have after `steps`."""
    high = steps if neuron.max_spikes is None else min(steps, neuron.max_spikes)
    if neuron.negative_spikes == "none":
        return 0, high
    return -steps if neuron.min_spikes is None else max(-steps, neuron.min_spikes), high


def largest_output(network: m.Network, population: m.Population, time: Time) -> float:
    """The largest value that a neuron can report: a rate, or with spike times what one is worth."""
    if isinstance(network.schedule, m.Phased):
        return largest_value(network, population)
    return largest_rate(population.neuron, time)


def largest_rate(neuron: m.Neuron, time: Time) -> float:
    """The largest net rate (spikes per driven step) a neuron can have; infinite: an integrator."""
    if isinstance(neuron, m.Integrator):
        return np.inf
    if isinstance(neuron, m.IF):
        return count_bounds(neuron, time.steps)[1] / time.drive
    return time.steps / time.drive


def _threshold(network: m.Network, population: m.Population) -> Array:
    neuron = population.neuron
    if not isinstance(neuron, m.IF):
        raise ValueError(f"{type(neuron).__name__} has no threshold")
    threshold = broadcast_parameter(neuron.threshold, population.shape, network.array)
    return threshold.astype(np.float64)


def _pooled(network: m.Network, neuron: m.Neuron, current: Array) -> Array:
    """The largest mean input of each window, for the spiking forms of max pooling."""
    if isinstance(neuron, m.RunningMax2d | m.MaxGate2d):
        pool = m.MaxPool2d(
            neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
        )
        return activate(pool, current, network)
    raise ValueError(f"{type(neuron).__name__} has no rate")

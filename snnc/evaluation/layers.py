"""How well the rates of each spiking layer follow the activations of the ANN.

All measures are sums over batches, so memory does not grow with the number of samples. In ANN
units the output of a layer is `scale * rate`, with `rate` the net number of spikes divided by the
number of time steps in which input acts (Rueckauer et al. 2017, section 2.2); an integrator's is
its membrane potential divided by that number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.evaluation.breakdown import (
    ErrorShares,
    ShareSums,
    Staircase,
    Time,
    largest_output,
)
from snnc.ir import model as m
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

CLIP_TOLERANCE = 1e-6
"""An activation this much above the largest representable value (relative) is not yet clipped."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """Measures of one layer; None where a measure has no meaning or no ANN to compare with.

    `onnx_nodes`: names of the ONNX nodes the layer stands for. `spikes_per_sample`: spikes of all
    its neurons per sample. `mean_rate`: spikes per neuron and time step. `correlation`: Pearson's
    r between `scale * rate` and the activation over neurons and samples. `relative_error`: mean
    absolute difference of the two over the mean absolute activation. `clipped`: share of values
    whose activation is above what the neuron can represent. `silent`: share of neurons that
    never fire. `errors`: what the error consists of. `unequal`: number of spike counts that differ
    from the integer activation of the quantised ANN, in a network that settles to it.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    neurons: int
    spikes_per_sample: float
    mean_rate: float | None
    correlation: float | None
    relative_error: float | None
    clipped: float | None
    silent: float | None
    errors: ErrorShares | None = None
    unequal: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The layer as a JSON object."""
        return {
            "name": self.name,
            "onnx_nodes": list(self.onnx_nodes),
            "neurons": self.neurons,
            "spikes_per_sample": self.spikes_per_sample,
            "mean_rate": self.mean_rate,
            "correlation": self.correlation,
            "relative_error": self.relative_error,
            "clipped": self.clipped,
            "silent": self.silent,
            "errors": None if self.errors is None else self.errors.as_dict(),
            "unequal": self.unequal,
        }


@dataclass(slots=True)
class ComparisonSums:
    """Running sums that give correlation, relative error and clipped share of two arrays."""

    count: int = 0
    sums: Array = field(default_factory=lambda: np.zeros(5))
    absolute: float = 0.0
    difference: float = 0.0
    clipped: int = 0

    def add(self, value: Array, activation: Array, limit: Array) -> None:
        """Add a batch: the layer's value, the ANN's, and the largest value it can represent."""
        x = value.astype(np.float64).ravel()
        y = activation.astype(np.float64).ravel()
        self.count += x.size
        self.sums += (x.sum(), y.sum(), x @ x, y @ y, x @ y)
        self.absolute += float(np.abs(y).sum())
        self.difference += float(np.abs(x - y).sum())
        ceiling = np.broadcast_to(limit, activation.shape).ravel()
        self.clipped += int((y > ceiling * (1 + CLIP_TOLERANCE)).sum())

    def correlation(self) -> float | None:
        """Pearson's r; None where one of the two is constant."""
        if self.count == 0:
            return None
        x, y, xx, yy, xy = (float(v) / self.count for v in self.sums)
        spread = (xx - x * x) * (yy - y * y)
        floor = 1e-12 * max(xx * yy, 1e-300)
        return None if spread <= floor else max(-1.0, min(1.0, (xy - x * y) / math.sqrt(spread)))

    def relative_error(self) -> float | None:
        """Mean |value - activation| over mean |activation|; None where all activations are 0."""
        return None if self.absolute == 0 else self.difference / self.absolute

    def clipped_share(self) -> float | None:
        """Share of values above the limit."""
        return None if self.count == 0 else self.clipped / self.count


class LayerMeter:
    """Gathers the measures of one population of a spiking network.

    `staircase`: the ANN's activation function of this layer where it is quantised.
    """

    def __init__(
        self, network: m.Network, population: m.Population, staircase: Staircase | None = None
    ) -> None:
        self._network = network
        self.population = population
        self.scale = broadcast_parameter(population.scale, population.shape, network.array)
        self.fires = not isinstance(population.neuron, m.Integrator)
        self.comparison = ComparisonSums()
        self.shares = ShareSums(network, population, staircase)
        self.spikes = 0
        self.samples = 0
        self._fired = np.zeros(population.shape, dtype=bool)

    def count(self, counts: Array | None, spikes: Array) -> None:
        """Add a batch of net spike counts (N, *shape) and absolute numbers of spikes (N,)."""
        self.samples += len(spikes)
        self.spikes += int(spikes.sum())
        if counts is not None:
            self._fired |= (counts != 0).any(axis=0)

    def compare(self, values: Mapping[str, Array], activation: Array, time: Time) -> None:
        """Add a batch to compare: mean values per driven step of all layers, and the ANN's."""
        value = values[self.population.name] * self.scale
        if value.shape != activation.shape:
            return
        limit = self.scale * largest_output(self._network, self.population, time)
        self.comparison.add(value, activation, limit)
        self.shares.add(values, activation, self.scale, time)

    def report(self, steps: float, unequal: int | None = None) -> LayerReport:
        """The measures of everything added so far; `steps`: time steps that a sample took."""
        neurons = math.prod(self.population.shape)
        per_sample = self.spikes / max(self.samples, 1)
        sums = self.comparison
        return LayerReport(
            name=self.population.name,
            onnx_nodes=self.population.origin,
            neurons=neurons,
            spikes_per_sample=per_sample,
            mean_rate=per_sample / (neurons * steps) if self.fires else None,
            correlation=sums.correlation(),
            relative_error=sums.relative_error(),
            clipped=sums.clipped_share() if self.fires else None,
            silent=float(1.0 - self._fired.mean()) if self.fires else None,
            errors=self.shares.result(),
            unequal=unequal,
        )

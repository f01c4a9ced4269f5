"""What whole numbers cost: an integer network against the one of fractions it was made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.evaluation.inputs import sample_count, takes_events
from snnc.evaluation.judge import Judge
from snnc.ir import model as m
from snnc.ir.interpret import network_macs
from snnc.ir.linear import broadcast_parameter
from snnc.ir.phases import fire_thresholds, kernels
from snnc.ir.tensors import Array
from snnc.passes.integer_layers import synapses_of

_COMPARED_ELEMENTS = 1 << 22
"""Spike counts of all samples that are held at a time."""


FEWEST_SAMPLES = 32
"""Samples that the network of fractions runs at least, however large it is."""

_WORK = 1 << 32
"""Multiply-accumulates that the network of fractions may do: a second or two of NumPy. Rates and
errors of layers are means over many neurons, so that few samples tell them well."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer in whole numbers against fractions.

    Attributes:
        name: the population.
        weight_error: root mean square of the weights' rounding errors over that of the weights.
        rate: mean net spikes per driven step and neuron with fractions; None where nothing fires.
        difference: mean absolute difference of that rate; None where nothing fires.
        unequal: share of spike counts that differ; None where nothing fires.
        read_out_error: of a layer that is read out, the difference of the mean membrane potential
            over its size, root mean squares; None for others.
    """

    name: str
    weight_error: float | None
    rate: float | None
    difference: float | None
    unequal: float | None
    read_out_error: float | None


@dataclass(frozen=True, slots=True)
class Quantisation:
    """What the rounding of weights, thresholds, biases and inputs changed.

    `accuracy` and `float_accuracy`: of the integer network and of that of fractions, on the same
    samples; None without labels. `agreement`: share of samples with the same answer.
    """

    samples: int
    accuracy: float | None
    float_accuracy: float | None
    agreement: float
    layers: tuple[LayerCost, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self) | {"layers": [asdict(layer) for layer in self.layers]}


def compared_samples(before: m.Network, steps: int, most: int) -> int:
    """How many samples the network of fractions runs: fewer for a large network, at most `most`."""
    each = max(1, network_macs(before) * steps)
    return min(most, max(FEWEST_SAMPLES, _WORK // each))


class QuantisationMeter:
    """Runs the network of fractions on samples that the integer network was run on, and compares.

    Args:
        network: of stage fixed.
        before: what quantize-weights was given.
    """

    def __init__(self, network: m.Network, before: m.Network) -> None:
        self._network = network
        self._before = before
        self._simulator = Simulator(before)
        self._judge = Judge(network)
        self._samples = self._labelled = self._same = 0
        self._right = np.zeros(2, np.int64)
        # Partial sums (split-fan-in) have no counterpart among fractions.
        known = {p.name for p in before.populations}
        self._compared = tuple(p for p in network.populations if p.name in known)
        self._sums = {p.name: np.zeros(4) for p in self._compared}

    def compare(self, trace: Trace, values: Array, labels: Array | None) -> None:
        """Add the first samples of a batch.

        Args:
            trace: what the integer network did with the batch.
            values: these samples, as both networks take them.
            labels: of the batch.
        """
        neurons = sum(int(np.prod(p.shape)) for p in self._network.populations)
        size = max(1, _COMPARED_ELEMENTS // max(1, neurons))
        count = sample_count(self._network, values)
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            some = values[:, part] if takes_events(self._network) else values[part]
            other = self._simulator.run(some, steps=trace.steps, first=self._samples, exits=False)
            self._layers(trace, other, part)
            self._answers(trace, other, part, labels)
            self._samples += part.stop - part.start

    def result(self) -> Quantisation:
        """The measures of everything added; at least one sample."""
        right = self._right / max(1, self._labelled)
        known = self._labelled > 0
        return Quantisation(
            samples=self._samples,
            accuracy=float(right[0]) if known else None,
            float_accuracy=float(right[1]) if known else None,
            agreement=self._same / self._samples,
            layers=tuple(self._layer(p) for p in self._compared),
        )

    def _answers(self, trace: Trace, other: Trace, part: slice, labels: Array | None) -> None:
        name = self._judge.head.name
        classes = [
            self._judge.classify(outputs)
            for outputs in (trace.outputs[name][-1, part], other.outputs[name][-1])
        ]
        self._same += int((classes[0] == classes[1]).sum())
        if labels is not None:
            self._labelled += len(classes[0])
            self._right += [int((found == labels[part]).sum()) for found in classes]

    def _layers(self, trace: Trace, other: Trace, part: slice) -> None:
        for population in self._compared:
            name = population.name
            if isinstance(population.neuron, m.Integrator):
                worth = broadcast_parameter(population.scale, population.shape, self._network.array)
                was = self._before.population(name)
                unit = broadcast_parameter(was.scale, was.shape, self._before.array)
                found = trace.membranes[name][part] * worth
                expected = other.membranes[name] * unit
                added = (0.0, 0.0, ((found - expected) ** 2).sum(), (expected**2).sum())
            else:
                counts = trace.spike_counts[name][part].astype(np.float64)
                expected = other.spike_counts[name].astype(np.float64)
                apart = np.abs(counts - expected)
                drive = trace.drive
                added = (expected.sum() / drive, apart.sum() / drive, (apart > 0).sum(), 0.0)
            self._sums[name] += np.array(added)

    def _layer(self, population: m.Population) -> LayerCost:
        name = population.name
        sums = self._sums[name]
        count = self._samples * int(np.prod(population.shape))
        error = weight_error(self._network, self._before, name)
        if isinstance(population.neuron, m.Integrator):
            apart = float(np.sqrt(sums[2] / sums[3])) if sums[3] else None
            return LayerCost(name, error, None, None, None, apart)
        rate, difference, unequal = (float(value) / count for value in sums[:3])
        return LayerCost(name, error, rate, difference, unequal, None)


def weight_error(network: m.Network, before: m.Network, name: str) -> float | None:
    """Root mean square of a layer's rounding errors over its weights'; None without any.

    The integer weights are compared in the units of the threshold, so rounding of the threshold
    counts as well.
    """
    population, was = network.population(name), before.population(name)
    if [i.source for i in population.incoming] != [i.source for i in was.incoming]:
        return None  # what it reads are partial sums
    if isinstance(population.neuron, m.RunningMax2d | m.MaxGate2d):
        return None
    factor = _units(network, population) / _units(before, was)
    steps = {i.name: i.coding.step for i in network.inputs if isinstance(i.coding, m.Graded)}
    error = size = 0.0
    whole = synapses_of(network, population, _worth(network, before))
    for found, given in zip(whole, synapses_of(before, was, steps), strict=True):
        exact = given.weight
        error += float(((found.with_factor(1.0 / factor) - exact) ** 2).sum())
        size += float((exact**2).sum())
    return float(np.sqrt(error / size)) if size else None


def _worth(network: m.Network, before: m.Network) -> dict[str, float]:
    """How many units one spike is worth for 1 of its value, by source; nothing without phases."""
    was = kernels(before)
    return {name: float(table[0]) / float(was[name][0]) for name, table in kernels(network).items()}


def _units(network: m.Network, population: m.Population) -> Array:
    """What fixes the unit of each channel (C,): the threshold, or the inverse of a read-out's."""
    neuron = population.neuron
    if isinstance(neuron, m.TTFS | m.IntegerTTFS):
        first = np.asarray(fire_thresholds(network, neuron)[0])
        values = first.reshape(-1, *(1,) * (len(population.shape) - 1))
    elif isinstance(neuron, m.IF):
        values = broadcast_parameter(neuron.threshold, population.shape, network.array)
    else:
        scale = broadcast_parameter(population.scale, population.shape, network.array)
        values = 1.0 / scale
    full = np.broadcast_to(values, population.shape).reshape(population.shape[0], -1)
    largest: Array = full.max(axis=1).astype(np.float64)
    return largest

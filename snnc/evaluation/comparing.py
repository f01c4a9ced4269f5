"""Layer by layer against the ANN: mean values, errors, and integers where they should be equal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.reference.trace import Trace
from snnc.evaluation.breakdown import Time, staircase_of
from snnc.evaluation.decoded import decoded_values
from snnc.evaluation.exactness import ExactnessSums
from snnc.evaluation.inputs import coded_input, neurons_of
from snnc.evaluation.layers import LayerMeter, LayerReport
from snnc.evaluation.reference import AnnReference, answered, head_of
from snnc.evaluation.verdict import Exactness
from snnc.ir import model as m
from snnc.ir.tensors import Array

_COMPARED_ELEMENTS = 1 << 19
"""Neurons of all samples that are compared at a time: few enough for caches and memory."""


class Comparison:
    """Gathers the measures of all layers of a spiking network.

    Args:
        network: the spiking network.
        ann: what errors are measured against, or None.
        quantised: the quantised ANN that a settled network equals, if it is not `ann` itself.
    """

    def __init__(
        self, network: m.Network, ann: AnnReference | None, quantised: AnnReference | None
    ) -> None:
        self.network = network
        self._ann = ann
        self._quantised = quantised if quantised is not None else ann
        if network.stage == "fixed":  # weights of few bits rest at other integers now and then
            self._quantised = None
        self._shared = () if ann is None else comparable(network, ann.network)
        self.meters = {p.name: self._meter(p) for p in network.populations}
        self.sums: ExactnessSums | None = None
        if self._quantised is not None:
            self.sums = ExactnessSums(network, self._quantised.network)

    def count(self, trace: Trace) -> None:
        """Add the spikes of a batch."""
        silent = np.zeros(trace.samples, dtype=np.int64)
        for name, meter in self.meters.items():
            meter.count(trace.spike_counts.get(name), trace.spikes.get(name, silent))

    def compare(self, trace: Trace, x: Array) -> None:
        """Compare the first samples of a batch, `x`, with the ANN."""
        size = max(1, _COMPARED_ELEMENTS // max(1, neurons_of(self.network)))
        for start in range(0, len(x), size):
            part = slice(start, min(start + size, len(x)))
            counted = self._counted() if trace.settled is not None else ()
            activations = self._activations(x[part], counted)
            self._errors(trace, x[part], part, activations)
            if counted:
                self._integers(trace, x[part], part, activations)

    def layers(self, steps: float) -> tuple[LayerReport, ...]:
        """The measures of every layer; `steps`: time steps that a sample took."""
        compared = self.sums is not None and self.sums.samples > 0
        unequal = self.sums.unequal if self.sums is not None and compared else {}
        reports = (meter.report(steps, unequal.get(n)) for n, meter in self.meters.items())
        return tuple(reports)

    def exactness(self, precision: str) -> Exactness | None:
        """How spike counts compare with the integers of the quantised ANN; None: nothing to."""
        if self.sums is None or self._quantised is None:
            return None
        return self.sums.result(self._quantised.engine, precision)

    def _meter(self, population: m.Population) -> LayerMeter:
        if self._ann is None or population.name not in self._shared:
            return LayerMeter(self.network, population)
        staircase = staircase_of(self._ann.network, population.name)
        return LayerMeter(self.network, population, staircase)

    def _counted(self) -> tuple[str, ...]:
        """Populations whose integers are compared, and the one that answers; () where none is."""
        if self.sums is None or self._quantised is None or not self.sums.layers:
            return ()
        head = head_of(self._quantised.network, self.network.heads[-1].name)
        return tuple(dict.fromkeys((*self.sums.layers, head.population)))

    def _activations(self, x: Array, counted: tuple[str, ...]) -> dict[str, dict[str, Array]]:
        """Values of the ANN and of the quantised ANN; computed once where these are the same."""
        found: dict[str, dict[str, Array]] = {}
        same = self._quantised is self._ann
        if self._ann is not None:
            wanted = tuple(dict.fromkeys((*self._shared, *(counted if same else ()))))
            found["ann"] = self._ann.activations(x, wanted)
        if self._quantised is not None and counted:
            found["quantised"] = found["ann"] if same else self._quantised.activations(x, counted)
        return found

    def _errors(
        self, trace: Trace, x: Array, part: slice, activations: Mapping[str, Mapping[str, Array]]
    ) -> None:
        if self._ann is None:
            return
        values = mean_values(self.network, trace, x, part)
        time = Time(trace.steps, trace.drive)
        for name in self._shared:
            population = self.network.population(name)
            values[name] = answered(self._ann.network, population, values[name])
            self.meters[name].compare(values, activations["ann"][name], time)

    def _integers(
        self, trace: Trace, x: Array, part: slice, activations: Mapping[str, Mapping[str, Array]]
    ) -> None:
        if self.sums is None or self._quantised is None or trace.settled is None:
            return
        expected = activations["quantised"]
        counts = {name: trace.spike_counts[name][part] for name in self.sums.layers}
        exact = self.sums.add(x, counts, expected, trace.settled[part])
        head, ann = self.network.heads[-1], self._quantised.network
        logits = expected[head_of(ann, head.name).population].reshape(len(x), -1)
        population = self.network.population(head.population)
        found = answered(ann, population, trace.logits(head.name)[part])
        self.sums.add_readout(found, logits, exact)


def mean_values(
    network: m.Network, trace: Trace, x: Array, part: slice = slice(None)
) -> dict[str, Array]:
    """Mean value per driven step of inputs and layers (n, *shape): rates, or membrane / steps.

    Where a spike's time is its value, that value (`decoded_values`), since input acts once. For a
    coded input the mean is the analog value that the code stands for. `part`: which of the trace's
    samples; `x` holds those alone.
    """
    if isinstance(network.schedule, m.Phased):
        return decoded_values(network, trace, x, part)
    values = {network.inputs[0].name: coded_input(network, x)}
    for population in network.populations:
        integrates = isinstance(population.neuron, m.Integrator)
        kept = trace.membranes if integrates else trace.spike_counts
        values[population.name] = kept[population.name][part].astype(np.float64) / trace.drive
    return values


def comparable(network: m.Network, ann: m.Network) -> tuple[str, ...]:
    """Populations that both networks have under one name and shape, in order."""
    shapes = {p.name: p.shape for p in ann.populations}
    return tuple(p.name for p in network.populations if shapes.get(p.name) == p.shape)

"""`--check-passes`: after every pass, compare every layer with the ANN on calibration data.

Three comparisons, each with its own band (`PassCheck.measure`):

- `values`, at stage `ann`: the largest difference is at most 1e-4 of the layer's largest
  activation.
- `limit`, at stage `snn`: each layer is given the activations of the ANN in front of it and answers
  with the rate that its neurons approach as the number of steps grows, bounded by one spike per
  step. No time step is simulated, so the band is as narrow as 1e-4, and a wrong weight, threshold
  or unit shows. Neurons with hard reset or leak have no such limit, and `calibrate-bias` moves it
  on purpose: there this comparison is left out.
- `rates`, at stage `snn`: the mean absolute difference between `scale * rate` and the activation,
  over the mean activation, in a simulation of the scheduled steps. A rate is a multiple of 1/T, so
  the band is `RATE_BASE` and as many quantisation steps (`scale / T` over the mean activation) as
  the coarsest layer up to here has: a sparse layer or few steps widen it. Where charge is lost at
  a reset or by leak, rates are too low at any number of steps: the base is `LOSSY_RATE_BASE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import Diagnostic, InputError
from snnc.driver.source import as_coded
from snnc.evaluation.breakdown import ideal_rate
from snnc.evaluation.evaluate import mean_values
from snnc.evaluation.reference import AnnReference
from snnc.ir import model as m
from snnc.ir.interpret import evaluate, summed_input
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

ANN_BAND = 1e-4
LIMIT_BAND = 1e-4
RATE_BASE = 0.25
LOSSY_RATE_BASE = 1.0
CHECKED_SAMPLES = 64

Measure = Literal["values", "limit", "rates"]


@dataclass(frozen=True, slots=True)
class PassCheck:
    """The result of one comparison, for the report: the worst layer and how far it is off."""

    spec: str
    stage: str
    measure: Measure
    layers: int
    worst_layer: str
    worst_difference: float
    band: float


@dataclass(frozen=True, slots=True)
class _Found:
    """How far one layer is off."""

    layer: str
    difference: float
    band: float


@dataclass(slots=True)
class CheckPasses:
    """Compares the network after every pass with the ANN and stops at the first bad layer."""

    ann: AnnReference
    x: Array
    results: list[PassCheck] = field(default_factory=list)
    _expected: dict[str, Array] = field(default_factory=dict)

    def __call__(self, index: int, spec: str, before: m.Network, after: m.Network) -> None:
        """Compare; InputError SN930 names the first layer outside the band."""
        x = self.x[:CHECKED_SAMPLES]
        expected = self._comparable(after)
        if after.stage == "ann":
            self._judge("values", spec, after, _values(after, x, expected))
            return
        if not any(name.startswith("calibrate-bias") for name in after.passes):
            self._judge("limit", spec, after, limits(after, x, expected))
        self._judge("rates", spec, after, rates(after, x, expected))

    def _comparable(self, network: m.Network) -> dict[str, Array]:
        if not self._expected:
            wanted = [p.name for p in self.ann.network.populations]
            self._expected = self.ann.activations(self.x[:CHECKED_SAMPLES], wanted)
        shapes = {p.name: p.shape for p in network.populations}
        return {n: a for n, a in self._expected.items() if shapes.get(n) == a.shape[1:]}

    def _judge(
        self, measure: Measure, spec: str, network: m.Network, layers: Iterator[_Found]
    ) -> None:
        worst = _Found("", 0.0, ANN_BAND)
        count = 0
        for found in layers:
            count += 1
            if not found.difference <= found.band:
                self._refuse(measure, spec, network, found)
            if not worst.layer or found.difference / found.band > worst.difference / worst.band:
                worst = found
        if count:
            row = (count, worst.layer, worst.difference, worst.band)
            self.results.append(PassCheck(spec, network.stage, measure, *row))

    def _refuse(self, measure: Measure, spec: str, network: m.Network, found: _Found) -> None:
        nodes = ", ".join(f'"{n}"' for n in network.population(found.layer).origin) or "(none)"
        kind, cure = _WORDS[measure]
        text = (
            f"after pass {spec} layer {found.layer} {kind.format(found.difference)} from "
            f"{self.ann.engine}; the band is {found.band:.3g}"
        )
        where = f"{network.name} node {nodes} (after pass {spec})"
        cure = f"this is the first such layer; {cure}"
        raise InputError(Diagnostic("SN930", text, where=where, help=cure))


_WORDS: Mapping[Measure, tuple[str, str]] = {
    "values": (
        "differs by up to {:.3g} of its largest activation",
        "look at it with --print-changed",
    ),
    "limit": (
        "would differ even after infinitely many steps, by up to {:.3g} of its largest activation,",
        "look at it with --print-changed",
    ),
    "rates": (
        "differs on average by {:.3g} of its mean activation in simulation",
        "more steps, or `snnc eval` to see the kind of error",
    ),
}


def _values(network: m.Network, x: Array, expected: Mapping[str, Array]) -> Iterator[_Found]:
    """Stage ann: the interpreter's values in ANN units."""
    values = evaluate(network, {network.inputs[0].name: x.astype(np.float64)})
    for population in network.populations:
        if population.name in expected:
            value = values[population.name] * _unit(network, population)
            difference = largest_difference(value, expected[population.name])
            yield _Found(population.name, difference, ANN_BAND)


def limits(network: m.Network, x: Array, expected: Mapping[str, Array]) -> Iterator[_Found]:
    """Each layer's answer to the ANN's activations in front of it, after infinitely many steps.

    A population that the ANN does not have (a pool that became spiking) passes on its own answer.
    """
    given: dict[str, Array] = {network.inputs[0].name: x.astype(np.float64)}
    for population in network.populations:
        answer = _answer(network, population, given)
        name = population.name
        given[name] = answer
        if name not in expected:
            continue
        unit = _unit(network, population)
        target = expected[name].astype(np.float64) / unit
        given[name] = target
        if not _has_limit(population.neuron):
            continue
        if not isinstance(population.neuron, m.Integrator):
            target = np.clip(target, -1.0, 1.0)
        yield _Found(name, largest_difference(answer * unit, target * unit), LIMIT_BAND)


def _has_limit(neuron: m.Neuron) -> bool:
    """Whether the rate comes to that of a perfect neuron: no charge is lost between spikes."""
    return not isinstance(neuron, m.IF) or (neuron.reset == "subtract" and neuron.leak == 1.0)


def _answer(network: m.Network, population: m.Population, given: Mapping[str, Array]) -> Array:
    drive = summed_input(network, population, given).astype(np.float64)
    if isinstance(population.neuron, m.Integrator):
        return drive
    rate: Array = np.clip(ideal_rate(network, population, drive), -1.0, 1.0)
    return rate


def rates(network: m.Network, x: Array, expected: Mapping[str, Array]) -> Iterator[_Found]:
    """The simulated rates in ANN units, against a band that counts quantisation steps."""
    name = network.inputs[0].name
    trace = Simulator(network).run(as_coded(network, {name: x}))
    values = mean_values(network, trace, x)
    lossless = all(_has_limit(p.neuron) for p in network.populations)
    base = RATE_BASE if lossless else LOSSY_RATE_BASE
    coarsest: dict[str, float] = {i.name: 0.0 for i in network.inputs}
    for population in network.populations:
        step = max(coarsest[i.source] for i in population.incoming)
        if population.name not in expected:
            coarsest[population.name] = step
            continue
        unit = _unit(network, population)
        activation = expected[population.name]
        if not isinstance(population.neuron, m.Integrator):
            step = max(step, quantisation_step(unit, activation, trace.steps))
        coarsest[population.name] = step
        difference = mean_difference(values[population.name] * unit, activation)
        yield _Found(population.name, difference, base + step)


def quantisation_step(unit: Array, activation: Array, steps: int) -> float:
    """What one spike in `steps` steps stands for, over the mean activation (1 where that is 0)."""
    mean = float(np.abs(activation).mean()) or 1.0
    return float(np.broadcast_to(np.abs(unit), activation.shape[1:]).mean()) / steps / mean


def _unit(network: m.Network, population: m.Population) -> Array:
    return broadcast_parameter(population.scale, population.shape, network.array)


def largest_difference(value: Array, expected: Array) -> float:
    """The largest absolute difference over the largest expected magnitude (1 where it is 0)."""
    largest = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(value - expected).max(initial=0.0)) / largest


def mean_difference(value: Array, expected: Array) -> float:
    """The mean absolute difference over the mean expected magnitude (1 where it is 0)."""
    mean = float(np.abs(expected).mean()) or 1.0
    return float(np.abs(value - expected).mean()) / mean

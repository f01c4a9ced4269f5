"""`--check-passes`: after every pass, compare every layer with the ANN on calibration data.

The band at stage `ann`: the largest difference is at most 1e-4 of the layer's largest activation.
At stage `snn` with T steps: the mean absolute difference between `scale * rate` and the
activation is at most `SNN_BASE + SNN_PER_STEP / T` of the layer's mean absolute activation. A rate
is a multiple of 1/T and most activations are far below the largest, so the relative error of a
sound conversion is several times 1/T; a threshold or weight that is wrong by half is outside
the band from 32 steps on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import Diagnostic, InputError
from snnc.evaluation.evaluate import mean_values
from snnc.evaluation.reference import AnnReference
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

ANN_BAND = 1e-4
SNN_BASE = 0.1
SNN_PER_STEP = 10.0
CHECKED_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class PassCheck:
    """The result of one comparison, for the report: the worst layer and how far it is off."""

    spec: str
    stage: str
    layers: int
    worst_layer: str
    worst_difference: float
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
        names = self._comparable(after)
        values = layer_values(after, x)
        band = band_of(after)
        measure = largest_difference if after.stage == "ann" else mean_difference
        worst, worst_name = -1.0, ""
        for name in names:
            difference = measure(values[name], self._expected[name])
            if difference > worst:
                worst, worst_name = difference, name
            if not difference <= band:
                self._refuse(spec, after, name, difference, band)
        self.results.append(PassCheck(spec, after.stage, len(names), worst_name, worst, band))

    def _comparable(self, network: m.Network) -> list[str]:
        if not self._expected:
            wanted = [p.name for p in self.ann.network.populations]
            self._expected = self.ann.activations(self.x[:CHECKED_SAMPLES], wanted)
        shapes = {name: value.shape[1:] for name, value in self._expected.items()}
        return [p.name for p in network.populations if shapes.get(p.name) == p.shape]

    def _refuse(
        self, spec: str, network: m.Network, name: str, difference: float, band: float
    ) -> None:
        nodes = ", ".join(f'"{n}"' for n in network.population(name).origin) or "(none)"
        at_most = network.stage == "ann"
        kind = "differs by up to" if at_most else "differs on average by"
        unit = "largest" if at_most else "mean"
        text = (
            f"after pass {spec} layer {name} {kind} {difference:.3g} of its {unit} activation "
            f"from {self.ann.engine}; the band at stage {network.stage} is {band:.3g}"
        )
        cure = (
            "this is the first such layer; look at it with --print-changed"
            if network.stage == "ann"
            else "this is the first such layer; more steps, or `snnc eval` to see the kind of error"
        )
        where = f"{network.name} node {nodes} (after pass {spec})"
        raise InputError(Diagnostic("SN930", text, where=where, help=cure))


def band_of(network: m.Network) -> float:
    """The largest accepted relative difference of a layer at the network's stage."""
    if network.stage == "ann" or network.schedule is None:
        return ANN_BAND
    return SNN_BASE + SNN_PER_STEP / network.schedule.steps


def layer_values(network: m.Network, x: Array) -> Mapping[str, Array]:
    """Values of all layers in ANN units, (N, *shape): interpreted, or simulated rates."""
    name = network.inputs[0].name
    if network.stage == "ann":
        values = evaluate(network, {name: x.astype(np.float64)})
    else:
        values = mean_values(network, Simulator(network).run(x), x)
    return {
        p.name: values[p.name] * broadcast_parameter(p.scale, p.shape, network.array)
        for p in network.populations
    }


def largest_difference(value: Array, expected: Array) -> float:
    """The largest absolute difference over the largest expected magnitude (1 where it is 0)."""
    largest = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(value - expected).max(initial=0.0)) / largest


def mean_difference(value: Array, expected: Array) -> float:
    """The mean absolute difference over the mean expected magnitude (1 where it is 0)."""
    mean = float(np.abs(expected).mean()) or 1.0
    return float(np.abs(value - expected).mean()) / mean

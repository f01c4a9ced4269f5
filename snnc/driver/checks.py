"""`--check-passes`: after every pass, compare every layer with the ANN on calibration data.

The comparisons, each with its own band (`PassCheck.measure`), are those of `measures`:

- `values`, at stage `ann`: the largest difference is at most 1e-4 of the layer's largest
  activation. In a network with quantised activations each layer is given the ANN's values in front
  of it, and a quantised value may lie one level beside the ANN's at a rounding edge.
- `rounded`, at stage `ann`, after a pass that changes what the network computes on purpose
  (`requantize`, `calibrate-bias`): the mean absolute difference is within the coarseness of the
  quantisation. From then on the network it made is what later passes are compared with.
- `limit`, at stage `snn`: each layer is given the activations of the ANN in front of it and answers
  with what its neurons come to as the number of steps grows. No time step is simulated, so the band
  is as narrow as 1e-4, and a wrong weight, threshold or unit shows. Neurons with hard reset or leak
  have no such limit, and `calibrate-bias` moves it on purpose: there this comparison is left out.
- `times`, at stage `snn`, for networks of spike times: each layer is given the activations of the
  ANN in front of it, and its neurons must fire when their own activations in the ANN make them; one
  step beside that is allowed at the edge between two times.
- `counts`, at stage `snn`, for networks that come to rest: in a simulation in float64 every spike
  count equals the integer activation of the quantised ANN, but for rounding at an edge.
- `rates`, at stage `snn`, for all others: the mean absolute difference between `scale * rate` and
  the activation, over the mean activation, in a simulation of the scheduled steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from snnc.diagnostics import Diagnostic, InputError
from snnc.driver import measures
from snnc.driver.differences import Expected, Found
from snnc.driver.hooks import pass_name
from snnc.driver.measure_times import times
from snnc.evaluation.reference import AnnReference, InterpretedAnn
from snnc.ir import model as m
from snnc.ir.tensors import Array

CHECKED_SAMPLES = 64

CHANGING = ("requantize", "calibrate-bias")
"""Passes that change the function of a network of stage ann on purpose."""

MAPPING = ("to-spiking", "map-quantized")

Measure = Literal["values", "rounded", "limit", "times", "counts", "rates"]


@dataclass(frozen=True, slots=True)
class PassCheck:
    """The result of one comparison, for the report: the worst layer and how far it is off.

    `at_edge`: values that lie one level beside the ANN's because of rounding.
    """

    spec: str
    stage: str
    measure: Measure
    layers: int
    worst_layer: str
    worst_difference: float
    band: float
    at_edge: int = 0


@dataclass(slots=True)
class CheckPasses:
    """Compares the network after every pass with the ANN and stops at the first bad layer."""

    ann: AnnReference
    x: Array
    results: list[PassCheck] = field(default_factory=list)
    _trained: Expected | None = None
    _changed: Expected | None = None

    def __call__(self, index: int, spec: str, before: m.Network, after: m.Network) -> None:
        """Compare; InputError SN930 names the first layer outside the band."""
        if self._trained is None:
            self._trained = self._expectation(self.ann)
        expected = self._changed or self._trained
        if after.stage == "ann":
            if pass_name(spec) in CHANGING:
                self._judge("rounded", spec, after, measures.rounded(after, self._trained))
                self._changed = self._expectation(InterpretedAnn(after))
            else:
                self._judge("values", spec, after, measures.values(after, expected))
            return
        if after.stage == "fixed":  # its weights are rounded on purpose
            self._judge("rates", spec, after, measures.rates(after, expected))
            return
        if isinstance(after.schedule, m.Phased):
            self._judge("times", spec, after, times(after, expected))
        elif not _moved_on_purpose(after):
            self._judge("limit", spec, after, measures.limits(after, expected))
        counts = measures.counts(after, expected)
        if counts is not None:
            self._judge("counts", spec, after, iter(counts))
        else:
            self._judge("rates", spec, after, measures.rates(after, expected))

    def _expectation(self, reference: AnnReference) -> Expected:
        x = self.x[:CHECKED_SAMPLES]
        names = [p.name for p in reference.network.populations]
        values = reference.activations(x, names)
        return Expected(reference.network, x, values, reference.engine)

    def _judge(
        self, measure: Measure, spec: str, network: m.Network, layers: Iterator[Found]
    ) -> None:
        worst: Found | None = None
        count = at_edge = 0
        for found in layers:
            count += 1
            at_edge += found.at_edge
            if found.fault or not found.difference <= found.band:
                self._refuse(measure, spec, network, found)
            if worst is None or found.share > worst.share:
                worst = found
        if worst is not None:
            row = (count, worst.layer, worst.difference, worst.band, at_edge)
            self.results.append(PassCheck(spec, network.stage, measure, *row))

    def _refuse(self, measure: Measure, spec: str, network: m.Network, found: Found) -> None:
        nodes = ", ".join(f'"{n}"' for n in network.population(found.layer).origin) or "(none)"
        kind, cure = _WORDS[measure]
        expected = self._trained if measure == "rounded" else self._changed or self._trained
        engine = self.ann.engine if expected is None else expected.engine
        text = f"after pass {spec} layer {found.layer} "
        if found.fault:
            # The gate's own words, which name the engine that the import is compared with.
            fault = found.fault.replace("onnxruntime", engine)
            text += f"{_FAULTS.get(measure, '')}{fault}"
        else:
            text += f"{kind.format(found.difference)} from {engine}; the band is {found.band:.3g}"
        where = f"{network.name} node {nodes} (after pass {spec})"
        cure = f"this is the first such layer; {cure}"
        raise InputError(Diagnostic("SN930", text, where=where, help=cure))


def _moved_on_purpose(network: m.Network) -> bool:
    """Whether calibrate-bias ran on the spiking network, behind the pass that made it."""
    names = [pass_name(spec) for spec in network.passes]
    mapped = max((i for i, name in enumerate(names) if name in MAPPING), default=-1)
    return "calibrate-bias" in names[mapped + 1 :]


_FAULTS: Mapping[Measure, str] = {"limit": "would come to rest wrongly: it "}

_WORDS: Mapping[Measure, tuple[str, str]] = {
    "values": (
        "differs by up to {:.3g} of its largest activation",
        "look at it with --print-changed",
    ),
    "rounded": (
        "differs on average by {:.3g} of its mean activation",
        "more bits, or calibration data that is like the real data",
    ),
    "limit": (
        "would differ even after infinitely many steps, by up to {:.3g} of its largest activation,",
        "look at it with --print-changed",
    ),
    "times": (
        "sends values that differ by up to {:.3g} of its largest one",
        "look at it with --print-changed",
    ),
    "counts": (
        "has {:.3g} of its spike counts, at rest, that differ without a reason",
        "look at it with --print-changed; `snnc eval --exact` compares whole data sets",
    ),
    "rates": (
        "differs on average by {:.3g} of its mean activation in simulation",
        "more steps, or `snnc eval` to see the kind of error",
    ),
}

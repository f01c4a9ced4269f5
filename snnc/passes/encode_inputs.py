"""Analog inputs as spike trains, for targets on which nothing but spikes comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property, no_calibration
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.properties import SNN
from snnc.passes.tensors import NewTensors, free_name


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeInputs:
    """Let every analog input come in as spikes (stage snn).

    `method=if`: a population of integrate-and-fire neurons with soft reset, one per value, stands
    between an input and its readers; the host computes it. A spike per step is worth the
    `percentile` of the calibration samples (of an input that the host rounds: its largest level),
    and neurons start at half of that, so that counts are rounded, not cut. An input with negative
    values gets two such populations, one for either sign. `method=bernoulli`: the input itself is
    coded as seeded Bernoulli spikes of the probability `value / percentile`.

    Inputs of events and those coded as spikes already stay as they are. No delay changes: the
    encoder reads its input without delay, and its spikes go where the value went, when it went.
    """

    name: ClassVar[str] = "encode-inputs"
    requires: ClassVar[tuple[Property, ...]] = (SNN,)
    ensures: ClassVar[tuple[Property, ...]] = (SNN,)
    method: Literal["if", "bernoulli"] = "if"
    percentile: float = 100.0

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network whose readers get spikes.

        Raises:
            InputError: a bad option (SN721), a schedule under which a rate says nothing (SN780), no
                calibration data (SN705), data without a range (SN764), or negative values that
                Bernoulli spikes cannot say (SN781).
        """
        if not 0 < self.percentile <= 100:
            text = f"{self.name}: percentile={self.percentile} is not above 0, up to 100"
            raise InputError(Diagnostic("SN721", text))
        analog = [i for i in network.inputs if _is_analog(network, i)]
        if not analog:
            return network
        if isinstance(network.schedule, (m.Phased, m.Gated)):
            raise InputError(_no_rates(network.schedule))
        ranges = {i.name: self._range(i, context) for i in analog}
        if self.method == "bernoulli":
            return self._bernoulli(network, ranges, context)
        return self._fire(network, ranges, context)

    def _range(self, entry: m.Input, context: Context) -> tuple[float, float]:
        """What a positive and what a negative spike is worth; 0 where there is none."""
        if isinstance(entry.coding, m.Rounded):
            coding = entry.coding
            unit = 1.0 if isinstance(coding, m.Graded) else coding.step
            return coding.levels * unit, -coding.lowest * unit
        samples: Mapping[str, Array] = context.calibration or {}
        if entry.name not in samples or not len(samples[entry.name]):
            raise InputError(no_calibration(f"{self.name} (for the range of the input)"))
        x = np.asarray(samples[entry.name], dtype=np.float64)
        found = [self._largest(np.maximum(x, 0)), self._largest(np.maximum(-x, 0))]
        if not np.isfinite(found).all() or max(found) <= 0:
            text = f"the calibration samples of {entry.name} are all 0 or not finite: no range"
            raise InputError(Diagnostic("SN764", text, f"input {entry.name}", "use real samples"))
        return found[0], found[1]

    def _largest(self, values: Array) -> float:
        """The percentile of what is not negative; where it is 0 though values are not, the largest.

        An image whose background is 0 in more places than the percentile leaves out still has a
        range.
        """
        return float(np.percentile(values, self.percentile) or values.max())

    def _bernoulli(
        self, network: m.Network, ranges: Mapping[str, tuple[float, float]], context: Context
    ) -> m.Network:
        signed = [name for name, (_, below) in ranges.items() if below > 0]
        if signed:
            raise InputError([_signed(name) for name in signed])
        worth = {name: {name: above} for name, (above, _) in ranges.items()}
        inputs = tuple(
            replace(i, coding=m.Poisson(ranges[i.name][0], context.seed)) if i.name in worth else i
            for i in network.inputs
        )
        for name, (above, _) in ranges.items():
            context.note(
                f"{self.name}: the input {name} comes in as Bernoulli spikes, seed {context.seed}; "
                f"a spike per step is worth {above:.4g}"
            )
        tensors = NewTensors(network)
        found = [_rewired(network, p, worth, tensors) for p in network.populations]
        return tensors.attach(replace(network, inputs=inputs)).with_populations(found)

    def _fire(
        self, network: m.Network, ranges: Mapping[str, tuple[float, float]], context: Context
    ) -> m.Network:
        tensors = NewTensors(network)
        encoders: list[m.Population] = []
        worth: dict[str, dict[str, float]] = {}
        for entry in network.inputs:
            if entry.name not in ranges:
                continue
            known = network.with_populations((*encoders, *network.populations))
            made = _encoders(known, entry, ranges[entry.name])
            encoders += made.values()
            worth[entry.name] = {p.name: sign * _number(p.scale) for sign, p in made.items()}
            rails = " and ".join(f"{v:.4g} ({n})" for n, v in worth[entry.name].items())
            context.note(
                f"{self.name}: the host turns the input {entry.name} into spikes; one per step is "
                f"worth {rails}, and larger values are cut off"
            )
        found = [_rewired(network, p, worth, tensors) for p in network.populations]
        return tensors.attach(network).with_populations((*encoders, *found))


def _is_analog(network: m.Network, entry: m.Input) -> bool:
    """Whether an input has values and somebody else than its encoders reads them."""
    own = set(encoder_names(entry.name))
    readers = [p.name for p in network.consumers(entry.name)]
    return isinstance(entry.coding, m.Direct) and not set(readers) <= own


def encoder_names(name: str) -> tuple[str, str, str]:
    """What the encoders of an input are called: the only one, those of either sign."""
    return f"{name}.spikes", f"{name}.positive", f"{name}.negative"


def _encoders(
    network: m.Network, entry: m.Input, largest: tuple[float, float]
) -> dict[int, m.Population]:
    """The populations that stand for an input, by the sign of what they send."""
    only, positive, negative = encoder_names(entry.name)
    above, below = largest
    found = {}
    for sign, worth in ((1, above), (-1, below)):
        if worth <= 0:
            continue
        name = only if below <= 0 else positive if sign > 0 else negative
        ops = (m.Scale(-1.0),) if sign < 0 else ()
        found[sign] = m.Population(
            name=free_name(network, name),
            shape=entry.shape,
            neuron=m.IF(threshold=worth, v_init=worth / 2),
            scale=worth,
            incoming=(m.Incoming(entry.name, ops),),
        )
    return found


def _rewired(
    network: m.Network,
    population: m.Population,
    worth: Mapping[str, Mapping[str, float]],
    tensors: NewTensors,
) -> m.Population:
    """A population that reads the encoders of an input, each through its factor, instead of it."""
    incoming: list[m.Incoming] = []
    for connection in population.incoming:
        if connection.source not in worth:
            incoming.append(connection)
            continue
        shape = network.source_shape(connection.source)
        for source, value in worth[connection.source].items():
            ops = (m.Scale(value), *connection.ops)
            ops = simplify(Chain(ops, shape, population.name, tensors), FUSE_RULES)
            incoming.append(replace(connection, source=source, ops=ops))
    return replace(population, incoming=tuple(incoming))


def _number(parameter: m.Parameter) -> float:
    assert isinstance(parameter, float)
    return parameter


def _no_rates(schedule: m.Schedule) -> Diagnostic:
    if isinstance(schedule, m.Phased):
        why = "every neuron fires once, and its time is the value"
        cure = "compile for rates: --coding rate, or a pipeline with to-spiking"
    else:
        why = "the input ends after its window, and rounding it would end the equality of counts"
        cure = "use map-quantized{mode=qcfs}"
    return Diagnostic(
        "SN780", f"encode-inputs turns values into rates of spikes, and {why}", "", cure
    )


def _signed(name: str) -> Diagnostic:
    text = f"the input {name} has negative values, and a Bernoulli spike has no sign"
    return Diagnostic(
        "SN781", text, f"input {name}", "use encode-inputs{method=if}, with two rails"
    )

"""From fractions to integers: weights of few bits, thresholds, biases and potentials that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from snnc.backends.loihi.chips import Chip, load_chip
from snnc.backends.reference.reach import (
    Bounds,
    Reach,
    all_reaches,
    bounds_of,
    reach_of_coding,
    reach_of_values,
)
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.host import host_populations
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.core_layers import Limits, on_core
from snnc.passes.core_refusals import check_chip
from snnc.passes.fixed_point import Format
from snnc.passes.integer_inputs import integer_inputs
from snnc.passes.integer_layers import Layer, choose, in_integers, layer_of
from snnc.passes.integer_times import choose_timed, in_units, whole_times, with_tables
from snnc.passes.kernel_units import Readers, SpikeValues, spike_values
from snnc.passes.properties import FIXED, SINGLE_OPERATORS, SNN
from snnc.passes.quantisation_notes import (
    check_neurons,
    note_bits,
    note_kernels,
    note_saturation,
    too_large,
    too_strong,
)
from snnc.passes.tensors import NewTensors

ROOM = 0.98
"""Share of the potential's range that is planned for; rounding may take the rest."""

_TRIES = 12

WEIGHTED = (m.IF, m.Integrator, m.TTFS)
"""Neurons behind weights; the others pass spikes on as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeWeights:
    """Turn a spiking network into one of whole numbers (stage fixed), as its target computes.

    `target`: whose widths of weights, thresholds, biases and potentials are kept: those of the chip
    `loihi2` or the narrower `loihi1` (`snnc targets loihi` shows both), the 32 bits of `c`, with
    a threshold for every channel, or the cores of `truenorth`. `bits`: width of a weight, 0 for the
    target's (8; 4 on TrueNorth, which has 1 to 5, 2 being ternary and 1 on or off). `per`: one
    factor a `channel` or a `layer`; what is read out has one. `thresholds`: how many different
    thresholds a layer may have, 0 for the target's. `input_bits`:
    width of an analog input. `events`: the largest |event| of a frame, 0 for
    what the network declares, else 1. No sum of inputs can leave
    the range of the membrane potential, whatever the input: that is proved for every layer, and
    units are coarser where they must be. A potential that could leave it over many steps saturates.

    Under a schedule of phases, what a spike is worth by its time and the thresholds that fall
    become tables of whole numbers, as fine as the range of the potential lets them be;
    `thresholds` is then the number of different columns of a layer.

    On TrueNorth a bit of a weight is an axon, thresholds are free, and nothing saturates: that
    potentials stay in range is proved. `rounding`: of its few bits; `mse` takes for each channel
    the step with the least squared error, and cuts larger weights off, `largest` makes the largest
    weight the largest level. Equal weights of a pooling become 1; connections from neuron to neuron
    beside others become larger multiples, of more axons. No neuron starts at its threshold or
    above. Populations that read analog values are the host's, with 8 bits.
    """

    name: ClassVar[str] = "quantize-weights"
    requires: ClassVar[tuple[Property, ...]] = (SNN, SINGLE_OPERATORS)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    target: Literal["loihi1", "loihi2", "c", "truenorth"] = "loihi2"
    bits: int = 0
    per: Literal["channel", "layer"] = "channel"
    thresholds: int = 0
    input_bits: int = 8
    events: int = 0
    rounding: Literal["mse", "largest"] = "mse"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The integer network.

        Raises:
            InputError: an option is out of range (SN721), an analog input of unknown range (SN705),
                spikes worth less than a unit (SN776),
                a neuron without integer form (SN761), weights far above a threshold (SN762), a
                layer that cannot be kept within the membrane potential (SN763), calibration data
                without a range (SN764), weights that would all be 0 (SN766), or what TrueNorth
                cannot hold (SN782 to SN785).
        """
        self._check_options()
        check_neurons(network)
        fmt = self._processor() if self._wide else self._format(load_chip(self.target))
        inputs, steps_of = integer_inputs(network, context, self.input_bits, self.events)
        before, after = self._reaches(network, inputs, steps_of)
        assert network.schedule is not None
        steps = network.schedule.steps
        times = self._times(network, steps_of, before, fmt, context)
        steps_of = {**steps_of, **{name: 1 / unit for name, unit in times.units.items()}}
        after = {**after, **times.reaches}
        tensors = NewTensors(network)
        changed = replace(network, stage="fixed", inputs=whole_times(inputs, times.units))
        cores = self._on_cores(changed)
        populations = []
        for population in network.populations:
            if isinstance(population.neuron, WEIGHTED):
                layer = layer_of(network, population, steps_of, before, steps)
                if population.name in cores:
                    population = on_core(layer, network, self._limits(), tensors, after)
                else:
                    population = self._quantised(
                        network, layer, fmt, tensors, after, times, context
                    )
            elif population.name in times.units:
                scale = in_units(network, population, times.units[population.name], tensors)
                population = replace(population, scale=scale)
            populations.append(population)
        note_saturation(populations, fmt, context)
        return tensors.attach(changed).with_populations(populations)

    def _times(
        self,
        network: m.Network,
        steps_of: Mapping[str, float],
        known: Mapping[str, Reach],
        fmt: Format,
        context: Context,
    ) -> SpikeValues:
        """What spikes are worth under a schedule of phases; nothing under any other."""
        if not isinstance(network.schedule, m.Phased):
            return SpikeValues({}, {})
        readers = tuple(
            Readers(p, self._shared(network, p))
            for p in network.populations
            if isinstance(p.neuron, WEIGHTED)
        )
        times = spike_values(network, readers, steps_of, known, fmt, ROOM)
        note_kernels(network, times, context)
        return times

    def _shared(self, network: m.Network, population: m.Population) -> bool:
        """Whether all channels of a population have one factor."""
        return (
            self.per == "layer"
            or isinstance(population.neuron, m.Integrator)
            or any(
                head.population == population.name and isinstance(head.readout, m.Membrane)
                for head in network.heads
            )
        )

    @property
    def _wide(self) -> bool:
        """Whether the numbers beside weights are those of a processor, the host's on TrueNorth."""
        return self.target in ("c", "truenorth")

    def _on_cores(self, network: m.Network) -> frozenset[str]:
        """The populations that TrueNorth computes; none for other targets."""
        if self.target != "truenorth":
            return frozenset()
        check_chip(network)
        host = {p.name for p in host_populations(network)}
        return frozenset(p.name for p in network.populations) - host

    def _limits(self) -> Limits:
        """The numbers of TrueNorth's cores."""
        clip = self.rounding == "mse"
        return Limits(self.bits or TRUENORTH_BITS, clip, self.per == "layer", TRUENORTH)

    def _check_options(self) -> None:
        cores = self.target == "truenorth"
        least, most = (1, 5) if cores else (2, 16)
        bits = self.bits == 0 or least <= self.bits <= most
        free = self.thresholds == 0 if cores else self.thresholds >= 0
        checks = (
            (bits, "bits", self.bits, f"0 or {least} to {most}"),
            (free, "thresholds", self.thresholds, "0" if cores else "0 or more"),
            (2 <= self.input_bits <= 16, "input_bits", self.input_bits, "2 to 16"),
            (self.events >= 0, "events", self.events, "0 or more"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                text = f"quantize-weights: {option}={value} is not {accepted}"
                raise InputError(Diagnostic("SN721", text))

    def _format(self, chip: Chip) -> Format:
        mantissa = chip.reset_largest_mantissa
        return Format(
            weight=2 ** ((self.bits or chip.weight_bits) - 1) - 1,
            exponent=chip.largest_weight_exponent or _EXPONENT,
            potential=2 ** ((chip.membrane_bits or _MEMBRANE_BITS) - 1) - 1,
            thresholds=self.thresholds or chip.thresholds_per_core or _THRESHOLDS,
            threshold_mantissa=mantissa,
            threshold_exponent=chip.reset_largest_exponent or 0,
            bias_mantissa=None
            if chip.bias_mantissa_bits is None
            else 2**chip.bias_mantissa_bits - 1,
            bias_exponent=chip.largest_bias_exponent or 0,
        )

    def _processor(self) -> Format:
        """The numbers of a processor: only weights are narrow."""
        return Format(
            weight=2 ** ((self.bits if self.target == "c" and self.bits else 8) - 1) - 1,
            exponent=_EXPONENT,
            potential=2**30 - 1,  # 32 bits hold it and what a step adds before it saturates
            thresholds=self.thresholds or _ANY_THRESHOLDS,
        )

    def _reaches(
        self, network: m.Network, inputs: tuple[m.Input, ...], steps_of: Mapping[str, float]
    ) -> tuple[dict[str, Reach], dict[str, Reach]]:
        """What everything can send, in the units of the float network and in integer units."""
        assert network.schedule is not None
        steps = network.schedule.steps
        drive = network.schedule.drive(steps)
        whole = {i.name: reach_of_coding(i, drive) for i in inputs}
        given = {
            name: reach_of_values(reach.each * steps_of.get(name, 1.0), drive)
            for name, reach in whole.items()
        }
        before = all_reaches(network, given, steps)
        return before, {**before, **whole}

    def _quantised(
        self,
        network: m.Network,
        layer: Layer,
        fmt: Format,
        tensors: NewTensors,
        reach: Mapping[str, Reach],
        times: SpikeValues,
        context: Context,
    ) -> m.Population:
        population, room = layer.population, ROOM
        shared = self._shared(network, population)
        phased = isinstance(network.schedule, m.Phased)
        assert network.schedule is not None
        for _ in range(_TRIES):
            if phased:
                units = choose_timed(layer, network, times, fmt, shared=shared, room=room)
            else:
                units = choose(layer, network, fmt, shared=shared, room=room)
            if units is None:
                raise too_strong(population, fmt)
            found = in_integers(layer, network, units, fmt, tensors)
            if isinstance(population.neuron, m.TTFS):
                found = with_tables(
                    network, found, units, times.units[population.name], fmt, tensors
                )
            if _least_threshold(found, tensors) < 1:
                raise too_strong(population, fmt)
            bounds = bounds_of(tensors.attach(network), found, reach, network.schedule.steps)
            highest = float(bounds.current.max())
            if not isinstance(population.neuron, m.IF):
                highest = max(highest, float(bounds.potential.max()))
            if highest <= fmt.potential:
                note_bits(layer, found, tensors, fmt, context, shared=shared)
                return _held(found, bounds, fmt)
            room *= ROOM * fmt.potential / highest
        raise too_large(population, fmt)


TRUENORTH_BITS = 4
"""Four axons an input: 64 inputs on a core."""

_EXPONENT = 7
_MEMBRANE_BITS = 24
_THRESHOLDS = 8
"""What is taken where a chip's own figure is not public: those of Loihi 1."""

_ANY_THRESHOLDS = 1 << 30
"""More than any layer has channels."""


def _held(population: m.Population, bounds: Bounds, fmt: Format) -> m.Population:
    """A neuron whose potential could leave the register saturates there, as the chip does."""
    neuron = population.neuron
    if not isinstance(neuron, m.IF) or float(bounds.potential.max()) <= fmt.potential:
        return population
    return replace(population, neuron=replace(neuron, saturation=float(fmt.potential)))


def _least_threshold(population: m.Population, tensors: NewTensors) -> float:
    """The smallest threshold of a population; infinite where nothing fires."""
    neuron = population.neuron
    if not isinstance(neuron, m.IF):
        return float("inf")
    if isinstance(neuron.threshold, m.Ref):
        return float(tensors.array(neuron.threshold).min())
    return float(neuron.threshold)

"""From fractions to integers: weights of few bits, thresholds, biases and potentials that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.backends.loihi.chips import Chip, load_chip
from snnc.backends.reference.reach import Bounds, Reach, all_reaches, bounds_of, reach_of_values
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.fixed_point import Format, Units
from snnc.passes.integer_inputs import integer_inputs
from snnc.passes.integer_layers import Layer, choose, in_integers, layer_of
from snnc.passes.properties import FIXED, SINGLE_OPERATORS, SNN
from snnc.passes.tensors import NewTensors

_ROOM = 0.98
"""Share of the potential's range that is planned for; rounding may take the rest."""

_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeWeights:
    """Turn a spiking network into one of whole numbers (stage fixed), as its target computes.

    `target`: the chip whose widths of weights, thresholds, biases and potentials are kept:
    `loihi2` or the narrower `loihi1` (`snnc targets loihi` shows both). `bits`: width of a weight,
    0 for the chip's. `per`: one factor a `channel` or a `layer`; what is read out has one.
    `thresholds`: how many different thresholds a layer may have, 0 for the chip's. `input_bits`:
    width of an analog input. `events`: the largest |event| of a frame. No sum of inputs can leave
    the range of the membrane potential, whatever the input: that is proved for every layer, and
    units are coarser where they must be. A potential that could leave it over many steps saturates.
    """

    name: ClassVar[str] = "quantize-weights"
    requires: ClassVar[tuple[Property, ...]] = (SNN, SINGLE_OPERATORS)
    ensures: ClassVar[tuple[Property, ...]] = (FIXED,)
    target: Literal["loihi1", "loihi2"] = "loihi2"
    bits: int = 0
    per: Literal["channel", "layer"] = "channel"
    thresholds: int = 0
    input_bits: int = 8
    events: int = 1

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The integer network.

        Raises:
            InputError: an option is out of range (SN721), an analog input of unknown range (SN705),
                a neuron without integer form (SN761), weights far above a threshold (SN762), or a
                layer that cannot be kept within the membrane potential (SN763).
        """
        self._check_options()
        _check_neurons(network)
        fmt = self._format(load_chip(self.target))
        inputs, steps_of = integer_inputs(network, context, self.input_bits, self.events)
        before, after = self._reaches(network, inputs, steps_of)
        assert network.schedule is not None
        steps = network.schedule.steps
        tensors = NewTensors(network)
        changed = replace(network, stage="fixed", inputs=inputs)
        populations = []
        for population in network.populations:
            if isinstance(population.neuron, m.IF | m.Integrator):
                layer = layer_of(network, population, steps_of, before, steps)
                population = self._quantised(network, layer, fmt, tensors, after, context)
            populations.append(population)
        _note_saturation(populations, fmt, context)
        return tensors.attach(changed).with_populations(populations)

    def _check_options(self) -> None:
        checks = (
            (self.bits == 0 or 2 <= self.bits <= 16, "bits", self.bits, "0 or 2 to 16"),
            (self.thresholds >= 0, "thresholds", self.thresholds, "0 or more"),
            (2 <= self.input_bits <= 16, "input_bits", self.input_bits, "2 to 16"),
            (self.events >= 1, "events", self.events, "1 or more"),
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

    def _reaches(
        self, network: m.Network, inputs: tuple[m.Input, ...], steps_of: Mapping[str, float]
    ) -> tuple[dict[str, Reach], dict[str, Reach]]:
        """What everything can send, in the units of the float network and in integer units."""
        assert network.schedule is not None
        steps = network.schedule.steps
        drive = network.schedule.drive(steps)
        whole = {i.name: reach_of_values(_largest(i), drive) for i in inputs}
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
        context: Context,
    ) -> m.Population:
        population, room = layer.population, _ROOM
        shared = self.per == "layer" or not isinstance(population.neuron, m.IF)
        shared |= any(
            head.population == population.name and isinstance(head.readout, m.Membrane)
            for head in network.heads
        )
        assert network.schedule is not None
        for _ in range(_TRIES):
            units = choose(layer, network, fmt, shared=shared, room=room)
            if units is None:
                raise _too_strong(population, fmt)
            found = in_integers(layer, network, units, fmt, tensors)
            bounds = bounds_of(tensors.attach(network), found, reach, network.schedule.steps)
            highest = float(bounds.current.max())
            if isinstance(population.neuron, m.Integrator):
                highest = max(highest, float(bounds.potential.max()))
            if highest <= fmt.potential:
                _note(population, layer, units, fmt, context)
                return _held(found, bounds, fmt)
            room *= _ROOM * fmt.potential / highest
        raise _too_large(population, fmt)


_EXPONENT = 7
_MEMBRANE_BITS = 24
_THRESHOLDS = 8
"""What is taken where a chip's own figure is not public: those of Loihi 1."""


def _largest(declared: m.Input) -> float:
    coding = declared.coding
    if isinstance(coding, m.Graded):
        return float(max(coding.levels, -coding.lowest))
    return float(coding.largest or 1) if isinstance(coding, m.Events) else 1.0


def _check_neurons(network: m.Network) -> None:
    """Refuse neurons that have no form in whole numbers."""
    wrong = []
    for population in network.populations:
        neuron = population.neuron
        if not isinstance(neuron, m.IF):
            continue
        what = ""
        if neuron.leak != 1.0:
            what = f"leaks (leak={neuron.leak:g}), which makes fractions of a whole potential"
        elif neuron.negative_spikes == "leaky":
            what = "is a leaky ReLU, whose two thresholds have no common whole unit"
        if what:
            wrong.append(
                Diagnostic(
                    "SN761",
                    f"population {population.name} {what}",
                    ", ".join(population.origin),
                    "see `snnc explain SN761`",
                )
            )
    if wrong:
        raise InputError(wrong)


def _held(population: m.Population, bounds: Bounds, fmt: Format) -> m.Population:
    """A neuron whose potential could leave the register saturates there, as the chip does."""
    neuron = population.neuron
    if not isinstance(neuron, m.IF) or float(bounds.potential.max()) <= fmt.potential:
        return population
    return replace(population, neuron=replace(neuron, saturation=float(fmt.potential)))


def _note_saturation(populations: list[m.Population], fmt: Format, context: Context) -> None:
    held = [p.name for p in populations if getattr(p.neuron, "saturation", None) is not None]
    if held:
        context.note(
            f"quantize-weights: some input could bring potentials of {', '.join(held)} beyond "
            f"{fmt.potential}, where they saturate"
        )


def _note(
    population: m.Population, layer: Layer, units: Units, fmt: Format, context: Context
) -> None:
    """Tell the report where the membrane potential, not the weight, limits the units."""
    weight = np.max([s.largest() for s in layer.synapses], axis=0)
    used = weight * units.factor / 2.0**units.exponent
    coarse: Array = used[weight > 0] < fmt.weight / 4
    if coarse.any() and units.threshold is None:
        bits = int(np.ceil(np.log2(used.max() + 1))) + 1
        context.note(
            f"quantize-weights: {population.name} uses {bits} bits of its weights, so that no sum "
            "can leave the membrane potential"
        )


def _too_strong(population: m.Population, fmt: Format) -> InputError:
    return InputError(
        Diagnostic(
            "SN762",
            f"a weight into {population.name} is more than {fmt.weight} times its threshold, or a "
            "sum far beyond it is possible: in whole numbers the threshold would be 0",
            ", ".join(population.origin),
            "normalise the network (normalize), or take fewer time steps",
        )
    )


def _too_large(population: m.Population, fmt: Format) -> InputError:
    return InputError(
        Diagnostic(
            "SN763",
            f"the membrane potential of {population.name} cannot be kept within {fmt.potential}",
            ", ".join(population.origin),
            "take fewer time steps, or a smaller layer in front of it",
        )
    )

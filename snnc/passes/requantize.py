"""Quantised activations for networks that were trained without them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.properties import ANN, PLAIN_MAX_POOL
from snnc.passes.rounded_inputs import quantised_inputs
from snnc.passes.scale_choice import chosen_scales, will_spike
from snnc.passes.split_leaky import split_leaky
from snnc.passes.staircases import span
from snnc.passes.tensors import NewTensors, compress
from snnc.passes.trained_times import refuse_spike_times

MOST_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize:
    """Round activations to few levels, with steps from the calibration data.

    `bits`: a ReLU or a clip gets the levels 0 to 2^bits - 1, a linear value that other
    populations read as many of either sign. `layers`: `float` leaves what is quantised already,
    `all` gives it fewer levels where it has more (signed ones -2^(bits-1) to 2^(bits-1) - 1);
    a quantised input, which the host rounds, stays as it is. `per`: one step a `channel` or a
    `layer`. `method`: the step with the least squared error (`mmse`, Li et al. 2021), or the
    `percentile` or `max` of the activations as the largest level. A leaky ReLU becomes two ReLUs
    first. It changes the network's function; map-quantized converts the result.
    """

    name: ClassVar[str] = "requantize"
    requires: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    ensures: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    bits: int = 4
    layers: Literal["float", "all"] = "float"
    per: Literal["channel", "layer"] = "channel"
    method: Literal["mmse", "percentile", "max"] = "mmse"
    percentile: float = 99.9

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with quantised activations.

        Raises:
            InputError: no calibration data (SN705), a bad option (SN721), or an activation that is
                a spike time (SN772).
        """
        self._check_options()
        refuse_spike_times(self.name, network)
        network = split_leaky(network, context, self.name)
        by_host = {name for gone, _ in quantised_inputs(network).values() for name in gone}
        staircases = {
            p.name: staircase
            for p in network.populations
            if p.name not in by_host and (staircase := self._staircase(network, p)) is not None
        }
        if not context.approximated:
            # The split is exact, and has the populations that corrections will look for.
            context.reference, context.approximated = network, True
        if not staircases:
            context.note("requantize: every activation is quantised already, none was changed")
            return network
        steps = self._steps(network, staircases, context)
        tensors = NewTensors(network)
        populations = []
        for population in network.populations:
            staircase = staircases.get(population.name)
            if staircase is not None:
                step = tensors.put_parameter(f"{population.name}.step", steps[population.name])
                population = replace(population, neuron=replace(staircase, step=step))
            populations.append(population)
        context.note(
            f"requantize CHANGED the network: {len(staircases)} activations are rounded to "
            f"{self.bits} bits ({', '.join(staircases)})"
        )
        return tensors.attach(network).with_populations(populations)

    def _check_options(self) -> None:
        checks = (
            (1 <= self.bits <= MOST_BITS, "bits", self.bits, f"1 to {MOST_BITS}"),
            (0 < self.percentile <= 100, "percentile", self.percentile, "above 0, up to 100"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                text = f"requantize: {option}={value} is not {accepted}"
                raise InputError(Diagnostic("SN721", text))

    def _staircase(self, network: m.Network, population: m.Population) -> m.Quantized | None:
        """The levels that a population gets, with a step still to choose; None leaves it."""
        neuron, levels = population.neuron, 2**self.bits - 1
        match neuron:
            case m.MaxPool2d():
                return None
            case m.Quantized():
                return self._fewer(neuron) if self.layers == "all" else None
            case _ if not will_spike(network, population):
                return None
            case m.Relu() | m.Clip():
                return m.Quantized(1.0, levels)
            case m.Identity():
                return m.Quantized(1.0, levels, -levels)
        raise ValueError(f"{type(neuron).__name__} is no neuron that requantize meets")

    def _fewer(self, neuron: m.Quantized) -> m.Quantized | None:
        levels, lowest = 2**self.bits - 1, 0
        if neuron.signed:
            levels = max(1, 2 ** (self.bits - 1) - 1)
            lowest = -levels if -neuron.lowest <= neuron.levels else -(2 ** (self.bits - 1))
        fewer = m.Quantized(1.0, levels, lowest)
        return fewer if span(fewer) < span(neuron) else None

    def _steps(
        self, network: m.Network, staircases: dict[str, m.Quantized], context: Context
    ) -> dict[str, Array]:
        """Steps `()` or `(C,)`: the chosen largest value over the number of levels."""
        steps: dict[str, Array] = {}
        for count in sorted({span(s) for s in staircases.values()}):
            scales = chosen_scales(
                network,
                context,
                self.method,
                self.per,
                self.percentile,
                count,
                wanted_by=self.name,
            )
            for name, staircase in staircases.items():
                if span(staircase) == count:
                    steps[name] = compress(np.asarray(scales[name], dtype=np.float64)) / count
        return steps

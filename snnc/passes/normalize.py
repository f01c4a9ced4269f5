"""Normalisation: every population's activation range becomes the range of firing rates.

With the scale lambda of each population, weights become `W * lambda_in / lambda_out` and biases
`b / lambda_out` (Diehl et al. 2015; Rueckauer et al. 2017, eq. 5 to 7), so that an activation of
lambda is one spike per step. ReLU, leaky ReLU, clipping, and max pooling commute with positive
scaling, hence the network computes the same function in other units; `Population.scale` keeps
the units. Every connection is scaled by its own source, so residual sums and concatenations
need no common scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.properties import ANN, PLAIN_MAX_POOL
from snnc.passes.scale_choice import Method, balanced_scales, chosen_scales
from snnc.passes.staircases import refuse_staircases
from snnc.passes.tensors import NewTensors, compress, full, values_of
from snnc.passes.trained_times import in_own_units

Scales = dict[str, Array]
"""Activation scale per population: one number () or one per channel (C,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize:
    """Scale weights and biases so that activations become firing rates.

    `method`: `percentile` (of all activations, Rueckauer et al. 2017), `max` (Diehl et al.
    2015), `mmse` (least squared error of the activation rounded to `steps` levels, Li et al.
    2021) or `balance` (threshold balancing on the spiking input currents, Sengupta et al. 2019,
    times `factor`). `per`: one scale a `channel` or a `layer`. `steps`: levels for `mmse` and
    simulated steps for `balance`; 0 takes the number the network is compiled for. Activations with
    trained kernels of spike times keep their units.
    """

    name: ClassVar[str] = "normalize"
    requires: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    ensures: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    method: Method = "percentile"
    percentile: float = 99.9
    per: Literal["channel", "layer"] = "channel"
    steps: int = 0
    factor: float = 1.0

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network in normalised units.

        Raises:
            InputError: no calibration data (SN705), bad option (SN721), a quantised activation
                (SN731).
        """
        refuse_staircases(self.name, network)
        self._check_options()
        steps = self.steps or context.steps
        if self.method == "balance":
            scales = balanced_scales(network, context, self.per, steps, self.factor)
        else:
            scales = chosen_scales(network, context, self.method, self.per, self.percentile, steps)
        return apply_scales(network, _without_own_units(network, scales, context))

    def _check_options(self) -> None:
        checks = (
            (0 < self.percentile <= 100, "percentile", self.percentile, "above 0, up to 100"),
            (self.steps >= 0, "steps", self.steps, "0 or more"),
            (self.factor > 0, "factor", self.factor, "above 0"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                raise InputError(
                    Diagnostic("SN721", f"normalize: {option}={value} is not {accepted}")
                )


def _without_own_units(network: m.Network, scales: Scales, context: Context) -> Scales:
    """The scales of all populations whose values are not those of trained spike times.

    The kernel of such a population says in its own units what a spike is worth.
    """
    own = in_own_units(network) & set(scales)
    if own:
        names = ", ".join(name for name in scales if name in own)
        context.note(f"normalize leaves {names} in the units of their trained kernels")
    return {name: scale for name, scale in scales.items() if name not in own}


def apply_scales(network: m.Network, scales: Scales) -> m.Network:
    """The same function with every population's value divided by its scale.

    Populations without an entry keep their units. A scale is `()` or `(C,)`.
    """
    tensors = NewTensors(network)
    populations = [_rescaled(network, p, scales, tensors) for p in network.populations]
    return tensors.attach(network).with_populations(populations)


def _rescaled(
    network: m.Network, population: m.Population, scales: Scales, tensors: NewTensors
) -> m.Population:
    one = np.ones(())
    own = scales.get(population.name, one)
    shape = summed_shape(network, population)
    incoming = []
    for connection in population.incoming:
        if isinstance(population.neuron, m.MaxPool2d):
            # Pools and their source share one scale: nothing to convert, nothing to round.
            incoming.append(connection)
            continue
        source_shape = network.source_shape(connection.source)
        chain = Chain(connection.ops, source_shape, population.name, tensors)
        before = chain.scale(full(scales.get(connection.source, one), source_shape))
        behind = chain.scale(1.0 / full(own, shape))
        ops = simplify(replace(chain, ops=(before, *connection.ops, behind)), FUSE_RULES)
        incoming.append(replace(connection, ops=ops))
    bias = population.bias
    if bias is not None:
        normalised = full(network.array(bias), shape) / full(own, shape)
        bias = tensors.put(f"{population.name}.bias", compress(normalised))
    units = full(values_of(population.scale, network), population.shape)
    scale = tensors.put_parameter(
        f"{population.name}.units", compress(units * full(own, population.shape))
    )
    return replace(
        population,
        neuron=_rescaled_neuron(network, population, own, tensors),
        bias=bias,
        scale=scale,
        incoming=tuple(incoming),
    )


def _rescaled_neuron(
    network: m.Network, population: m.Population, own: Array, tensors: NewTensors
) -> m.Neuron:
    neuron = population.neuron
    if isinstance(neuron, m.Clip):
        high = full(values_of(neuron.high, network), population.shape)
        relative = compress(high / full(own, population.shape))
        return m.Clip(tensors.put_parameter(f"{population.name}.high", relative))
    return neuron

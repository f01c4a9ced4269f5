"""From activations to spikes: every neuron of stage ann becomes a spiking one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context, Property
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.properties import ANN, PLAIN_MAX_POOL, SNN
from snnc.passes.read_out import only_read_out, spiking_pool, spiking_readout
from snnc.passes.spiking_pools import split_pools
from snnc.passes.staircases import refuse_staircases
from snnc.passes.tensors import NewTensors, values_of
from snnc.passes.trained_times import refuse_spike_times


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSpiking:
    """Replace activations by integrate-and-fire neurons (stage snn).

    `reset`: `subtract` keeps the residue (soft reset, Rueckauer et al. 2017), `zero` drops it.
    `v_init`: initial potential as a share of the threshold; 0.5 makes the rate's rounding
    unbiased (Bu et al. 2022). `signed`: ReLU neurons may take a spike back when their potential
    falls below zero (negative spikes, Li et al. 2022). `leak`: factor on the potential in each
    step. `steps`: time steps, 0 for the number the network is compiled for. `coding`: how inputs
    come in: `direct`, `poisson` (seeded) or `events`. `spiking_pools`: average pooling as spiking
    populations instead of linear operators.
    """

    name: ClassVar[str] = "to-spiking"
    requires: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    ensures: ClassVar[tuple[Property, ...]] = (SNN,)
    reset: Literal["subtract", "zero"] = "subtract"
    v_init: float = 0.5
    signed: bool = False
    leak: float = 1.0
    steps: int = 0
    coding: Literal["direct", "poisson", "events"] = "direct"
    spiking_pools: bool = False

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The spiking network.

        Raises:
            InputError: an option is out of range (SN721), a clip lies too low (SN722), or an
                activation is quantised (SN731) or a spike time (SN772).
        """
        refuse_staircases(self.name, network)
        refuse_spike_times(self.name, network)
        self._check_options()
        if self.spiking_pools:
            network = split_pools(network, context)
        if self.coding == "poisson":
            network = _poisson(network, context)
        elif self.coding == "events":
            inputs = tuple(replace(i, coding=m.Events()) for i in network.inputs)
            network = replace(network, inputs=inputs)
        populations = [
            replace(p, neuron=self._neuron(network, p, only_read_out(network, p)))
            for p in network.populations
        ]
        return replace(
            network.with_populations(populations),
            stage="snn",
            heads=tuple(replace(h, readout=spiking_readout(network, h)) for h in network.heads),
            schedule=m.Synchronous(self.steps or context.steps),
        )

    def _check_options(self) -> None:
        checks = (
            (0.0 < self.leak <= 1.0, "leak", self.leak, "above 0, up to 1"),
            (self.steps >= 0, "steps", self.steps, "0 or more"),
            (np.isfinite(self.v_init), "v_init", self.v_init, "a finite number"),
        )
        for fine, option, value, accepted in checks:
            if not fine:
                raise InputError(
                    Diagnostic("SN721", f"to-spiking: {option}={value} is not {accepted}")
                )

    def _neuron(
        self, network: m.Network, population: m.Population, only_read_out: bool
    ) -> m.SpikingNeuron:
        if only_read_out:
            return m.Integrator()
        neuron = population.neuron
        plain = m.IF(threshold=1.0, reset=self.reset, v_init=self.v_init, leak=self.leak)
        match neuron:
            case m.Relu():
                return self._rectified(plain)
            case m.Clip(high):
                _check_clip(network, population, high)
                return self._rectified(plain)
            case m.LeakyRelu(slope):
                return replace(plain, negative_spikes="leaky", slope=slope)
            case m.Identity():
                return replace(plain, negative_spikes="retract")
            case m.MaxPool2d():
                return spiking_pool(neuron)
        raise InputError(
            Diagnostic(
                "SN722",
                f"{type(neuron).__name__} of population {population.name} has no spiking form",
                where=", ".join(population.origin),
                help="see `snnc explain SN722`",
            )
        )

    def _rectified(self, plain: m.IF) -> m.IF:
        return replace(plain, negative_spikes="retract", min_spikes=0) if self.signed else plain


def _check_clip(network: m.Network, population: m.Population, high: m.Parameter) -> None:
    bound = values_of(high, network)
    if bound.min() < 1.0 - 1e-6:
        raise InputError(
            Diagnostic(
                "SN722",
                f"population {population.name} is clipped at {float(bound.min()):.4g}, below "
                "one spike per step, where an integrate-and-fire neuron would saturate",
                where=", ".join(population.origin),
                help="run normalize before to-spiking: it makes the clip the saturation",
            )
        )


def _poisson(network: m.Network, context: Context) -> m.Network:
    """Inputs as Bernoulli spikes; the largest calibration value is the scale of a spike."""
    samples = context.samples("to-spiking{coding=poisson}")
    scales = {name: float(np.abs(x).max()) or 1.0 for name, x in samples.items()}
    inputs = tuple(
        replace(i, coding=m.Poisson(scales[i.name], context.seed)) for i in network.inputs
    )
    tensors = NewTensors(network)
    populations = []
    for population in network.populations:
        incoming = []
        for connection in population.incoming:
            if connection.source in scales:
                shape = network.source_shape(connection.source)
                ops = (m.Scale(scales[connection.source]), *connection.ops)
                ops = simplify(Chain(ops, shape, population.name, tensors), FUSE_RULES)
                connection = replace(connection, ops=ops)
            incoming.append(connection)
        populations.append(replace(population, incoming=tuple(incoming)))
    context.note(f"to-spiking codes the input as Bernoulli spikes, seed {context.seed}")
    changed = tensors.attach(replace(network, inputs=inputs))
    return changed.with_populations(populations)

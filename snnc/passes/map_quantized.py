"""From quantised activations to spikes: every step of a staircase is a spike.

A population with step `s`, levels up to `Q` and shift `phi` becomes integrate-and-fire with soft
reset, threshold `K s` and initial potential `phi K s`; one of its spikes is worth `K s` to its
users. In `qcfs` mode (Bu et al. 2022, sec. 4) `K` is the population's own number of levels, so
that the threshold is its largest value. In `qffs` mode (Li, Ma, Furber 2022) `K` is the window
`G` in which input and bias act, common to all populations, and the neurons take spikes back and
stop at `Q`.

Why `qffs` is exact for any mix of levels: once the window has closed, input and bias have brought
`G x` and `G b`, and sources at rest with `N` spikes have brought `N G s = G y`. So the neuron has
received `G z`, and it rests only where `N = clip(floor((G z + phi G s) / (G s)), lowest, Q)`,
which is the staircase of `z`. By induction over the layers all counts come to rest at the levels
of the quantised network, and an integrator rests at `G` times its logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape
from snnc.passes.base import Context, Property
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.properties import ANN, PLAIN_MAX_POOL, SNN
from snnc.passes.read_out import only_read_out, spiking_pool, spiking_readout
from snnc.passes.rounded_inputs import round_inputs
from snnc.passes.staircases import quantized_window, settling_bound, span
from snnc.passes.tensors import NewTensors, compress, full, values_of
from snnc.passes.trained_times import refuse_spike_times


@dataclass(frozen=True, slots=True, kw_only=True)
class MapQuantized:
    """Replace quantised activations by the spiking neurons that compute them (stage snn).

    `mode`: `qffs` is lossless: neurons may take a spike back and have a largest spike count, and
    once they have settled every count is the quantised activation (Li, Ma, Furber 2022). `qcfs`
    uses plain integrate-and-fire neurons whose rates approach the activations (Bu et al. 2022).
    `steps`: time steps (in `qffs` mode the most there may be), 0 for the number the network is
    compiled for.
    """

    name: ClassVar[str] = "map-quantized"
    requires: ClassVar[tuple[Property, ...]] = (ANN, PLAIN_MAX_POOL)
    ensures: ClassVar[tuple[Property, ...]] = (SNN,)
    mode: Literal["qffs", "qcfs"] = "qffs"
    steps: int = 0

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The spiking network.

        Raises:
            InputError: an activation is not quantised (SN730), max pooling compares neurons with
                different steps (SN733), a bad option (SN721), an activation is a spike time
                (SN772).
        """
        if self.steps < 0:
            text = f"map-quantized: steps={self.steps} is not 0 or more"
            raise InputError(Diagnostic("SN721", text))
        refuse_spike_times(self.name, network)
        network = round_inputs(network, context)
        require_quantized(network)
        window = quantized_window(network)
        amplitudes = self._amplitudes(network, window)
        tensors = NewTensors(network)
        populations = [
            self._mapped(network, population, amplitudes, tensors)
            for population in network.populations
        ]
        self._note(network, context)
        return replace(
            tensors.attach(network).with_populations(populations),
            stage="snn",
            heads=tuple(replace(h, readout=spiking_readout(network, h)) for h in network.heads),
            schedule=self._schedule(network, window, context),
        )

    def _schedule(self, network: m.Network, window: int, context: Context) -> m.Schedule:
        if self.mode == "qcfs":
            return m.Synchronous(self.steps or context.steps)
        given = self.steps or (context.steps if context.steps_given else 0)
        steps = given or settling_bound(network, window)
        if steps <= window:
            context.note(
                f"map-quantized: the input acts for {window} steps (the largest number of "
                f"levels), so {steps} steps end before the network can settle; allow about "
                f"{settling_bound(network, window)}, or use map-quantized{{mode=qcfs}}"
            )
        return m.Gated(steps, window)

    def _amplitudes(self, network: m.Network, window: int) -> dict[str, Array]:
        """What a spike of each population is worth, `()`, `(C,)` or its shape, float64."""
        found: dict[str, Array] = {}
        for population in network.populations:
            neuron = population.neuron
            if isinstance(neuron, m.Quantized):
                factor = window if self.mode == "qffs" else span(neuron)
                found[population.name] = factor * _step(network, neuron)
            elif isinstance(neuron, m.MaxPool2d):
                found[population.name] = found[population.incoming[0].source]
                _require_channels(population, found[population.name])
        return found

    def _mapped(
        self,
        network: m.Network,
        population: m.Population,
        amplitudes: Mapping[str, Array],
        tensors: NewTensors,
    ) -> m.Population:
        if isinstance(population.neuron, m.MaxPool2d):
            # Counts are compared, so pools read the spikes as they are.
            scale = _units(network, population, amplitudes, tensors)
            return replace(population, neuron=spiking_pool(population.neuron), scale=scale)
        incoming = []
        for connection in population.incoming:
            amplitude = amplitudes.get(connection.source)
            if amplitude is not None:
                ops = _amplified(network, population, connection, amplitude, tensors)
                connection = replace(connection, ops=ops)
            incoming.append(connection)
        changed = replace(population, incoming=tuple(incoming))
        if not isinstance(population.neuron, m.Quantized):
            return replace(changed, neuron=m.Integrator())
        scale = _units(network, population, amplitudes, tensors)
        threshold = amplitudes[population.name]
        neuron = self._neuron(network, population, population.neuron, tensors, threshold)
        return replace(changed, neuron=neuron, scale=scale)

    def _neuron(
        self,
        network: m.Network,
        population: m.Population,
        staircase: m.Quantized,
        tensors: NewTensors,
        threshold: Array,
    ) -> m.IF:
        name, shape = population.name, population.shape
        shift = values_of(staircase.shift, network).astype(np.float64)
        start = _product(threshold, shift, shape)
        plain = m.IF(
            threshold=tensors.put_parameter(f"{name}.threshold", threshold),
            v_init=tensors.put_parameter(f"{name}.v_init", start),
        )
        if self.mode == "qffs":
            return replace(
                plain,
                negative_spikes="retract",
                max_spikes=staircase.levels,
                min_spikes=staircase.lowest,
            )
        return replace(plain, negative_spikes="retract") if staircase.signed else plain

    def _note(self, network: m.Network, context: Context) -> None:
        quantized = {p.name: p.neuron for p in network.populations}
        even = [n for n, q in quantized.items() if isinstance(q, m.Quantized) and q.ties == "even"]
        if even:
            context.note(
                f"map-quantized: {_some(even)} rounded exact halves to the even level; spikes "
                "round them up, which matters only where a sum is exactly between two levels"
            )
        if self.mode == "qffs":
            _note_gates(network, context)
            return
        uneven = [
            name
            for name, q in quantized.items()
            if isinstance(q, m.Quantized) and q.lowest and q.lowest != -q.levels
        ]
        if uneven:
            context.note(
                f"map-quantized: {_some(uneven)} has levels that are not symmetric around 0; "
                "a rate lies between -1 and 1 spikes per step, so the nearer end is not enforced"
            )


def _note_gates(network: m.Network, context: Context) -> None:
    """Say that max pooling by a gate keeps a lossless network from being lossless."""
    kinds = {p.name: p.neuron for p in network.populations}
    gates = [n for n, k in kinds.items() if isinstance(k, m.MaxPool2d) and k.spiking == "gate"]
    if gates:
        context.note(
            f"map-quantized: {_some(gates)} passes the spikes of the neuron that is ahead, which "
            "is no maximum: counts behind it are not exact (max-pool{mode=exact} makes them so)"
        )


def require_quantized(network: m.Network) -> None:
    """Refuse populations whose value cannot be a whole number of spikes.

    Raises:
        InputError: SN730, one diagnostic for each of them.
    """
    wrong = []
    for population in network.populations:
        quantized = isinstance(population.neuron, m.Quantized | m.MaxPool2d)
        if quantized or only_read_out(network, population):
            continue
        kind = type(population.neuron).__name__
        wrong.append(
            Diagnostic(
                "SN730",
                f"population {population.name} is {kind}, and map-quantized needs quantised "
                "activations: its values are no whole numbers of spikes",
                where=", ".join(population.origin),
                help=_cure(population.neuron),
            )
        )
    if wrong:
        raise InputError(wrong)


def _require_channels(pool: m.Population, amplitude: Array) -> None:
    if amplitude.ndim > 1:
        raise InputError(
            Diagnostic(
                "SN733",
                f"max pooling {pool.name} reads neurons whose steps differ within a channel, so "
                "the largest spike count need not be the largest value",
                where=", ".join(pool.origin),
                help="use one step a channel or a layer in front of max pooling",
            )
        )


def _cure(neuron: m.Neuron) -> str:
    if isinstance(neuron, m.Identity):
        return (
            "run fuse-linear first, which computes linear values inside their users; where max "
            "pooling reads one or too many connections meet, run requantize{layers=all}"
        )
    return (
        "run requantize{bits=4} before map-quantized (it needs --calibration data), or use "
        "normalize and to-spiking if nothing in the network is quantised"
    )


def _step(network: m.Network, neuron: m.Quantized) -> Array:
    return compress(values_of(neuron.step, network).astype(np.float64))


def _amplified(
    network: m.Network,
    population: m.Population,
    connection: m.Incoming,
    amplitude: Array,
    tensors: NewTensors,
) -> tuple[m.Operator, ...]:
    """The connection's operators on spikes that are worth `amplitude`.

    One number stays an operator of its own: the weights remain those of the file, bit for bit, so
    no rounding of theirs moves a sum over an edge of the staircase.
    """
    worth = tensors.put_parameter(f"{connection.source}.amplitude", amplitude)
    ops = (m.Scale(worth), *connection.ops)
    if isinstance(worth, float):
        return ops
    shape = network.source_shape(connection.source)
    return simplify(Chain(ops, shape, population.name, tensors), FUSE_RULES)


def _units(
    network: m.Network,
    population: m.Population,
    amplitudes: Mapping[str, Array],
    tensors: NewTensors,
) -> m.Parameter:
    """ANN units of one spike per step in which the input acts."""
    units = values_of(population.scale, network).astype(np.float64)
    scale = _product(units, amplitudes[population.name], population.shape)
    return tensors.put_parameter(f"{population.name}.units", compress(scale))


def _product(a: Array, b: Array, shape: Shape) -> Array:
    """The product of two parameters, each one number, one per channel or one per neuron."""
    if a.ndim != b.ndim and a.ndim and b.ndim:
        a, b = full(a, shape), full(b, shape)
    product: Array = a * b
    return product


def _some(names: list[str]) -> str:
    """Names for a message: the first, and how many more."""
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"

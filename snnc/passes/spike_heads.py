"""Output neurons that spike, for policies that count spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.hints import did_you_mean
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.layerwise import unit_map
from snnc.passes.properties import NO_EXIT, SNN
from snnc.passes.tensors import NewTensors, full, values_of

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeHeads:
    """Make heads that read a membrane potential count spikes instead.

    Their integrators become integrate-and-fire neurons with soft reset that start at half their
    threshold. A spike per step is worth the `percentile` of the trained network's logits of that
    head on the calibration samples (Habara, Sato, Awano 2024 normalise classifiers so). `heads`:
    names of heads, or `all`. `read`: the number of spikes (`spike_count`), or who fired first
    (`first_spike`).
    """

    name: ClassVar[str] = "spike-heads"
    requires: ClassVar[tuple[Property, ...]] = (SNN, NO_EXIT)
    ensures: ClassVar[tuple[Property, ...]] = (SNN,)
    percentile: float = 99.9
    heads: str | tuple[str, ...] = "all"
    read: Literal["spike_count", "first_spike"] = "spike_count"

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with spiking heads.

        Raises:
            InputError: a bad option (SN721), an unknown head (SN743), a head that cannot answer by
                spikes (SN746), no calibration data (SN705), no ANN to compare with (SN723).
        """
        if not 0 < self.percentile <= 100:
            text = f"{self.name}: percentile={self.percentile} is not above 0, up to 100"
            raise InputError(Diagnostic("SN721", text))
        chosen = self._chosen(network)
        integrating = [h for h in chosen if isinstance(_neuron(network, h), m.Integrator)]
        if isinstance(network.schedule, m.Gated) and integrating:
            raise InputError(_refused(integrating[0], "spikes would round its exact logits"))
        if isinstance(network.schedule, m.Phased) and integrating:
            why = "neurons fire once here, so that nothing is to be counted"
            raise InputError(_refused(integrating[0], why))
        names = {head.name for head in chosen}
        if integrating:
            worth = self._worth(integrating, context)
            network = _spiking(network, worth, context)
            # A population that spikes now has no potential for its other heads to read.
            names |= {head.name for head in network.heads if head.population in worth}
        return replace(network, heads=tuple(self._read(h, names) for h in network.heads))

    def _chosen(self, network: m.Network) -> list[m.Head]:
        """The heads that were asked for; refuses what cannot answer by spikes."""
        known = [head.name for head in network.heads]
        asked = known if self.heads == "all" else self.heads
        asked = (asked,) if isinstance(asked, str) else asked
        wrong = [_unknown(name, known) for name in asked if name not in known]
        if wrong:
            raise InputError(wrong)
        chosen = [head for head in network.heads if head.name in asked]
        for head in chosen:
            if network.population(head.population).shape in ((), (1,)):
                raise InputError(_refused(head, "the sign of its one value is its answer"))
        return chosen

    def _worth(self, heads: Sequence[m.Head], context: Context) -> dict[str, float]:
        """The percentile of the ANN's logits of each head, by population."""
        logits = _ann_logits(self.name, heads, context)
        found = {h.population: float(np.percentile(logits[h.name], self.percentile)) for h in heads}
        for head in heads:
            if found[head.population] <= 0:
                which = f"percentile {self.percentile:g} of its logits is not above 0"
                raise InputError(_refused(head, which))
        return found

    def _read(self, head: m.Head, names: set[str]) -> m.Head:
        if head.name not in names:
            return head
        kind = m.SpikeCount if self.read == "spike_count" else m.FirstSpike
        return replace(head, readout=kind(head.readout.host))


def _neuron(network: m.Network, head: m.Head) -> m.Neuron:
    return network.population(head.population).neuron


def _unknown(name: str, known: Sequence[str]) -> Diagnostic:
    hint = did_you_mean(name, known) or f"heads: {', '.join(known)}"
    return Diagnostic("SN743", f'there is no head named "{name}"', help=hint)


def _refused(head: m.Head, reason: str) -> Diagnostic:
    text = f"head {head.name} cannot answer by its spikes: {reason}"
    cure = "leave it as it is; the policy confidence reads membrane potentials"
    return Diagnostic("SN746", text, help=cure)


def _ann_logits(name: str, heads: Sequence[m.Head], context: Context) -> dict[str, Array]:
    """What the trained network gives on the calibration samples, (N, K) by head."""
    reference = context.reference
    known = {} if reference is None else {h.name: h.population for h in reference.heads}
    if reference is None or any(head.name not in known for head in heads):
        raise InputError(
            Diagnostic(
                "SN723",
                f"pass {name} scales heads by the outputs of the trained network, which is not "
                "here",
                help="run it in the same pipeline as to-spiking, from an ONNX file or an IR text "
                "of stage ann",
            )
        )
    populations = {head.name: reference.population(known[head.name]) for head in heads}
    samples = context.samples(name)
    found: dict[str, list[Array]] = {head.name: [] for head in heads}
    for start in range(0, len(next(iter(samples.values()))), _BATCH):
        part = {key: x[start : start + _BATCH] for key, x in samples.items()}
        values = evaluate(reference, part, keep={p.name for p in populations.values()})
        for key, population in populations.items():
            logits = values[population.name] * unit_map(reference, population)
            found[key].append(logits.reshape(len(logits), -1))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _spiking(network: m.Network, worth: Mapping[str, float], context: Context) -> m.Network:
    """The network whose integrators of these names fire at a threshold of that worth."""
    tensors = NewTensors(network)
    populations = []
    for population in network.populations:
        value = worth.get(population.name)
        if value is not None:
            population = _firing(network, population, value, tensors)
            context.note(
                f"spike-heads: a spike per step of {population.name} is worth {value:.4g}, and its "
                "answer is rounded to whole spikes"
            )
        populations.append(population)
    return tensors.attach(network).with_populations(populations)


def _firing(
    network: m.Network, population: m.Population, worth: float, tensors: NewTensors
) -> m.Population:
    """An integrator as a neuron that fires whenever its logit has grown by `worth`."""
    integrator = population.neuron
    assert isinstance(integrator, m.Integrator)
    shape, name = population.shape, population.name
    threshold = worth / full(values_of(population.scale, network), shape)
    start = full(values_of(integrator.v_init, network), shape) + threshold / 2
    neuron = m.IF(
        threshold=tensors.put_parameter(f"{name}.threshold", threshold),
        v_init=tensors.put_parameter(f"{name}.v_init", start),
    )
    scale = tensors.put_parameter(f"{name}.units", np.asarray(worth))
    return replace(population, neuron=neuron, scale=scale)

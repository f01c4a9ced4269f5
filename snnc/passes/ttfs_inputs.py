"""Inputs of a network that was trained with spike times from the first layer on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.read_out import is_read_out
from snnc.passes.staircases import only_views


def trained_inputs(
    network: m.Network, context: Context
) -> tuple[m.Network, Mapping[str, m.SpikeTime]]:
    """The network, and the codings of the inputs that it was trained with.

    Such an input is read by one population alone, which encodes it: its kernel becomes that of the
    input, and what read the population reads the input. Where that would send what the population
    does not, negative values, or where max pooling reads it, the population stays: its spikes are
    those of the input, one window later.
    """
    codings: dict[str, m.SpikeTime] = {}
    for entry in network.inputs:
        encoder = _encoder(network, entry.name)
        if encoder is None:
            continue
        kernel = encoder.neuron
        assert isinstance(kernel, m.TTFS)
        codings[entry.name] = m.SpikeTime(
            kernel.tau, kernel.steps, kernel.delay, kernel.threshold, kernel.rounding
        )
        text = f"input {entry.name} is sent with the kernel of population {encoder.name}"
        reason = _needed(network, encoder, entry.name, context)
        if reason:
            context.note(f"{text}, which stays and takes a window of its own: {reason}")
            continue
        network = _without(network, encoder)
        if entry.name not in (context.calibration or {}):
            text += "; no calibration samples say whether it has negative values, which the"
            text += " trained network drops and a spike with a sign would send"
        context.note(text)
    return network, codings


def _encoder(network: m.Network, name: str) -> m.Population | None:
    """The population that encodes an input as it is and is the only one to read it."""
    readers = network.consumers(name)
    if len(readers) != 1 or not isinstance(readers[0].neuron, m.TTFS):
        return None
    reader = readers[0]
    plain = len(reader.incoming) == 1 and reader.bias is None and reader.scale == 1.0
    return reader if plain and only_views(reader.incoming[0].ops) else None


def _needed(network: m.Network, encoder: m.Population, name: str, context: Context) -> str:
    """Why the population has to stay; empty if it does not."""
    if is_read_out(network, encoder.name):
        return "it is an output"
    if any(isinstance(p.neuron, m.MaxPool2d) for p in network.consumers(encoder.name)):
        return "max pooling reads it"
    samples = (context.calibration or {}).get(name)
    if samples is not None and samples.size and samples.min() < 0:
        return "it drops the negative values of the input"
    return ""


def _without(network: m.Network, encoder: m.Population) -> m.Network:
    """The network whose other populations read what the population read."""
    (read,) = encoder.incoming
    populations = []
    for population in network.populations:
        if population.name == encoder.name:
            continue
        incoming = tuple(
            replace(i, source=read.source, ops=(*read.ops, *i.ops))
            if i.source == encoder.name
            else i
            for i in population.incoming
        )
        populations.append(replace(population, incoming=incoming))
    return network.with_populations(populations)

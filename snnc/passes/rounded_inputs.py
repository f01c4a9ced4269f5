"""A quantiser of the network input becomes the input's coding: the host rounds."""

from __future__ import annotations

from dataclasses import replace

from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.read_out import is_read_out
from snnc.passes.staircases import only_views, single
from snnc.passes.tensors import NewTensors


def round_inputs(network: m.Network, context: Context) -> m.Network:
    """The network with the coding `rounded` for every input that is only read quantised.

    The quantising populations disappear; what read them reads the input.
    """
    for name, (gone, coding) in quantised_inputs(network).items():
        network = _without(network, name, gone, coding)
        context.note(
            f"map-quantized: the host rounds the input {name} to steps of "
            f"{coding.step:g} ({coding.lowest} to {coding.levels}), as {', '.join(gone)} did"
        )
    return network


def quantised_inputs(network: m.Network) -> dict[str, tuple[tuple[str, ...], m.Rounded]]:
    """The inputs that the host can round: the populations that do it now, and the coding.

    Where anything else reads the input, a head or max pooling reads the quantised input, or steps
    differ between channels, the population stays and spikes, which is exact too.
    """
    found = {}
    for declared in network.inputs:
        users = network.consumers(declared.name)
        codings = [_rounded(network, p) for p in users]
        first = codings[0] if codings else None
        if first is not None and all(coding == first for coding in codings):
            found[declared.name] = (tuple(p.name for p in users), first)
    return found


def _rounded(network: m.Network, population: m.Population) -> m.Rounded | None:
    """The coding that stands for a population which quantises an input and does nothing else."""
    neuron = population.neuron
    if not isinstance(neuron, m.Quantized) or is_read_out(network, population.name):
        return None
    users = network.consumers(population.name)
    if any(isinstance(user.neuron, m.MaxPool2d) for user in users):
        return None
    if len(population.incoming) != 1 or population.bias is not None or population.scale != 1.0:
        return None
    if not only_views(population.incoming[0].ops) or population.incoming[0].delay:
        return None
    step, shift = single(network, neuron.step), single(network, neuron.shift)
    if step is None or shift is None:
        return None
    return m.Rounded(step, neuron.levels, neuron.lowest, shift, neuron.ties)


def _without(network: m.Network, name: str, gone: tuple[str, ...], coding: m.Rounded) -> m.Network:
    tensors = NewTensors(network)
    removed = {n: network.population(n) for n in gone}
    populations = []
    for population in network.populations:
        if population.name in removed:
            continue
        incoming = []
        for connection in population.incoming:
            quantiser = removed.get(connection.source)
            if quantiser is not None:
                ops = (*quantiser.incoming[0].ops, *connection.ops)
                chain = Chain(ops, network.source_shape(name), population.name, tensors)
                connection = replace(connection, source=name, ops=simplify(chain, FUSE_RULES))
            incoming.append(connection)
        populations.append(replace(population, incoming=tuple(incoming)))
    inputs = tuple(replace(i, coding=coding) if i.name == name else i for i in network.inputs)
    return tensors.attach(replace(network, inputs=inputs)).with_populations(populations)

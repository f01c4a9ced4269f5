"""A leaky ReLU as two ReLUs, exactly: `leaky(z) = relu(z) - slope * relu(-z)`.

Equal steps of the input of a leaky ReLU are no equal steps of its output, so it has no uniform
staircase. Its two branches have one each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Shape
from snnc.passes.base import Context
from snnc.passes.chains import FUSE_RULES, Chain, simplify
from snnc.passes.read_out import is_read_out
from snnc.passes.tensors import NewTensors, compress, free_name, full, values_of


def split_signed(network: m.Network, context: Context, wanted_by: str) -> m.Network:
    """As `split_leaky`, and every linear population that others read becomes two ReLUs as well."""
    populations = [
        replace(p, neuron=m.LeakyRelu(1.0))
        if isinstance(p.neuron, m.Identity) and network.consumers(p.name)
        else p
        for p in network.populations
    ]
    return split_leaky(network.with_populations(populations), context, wanted_by)


def split_leaky(network: m.Network, context: Context, wanted_by: str) -> m.Network:
    """The network with a positive and a negative ReLU population for every leaky one.

    What reads the leaky population reads both branches. Heads and max pooling, which need the
    whole value, read their sum.
    """
    tensors = NewTensors(network)
    branches: dict[str, tuple[m.Incoming, ...]] = {}
    populations: list[m.Population] = []
    sources: tuple[m.Input | m.Population, ...] = (*network.inputs, *network.populations)
    shapes = {source.name: source.shape for source in sources}
    for population in network.populations:
        changed = _reading_branches(network, population, branches, tensors)
        if not isinstance(population.neuron, m.LeakyRelu):
            populations.append(changed)
            continue
        positive, negative = _branches(network, changed, shapes, tensors)
        shapes[positive.name] = shapes[negative.name] = population.shape
        slope = values_of(population.neuron.slope, network).astype(np.float64)
        factor = tensors.put_parameter(f"{negative.name}.slope", -compress(slope))
        branches[population.name] = (
            m.Incoming(positive.name),
            m.Incoming(negative.name, (m.Scale(factor),)),
        )
        populations += [positive, negative]
        if _whole_value_read(network, population):
            whole = replace(changed, neuron=m.Identity(), bias=None)
            populations.append(replace(whole, incoming=branches[population.name]))
    if branches:
        context.note(
            f"{wanted_by} computes {len(branches)} signed activations as two ReLUs each "
            f"({', '.join(branches)}), which is exact and takes twice the neurons"
        )
    return tensors.attach(network).with_populations(populations)


def _whole_value_read(network: m.Network, population: m.Population) -> bool:
    pooled = any(
        isinstance(user.neuron, m.MaxPool2d) for user in network.consumers(population.name)
    )
    return pooled or is_read_out(network, population.name)


def _branches(
    network: m.Network,
    population: m.Population,
    shapes: Mapping[str, Shape],
    tensors: NewTensors,
) -> tuple[m.Population, m.Population]:
    """ReLUs of the summed input and of its negative."""
    positive, negative = (
        free_name(network, f"{population.name}.{part}") for part in ("positive", "negative")
    )
    incoming = []
    for connection in population.incoming:
        ops = (*connection.ops, m.Scale(-1.0))
        chain = Chain(ops, shapes[connection.source], negative, tensors)
        incoming.append(replace(connection, ops=simplify(chain, FUSE_RULES)))
    bias = population.bias
    if bias is not None:
        values = full(tensors.array(bias), population.shape)
        bias = tensors.put(f"{negative}.bias", -compress(values))
    upper = replace(population, name=positive, neuron=m.Relu())
    return upper, replace(upper, name=negative, bias=bias, incoming=tuple(incoming))


def _reading_branches(
    network: m.Network,
    population: m.Population,
    branches: Mapping[str, tuple[m.Incoming, ...]],
    tensors: NewTensors,
) -> m.Population:
    """A population that reads the branches of every leaky population instead of it."""
    if isinstance(population.neuron, m.MaxPool2d):
        return population
    incoming: list[m.Incoming] = []
    for connection in population.incoming:
        for branch in branches.get(connection.source, (m.Incoming(connection.source),)):
            ops = connection.ops
            if branch.ops:
                shape = network.source_shape(connection.source)
                chain = Chain((*branch.ops, *ops), shape, population.name, tensors)
                ops = simplify(chain, FUSE_RULES)
            incoming.append(replace(connection, source=branch.source, ops=ops))
    return replace(population, incoming=tuple(incoming))

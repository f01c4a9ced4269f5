"""Fusing linear operators: shared linear values into their users, chains into one operator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import summed_shape
from snnc.ir.tensors import Array
from snnc.passes.base import Context, Property
from snnc.passes.chains import FUSE_RULES, Chain, pools_into_weights, simplify
from snnc.passes.properties import ANN
from snnc.passes.tensors import NewTensors, compress, full

_MOST_CONNECTIONS = 32
"""A linear value with more connections than this stays a population of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseLinear:
    """Fuse chains of linear operators into one where that saves work.

    With `inline`, a linear value that several neurons use (the sum of a residual block, a
    convolution with two users) is computed in each of its users, so that no neuron has to carry
    a signed analog value. With `pools`, average pooling is folded into the weights behind it,
    for targets with one synapse per connection (exact only for windows that tile the image; the
    others stay and a note says so).
    """

    name: ClassVar[str] = "fuse-linear"
    requires: ClassVar[tuple[Property, ...]] = (ANN,)
    ensures: ClassVar[tuple[Property, ...]] = (ANN,)
    inline: bool = True
    pools: bool = False

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The fused network; values of the populations that remain stay the same."""
        if self.inline:
            network = _inline_linear(network, context)
        return self._fuse_chains(network, context)

    def _fuse_chains(self, network: m.Network, context: Context) -> m.Network:
        rules = (*FUSE_RULES, pools_into_weights) if self.pools else FUSE_RULES
        tensors = NewTensors(network)
        populations = []
        for population in network.populations:
            fused = []
            for incoming in population.incoming:
                shape = network.source_shape(incoming.source)
                ops = simplify(Chain(incoming.ops, shape, population.name, tensors), rules)
                if self.pools and any(isinstance(op, m.AvgPool2d) for op in ops):
                    context.note(
                        f"fuse-linear left the average pooling in front of {population.name}: "
                        "its windows overlap or do not tile the image, or no weight follows"
                    )
                fused.append(replace(incoming, ops=ops))
            populations.append(replace(population, incoming=tuple(fused)))
        return tensors.attach(network).with_populations(populations)


def _inline_linear(network: m.Network, context: Context) -> m.Network:
    """Replace every use of an `Identity` population by that population's own inputs.

    Max pooling keeps reading it (a maximum is not linear), and a head keeps it as its own. A
    value with very many connections stays too.
    """
    tensors = NewTensors(network)
    done: dict[str, m.Population] = {}
    bias: dict[str, Array | None] = {}
    for population in network.populations:
        changed, own_bias = _inline_into(network, population, done, bias, tensors, context)
        done[population.name], bias[population.name] = changed, own_bias
    wanted = _needed(tuple(done.values()), {h.population for h in network.heads})
    return tensors.attach(network).with_populations(p for p in done.values() if p.name in wanted)


def _inline_into(
    network: m.Network,
    population: m.Population,
    done: dict[str, m.Population],
    biases: dict[str, Array | None],
    tensors: NewTensors,
    context: Context,
) -> tuple[m.Population, Array | None]:
    shape = summed_shape(network, population)
    total = None if population.bias is None else full(network.array(population.bias), shape)
    changed = False
    incoming: list[m.Incoming] = []
    for connection in population.incoming:
        source = done.get(connection.source)
        if source is None or not _inlined(source, population):
            incoming.append(connection)
            continue
        changed = True
        context.note(f"fuse-linear computes {source.name} inside {population.name}")
        incoming.extend(
            replace(i, ops=(*i.ops, *connection.ops), delay=i.delay + connection.delay)
            for i in source.incoming
        )
        carried = biases[source.name]
        if carried is not None:
            moved = linear.apply_chain(connection.ops, carried[None], network.array)[0]
            total = moved if total is None else total + moved
    if not changed:
        return population, total
    ref = None
    if total is not None and np.any(total):
        ref = tensors.put(f"{population.name}.bias", compress(total))
    return replace(population, incoming=tuple(incoming), bias=ref), total


def _inlined(source: m.Population, population: m.Population) -> bool:
    """Whether a linear source is computed inside its user.

    Sums of sums would double their connections each time; past a bound the sum stays.
    """
    small = len(source.incoming) <= _MOST_CONNECTIONS
    linear_source = isinstance(source.neuron, m.Identity)
    return linear_source and small and not isinstance(population.neuron, m.MaxPool2d)


def _needed(populations: tuple[m.Population, ...], heads: set[str]) -> set[str]:
    """Names of the populations that a head depends on."""
    wanted = set(heads)
    for population in reversed(populations):
        if population.name in wanted:
            wanted.update(i.source for i in population.incoming)
    return wanted

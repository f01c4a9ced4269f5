"""Average pooling as spiking populations, for targets that cannot average on a connection."""

from __future__ import annotations

from dataclasses import replace

from snnc.ir import model as m
from snnc.ir.shapes import operator_shape
from snnc.passes.base import Context
from snnc.passes.tensors import free_name


def split_pools(network: m.Network, context: Context) -> m.Network:
    """Give every average pooling that opens a connection a ReLU population of its own.

    The mean of rates is a rate, so the new population needs no scale of its own; as a spiking
    population it rounds once more, which the note says. Poolings of the analog input and behind
    other operators stay linear.
    """
    inputs = {i.name for i in network.inputs}
    result: list[m.Population] = []
    for population in network.populations:
        incoming = []
        for index, connection in enumerate(population.incoming):
            first = connection.ops[0] if connection.ops else None
            if not isinstance(first, m.AvgPool2d) or connection.source in inputs:
                incoming.append(connection)
                continue
            pool = _pool_population(network, population, index, connection, first)
            context.note(f"to-spiking made the average pooling of {population.name} spike")
            result.append(pool)
            incoming.append(replace(connection, source=pool.name, ops=connection.ops[1:]))
        result.append(replace(population, incoming=tuple(incoming)))
    return network.with_populations(result)


def _pool_population(
    network: m.Network,
    user: m.Population,
    index: int,
    connection: m.Incoming,
    pool: m.AvgPool2d,
) -> m.Population:
    shape = operator_shape(pool, network.source_shape(connection.source), lambda r: ())
    suffix = "" if index == 0 else f".{index + 1}"
    neuron = m.Identity() if _signed(network, connection.source) else m.Relu()
    return m.Population(
        name=free_name(network, f"{user.name}.pool{suffix}"),
        shape=shape,
        neuron=neuron,
        scale=network.population(connection.source).scale,
        origin=user.origin,
        incoming=(m.Incoming(connection.source, (pool,)),),
    )


def _signed(network: m.Network, name: str) -> bool:
    """Whether a population has negative values; max pooling has where its source has."""
    population = network.population(name)
    if isinstance(population.neuron, m.MaxPool2d):
        return _signed(network, population.incoming[0].source)
    return isinstance(population.neuron, m.Identity | m.LeakyRelu)

"""The populations of a network as layers to be laid out, and what they read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition.connections import (
    Connection,
    MatrixConnection,
    WindowConnection,
    connections_of,
)
from snnc.backends.loihi.partition.tiles import Order, Shape3, as_image
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.phases import PASSING, kernels
from snnc.ir.tensors import Array

_ENTRY_BYTES = 4
"""Of a table; assumed, no figure is public."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A connection that reads a layer or an input, and the layer that it leads into.

    `population`: whether its axons can stand for several neurons.
    """

    layer: str
    connection: Connection
    population: bool


@dataclass(frozen=True, eq=False)
class Layer:
    """One population as the partitioner sees it.

    Attributes:
        name: The population.
        origin: The ONNX nodes that it stands for.
        shape: Its neurons, (C, H, W); a vector has one pixel.
        compartments: Compartments of one neuron.
        self_axons: Connections of a neuron to itself.
        thresholds: None where all neurons share one, else an array that broadcasts to `shape`.
        connections: What it reads; each with whether its axons can be population axons.
        order: Which axes are cut last.
        matrix_weights: Weights of matrices that are not zero; each takes a byte of some core.
        table_bytes: What a core holds for all its neurons, beside their states.
    """

    name: str
    origin: tuple[str, ...]
    shape: Shape3
    compartments: int
    self_axons: int
    thresholds: Array | None
    connections: tuple[tuple[Connection, bool], ...]
    order: Order
    matrix_weights: int
    table_bytes: int = 0

    @property
    def neurons(self) -> int:
        """Neurons of the population."""
        return math.prod(self.shape)


def layers_of(network: m.Network, chip: Chip) -> tuple[Layer, ...]:
    """The populations of a network in its order, sources before their readers.

    Raises:
        InputError: The network is not of stage `fixed` (SN522), or a connection cannot be laid out
            (SN523).
    """
    if network.stage != "fixed":
        message = f"a network of stage {network.stage} has no weights that a chip could hold"
        cure = "compile it for the target loihi, whose passes end at stage fixed"
        raise InputError(Diagnostic("SN522", message, f"network {network.name}", cure))
    reads = [i.source for p in network.populations for i in p.incoming]
    soft = {p.name for p in network.populations if _two_compartments(p, chip)}
    return tuple(_layer(network, p, chip, reads, soft) for p in network.populations)


def readers_of(layers: tuple[Layer, ...], source: str) -> tuple[Reader, ...]:
    """All connections that read a layer or an input, in order."""
    return tuple(
        Reader(layer.name, connection, population)
        for layer in layers
        for connection, population in layer.connections
        if connection.source == source
    )


def _two_compartments(population: m.Population, chip: Chip) -> bool:
    return _soft(population) and chip.soft_reset_compartments > 1


def _soft(population: m.Population) -> bool:
    return isinstance(population.neuron, m.IF) and population.neuron.reset == "subtract"


def _layer(
    network: m.Network, population: m.Population, chip: Chip, reads: list[str], soft: set[str]
) -> Layer:
    connections = connections_of(network, population)
    return Layer(
        name=population.name,
        origin=population.origin,
        shape=as_image(population.shape),
        compartments=(
            chip.soft_reset_compartments if _soft(population) else chip.hard_reset_compartments
        ),
        self_axons=chip.soft_reset_axons if _soft(population) else 0,
        thresholds=_thresholds(network, population),
        connections=tuple(
            (c, _population_axons(c, chip, population.name, reads, soft)) for c in connections
        ),
        order=_order(connections),
        matrix_weights=sum(c.weights for c in connections if isinstance(c, MatrixConnection)),
        table_bytes=_table_bytes(network, population) if chip.state_bytes_per_neuron else 0,
    )


def _table_bytes(network: m.Network, population: m.Population) -> int:
    """Entries of 4 bytes: the kernels of what it hears, and every column of its thresholds."""
    if not isinstance(network.schedule, m.Phased) or isinstance(population.neuron, PASSING):
        return 0
    known = kernels(network)
    heard = {tuple(known[i.source].tolist()) for i in population.incoming if i.source in known}
    entries = sum(len(kernel) for kernel in heard)
    if isinstance(population.neuron, m.IntegerTTFS):
        table = network.array(population.neuron.thresholds)
        entries += len(table) * np.unique(table.reshape(len(table), -1), axis=1).shape[1]
    return _ENTRY_BYTES * entries


def _population_axons(
    connection: Connection, chip: Chip, target: str, reads: list[str], soft: set[str]
) -> bool:
    """Whether neurons may share axons, as NxTF shares them.

    NxTF gives neurons of two compartments discrete axons, at either end. A source with several
    connections would reach several cores anyway. A matrix has a list of synapses for every source,
    so that there is nothing to share.
    """
    return (
        bool(chip.population_axons)
        and isinstance(connection, WindowConnection)
        and target not in soft
        and connection.source not in soft
        and reads.count(connection.source) == 1
    )


def _thresholds(network: m.Network, population: m.Population) -> Array | None:
    neuron = population.neuron
    if not isinstance(neuron, m.IF) or not isinstance(neuron.threshold, m.Ref):
        return None
    values = network.array(neuron.threshold)
    if len(np.unique(values)) == 1:
        return None
    if values.shape == population.shape:
        return values.reshape(as_image(population.shape))
    return values.reshape(-1, 1, 1)


def _order(connections: tuple[Connection, ...]) -> Order:
    """Depthwise layers cut channels first; what reads all channels cuts them last."""
    for connection in connections:
        if isinstance(connection, MatrixConnection) or connection.channels.groups == 1:
            return "channels_last"
    return "channels_first"

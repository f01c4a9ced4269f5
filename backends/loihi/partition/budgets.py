"""What the cores of a tiled layer take of each budget, and which limits that breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition.axes import most_taps
from snnc.backends.loihi.partition.connections import Connection, MatrixConnection
from snnc.backends.loihi.partition.layers import Layer
from snnc.backends.loihi.partition.memory import Format, format_of
from snnc.backends.loihi.partition.reach import Reach
from snnc.backends.loihi.partition.tiles import Tiling
from snnc.ir.tensors import Array

BUDGETS = ("compartments", "input axons", "output axon entries", "synapse memory bytes")
"""What every core has a certain amount of."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a layer breaks: its name, how many there are, how many there may be."""

    limit: str
    count: int
    allowed: int

    @property
    def ratio(self) -> float:
        """How far it is broken; 1 is the edge."""
        return self.count / max(self.allowed, 1)


Reaches = Callable[[Connection, bool, Tiling, Format | None], Reach]


@dataclass(frozen=True, eq=False)
class Inside:
    """A tiled layer without what it sends: arrays hold a number for every core.

    Attributes:
        tiling: How it is cut.
        compartments: Compartments of every core.
        axons: Input axons of every core.
        memory: Bytes of every core.
        words_per_axon: Words of the longest list of synapses.
        thresholds: Different thresholds of the core that has most.
    """

    tiling: Tiling
    compartments: Array
    axons: Array
    memory: Array
    words_per_axon: int
    thresholds: int


def inside(layer: Layer, tiling: Tiling, chip: Chip, reach: Reaches) -> Inside:
    """What a layer takes of its cores when it is cut in this way."""
    neurons = tiling.neurons()
    axons = neurons * layer.self_axons
    memory = neurons * (chip.state_bytes_per_neuron + _self_bytes(layer, tiling, chip))
    memory = memory + layer.table_bytes
    longest = 0
    for connection, population in layer.connections:
        found = reach(connection, population, tiling, layout_of(layer, tiling, chip, connection))
        axons = axons + found.axons
        memory = memory + found.lists.size
        longest = max(longest, found.lists.longest)
    compartments = neurons * layer.compartments
    return Inside(tiling, compartments, axons, memory, longest, thresholds(layer, tiling))


def impossible(layer: Layer, chip: Chip) -> Excess | None:
    """A limit that a layer breaks however it is cut, seen from one neuron; None if there is none.

    The neuron that reads most needs an axon for each source, or for each column where they share.
    """
    least = max((_least_axons(*entry) for entry in layer.connections), default=0)
    axons, allowed = least + layer.self_axons, chip.input_axons_per_core
    if layer.compartments > chip.compartments_per_core:
        limit = "compartments per core"
        return Excess(limit, layer.compartments, chip.compartments_per_core)
    if allowed is not None and axons > allowed:
        return Excess("input axons per core", axons, allowed)
    return None


def _least_axons(connection: Connection, population: bool) -> int:
    if isinstance(connection, MatrixConnection):
        nonzero = connection.nonzero
        return connection.sources if nonzero is None else int(nonzero.sum(axis=1).max())
    channels = connection.channels.source // connection.channels.groups
    rows = 1 if population else most_taps(connection.rows)
    return channels * rows * most_taps(connection.columns)


def too_much(layer: Layer, tiling: Tiling, chip: Chip) -> Excess | None:
    """Whether not even the mean core can hold the weights of matrices and the states of neurons.

    A test that costs nothing, before the cores are looked at one by one.
    """
    size = layer.matrix_weights + layer.neurons * chip.state_bytes_per_neuron
    mean = -(-size // tiling.cores)
    if mean <= chip.memory_bytes_per_core:
        return None
    return Excess("synapse memory bytes per core", mean, chip.memory_bytes_per_core)


def layout_of(layer: Layer, tiling: Tiling, chip: Chip, connection: Connection) -> Format | None:
    """How the synapses of a connection into a tiled layer are written."""
    return format_of(chip, tiling.neurons_per_tile * layer.compartments, connection.delay)


def _self_bytes(layer: Layer, tiling: Tiling, chip: Chip) -> int:
    """Bytes of one neuron's connections to itself."""
    layout = format_of(chip, tiling.neurons_per_tile * layer.compartments, 0)
    if layout is None:
        return 0
    words = int(layout.words(np.array(1), 1))
    return layer.self_axons * words * (layout.word // 8)


def thresholds(layer: Layer, tiling: Tiling) -> int:
    """Different thresholds of the core that has most of them."""
    values = layer.thresholds
    if values is None:
        return 1
    if values.shape[1:] == (1, 1):
        parts = np.split(values.reshape(-1), tiling.starts(0)[1:])
        return max(len(np.unique(part)) for part in parts)
    core = tiling.core_of_neurons().reshape(-1)
    order = np.argsort(core, kind="stable")
    starts = np.searchsorted(core[order], np.arange(1, tiling.cores))
    parts = np.split(values.reshape(-1)[order], starts)
    return max(len(np.unique(part)) for part in parts)


def excesses(used: Inside, chip: Chip) -> Iterator[Excess]:
    """The limits that a tiled layer breaks by what it takes in."""
    found = (
        ("compartments per core", int(used.compartments.max()), chip.compartments_per_core),
        ("input axons per core", int(used.axons.max()), chip.input_axons_per_core),
        ("synapse memory bytes per core", int(used.memory.max()), chip.memory_bytes_per_core),
        ("synapse memory words per axon", used.words_per_axon, chip.words_per_axon),
        ("distinct thresholds per core", used.thresholds, chip.thresholds_per_core),
    )
    for limit, count, allowed in found:
        if allowed is not None and count > allowed:
            yield Excess(limit, count, allowed)


def allowances(chip: Chip) -> tuple[int | None, ...]:
    """What a core has of each of the `BUDGETS`; None where it is not public."""
    return (
        chip.compartments_per_core,
        chip.input_axons_per_core,
        chip.output_entries_per_core,
        chip.memory_bytes_per_core,
    )

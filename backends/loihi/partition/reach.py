"""Axons: how many a core takes in, and how many entries the cores of a source need for them.

Input axons of a core are the source neurons whose synapses reach it, connection by connection.
Where NxTF would use population axons, the neurons of a source column (one channel, all rows) that
reach this core and no other share one. Output entries of a core: for each neuron an entry for every
core that it reaches; two for each column that shares an axon; one more for each axon that leaves
the chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition.axes import AxisReach, axis_reach
from snnc.backends.loihi.partition.connections import Connection, MatrixConnection
from snnc.backends.loihi.partition.memory import Format, Lists, matrix_lists, window_lists
from snnc.backends.loihi.partition.tiles import Tiling, outer
from snnc.ir.tensors import Array


@dataclass(frozen=True, eq=False)
class AxisFans:
    """What the neurons of a source reach, axis by axis; `population`: whether they share axons."""

    axes: tuple[AxisReach, AxisReach, AxisReach]
    population: bool


@dataclass(frozen=True, eq=False)
class NeuronFans:
    """The cores that each neuron of a source reaches, an array of the source's shape."""

    cores: Array


Fans: TypeAlias = AxisFans | NeuronFans


@dataclass(frozen=True, eq=False)
class Reach:
    """A connection into a tiled layer.

    Attributes:
        axons: Input axons of every core of the layer.
        lists: Its synapse memory.
        fans: What the neurons of the source reach.
    """

    axons: Array
    lists: Lists
    fans: Fans


@dataclass(frozen=True, eq=False)
class Entries:
    """Of every core of a source: output entries on one chip, and axons (one more entry off it)."""

    on_chip: Array
    axons: Array


def reach(connection: Connection, population: bool, tiling: Tiling, layout: Format | None) -> Reach:
    """A connection into a layer that is tiled in this way."""
    if isinstance(connection, MatrixConnection):
        return _matrix_reach(connection, tiling, layout)
    channels, rows, columns = (
        axis_reach(axis, part)
        for axis, part in zip(
            (connection.channels, connection.rows, connection.columns), tiling.tile, strict=True
        )
    )
    axons = outer(channels.reaching, rows.reaching, columns.reaching)
    if population:
        shared = outer(channels.alone, rows.alone, columns.alone)
        groups = outer(channels.alone, np.minimum(rows.alone, 1), columns.alone)
        axons = axons - shared + groups
    fans = AxisFans((channels, rows, columns), population)
    return Reach(axons, window_lists(connection, tiling, layout), fans)


def _matrix_reach(connection: MatrixConnection, tiling: Tiling, layout: Format | None) -> Reach:
    synapses = _synapses(connection, tiling)
    alike = connection.sources // synapses.shape[1]
    reached = synapses > 0
    axons = reached.sum(axis=1).reshape(tiling.counts) * alike
    cores = np.repeat(reached.sum(axis=0), alike).reshape(connection.source_shape)
    return Reach(axons, matrix_lists(synapses, alike, tiling, layout), NeuronFans(cores))


def _synapses(connection: MatrixConnection, tiling: Tiling) -> Array:
    """Synapses of every source neuron on every core, (cores, sources).

    One column stands for all sources where they are alike.
    """
    if connection.nonzero is None:
        return tiling.neurons().reshape(-1, 1)
    starts, rows = _sorted_rows(connection.nonzero, tiling)
    # One sum at a time: np.add.reduceat is fifteen times as slow along the first axis.
    parts = np.split(rows.view(np.int8), starts[1:])
    return np.stack([part.sum(axis=0, dtype=np.int32) for part in parts])


def _sorted_rows(matrix: Array, tiling: Tiling) -> tuple[Array, Array]:
    """The rows of a matrix core by core, and where the rows of each core begin."""
    if tiling.shape[1:] == tiling.tile[1:]:
        return tiling.starts(0) * (tiling.shape[1] * tiling.shape[2]), matrix
    core = tiling.core_of_neurons().reshape(-1)
    order = np.argsort(core, kind="stable")
    return np.searchsorted(core[order], np.arange(tiling.cores)), matrix[order]


def entries(fans: Fans, source: Tiling, chip: Chip) -> Entries:
    """Output entries that a tiled source needs for one connection."""
    if isinstance(fans, NeuronFans):
        total = fans.cores
        for axis in range(3):
            total = np.add.reduceat(total, source.starts(axis), axis=axis)
        return Entries(total * chip.discrete_entry_cost, total)
    sums = (np.add.reduceat(a.tiles, source.starts(i)) for i, a in enumerate(fans.axes))
    discrete = outer(*sums)
    if not fans.population:
        return Entries(discrete * chip.discrete_entry_cost, discrete)
    alone = [
        np.add.reduceat(a.only >= 0, source.starts(i), dtype=np.int64)
        for i, a in enumerate(fans.axes)
    ]
    discrete = discrete - outer(*alone)
    groups = outer(alone[0], _different(fans.axes[1].only, source.starts(1)), alone[2])
    price = discrete * chip.discrete_entry_cost + groups * chip.population_entry_cost
    return Entries(price, discrete + groups)


def _different(only: Array, starts: Array) -> Array:
    """For every source tile: how many tiles its rows reach that reach no other."""
    return np.array([len(set(part[part >= 0].tolist())) for part in np.split(only, starts[1:])])

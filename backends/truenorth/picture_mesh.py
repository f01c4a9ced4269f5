"""What a picture of the mesh shows, before it is drawn: cores, layers and the heaviest links."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.core_map import ROLES, TO_CORE, CoreMap
from snnc.backends.truenorth.placement import links, wiring
from snnc.ir.tensors import Array

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What layers are called in cells; several layers one after the other share one beyond 26."""

LINKS_DRAWN = 40
"""Pairs of cores whose links are drawn: those with the most."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A core.

    Attributes:
        core: Its number.
        place: Column and row.
        layer: Index into the rows of the legend.
        role: What it is for, one of `ROLES`.
        corelet: Path of what it belongs to.
        neurons, axons: How many are in use.
    """

    core: int
    place: tuple[int, int]
    layer: int
    role: str
    corelet: str
    neurons: int
    axons: int


@dataclass(frozen=True, slots=True)
class Row:
    """A layer in the legend: its cores, those of them that compute nothing of it, and what it uses.

    `neurons` and `axons` are shares of what its cores have.
    """

    name: str
    letter: str
    cores: int
    helpers: int
    neurons: float
    axons: float


@dataclass(frozen=True, slots=True)
class Strand:
    """Links from one core to another."""

    source: int
    target: int
    links: int


@dataclass(frozen=True, slots=True)
class Mesh:
    """All that a picture shows.

    Attributes:
        name: Of the network.
        columns, rows: Of the part of the mesh that is used, from its corner.
        cells: Cores in their order.
        layers: Rows of the legend, in the order of the layers.
        strands: The heaviest, heaviest first.
        pairs: Pairs of cores with links, drawn or not.
        facts: What is known of the whole, in words.
        neurons_per_core, axons_per_core: What a core has.
    """

    name: str
    columns: int
    rows: int
    cells: tuple[Cell, ...]
    layers: tuple[Row, ...]
    strands: tuple[Strand, ...]
    pairs: int
    facts: tuple[str, ...]
    neurons_per_core: int
    axons_per_core: int

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that cores have, in the order of `ROLES`."""
        there = {cell.role for cell in self.cells}
        return tuple(role for role in ROLES if role in there)


def mesh_of(core_map: CoreMap) -> Mesh:
    """What a picture of a placed core map shows."""
    names, owners = _owners(core_map)
    cells = _cells(core_map, owners)
    columns, rows = (int(n) + 1 for n in core_map.positions.max(axis=0, initial=-1))
    made = links(core_map)
    return Mesh(
        name=core_map.name,
        columns=columns,
        rows=rows,
        cells=cells,
        layers=tuple(_row(name, i, len(names), cells, core_map) for i, name in enumerate(names)),
        strands=_strands(made),
        pairs=made.nnz,
        facts=_facts(core_map, columns, rows),
        neurons_per_core=core_map.spec.neurons,
        axons_per_core=core_map.spec.axons,
    )


def driven_axons(core_map: CoreMap) -> Array:
    """Axons of each core that a neuron or an input pin drives, int64 (C,)."""
    driven = np.zeros((core_map.cores, core_map.spec.axons), bool)
    inside = core_map.kinds == TO_CORE
    driven[core_map.targets[inside], core_map.target_axons[inside]] = True
    driven[core_map.pin_cores, core_map.pin_axons] = True
    counts: Array = driven.sum(axis=1)
    return counts


def letter(layer: int, layers: int) -> str:
    """The letter of a layer; in the order of the alphabet whatever their number."""
    return LETTERS[layer if layers <= len(LETTERS) else layer * len(LETTERS) // layers]


def _owners(core_map: CoreMap) -> tuple[list[str], Array]:
    """What cores belong to: layers in their order, then what belongs to none; and which of them."""
    parts = [name.split("/")[0] for name in core_map.corelet_names]
    owners = [parts[i] for i in core_map.corelets]
    known = [layer.name for layer in core_map.layers]
    names = [name for name in known if name in owners]
    names += [name for name in dict.fromkeys(owners) if name not in known]
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[name] for name in owners], np.int64)


def _cells(core_map: CoreMap, owners: Array) -> tuple[Cell, ...]:
    axons, neurons = driven_axons(core_map), core_map.used.sum(axis=1)
    return tuple(
        Cell(
            core=core,
            place=(int(core_map.positions[core, 0]), int(core_map.positions[core, 1])),
            layer=int(owners[core]),
            role=ROLES[core_map.roles[core]],
            corelet=core_map.corelet_names[core_map.corelets[core]],
            neurons=int(neurons[core]),
            axons=int(axons[core]),
        )
        for core in range(core_map.cores)
    )


def _row(name: str, index: int, layers: int, cells: tuple[Cell, ...], core_map: CoreMap) -> Row:
    own = [cell for cell in cells if cell.layer == index]
    return Row(
        name=name,
        letter=letter(index, layers),
        cores=len(own),
        helpers=sum(cell.role != "compute" for cell in own),
        neurons=sum(cell.neurons for cell in own) / (len(own) * core_map.spec.neurons),
        axons=sum(cell.axons for cell in own) / (len(own) * core_map.spec.axons),
    )


def _strands(made: sparse.csr_array) -> tuple[Strand, ...]:
    entries = made.tocoo()
    (sources, targets), counts = entries.coords, entries.data
    heaviest = np.lexsort((targets, sources, -counts))[:LINKS_DRAWN]
    return tuple(Strand(int(sources[i]), int(targets[i]), int(counts[i])) for i in heaviest)


def _facts(core_map: CoreMap, columns: int, rows: int) -> tuple[str, ...]:
    ways = wiring(core_map)
    neurons, used = int(core_map.used.sum()), driven_axons(core_map)
    return (
        f"{core_map.cores:,} of {core_map.spec.cores:,} cores, {columns} x {rows} of the mesh",
        f"{neurons:,} neurons, {int(used.sum()):,} axons in use",
        (
            f"{ways.links:,} links between cores, {ways.mean_hops:.1f} hops in the mean, "
            f"{ways.max_hops} at most"
        ),
    )

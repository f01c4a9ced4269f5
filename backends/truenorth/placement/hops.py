"""What a placement costs: hops of links and packets, and the load of the mesh's own links."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.placement.board import hop_weight
from snnc.backends.truenorth.placement.traffic import check_traffic, links
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Packets:
    """Measured packets on the mesh.

    Attributes:
        packets: Spikes that went to another core.
        hops: Sum of the hops that they took.
        mean_hops: Hops of a packet, 0 without any.
        busiest: Most packets over one connection of the mesh in one direction.
    """

    packets: int
    hops: int
    mean_hops: float
    busiest: int


@dataclass(frozen=True, slots=True)
class Wiring:
    """How far spikes travel.

    Attributes:
        links: Neurons that drive an axon of another core.
        pairs: Ordered pairs of cores with at least one link.
        hops: Sum of the hops over all links: the total hop-weight.
        mean_hops: Hops of a link, 0 without any.
        max_hops: Hops of the longest link.
        busiest: Most links over one connection of the mesh in one direction.
        packets: The same of measured packets, None where no spikes were counted.
    """

    links: int
    pairs: int
    hops: int
    mean_hops: float
    max_hops: int
    busiest: int
    packets: Packets | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return asdict(self)


def wiring(core_map: CoreMap, traffic: sparse.csr_array | None = None) -> Wiring:
    """The figures of a placed core map.

    Args:
        core_map: With positions.
        traffic: Measured packets between cores, (C, C): `links` of counted spikes.

    Raises:
        InputError: `traffic` has another shape, or amounts that are no counts (SN584).
    """
    made, points = links(core_map), core_map.positions
    count, hops = int(made.sum()), int(hop_weight(made, points))
    return Wiring(
        links=count,
        pairs=made.nnz,
        hops=hops,
        mean_hops=hops / count if count else 0.0,
        max_hops=_furthest(made, points),
        busiest=int(mesh_load(made, points).max(initial=0)),
        packets=None if traffic is None else _packets(traffic, core_map),
    )


def _packets(traffic: sparse.csr_array, core_map: CoreMap) -> Packets:
    check_traffic(traffic)
    if traffic.shape[0] != core_map.cores:
        text = f"traffic between {traffic.shape[0]} cores; the core map has {core_map.cores}"
        cure = "take the matrix that `links` makes of this core map"
        raise InputError(Diagnostic("SN584", text, "traffic", cure))
    count, hops = int(traffic.sum()), int(hop_weight(traffic, core_map.positions))
    busiest = int(mesh_load(traffic, core_map.positions).max(initial=0))
    return Packets(count, hops, hops / count if count else 0.0, busiest)


def _furthest(traffic: sparse.csr_array, points: Array) -> int:
    rows, columns = traffic.tocoo().coords
    hops = np.abs(points[rows].astype(np.int64) - points[columns]).sum(axis=1)
    return int(hops.max(initial=0))


def mesh_load(traffic: sparse.csr_array, points: Array) -> Array:
    """What goes over each connection of the mesh when packets go along the row first, then up.

    Args:
        traffic: (C, C), from row to column.
        points: Column and row of each core, (C, 2).

    Returns:
        float64 (4, columns, rows): what leaves each place to the right, left, and to the next and
        the previous row.
    """
    entries = traffic.tocoo()
    rows, columns = entries.coords
    amounts = entries.data.astype(float)
    if not len(amounts):
        return np.zeros((4, 0, 0))
    size = tuple(points.max(axis=0).astype(int) + 1)
    (x0, y0), (x1, y1) = points[rows].astype(int).T, points[columns].astype(int).T
    along = _runs(x0, x1, y0, amounts, size)
    across = _runs(y0, y1, x1, amounts, (size[1], size[0]))
    load: Array = np.concatenate([along, across.transpose(0, 2, 1)])
    return load


def _runs(start: Array, end: Array, line: Array, amounts: Array, size: tuple[int, int]) -> Array:
    """Load along one axis, (2, length, lines): leaving each place upwards, and downwards."""
    found = np.zeros((2, *size))
    for direction, going in enumerate((end > start, end < start)):
        change = np.zeros((size[0] + 1, size[1]))
        first, last, on = start[going], end[going], line[going]
        low, high = (first, last) if direction == 0 else (last + 1, first + 1)
        np.add.at(change, (low, on), amounts[going])
        np.add.at(change, (high, on), -amounts[going])
        found[direction] = np.cumsum(change, axis=0)[:-1]
    return found

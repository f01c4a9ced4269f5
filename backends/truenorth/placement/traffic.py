"""How much cores send each other: links of a core map, or packets where spikes were counted."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.core_map import TO_CORE, CoreMap
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


def links(core_map: CoreMap, spikes: Array | None = None) -> sparse.csr_array:
    """What each core sends each other core: float64 (C, C), from row to column.

    A core's own axons are left out, for such a spike takes no hop; so are input pins and output
    lines, which have no place on the mesh.

    Args:
        core_map: The cores.
        spikes: How often each neuron fired, (C, 256), whole and not negative. Without it every
            neuron that drives an axon of another core counts once.

    Raises:
        InputError: `spikes` has another shape or values that are no counts (SN584).
    """
    if spikes is not None:
        _check(spikes, core_map.kinds.shape)
    sources, neurons = np.nonzero(core_map.kinds == TO_CORE)
    targets = core_map.targets[sources, neurons]
    counts = np.ones(len(sources)) if spikes is None else spikes[sources, neurons].astype(float)
    counted = (sources != targets) & (counts > 0)
    entries = (counts[counted], (sources[counted], targets[counted]))
    return sparse.csr_array(entries, shape=(core_map.cores, core_map.cores))


def _check(spikes: Array, shape: tuple[int, ...]) -> None:
    cure = "give what the simulator of the chip counted for this core map"
    if spikes.shape != shape:
        text = f"spike counts have shape {spikes.shape}, the neurons of the core map {shape}"
        raise InputError(Diagnostic("SN584", text, "spikes", cure))
    if not (np.isfinite(spikes) & (spikes >= 0) & (spikes == np.floor(spikes))).all():
        text = "spike counts hold values that are negative or no whole numbers"
        raise InputError(Diagnostic("SN584", text, "spikes", cure))


def check_traffic(traffic: sparse.csr_array) -> None:
    """See that traffic is a square matrix of amounts.

    Raises:
        InputError: It is not square, or has amounts that are negative or not finite (SN584).
    """
    rows, columns = traffic.shape
    cure = "take the matrix that `links` makes of the core map"
    if rows != columns:
        text = f"traffic between cores has {rows} rows and {columns} columns; they must be as many"
        raise InputError(Diagnostic("SN584", text, "traffic", cure))
    amounts = traffic.tocoo().data
    wrong = int((~np.isfinite(amounts) | (amounts < 0)).sum())
    if wrong:
        text = f"traffic between cores has {wrong} amounts that are negative or not finite"
        raise InputError(Diagnostic("SN584", text, "traffic", cure))


def both_ways(traffic: sparse.csr_array) -> sparse.csr_array:
    """Traffic between two cores whatever its direction: symmetric float64 (C, C), diagonal 0."""
    entries = traffic.tocoo()
    rows, columns = entries.coords
    between = (rows != columns) & (entries.data > 0)
    rows, columns = rows[between], columns[between]
    amounts = np.tile(entries.data[between].astype(float), 2)
    where = (np.concatenate([rows, columns]), np.concatenate([columns, rows]))
    found = sparse.csr_array((amounts, where), shape=traffic.shape)
    found.sort_indices()
    return found

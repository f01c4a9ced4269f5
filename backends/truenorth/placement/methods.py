"""Places of cores by a named method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.placement.anneal import Progress, annealed
from snnc.backends.truenorth.placement.board import Board, outside, places, rectangle
from snnc.backends.truenorth.placement.matching import improved
from snnc.backends.truenorth.placement.starts import along_hilbert, in_rows, spectral
from snnc.backends.truenorth.placement.traffic import both_ways, check_traffic, links
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.tensors import Array

Method = Literal["spectral", "rows", "hilbert", "anneal"]
"""`spectral`: two eigenvectors, then exchanges while they help; `rows`: core after core;
`hilbert`: one eigenvector along a Hilbert curve; `anneal`: simulated annealing after spectral."""

METHODS: tuple[Method, ...] = get_args(Method)

Start = Callable[[sparse.csr_array, Array], Array]


def placed(
    core_map: CoreMap,
    method: Method = "spectral",
    seed: int = 0,
    *,
    spikes: Array | None = None,
    progress: Progress | None = None,
) -> CoreMap:
    """The core map with its cores on places by `method`; nothing else of it changes.

    Args:
        core_map: The cores.
        method: See `Method`.
        seed: Of random choices.
        spikes: How often each neuron fired, (C, 256): places for these packets instead of links.
        progress: Told how annealing goes on.

    Raises:
        InputError: More cores than the chip has (SN582), or no counts of spikes (SN584).
        UsageError: Unknown method (SN583).
    """
    traffic = links(core_map, spikes)
    positions = place(traffic, core_map.spec, method=method, seed=seed, progress=progress)
    return replace(core_map, positions=positions)


def place(
    traffic: sparse.csr_array,
    spec: ChipSpec,
    *,
    method: Method = "spectral",
    seed: int = 0,
    fixed: Mapping[int, tuple[int, int]] | None = None,
    progress: Progress | None = None,
) -> Array:
    """Places of cores in a rectangle of the mesh that is about square.

    `spectral` is never worse than `rows`, and `anneal` never worse than `spectral`, in the sum of
    traffic times hops.

    Args:
        traffic: (C, C): what each core sends each other (see `links`).
        spec: The chip.
        method: See `Method`.
        seed: Of the random choices of `spectral` and `anneal`.
        fixed: Column and row of cores that are given, which may lie outside the rectangle.
        progress: Told how annealing goes on.

    Returns:
        Column and row of each core, int16 (C, 2), each place once.

    Raises:
        InputError: More cores than the chip has (SN582), traffic that is no square matrix of
            amounts (SN584), or fixed places that are off the mesh or taken twice (SN585).
        UsageError: Unknown method (SN583).
    """
    if method not in METHODS:
        cure = f"choose one of {', '.join(METHODS)}"
        text = f"there is no placement called {method!r}"
        raise UsageError(Diagnostic("SN583", text, "placement", cure))
    check_traffic(traffic)
    cores = traffic.shape[0]
    _check_size(cores, spec)
    given = dict(fixed or {})
    _check_fixed(given, cores, spec)
    if not cores:
        return np.empty((0, 2), np.int16)
    board = _started(both_ways(traffic), spec, given, method)
    if method in ("spectral", "anneal"):
        board = improved(board, seed)
    if method == "anneal":
        board = improved(annealed(board, seed, progress=progress), seed)
    positions: Array = board.points[:cores].astype(np.int16)
    return positions


def _started(
    traffic: sparse.csr_array, spec: ChipSpec, fixed: Mapping[int, tuple[int, int]], method: Method
) -> Board:
    """The best of the method's starts, with an empty piece on every place that is left."""
    cores = traffic.shape[0]
    width, height = rectangle(cores, spec)
    numbers = np.array(sorted(fixed), np.int64)
    points = np.zeros((cores, 2), np.int64)
    points[numbers] = np.array([fixed[int(n)] for n in numbers], np.int64).reshape(-1, 2)
    left = outside(points[numbers], places(width, height))
    moving = np.setdiff1d(np.arange(cores), numbers)
    inner = sparse.csr_array(traffic[moving][:, moving])
    starts: dict[str, tuple[Start, ...]] = {"rows": (in_rows,), "hilbert": (along_hilbert,)}
    boards = []
    for start in starts.get(method, (spectral, in_rows)):
        here = points.copy()
        here[moving] = left[start(inner, left[: len(moving)])]
        boards.append(_board(traffic, here, left[len(moving) :], numbers))
    return min(boards, key=Board.hop_weight)


def _board(traffic: sparse.csr_array, points: Array, empty: Array, fixed: Array) -> Board:
    """Cores on their points and empty pieces on the places that are left."""
    size = len(points) + len(empty)
    free = np.ones(size, bool)
    free[fixed] = False
    indptr = np.concatenate([traffic.indptr, np.full(len(empty), traffic.indptr[-1])])
    grown = sparse.csr_array((traffic.data, traffic.indices, indptr), shape=(size, size))
    return Board(grown, np.concatenate([points, empty]), free)


def _check_size(cores: int, spec: ChipSpec) -> None:
    if cores > spec.cores:
        columns, rows = spec.grid
        text = f"{cores:,} cores; a chip has {columns} x {rows} = {spec.cores:,}"
        cure = "take fewer bits or a smaller network; maps over several chips are not made"
        raise InputError(Diagnostic("SN582", text, "placement", cure))


def _check_fixed(fixed: Mapping[int, tuple[int, int]], cores: int, spec: ChipSpec) -> None:
    columns, rows = spec.grid
    cure = "give each fixed core a place of its own on the mesh"
    owners: dict[tuple[int, int], int] = {}
    for core, (x, y) in sorted(fixed.items()):
        if not 0 <= core < cores:
            text = f"core {core} is to be fixed; the map has cores 0 to {cores - 1}"
            raise InputError(Diagnostic("SN585", text, f"core {core}", cure))
        if not (0 <= x < columns and 0 <= y < rows):
            text = f"core {core} is to be fixed at ({x}, {y}); the mesh is {columns} x {rows}"
            raise InputError(Diagnostic("SN585", text, f"core {core}", cure))
        if (x, y) in owners:
            text = f"cores {owners[x, y]} and {core} are both to be fixed at ({x}, {y})"
            raise InputError(Diagnostic("SN585", text, f"core {core}", cure))
        owners[x, y] = core

"""Which units of a layer share a core: tiles of an image, or stretches of a vector.

A tile's inputs must fit the axons of a core, its units the neurons. Among the shapes that do, the
one is taken that costs the fewest cores in all: those of the layer, those that copies of its inputs
take, and those that copies of its own spikes take where its cores have no neurons left for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.ir.tensors import Array, Shape

_SAMPLED = 3
"""Tiles that the axons of a shape are estimated from, beside those in the middle."""

_LARGEST_SIDE = 16
_STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128, 192, 256)


class DoesNotFitError(ValueError):
    """A single unit needs more axons than a core has; carries the unit and what it needs."""

    def __init__(self, unit: int, needed: int) -> None:
        self.unit = unit
        self.needed = needed
        super().__init__(f"unit {unit} needs {needed} axons")


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What tiles of a layer need.

    Attributes:
        pattern: CSR (units, columns): which inputs a unit reads.
        axons: int64 (columns,): axons that an input needs.
        paid: bool (columns,): inputs whose copies take neurons on the chip; the host's do not.
        copies: int64 (units,): targets of each unit's spikes.
        columns: int64 (units,): neurons that a unit needs at least.
        alive: bool (units,).
        shape: Of the layer.
    """

    pattern: sparse.csr_matrix
    axons: Array
    paid: Array
    copies: Array
    columns: Array
    alive: Array
    shape: Shape


def tiles_of(demand: Demand, spec: ChipSpec) -> list[Array]:
    """The tiles of a layer: units in ascending order, dead ones left out; none is empty.

    Raises:
        DoesNotFitError: a unit has more inputs than a core has axons.
    """
    _check_units(demand, spec)
    best: tuple[float, tuple[int, ...]] | None = None
    # Large tiles first: a shape costs as many cores as it has tiles, or more.
    for side in sorted(_shapes(demand, spec), key=lambda s: (_tile_count(demand.shape, s), s)):
        if best is not None and _tile_count(demand.shape, side) >= best[0]:
            break
        cost = _cost(demand, side, spec)
        if cost is not None and (best is None or cost < best[0]):
            best = cost, side
    assert best is not None  # a tile of one unit always fits
    found: list[Array] = []
    for units in _cut(demand.shape, best[1]):
        live = units[demand.alive[units]]
        if len(live):
            found.extend(_fitting(demand, live, spec))
    return found


def needed_axons(demand: Demand, units: Array) -> int:
    """Axons that some units need together."""
    return int(demand.axons[_inputs(demand, units)].sum())


def _check_units(demand: Demand, spec: ChipSpec) -> None:
    needed = demand.pattern.astype(bool).astype(np.int64) @ demand.axons
    worst = int(np.argmax(needed)) if len(needed) else 0
    if len(needed) and needed[worst] > spec.axons:
        raise DoesNotFitError(worst, int(needed[worst]))


def _inputs(demand: Demand, units: Array) -> Array:
    """The columns that some units read, ascending."""
    pattern = demand.pattern
    parts = [pattern.indices[pattern.indptr[u] : pattern.indptr[u + 1]] for u in units.tolist()]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def _shapes(demand: Demand, spec: ChipSpec) -> Iterator[tuple[int, ...]]:
    """Sizes of tiles: channels, rows, columns, or units of a vector."""
    shape = demand.shape
    if len(shape) != 3:
        total = int(np.prod(shape))
        yield from ((n,) for n in _sizes(total, spec.neurons))
        return
    channels, height, width = shape
    for tall in _sizes(height, _LARGEST_SIDE):
        for wide in _sizes(width, _LARGEST_SIDE):
            for deep in _sizes(channels, spec.neurons // (tall * wide)):
                yield deep, tall, wide


def _sizes(length: int, most: int) -> list[int]:
    """Sides to try: small ones, those that cut a length evenly, and the longest."""
    most = min(length, most)
    even = {-(-length // parts) for parts in range(1, 17)}
    return sorted({n for n in {*_STEPS, *even, most} if 1 <= n <= most})


def _cut(shape: Shape, side: tuple[int, ...]) -> Iterator[Array]:
    """The units of each tile, in row-major order of the tiles."""
    if len(side) == 1:
        total = int(np.prod(shape))
        for start in range(0, total, side[0]):
            yield np.arange(start, min(start + side[0], total))
        return
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    for channel in range(0, shape[0], side[0]):
        for row in range(0, shape[1], side[1]):
            for column in range(0, shape[2], side[2]):
                part = numbers[
                    channel : channel + side[0], row : row + side[1], column : column + side[2]
                ]
                yield part.reshape(-1)


def _cost(demand: Demand, side: tuple[int, ...], spec: ChipSpec) -> float | None:
    """Estimated cores for a shape of tile; None where a tile would not fit."""
    tiles = _tile_count(demand.shape, side)
    needed, paid = [], []
    for units in _some(demand.shape, side, tiles):
        live = units[demand.alive[units]]
        inputs = _inputs(demand, live)
        axons = demand.axons[inputs]
        if axons.sum() > spec.axons or demand.columns[live].sum() > spec.neurons:
            return None
        needed.append(float(axons.sum()))
        paid.append(float(axons[demand.paid[inputs]].sum()))
    delivered = tiles * float(np.mean(paid))
    copies = float(np.maximum(demand.copies, 1)[demand.alive].sum())
    beyond = max(0.0, copies - tiles * spec.neurons)
    return tiles + (delivered + beyond) / spec.neurons


def _tile_count(shape: Shape, side: tuple[int, ...]) -> int:
    if len(side) == 1:
        return -(-int(np.prod(shape)) // side[0])
    return int(np.prod([-(-n // s) for n, s in zip(shape, side, strict=True)]))


def _some(shape: Shape, side: tuple[int, ...], tiles: int) -> Iterator[Array]:
    """A few tiles, spread evenly over all and in the middle of the image."""
    if len(side) == 1:
        total = int(np.prod(shape))
        for index in _spread(tiles):
            yield np.arange(index * side[0], min((index + 1) * side[0], total))
        return
    counts = [-(-n // s) for n, s in zip(shape, side, strict=True)]
    middle = [n // 2 for n in counts]
    # Tiles at the border read fewer inputs, those in the middle of the image the most.
    inner = {int(np.ravel_multi_index((c, *middle[1:]), counts)) for c in (0, middle[0])}
    for index in sorted({*_spread(tiles), *inner}):
        place = np.unravel_index(index, counts)
        ranges = [
            np.arange(int(p) * s, min((int(p) + 1) * s, n))
            for p, s, n in zip(place, side, shape, strict=True)
        ]
        grid = np.meshgrid(*ranges, indexing="ij")
        yield np.ravel_multi_index(tuple(g.reshape(-1) for g in grid), shape)


def _spread(tiles: int) -> Sequence[int]:
    found: list[int] = np.unique(
        np.linspace(0, tiles - 1, min(tiles, _SAMPLED)).round().astype(int)
    ).tolist()
    return found


def _fitting(demand: Demand, units: Array, spec: ChipSpec) -> list[Array]:
    """A tile, or where it does not fit after all, its halves."""
    axons, columns = needed_axons(demand, units), int(demand.columns[units].sum())
    if axons <= spec.axons and columns <= spec.neurons:
        return [units]
    found: list[Array] = []
    for part in _halves(demand.shape, units):
        found.extend(_fitting(demand, part, spec))
    return found


def _halves(shape: Shape, units: Array) -> tuple[Array, Array]:
    """Two parts of a tile: of an image along its longer side, since channels share their inputs."""
    if len(shape) == 3:
        _, rows, columns = np.unravel_index(units, shape)
        sides = sorted((rows, columns), key=lambda side: np.ptp(side), reverse=True)
        if np.ptp(sides[0]) > 0:
            low = sides[0] < (sides[0].min() + sides[0].max() + 1) // 2
            return units[low], units[~low]
    half = len(units) // 2
    return units[:half], units[half:]

"""A core map in the making: tiles with numbered signals, before spikes are routed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.fan_out import levels, replicas
from snnc.backends.truenorth.parts import Signals, Tile
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """Tiles and what is known of their signals.

    Attributes:
        signals: All signals.
        tiles: Cores of layers, partial sums and clocks; a core's number is its index.
        columns: int64 (n,) for each tile: equal neurons of each of its signals.
        axon_targets: int64 (signals,): axons that each signal drives.
        lines: int64 (signals,): output line of each, -1 where no head reads it.
        levels: int64 (stretches,): ticks from a spike to its last target.
        codes: How the weights of each layer are spelled, for reports.
        spec: The chip.
    """

    signals: Signals
    tiles: tuple[Tile, ...]
    columns: tuple[Array, ...]
    axon_targets: Array
    lines: Array
    levels: Array
    codes: Mapping[str, str]
    spec: ChipSpec


def count_targets(tiles: list[Tile], total: int) -> Array:
    """Axons that each signal drives, int64 (signals,)."""
    found = np.zeros(total, np.int64)
    for tile in tiles:
        np.add.at(found, tile.axon_signals, 1)
    return found


def least_columns(axon_targets: Array, lines: Array) -> Array:
    """Neurons that a signal needs at least: one for its output line, one for its axons."""
    least: Array = np.maximum((axon_targets > 0).astype(np.int64) + (lines >= 0), 1)
    return least


def drafted(
    signals: Signals,
    tiles: list[Tile],
    lines: Array,
    codes: Mapping[str, str],
    spec: ChipSpec,
) -> Draft:
    """Tiles with replicas in the neurons that they leave free."""
    axon_targets = count_targets(tiles, signals.total)
    least = least_columns(axon_targets, lines)
    columns, found = [], np.ones(len(signals.stretches), np.int64)
    for tile in tiles:
        wanted = axon_targets[tile.signals] + (lines[tile.signals] >= 0)
        needed = least[tile.signals]
        given = replicas(wanted, needed, spec.neurons - int(needed.sum()))
        columns.append(given)
        for_axons: Array = given - (lines[tile.signals] >= 0)
        below = levels(axon_targets[tile.signals], np.maximum(for_axons, 1), spec)
        found[tile.stretch] = max(int(found[tile.stretch]), int(below.max(initial=1)))
    return Draft(signals, tuple(tiles), tuple(columns), axon_targets, lines, found, codes, spec)

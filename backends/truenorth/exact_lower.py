"""Core maps with exact partial sums: every layer as partial sums and gates, many ticks a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.backends.truenorth.clocks import clock_tile
from snnc.backends.truenorth.codes_of_weights import common_divisors, spell
from snnc.backends.truenorth.columns import layer_columns, output_lines, pin_signals
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.draft import Draft, drafted
from snnc.backends.truenorth.exact_sums import (
    Pulses,
    clusters_of,
    groups_of,
    largest_sum,
    magnitudes,
    partial_rows,
    pulses,
)
from snnc.backends.truenorth.layers import Layer, layers_of
from snnc.backends.truenorth.lower_layer import Block, plain_parameters, tiles
from snnc.backends.truenorth.parts import Signals, Stretch, Tile
from snnc.backends.truenorth.refusals import no_exact
from snnc.backends.truenorth.route import assemble
from snnc.backends.truenorth.tiles import Demand, tiles_of
from snnc.backends.truenorth.timing import Timing
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.latency import layer_local


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """A layer in exact form.

    Attributes:
        layer: The layer.
        parts: int64 CSR (2 * units, columns), as in `exact_sums.magnitudes`.
        groups: Stretches of columns.
        largest: The largest partial sum: ticks that it takes to leave.
        pulses: Of its gates.
    """

    layer: Layer
    parts: sparse.csr_matrix
    groups: tuple[tuple[int, int], ...]
    largest: int
    pulses: Pulses

    def part(self, group: int) -> sparse.csr_matrix:
        """The columns of one group."""
        start, stop = self.groups[group]
        return sparse.csr_matrix(self.parts[:, start:stop])


def lower_exactly(network: m.Network, spec: ChipSpec = TRUENORTH) -> CoreMap:
    """The core map of a network, any fan-in; each time step takes `ticks_per_step` ticks.

    Raises:
        InputError: a layer has no exact form (SN596).
    """
    network = layer_local(network)
    assert network.schedule is not None
    sums = [_sums(layer, network.schedule.steps, spec) for layer in layers_of(network)]
    signals = pin_signals(network, [s.layer for s in sums])
    for one in sums:
        signals.add(one.layer.name, "layer", one.layer.units)
    for one in sums:
        for group in range(len(one.groups)):
            signals.add(f"{one.layer.name}/{group}", "partial", 2 * one.layer.units)
        signals.add(f"{one.layer.name}/up", "clock", 1)
        signals.add(f"{one.layer.name}/down", "clock", 1)
    lines = output_lines(network, signals)
    period = max(s.largest for s in sums) + 2
    made: list[Tile] = []
    for one in sums:
        for group in range(len(one.groups)):
            made.extend(_partials(one, group, signals, spec))
        made.extend(_gates(one, signals, spec))
        made.extend(_clocks(one, signals, period, spec))
    codes = {
        s.layer.name: f"{len(s.groups)} exact partial sums of up to {s.largest}"
        + ("" if s.pulses.proved else f", potentials up to threshold + {s.pulses.lift.min()}")
        for s in sums
    }
    draft = drafted(signals, made, lines, codes, spec)
    return assemble(draft, network, _timing(draft, network, sums, period))


def _sums(layer: Layer, steps: int, spec: ChipSpec) -> Sums:
    unit = common_divisors(layer.weights)
    parts = magnitudes(layer)
    groups, lifted = _groups(layer, parts, spec), pulses(layer, steps, spec)
    if layer.memoryless or groups is None or lifted is None or unit.max() > spec.largest_strength:
        raise InputError(no_exact(layer))
    if 2 * len(groups) + 2 * lifted.count + 1 > spec.axons:
        raise InputError(no_exact(layer))
    largest = max(largest_sum(sparse.csr_matrix(parts[:, a:b])) for a, b in groups)
    return Sums(layer, parts, tuple(groups), largest, lifted)


def _groups(layer: Layer, parts: sparse.csr_matrix, spec: ChipSpec) -> list[tuple[int, int]] | None:
    """The grouping of inputs that takes the fewest cores; None if there is none."""
    best: tuple[int, list[tuple[int, int]]] | None = None
    for clusters in clusters_of(layer):
        groups = groups_of(parts, clusters, spec)
        if groups is None:
            continue
        cores = sum(_partial_cores(layer, parts, group, spec) for group in groups)
        if best is None or cores < best[0]:
            best = cores, groups
    return None if best is None else best[1]


def _partial_cores(
    layer: Layer, parts: sparse.csr_matrix, group: tuple[int, int], spec: ChipSpec
) -> int:
    matrix = sparse.csr_matrix(parts[:, group[0] : group[1]])
    spelling = spell(matrix, spec.largest_strength)
    assert spelling is not None  # a part of a matrix that has a code
    ones = np.ones(matrix.shape[0], np.int64)
    demand = Demand(
        pattern=matrix,
        axons=spelling.axons,
        paid=np.zeros(matrix.shape[1], bool),
        copies=ones,
        columns=ones,
        alive=np.diff(matrix.indptr) > 0,
        shape=(2 * layer.shape[0], *layer.shape[1:]),
    )
    return len(tiles_of(demand, spec))


def _find(signals: Signals, name: str, kind: str) -> tuple[int, Stretch]:
    for index, stretch in enumerate(signals.stretches):
        if (stretch.name, stretch.kind) == (name, kind):
            return index, stretch
    raise KeyError(name)


def _partials(one: Sums, group: int, signals: Signals, spec: ChipSpec) -> list[Tile]:
    """The partial sums of a group of inputs, positive and negative ones on the same cores."""
    layer, matrix = one.layer, one.part(group)
    index, stretch = _find(signals, f"{layer.name}/{group}", "partial")
    spelling = spell(matrix, spec.largest_strength)
    if spelling is None:
        raise InputError(no_exact(layer))
    start, stop = one.groups[group]
    numbers, delays = layer_columns(layer, signals)
    pins = np.array([s.kind == "pins" for s in signals.stretches])
    rows = matrix.shape[0]
    numbers, delays = numbers[start:stop], delays[start:stop]
    block = Block(
        name=f"{layer.name}/sum{group}",
        stretch=index,
        first=stretch.start,
        role="partial",
        shape=(2 * layer.shape[0], *layer.shape[1:]),
        spelling=spelling,
        signals=numbers,
        delays=delays,
        paid=~pins[signals.index_of()[numbers]],
        alive=np.diff(matrix.indptr) > 0,
        parameters=plain_parameters(
            np.ones(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        ),
    )
    ones = np.ones(rows, np.int64)
    return tiles(block, ones, ones, spec)


def _gates(one: Sums, signals: Signals, spec: ChipSpec) -> list[Tile]:
    """The gates of a layer: as many to a core as its axons allow."""
    layer, count = one.layer, one.pulses.count
    inputs = _gate_inputs(one, signals)
    room = spec.axons - 2 * count - 1
    found: list[Tile] = []
    units: list[int] = []
    taken = 0
    for unit in np.flatnonzero(layer.alive).tolist():
        needed = len(inputs[unit][0])
        if units and (taken + needed > room or len(units) == spec.neurons):
            found.append(_gate_tile(one, units, inputs, len(found), signals))
            units, taken = [], 0
        units.append(unit)
        taken += needed
    if units:
        found.append(_gate_tile(one, units, inputs, len(found), signals))
    return found


def _gate_inputs(one: Sums, signals: Signals) -> dict[int, tuple[list[int], list[bool]]]:
    """For each unit that lives its partial sums: signals, and whether they are negative."""
    layer = one.layer
    alive = np.flatnonzero(layer.alive)
    found: dict[int, tuple[list[int], list[bool]]] = {int(u): ([], []) for u in alive}
    for group in range(len(one.groups)):
        filled = np.diff(one.part(group).indptr) > 0
        _, stretch = _find(signals, f"{layer.name}/{group}", "partial")
        for negative in (False, True):
            rows = partial_rows(layer, alive, np.full(len(alive), negative))
            for unit, row in zip(alive.tolist(), rows.tolist(), strict=True):
                if filled[row]:
                    found[unit][0].append(stretch.start + row)
                    found[unit][1].append(negative)
    return found


def _gate_tile(
    one: Sums,
    units: list[int],
    inputs: dict[int, tuple[list[int], list[bool]]],
    number: int,
    signals: Signals,
) -> Tile:
    """A core of gates: types are positive and negative sums, and the two pulses."""
    layer, count = one.layer, one.pulses.count
    index, stretch = _find(signals, layer.name, "layer")
    _, up = _find(signals, f"{layer.name}/up", "clock")
    _, down = _find(signals, f"{layer.name}/down", "clock")
    drives, kinds, rows = [], [], []
    for place, unit in enumerate(units):
        for signal, negative in zip(*inputs[unit], strict=True):
            drives.append(signal)
            kinds.append(int(negative))
            rows.append(place)
    own = len(drives)
    bits = np.zeros((own + 2 * count + 1, len(units)), bool)
    bits[np.arange(own), rows] = True
    bits[own:] = True
    drives += [up.start] * count + [down.start] * (count + 1)
    kinds += [2] * count + [3] * (count + 1)
    chosen = np.array(units)
    worth = common_divisors(layer.weights)[chosen]
    strengths = np.stack([worth, -worth, one.pulses.up[chosen], -one.pulses.down[chosen]], axis=1)
    zeros = np.zeros(len(units), np.int64)
    # What the chip holds is lower by the lift, which comes before the first comparison.
    starts = layer.starts_at[chosen] + layer.biases[chosen] - one.pulses.lift[chosen]
    return Tile(
        stretch=index,
        role="gate",
        corelet=f"{layer.name}/gates/{number}",
        signals=stretch.start + chosen,
        axon_signals=np.array(drives),
        axon_delays=np.zeros(len(drives), np.int64),
        axon_types=np.array(kinds, np.uint8),
        bits=bits,
        strengths=strengths.astype(np.int16),
        parameters=plain_parameters(layer.thresholds[chosen], zeros, starts, layer.reset),
    )


def _clocks(one: Sums, signals: Signals, period: int, spec: ChipSpec) -> list[Tile]:
    """The clocks of a layer's pulses: a leak of 1 that fires once a period."""
    found = []
    for name in ("up", "down"):
        index, stretch = _find(signals, f"{one.layer.name}/{name}", "clock")
        corelet = f"{one.layer.name}/clock/{name}"
        found.append(clock_tile(index, stretch, corelet, period, spec))
    return found


def _timing(draft: Draft, network: m.Network, sums: list[Sums], period: int) -> Timing:
    """When everything happens in the first step; see the module `exact_sums`."""
    stretches = draft.signals.stretches
    kinds = {(s.name, s.kind): i for i, s in enumerate(stretches)}
    by_name = {one.layer.name: one for one in sums}
    layers: dict[str, int] = {}
    sends, hears = [0] * len(stretches), [0] * len(stretches)
    apart: dict[tuple[int, int], int] = {}
    for population in network.populations:
        one = by_name.get(population.name)
        if one is None:
            continue
        own = kinds[population.name, "layer"]
        tick = 0
        for incoming in population.incoming:
            if incoming.source in layers:
                below = int(draft.levels[kinds[incoming.source, "layer"]])
                tick = max(tick, layers[incoming.source] + below - incoming.delay * period)
        up, down = (kinds[f"{population.name}/{n}", "clock"] for n in ("up", "down"))
        tick = max(tick, int(draft.levels[up]) - one.largest, int(draft.levels[down]))
        fires = tick + max(one.largest, 1)
        layers[population.name] = fires
        sends[own] = hears[own] = fires
        for group in range(len(one.groups)):
            index = kinds[f"{population.name}/{group}", "partial"]
            sends[index] = hears[index] = tick
            apart[own, index] = tick + int(draft.levels[index])
        for index, late in ((up, 0), (down, 1)):
            sends[index] = hears[index] = fires + late - int(draft.levels[index])
            apart[own, index] = fires + late
    return Timing(period, tuple(sends), tuple(hears), layers, apart)

"""Routes: every spike train from where it is made to all axons that want it, in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth import core_map
from snnc.backends.truenorth.arrays import CoreArrays
from snnc.backends.truenorth.core_map import CoreMap, OutputGroup, PinGroup
from snnc.backends.truenorth.draft import Draft
from snnc.backends.truenorth.fan_out import Node, SplitterCores, Target, serve
from snnc.backends.truenorth.parts import Stretch
from snnc.backends.truenorth.starts import Start
from snnc.backends.truenorth.timing import Timing
from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """All axons of a draft, sorted by what drives them.

    `starts[s]` to `starts[s + 1]` are the axons of signal s; `delays` are ticks from its spike of a
    step to the reader's tick of the same step.
    """

    starts: Array
    cores: Array
    axons: Array
    delays: Array

    def of(self, signal: int) -> list[Target]:
        """The targets of a signal."""
        part = slice(int(self.starts[signal]), int(self.starts[signal + 1]))
        rows = zip(
            self.cores[part].tolist(),
            self.axons[part].tolist(),
            self.delays[part].tolist(),
            strict=True,
        )
        return [Target(*row) for row in rows]


def assemble(
    draft: Draft,
    network: m.Network,
    timing: Timing,
    starts: Mapping[str, Start] | None = None,
) -> CoreMap:
    """The core map of a draft; cores stand on the mesh in their order, row by row.

    Args:
        draft: tiles with their replicas.
        network: that it was made from.
        timing: when spikes are sent and heard.
        starts: potentials at tick 0 by layer; None where those of the tiles are meant.
    """
    wanted = _wanted(draft, timing)
    splitters = _Splitters(len(draft.tiles), draft)
    chosen = [_connections(draft, wanted, index, splitters) for index in range(len(draft.tiles))]
    arrays = CoreArrays(len(draft.tiles) + splitters.count, draft.spec)
    names = [s.name for s in draft.signals.stretches if s.kind == "layer"]
    for core, connections in enumerate(chosen):
        _fill(arrays, draft, core, connections, timing, names)
        _begin(arrays, draft, core, timing, starts)
    splitters.fill(arrays)
    return _as_map(arrays, draft, network, timing, wanted)


def _wanted(draft: Draft, timing: Timing) -> Wanted:
    stretch_of = draft.signals.index_of()
    sources = range(len(draft.signals.stretches))
    signals, cores, axons, delays = [], [], [], []
    for core, tile in enumerate(draft.tiles):
        count = len(tile.axon_signals)
        signals.append(tile.axon_signals)
        cores.append(np.full(count, core))
        axons.append(np.arange(count))
        ticks = np.array([timing.delay(tile.stretch, source, 0) for source in sources])
        delays.append(ticks[stretch_of[tile.axon_signals]] + tile.axon_delays * timing.period)
    drives = np.concatenate(signals)
    order = np.argsort(drives, kind="stable")
    starts = np.searchsorted(drives[order], np.arange(draft.signals.total + 1))
    return Wanted(
        starts,
        np.concatenate(cores)[order],
        np.concatenate(axons)[order],
        np.concatenate(delays)[order],
    )


Connection = Target | Node | int
"""An axon, a splitter, or the number of an output line."""


def _connections(
    draft: Draft, wanted: Wanted, index: int, splitters: _Splitters
) -> list[list[Connection]]:
    """For each signal of a tile what its neurons are connected to."""
    tile, found = draft.tiles[index], []
    for signal, count in zip(tile.signals.tolist(), draft.columns[index].tolist(), strict=True):
        line = int(draft.lines[signal])
        connections: list[Connection] = [] if line < 0 else [line]
        targets = wanted.of(signal)
        if targets:
            connections.extend(serve(targets, count - len(connections), draft.spec))
        found.append([splitters.placed(c, index) for c in connections])
    return found


class _Splitters:
    """Splitter cores, filled in the order of the cores they serve."""

    def __init__(self, first: int, draft: Draft) -> None:
        self._cores = SplitterCores(first, draft.spec)
        self._first = first
        self._draft = draft
        self._served: dict[int, str] = {}
        self._children: dict[int, list[Target]] = {}

    @property
    def count(self) -> int:
        """Splitter cores."""
        return len(self._cores.contents)

    def placed(self, connection: Connection, source: int) -> Connection:
        """A connection whose splitter, and all below it, have their places."""
        return self._node(connection, source) if isinstance(connection, Node) else connection

    def _node(self, node: Node, source: int) -> Target:
        place = self._cores.place(node)
        tile = self._draft.tiles[source]
        self._served.setdefault(place.core, tile.corelet.split("/")[0])
        self._children[id(node)] = [
            self._node(child, source) if isinstance(child, Node) else child
            for child in node.children
        ]
        return place

    def fill(self, arrays: CoreArrays) -> None:
        """Write all splitter cores."""
        for offset, nodes in enumerate(self._cores.contents):
            core = self._first + offset
            arrays.begin(core, "splitter", f"{self._served[core]}/splitter{offset}")
            children = [self._children[id(node)] for node in nodes]
            axon_of = np.repeat(np.arange(len(nodes)), [len(c) for c in children])
            arrays.put_splitter(core, axon_of)
            for neuron, child in enumerate(c for several in children for c in several):
                arrays.to_core(core, neuron, child.core, child.axon, child.delay)


def _fill(
    arrays: CoreArrays,
    draft: Draft,
    core: int,
    connections: list[list[Connection]],
    timing: Timing,
    names: list[str],
) -> None:
    """Write a tile with its replicas, and lead its neurons where they go."""
    tile = draft.tiles[core]
    columns = np.array([len(c) for c in connections], np.int64)
    which = arrays.put_tile(core, tile, columns)
    stretch = draft.signals.stretches[tile.stretch]
    count = len(which)
    if stretch.kind == "layer":
        arrays.layer_of[core, :count] = names.index(stretch.name)
        arrays.unit_of[core, :count] = tile.signals[which] - stretch.start
    for neuron, connection in enumerate(c for several in connections for c in several):
        if isinstance(connection, Target):
            arrays.to_core(core, neuron, connection.core, connection.axon, connection.delay)
        else:
            assert isinstance(connection, int)
            arrays.to_output(core, neuron, connection)


def _begin(
    arrays: CoreArrays,
    draft: Draft,
    core: int,
    timing: Timing,
    starts: Mapping[str, Start] | None,
) -> None:
    """Write where potentials start: as the layer says, a clock in time for its first tick."""
    tile = draft.tiles[core]
    stretch = draft.signals.stretches[tile.stretch]
    potentials = arrays.parameters["potentials"][core]
    if stretch.kind == "clock":
        potentials -= arrays.parameters["leaks"][core] * timing.sends[tile.stretch]
    elif stretch.kind == "layer" and starts is not None:
        units = arrays.unit_of[core]
        used = units >= 0
        potentials[used] = starts[stretch.name].potentials[units[used]]


def _as_map(
    arrays: CoreArrays, draft: Draft, network: m.Network, timing: Timing, wanted: Wanted
) -> CoreMap:
    stretches = draft.signals.stretches
    pins = [s for s in stretches if s.kind == "pins"]
    total = sum(s.size for s in pins)  # pins have the first signals
    entries = slice(0, int(wanted.starts[total]))
    cores = len(arrays.roles)
    return CoreMap(
        name=network.name,
        axon_types=arrays.axon_types,
        crossbar=arrays.crossbar,
        strengths=arrays.strengths,
        kinds=arrays.kinds,
        targets=arrays.targets,
        target_axons=arrays.target_axons,
        delays=arrays.delays,
        positions=rows_of_mesh(cores, draft.spec.grid[0]),
        roles=arrays.roles,
        corelets=arrays.corelets,
        layer_of=arrays.layer_of,
        unit_of=arrays.unit_of,
        pin_starts=wanted.starts[: total + 1].astype(np.int64),
        pin_cores=wanted.cores[entries].astype(np.int32),
        pin_axons=wanted.axons[entries].astype(np.int32),
        pin_delays=wanted.delays[entries].astype(np.int32),
        outputs=int((draft.lines >= 0).sum()),
        layers=tuple(
            core_map.Layer(s.name, timing.layers[s.name], draft.codes.get(s.name, ""))
            for s in stretches
            if s.kind == "layer"
        ),
        corelet_names=tuple(arrays.corelet_names),
        pins=tuple(PinGroup(s.name, s.start, s.size, s.sign) for s in pins),
        heads=_heads(draft, stretches),
        ticks_per_step=timing.period,
        spec=draft.spec,
        **arrays.parameters,
    )


def _heads(draft: Draft, stretches: list[Stretch]) -> tuple[OutputGroup, ...]:
    return tuple(
        OutputGroup(s.name, int(draft.lines[s.start]), s.size)
        for s in stretches
        if s.size and draft.lines[s.start] >= 0
    )


def rows_of_mesh(cores: int, width: int) -> Array:
    """Positions row by row, int16 (C, 2), in a rectangle that is about square."""
    side = min(width, max(1, int(np.ceil(np.sqrt(cores)))))
    numbers = np.arange(cores)
    places: Array = np.stack([numbers % side, numbers // side], axis=1).astype(np.int16)
    return places

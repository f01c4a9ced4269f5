"""Where the spikes at an axon come from: back through splitters to a neuron or a pin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.core_map import ROLES, CoreMap
from snnc.backends.truenorth.legality_base import CURE
from snnc.backends.truenorth.wiring import neuron_links, pin_links
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

SPLITTER = ROLES.index("splitter")


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """For each axon, `core * 256 + axon`, the source of its spikes.

    Attributes:
        nodes: int64: a neuron that is no splitter, `core * 256 + neuron`; a pin, the number of all
            neurons higher; -1 where there is no driver.
        delays: int64: ticks from there to the axon, over all splitters between.
    """

    nodes: Array
    delays: Array


def splitter_axons(core_map: CoreMap) -> tuple[Array, Array]:
    """The axon of each splitter neuron, and how many it has: int64 (C * neurons,) each.

    -1 and 0 for all other neurons.
    """
    shape = core_map.kinds.shape
    axons = np.full(shape, -1, np.int64)
    counts = np.zeros(shape, np.int64)
    for core in np.flatnonzero(core_map.roles == SPLITTER):
        bits = core_map.bits(int(core))[:, : shape[1]]
        own = core_map.used[core]
        axons[core, own] = core * core_map.spec.axons + bits.argmax(axis=0)[own]
        counts[core, own] = bits.sum(axis=0)[own]
    return axons.reshape(-1), counts.reshape(-1)


def find_origins(core_map: CoreMap) -> Origins:
    """The origins of all axons of a map whose targets and splitters are legal.

    Raises:
        InputError: SN575, splitters that drive each other in a loop.
    """
    size = core_map.axon_types.size
    drivers, delays = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    for links, shift in ((neuron_links(core_map), 0), (pin_links(core_map), core_map.kinds.size)):
        drivers[links.axons] = links.sources + shift
        delays[links.axons] = links.delays
    through, _ = splitter_axons(core_map)
    through = np.concatenate([through, np.full(len(core_map.pin_starts) - 1, -1, np.int64)])
    nodes, total = drivers.copy(), delays.copy()
    for _ in range(core_map.cores * core_map.spec.neurons + 1):
        copies = np.flatnonzero((nodes >= 0) & (through[nodes] >= 0))
        if not copies.size:
            return Origins(nodes, total)
        before = through[nodes[copies]]
        total[copies] += delays[before]
        nodes[copies] = drivers[before]
        if (total > _LONGEST).any():
            break
    core, axon = divmod(int(copies[0]), core_map.spec.axons)
    message = "splitters drive each other in a loop; no neuron is behind them"
    raise InputError(Diagnostic("SN575", message, f"core {core}, axon {axon}", CURE))


_LONGEST = 1 << 20
"""Ticks from a neuron to an axon that only a loop can reach: 65536 splitters in a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What the nodes of `Origins` are, as arrays over nodes.

    Attributes:
        names: Sources: the layers of the map, then its groups of pins.
        of: int64: index into `names`; -1 for neurons of no layer.
        units: int64: unit of the source; -1 for neurons of no layer.
    """

    names: tuple[str, ...]
    of: Array
    units: Array


def find_sources(core_map: CoreMap) -> Sources:
    """The sources of a map."""
    layers = len(core_map.layers)
    names = [layer.name for layer in core_map.layers] + [group.source for group in core_map.pins]
    sizes = [group.size for group in core_map.pins]
    groups = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes) + layers
    units = [np.arange(size, dtype=np.int64) for size in sizes]
    return Sources(
        tuple(names),
        np.concatenate([core_map.layer_of.reshape(-1).astype(np.int64), groups]),
        np.concatenate([core_map.unit_of.reshape(-1).astype(np.int64), *units]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class CoreInputs:
    """The neurons of layers on one core, n of them, and the driven axons, A of them.

    Attributes:
        core: Which.
        neurons: int64 (n,).
        axons: int64 (A,).
        bits: bool (A, n).
        weights: int32 (A, n): what an axon adds to a neuron.
        nodes, delays: int64 (A,), of `Origins`.
    """

    core: int
    neurons: Array
    axons: Array
    bits: Array
    weights: Array
    nodes: Array
    delays: Array


def core_inputs(core_map: CoreMap, origins: Origins) -> Iterator[CoreInputs]:
    """Each core with neurons of layers."""
    axons = core_map.spec.axons
    for core in range(core_map.cores):
        neurons = np.flatnonzero(core_map.layer_of[core] >= 0)
        if not neurons.size:
            continue
        own = slice(core * axons, (core + 1) * axons)
        some = np.flatnonzero(origins.nodes[own] >= 0)
        bits = np.unpackbits(core_map.crossbar[core, some], axis=-1)[:, neurons].astype(bool)
        strengths = core_map.strengths[core, neurons].T[core_map.axon_types[core, some]]
        weights = np.multiply(strengths, bits, dtype=np.int32)
        nodes, delays = origins.nodes[own][some], origins.delays[own][some]
        yield CoreInputs(core, neurons, some, bits, weights, nodes, delays)

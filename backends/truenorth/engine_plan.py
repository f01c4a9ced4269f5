"""How a core map is run: its neurons in the order of their stages, and what each core takes in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, UNUSED, CoreMap
from snnc.backends.truenorth.wiring import (
    Links,
    hops,
    neuron_links,
    pin_links,
    reset_potentials,
    stages,
)
from snnc.ir.tensors import Array

KEPT_BYTES = 1_200_000_000
"""Matrices up to this size are kept; of larger maps each is made when it is needed."""
GROUP_CELLS = 1 << 14
"""Neurons times samples that are advanced together: few enough to stay in the cache."""
EXACT = {np.dtype(np.float32): 1 << 24, np.dtype(np.float64): 1 << 53}
"""Whole numbers up to these are exact, and so are sums that stay below."""


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Axons of a core that are driven with the same delay by rows of spikes, or by pins."""

    delay: int
    axons: Array
    sources: Array


@dataclass(frozen=True, slots=True, eq=False)
class CorePlan:
    """A core with neurons `start` to `stop` of the order, and its driven axons (A of them).

    `axons` are those driven, `bits` how many crossbar bits of neurons in use each has, int64 (A,).
    """

    core: int
    start: int
    stop: int
    axons: Array
    bits: Array
    feeds: tuple[Feed, ...]
    pins: tuple[Feed, ...]
    matrix: Array | None


@dataclass(frozen=True, slots=True)
class Group:
    """Cores whose neurons are advanced together, for up to `block` ticks (0: any number)."""

    cores: tuple[CorePlan, ...]
    block: int

    @property
    def rows(self) -> slice:
        """Their neurons."""
        return slice(self.cores[0].start, self.cores[-1].stop)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A core map made ready: R neurons in use, ordered by stage, core and neuron.

    Attributes:
        neurons: int64 (R,): `core * 256 + neuron`.
        row_of: int64 (C * 256,): the inverse; -1 where a neuron is unused.
        dtype: Floating point in which every sum of whole numbers is exact.
        stages: Groups; the cores of a stage do not need each other within a block.
        leaks, thresholds, floors, resets: (R, 1), in `dtype`; `resets` are the potentials R.
        hard, linear, holds: bool (R, 1): gamma is 0, gamma is 1, kappa.
        potentials: (R,).
        counted: float64 (4, R): what a spike adds to spikes, packets, hops and output packets.
        longest: Longest delay between neurons.
    """

    core_map: CoreMap
    neurons: Array
    row_of: Array
    dtype: np.dtype[Any]
    stages: tuple[tuple[Group, ...], ...]
    leaks: Array
    thresholds: Array
    floors: Array
    resets: Array
    hard: Array
    linear: Array
    holds: Array
    potentials: Array
    counted: Array
    longest: int


def make_plan(core_map: CoreMap, samples: int) -> Plan:
    """The plan for runs of `samples` samples at a time."""
    order = stages(core_map)
    by_core = [np.flatnonzero(row) + c * row.size for c, row in enumerate(core_map.used)]
    cores = [c for stage in order for c in stage.cores]
    neurons = np.concatenate([by_core[c] for c in cores] or [np.zeros(0, np.int64)])
    row_of = np.full(core_map.kinds.size, -1, np.int64)
    row_of[neurons] = np.arange(len(neurons))
    dtype = _dtype(core_map)
    makers = _core_plans(core_map, cores, row_of, dtype)
    made = [[next(makers) for _ in stage.cores] for stage in order]
    rows = max(256, GROUP_CELLS // max(1, samples))
    groups = tuple(
        tuple(_groups(plans, stage.block, rows)) for stage, plans in zip(order, made, strict=True)
    )
    delays = core_map.delays[core_map.kinds == TO_CORE]

    def column(values: Array, kind: Any = dtype) -> Array:
        chosen: Array = values.reshape(-1)[neurons].astype(kind)[:, None]
        return chosen

    kinds = column(core_map.kinds, np.uint8)[:, 0]
    return Plan(
        core_map=core_map,
        neurons=neurons,
        row_of=row_of,
        dtype=dtype,
        stages=groups,
        leaks=column(core_map.leaks),
        thresholds=column(core_map.thresholds),
        floors=column(core_map.floors),
        resets=column(reset_potentials(core_map)),
        hard=column(core_map.resets == 0, bool),
        linear=column(core_map.resets == 1, bool),
        holds=column(core_map.saturates, bool),
        potentials=column(core_map.potentials)[:, 0],
        counted=np.stack(
            [
                np.ones(len(neurons)),
                kinds == TO_CORE,
                column(hops(core_map), np.float64)[:, 0],
                kinds == TO_OUTPUT,
            ]
        ),
        longest=int(delays.max(initial=1)),
    )


def _dtype(core_map: CoreMap) -> np.dtype[Any]:
    """The potential is checked in each tick, so that what one tick adds bounds every sum."""
    spec = core_map.spec
    added = spec.axons * int(np.abs(core_map.strengths.astype(np.int64)).max(initial=0))
    most = (
        spec.largest_potential + added + int(np.abs(core_map.leaks.astype(np.int64)).max(initial=0))
    )
    single = np.dtype(np.float32)
    return single if most < EXACT[single] else np.dtype(np.float64)


def _groups(plans: list[CorePlan], block: int, rows: int) -> Iterator[Group]:
    taken: list[CorePlan] = []
    for plan in plans:
        if taken and plan.stop - taken[0].start > rows:
            yield Group(tuple(taken), block)
            taken = []
        taken.append(plan)
    if taken:
        yield Group(tuple(taken), block)


def _core_plans(
    core_map: CoreMap, cores: list[int], row_of: Array, dtype: np.dtype[Any]
) -> Iterator[CorePlan]:
    axons = core_map.spec.axons
    inner, outer = neuron_links(core_map), pin_links(core_map)
    inner = Links(row_of[inner.sources], inner.axons, inner.delays)
    split = [_by_core(links, core_map) for links in (inner, outer)]
    used = core_map.used
    driven = [np.unique(np.concatenate([s[c].axons for s in split])) % axons for c in cores]
    size = sum(len(d) * int(used[c].sum()) for c, d in zip(cores, driven, strict=True))
    keep = size * dtype.itemsize <= KEPT_BYTES
    start = 0
    for core, own in zip(cores, driven, strict=True):
        stop = start + int(used[core].sum())
        place = np.zeros(axons, np.int64)
        place[own] = np.arange(len(own))
        bits = core_map.bits(core)[own][:, used[core]]
        matrix = matrix_of(core_map, core, own, dtype) if keep else None
        feeds, pins = (tuple(_feeds(s[core], place, axons)) for s in split)
        yield CorePlan(core, start, stop, own, bits.sum(axis=1), feeds, pins, matrix)
        start = stop


def _by_core(links: Links, core_map: CoreMap) -> list[Links]:
    order = np.argsort(links.axons, kind="stable")
    ends = np.arange(1, core_map.cores) * core_map.spec.axons
    bounds = np.searchsorted(links.axons[order], ends)
    parts = [np.split(a[order], bounds) for a in (links.sources, links.axons, links.delays)]
    return [Links(*part) for part in zip(*parts, strict=True)]


def _feeds(links: Links, place: Array, axons: int) -> Iterator[Feed]:
    for delay in np.unique(links.delays):
        some = links.delays == delay
        yield Feed(int(delay), place[links.axons[some] % axons], links.sources[some])


def matrix_of(core_map: CoreMap, core: int, axons: Array, dtype: np.dtype[Any]) -> Array:
    """What each of the axons adds to each neuron in use: (neurons, axons)."""
    used = core_map.kinds[core] != UNUSED
    bits = np.unpackbits(core_map.crossbar[core, axons], axis=-1)[:, used]
    strengths = core_map.strengths[core, used].T[core_map.axon_types[core, axons]]
    matrix: Array = np.multiply(strengths, bits, dtype=dtype).T
    return matrix

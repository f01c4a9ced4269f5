"""Links between cores, hops and the load of the mesh, against counting one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_maps import random_counts, wired_map

from snnc.backends.truenorth.core_map import TO_CORE, CoreMap
from snnc.backends.truenorth.placement.hops import mesh_load, wiring
from snnc.backends.truenorth.placement.traffic import links
from snnc.diagnostics import InputError

SEEDS = st.integers(0, 2**20)


def scattered(seed: int, cores: int = 9) -> CoreMap:
    """A random map on random places of a mesh of 5 x 4."""
    places = np.random.default_rng(seed).permutation(20)[:cores]
    positions = np.stack([places % 5, places // 5], axis=1).astype(np.int16)
    return replace(wired_map(random_counts(seed, cores)), positions=positions)


def walked(core_map: CoreMap, spikes: Any = None) -> tuple[Counter[Any], list[int]]:
    """Every packet hop by hop, along the row first: connections with packets, hops of links."""
    load: Counter[Any] = Counter()
    lengths = []
    for core, neuron in np.argwhere(core_map.kinds == TO_CORE):
        target = core_map.targets[core, neuron]
        if target == core:
            continue
        (x, y), (to_x, to_y) = (
            core_map.positions[core].tolist(),
            core_map.positions[target].tolist(),
        )
        count = 1 if spikes is None else int(spikes[core, neuron])
        hops = 0
        while (x, y) != (to_x, to_y):
            step = (np.sign(to_x - x), 0) if x != to_x else (0, np.sign(to_y - y))
            load[x, y, step] += count
            x, y = x + step[0], y + step[1]
            hops += 1
        lengths += [hops] * count
    return load, lengths


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_hops_and_load_are_those_of_walking_every_packet(seed: int) -> None:
    core_map = scattered(seed)
    spikes = np.random.default_rng(seed).integers(0, 5, (9, 256))
    found = wiring(core_map, links(core_map, spikes))
    load, lengths = walked(core_map)
    assert (found.links, found.hops, found.max_hops) == (len(lengths), sum(lengths), max(lengths))
    assert found.mean_hops == pytest.approx(np.mean(lengths))
    assert found.busiest == max(load.values())
    load, lengths = walked(core_map, spikes)
    assert found.packets is not None
    assert (found.packets.packets, found.packets.hops) == (len(lengths), sum(lengths))
    assert found.packets.busiest == max(load.values())


def test_the_load_of_each_connection_is_told_by_direction() -> None:
    core_map = scattered(11)
    load, _ = walked(core_map)
    found = mesh_load(links(core_map), core_map.positions)
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    told = {(x, y, steps[d]): int(found[d, x, y]) for d, x, y in np.argwhere(found > 0).tolist()}
    assert told == dict(load)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_permuting_cores_on_their_places_keeps_what_places_do_not_decide(seed: int) -> None:
    before = scattered(seed)
    order = np.random.default_rng(seed + 1).permutation(9)
    after = replace(before, positions=before.positions[order])
    first, second = wiring(before), wiring(after)
    assert (first.links, first.pairs) == (second.links, second.pairs)
    assert (links(before) != links(after)).nnz == 0
    turned = replace(before, positions=before.positions[:, ::-1])
    assert wiring(turned).hops == first.hops  # mirrored at the diagonal: as far


def test_links_to_the_own_core_and_off_the_chip_are_left_out() -> None:
    core_map = wired_map([[3, 2], [0, 1]], own=[7, 4])
    np.testing.assert_array_equal(links(core_map).toarray(), [[0, 2], [0, 0]])
    spikes = np.full((2, 256), 5)
    np.testing.assert_array_equal(links(core_map, spikes).toarray(), [[0, 10], [0, 0]])


def test_a_map_without_links_has_no_hops() -> None:
    found = wiring(wired_map([[0]], own=[1]))
    assert found.as_dict() == {
        "links": 0, "pairs": 0, "hops": 0, "mean_hops": 0.0, "max_hops": 0, "busiest": 0,
        "packets": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "spikes",
    [np.zeros((1, 256)), np.full((2, 256), -1), np.full((2, 256), 0.5), np.full((2, 256), np.nan)],
)
def test_spike_counts_must_be_counts_of_this_map(spikes: Any) -> None:
    with pytest.raises(InputError) as error:
        links(wired_map([[0, 1], [0, 0]]), spikes)
    assert error.value.diagnostics[0].code == "SN584"


def test_traffic_of_another_map_is_refused() -> None:
    core_map = wired_map([[0, 1], [0, 0]])
    with pytest.raises(InputError, match="3 cores") as error:
        wiring(core_map, links(wired_map(np.zeros((3, 3), int))))
    assert error.value.diagnostics[0].code == "SN584"

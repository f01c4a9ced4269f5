"""Placement changes no spike: runs of placed maps are those of the map in rows, hops aside."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from core_maps import changed, layered_map, random_map, random_spikes
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.truenorth.chip_run import ChipRun
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.placement import METHODS, links, placed, wiring
from snnc.backends.truenorth.simulate import simulate

TICKS = 30


def run(core_map: CoreMap, seed: int = 0) -> ChipRun:
    spikes = random_spikes(seed, 2, TICKS, core_map.pins[0].size)
    return simulate(core_map, {"input": spikes}, TICKS, record=True)


def differences(first: ChipRun, second: ChipRun) -> list[str]:
    """Names of what differs between two runs, down to the spikes of single neurons."""
    found = [
        field.name
        for field in fields(ChipRun)
        if field.name != "layers"
        and not np.array_equal(getattr(first, field.name), getattr(second, field.name))
    ]
    found += [
        f"layer {name}"
        for name in first.layers
        if not np.array_equal(first.layers[name].spikes, second.layers[name].spikes)
    ]
    return found


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), method=st.sampled_from(METHODS))
def test_places_change_hops_and_nothing_else(seed: int, method: Any) -> None:
    """Random recurrent cores with all delays and resets."""
    before = random_map(seed, cores=6)
    after = placed(before, method, seed)
    first, second = run(before, seed), run(after, seed)
    assert first.neuron_spikes.sum() > 0
    assert set(differences(first, second)) <= {"hops"}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_any_permutation_of_places_gives_the_same_spikes(seed: int) -> None:
    before = random_map(seed, cores=6)
    order = np.random.default_rng(seed).permutation(6)
    after = replace(before, positions=before.positions[order])
    assert set(differences(run(before, seed), run(after, seed))) <= {"hops"}


def test_layers_spike_alike_on_other_places() -> None:
    before = layered_map()
    after = placed(changed(before, positions=np.array([[9, 9], [0, 3], [40, 2]], np.int16)))
    first, second = run(before), run(after)
    assert first.layers["a"].spikes.any()
    assert set(differences(first, second)) <= {"hops"}


def test_the_comparison_sees_a_threshold_that_differs() -> None:
    before = layered_map()
    other = changed(before, thresholds={(0, 1): 9})
    assert {"layer a", "neuron_spikes", "spikes"} <= set(differences(run(before), run(other)))


@pytest.mark.parametrize("method", METHODS)
def test_hops_of_packets_are_those_that_the_simulator_counts(method: Any) -> None:
    before = random_map(3, cores=9, neurons=40)
    spikes = run(before).neuron_spikes
    core_map = placed(before, method, spikes=spikes)
    found, counted = wiring(core_map, links(core_map, spikes)), run(core_map)
    assert found.packets is not None
    assert found.packets.hops == counted.hops.sum() > 0
    sources, targets, counts = counted.traffic(core_map)
    between = sources != targets
    assert found.packets.packets == counts[between].sum()
    assert found.packets.mean_hops <= found.packets.hops / found.packets.packets


def test_places_for_measured_packets_take_fewer_hops_than_rows() -> None:
    before = random_map(3, cores=16, neurons=40)
    spikes = run(before).neuron_spikes
    hops = {m: run(placed(before, m, spikes=spikes)).hops.sum() for m in ("spectral", "rows")}
    assert hops["spectral"] < hops["rows"]

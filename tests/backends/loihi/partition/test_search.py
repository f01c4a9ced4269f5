"""The search finds the cheapest partition where it can look at all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from layout_networks import HARD, SOFT, Maker, chip, random_network, vector

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.partition import search
from snnc.backends.loihi.partition.layers import Layer, layers_of
from snnc.backends.loihi.partition.search import Partition, partition
from snnc.backends.loihi.partition.tiles import candidates
from snnc.ir import model as m

ONE = chip()
TINY = chip(compartments_per_core=6, input_axons_per_core=24, output_entries_per_core=40)


def test_the_cost_is_cores_and_parts_of_what_a_core_has() -> None:
    """Four neurons, two inputs, discrete axons: a list of 16 + 32 bits, a word, for each."""
    found = partition(layers_of(vector(2, 4), ONE), ONE)
    assert found.cost == pytest.approx(1 + 2 / 4096 + 2 * 8 / 131072, rel=1e-12)


def test_output_entries_have_their_part_in_the_cost() -> None:
    maker = Maker((m.Input("x", "f32", (1,), m.Events()),))
    maker.add("a", ("x", (maker.dense(np.ones((3, 1))),)))
    maker.add("b", ("a", (maker.dense(np.ones((1, 3))),)))
    found = partition(layers_of(maker.network(), ONE), ONE)
    assert found.cost == pytest.approx(2 + (1 + 3 + 3) / 4096 + (8 + 24) / 131072, rel=1e-12)


def cheapest(layers: tuple[Layer, ...], limits: Chip) -> float:
    """The cost of the best of all combinations of tilings, each placed by itself."""
    costs = []
    largest = {x.name: limits.compartments_per_core // x.compartments for x in layers}
    every = [list(candidates(x.shape, largest[x.name], x.order)) for x in reversed(layers)]
    one = search._Search(layers, limits)
    for tilings in itertools.product(*every):
        found = [Partition()]
        for layer, tiling in zip(reversed(layers), tilings, strict=True):
            tried = one._try(layer, tiling, found)
            found = [p for _, p in tried] if isinstance(tried, list) else []
            if not found:
                break
        costs.extend(p.cost for p in found)
    return min(costs)


def small_network(neuron: m.Neuron) -> m.Network:
    maker = Maker((m.Input("image", "f32", (1, 3, 4), m.Events()),))
    maker.add("a", ("image", (maker.conv((2, 1, 2, 2)),)), neuron=neuron)
    maker.add("b", ("a", (maker.conv((2, 1, 1, 2), groups=2),)), neuron=neuron)
    maker.add("sum", ("b", ()), ("a", (maker.conv((2, 2, 1, 2)),)), neuron=neuron)
    return maker.network()


@pytest.mark.parametrize("neuron", [HARD, SOFT])
def test_a_wide_search_is_exhaustive(neuron: m.Neuron, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "VALID", 10_000)
    layers = layers_of(small_network(neuron), TINY)
    best = cheapest(layers, TINY)
    assert partition(layers, TINY, width=10_000).cost == pytest.approx(best, rel=1e-12)
    assert partition(layers, TINY, width=1).cost >= best - 1e-9


def test_taking_the_first_tilings_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would not tell a search from none."""
    layers = layers_of(small_network(SOFT), TINY)
    searched = partition(layers, TINY).cost
    monkeypatch.setattr(search, "VALID", 1)
    assert partition(layers, TINY, width=1).cost > searched + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_a_wider_search_of_a_random_network_costs_no_more(seed: int) -> None:
    small = chip(compartments_per_core=12)
    layers = layers_of(random_network(seed), small)
    one, many = (partition(layers, small, width).cost for width in (1, 30))
    assert many <= one + 1e-9


def test_cores_are_numbered_from_the_outputs_on() -> None:
    found = partition(layers_of(small_network(HARD), TINY), TINY)
    assert list(found.placed) == ["sum", "b", "a"]
    after = 0
    for placed in found.placed.values():
        assert placed.first_core == after
        after += placed.cores
    assert found.cores == after


def test_layers_around_one_that_has_no_place_are_placed() -> None:
    maker = Maker((m.Input("x", "f32", (3,), m.Events()),))
    maker.add("a", ("x", (maker.dense(np.ones((30, 3))),)))
    maker.add("b", ("a", (maker.dense(np.ones((2, 30))),)))
    maker.add("c", ("b", (maker.dense(np.ones((2, 2))),)))
    found = partition(layers_of(maker.network(), TINY), TINY)
    assert list(found.placed) == ["c", "a"]
    assert list(found.unplaced) == ["b"]
    excess = found.unplaced["b"]
    assert (excess.limit, excess.count, excess.allowed) == ("input axons per core", 30, 24)
    assert found.placed["a"].entries.max() == 0


def test_the_reason_is_the_limit_that_no_tiling_meets() -> None:
    """Tiles small enough for the memory in front need too many entries: that is the reason.

    `a` reaches 7 cores of `b`, so only single neurons have entries enough; lists of all six would
    need 6 * 8 bytes of 47, which would be the smaller excess.
    """
    maker = Maker((m.Input("x", "f32", (6,), m.Events()),))
    maker.add("a", ("x", (maker.dense(np.ones((6, 6))),)))
    maker.add("b", ("a", (maker.dense(np.ones((7, 6))),)))
    small = chip(compartments_per_core=6, output_entries_per_core=1, memory_bytes_per_core=47)
    found = partition(layers_of(maker.network(), small), small)
    assert found.unplaced["b"].limit == "synapse memory bytes per core"
    small = chip(compartments_per_core=1, output_entries_per_core=6, memory_bytes_per_core=48)
    found = partition(layers_of(maker.network(), small), small)
    assert found.unplaced["a"].limit == "output axon entries per core"
    assert (found.unplaced["a"].count, found.unplaced["a"].allowed) == (7, 6)

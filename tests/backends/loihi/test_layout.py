"""Layouts of random networks equal a count of every neuron and synapse."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from layout_networks import chip, random_network
from naive_layout import Layout, image, largest

from snnc.backends.loihi.chips import Chip
from snnc.backends.loihi.fit import fit
from snnc.backends.loihi.partition.results import Fit
from snnc.backends.loihi.partition.tiles import Tiling
from snnc.ir import model as m

SEEDS = range(40)
SMALL = chip(compartments_per_core=24, input_axons_per_core=300, output_entries_per_core=300)


def differences(network: m.Network, found: Fit, small: Chip) -> list[str]:
    """What a fit says that a count of all neurons and synapses does not."""
    naive = Layout(network, {x.name: x.tile for x in found.layers if x.tile is not None}, small)
    wrong = []
    for layer in found.layers:
        counted = (
            largest(naive.input_axons, layer.name),
            largest(naive.entries, layer.name),
            largest(naive.words, layer.name),
        )
        said = (layer.input_axons, layer.output_axon_entries, layer.memory_words)
        if counted != said:
            wrong.append(f"{layer.name}: {counted} counted, {said} said")
    for source in found.inputs:
        counted_entries = sum(n for (name, _), n in naive.entries.items() if name == source.name)
        if counted_entries != source.output_axon_entries:
            wrong.append(f"{source.name}: {counted_entries}, {source.output_axon_entries} said")
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_axons_entries_and_memory_equal_a_count_of_all_synapses(seed: int) -> None:
    network = random_network(seed)
    found = fit(network, SMALL)
    assert found.fits
    assert differences(network, found, SMALL) == []


def test_the_random_networks_need_several_cores_and_both_kinds_of_axons() -> None:
    networks = [random_network(seed) for seed in SEEDS]
    found = [fit(network, SMALL) for network in networks]
    assert sum(f.cores > 2 * len(f.layers) for f in found) > len(SEEDS) / 4
    assert any(x.compartments_per_neuron == 2 for f in found for x in f.layers)
    discrete = replace(SMALL, population_axons=0)
    changed = [fit(n, discrete) for n in networks]
    assert any(a.inputs != b.inputs for a, b in zip(found, changed, strict=True))


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_the_count_finds_one_synapse_more(seed: int) -> None:
    """A kernel made wider by one column of zeros has more synapses, which the count must see."""
    network = random_network(seed)
    found = fit(network, SMALL)
    first = network.populations[0]
    op = first.incoming[0].ops[0]
    assert isinstance(op, m.Conv2d)
    weight = network.array(op.weight)
    wide = np.concatenate([weight, np.zeros_like(weight[..., :1])], axis=3)
    pads = (*op.pads[:3], op.pads[3] + op.dilations[1])
    incoming = replace(first.incoming[0], ops=(replace(op, pads=pads),))
    changed = replace(
        network, populations=(replace(first, incoming=(incoming,)), *network.populations[1:])
    ).with_arrays({op.weight.name: wide})
    assert differences(changed, found, SMALL) != []


@pytest.mark.parametrize("seed", SEEDS)
def test_every_neuron_is_on_exactly_one_core_and_cores_are_rectangles(seed: int) -> None:
    for layer in fit(random_network(seed), SMALL).layers:
        assert layer.tile is not None
        tiling = Tiling(layer.shape, layer.tile)
        cores = tiling.core_of_neurons()
        assert cores.shape == layer.shape
        assert sorted(set(cores.reshape(-1).tolist())) == list(range(layer.cores))
        sizes = [np.argwhere(cores == core) for core in range(layer.cores)]
        for places in sizes:
            low, high = places.min(axis=0), places.max(axis=0)
            assert len(places) == math.prod(high - low + 1)
            assert all(high - low + 1 <= np.array(layer.tile))
        assert sum(len(places) for places in sizes) == layer.neurons
        assert [len(p) for p in sizes] == tiling.neurons().reshape(-1).tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_core_takes_more_than_there_is(seed: int) -> None:
    for layer in fit(random_network(seed), SMALL).layers:
        assert layer.compartments <= SMALL.compartments_per_core
        assert layer.input_axons <= (SMALL.input_axons_per_core or 0)
        assert layer.output_axon_entries <= (SMALL.output_entries_per_core or 0)
        assert layer.memory_bytes <= SMALL.memory_bytes_per_core
        shares = [share for share in layer.utilisation.values() if share is not None]
        assert all(0 <= share <= 1 for share in shares)
        assert len(shares) == 4


def test_the_same_network_has_the_same_layout() -> None:
    first, second = (fit(random_network(7), SMALL).as_dict() for _ in range(2))
    assert first == second


def test_image_has_three_axes() -> None:
    assert [image(s) for s in ((3,), (2, 3, 4))] == [(3, 1, 1), (2, 3, 4)]
    assert list(itertools.islice((image((5,)),), 1)) == [(5, 1, 1)]

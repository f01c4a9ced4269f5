"""The networks whose cores on TrueNorth are counted are what their names say, and spike."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from benchmark_runs import ROOT

from snnc.backends.reference.simulator import Simulator
from snnc.backends.truenorth.host import host_populations
from snnc.ir import model as m
from snnc.ir.verify import verify

FAN_INS = {
    "lenet5": [25, 4, 150, 4, 256, 120, 84],
    "strided": [9, 36, 36, 128, 64],
    "mlp-128": [784, 128],
    "mlp-64": [784, 64],
}
"""Inputs of a neuron of each layer, counted by hand."""

SHAPES = {
    "lenet5": [(6, 24, 24), (6, 12, 12), (16, 8, 8), (16, 4, 4), (120,), (84,), (10,)],
    "strided": [(8, 13, 13), (16, 6, 6), (32, 2, 2), (64,), (10,)],
    "mlp-128": [(128,), (10,)],
    "mlp-64": [(64,), (10,)],
}

BITS = ("1", "ternary", "3", "4", "5")


@pytest.fixture(scope="module")
def networks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("truenorth_networks")


def weights(network: m.Network) -> list[np.ndarray[Any, Any]]:
    """The weight of every layer behind the encoder, outputs first."""
    found = []
    for population in network.populations[1:]:
        op = population.incoming[0].ops[-1]
        assert isinstance(op, m.Conv2d | m.Dense)
        found.append(network.array(op.weight))
    return found


def fan_ins(network: m.Network) -> list[int]:
    return [math.prod(weight.shape[1:]) for weight in weights(network)]


@pytest.mark.parametrize("bits", BITS)
def test_the_counted_networks_have_these_layers(networks: Any, bits: str) -> None:
    for make in networks.COUNTED.values():
        network = make(bits)
        kind = network.name.removesuffix(f"-{bits}")
        assert verify(network) == []
        assert [p.shape for p in network.populations[1:]] == SHAPES[kind]
        assert fan_ins(network) == FAN_INS[kind]


@pytest.mark.parametrize(
    ("bits", "values"),
    [("1", {0, 1}), ("ternary", {-1, 0, 1}), ("3", set(range(-3, 4))), ("4", set(range(-7, 8)))],
)
def test_every_weight_of_so_many_bits_is_there_and_no_other(
    networks: Any, bits: str, values: set[int]
) -> None:
    (first, _) = weights(networks.mlp(64, bits))
    assert set(first.ravel().tolist()) == values


@pytest.mark.parametrize("channels", [4, 16, 56, 64])
def test_no_neuron_of_the_grouped_network_reads_more_than_64(networks: Any, channels: int) -> None:
    network = networks.grouped(channels)
    assert verify(network) == []
    assert max(fan_ins(network)) <= 64
    assert sum(math.prod(p.shape) for p in network.populations) > 800 * channels


@pytest.mark.parametrize("channels", [0, 6, 68])
def test_other_widths_are_refused(networks: Any, channels: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        networks.grouped(channels)


def active(network: m.Network) -> dict[str, float]:
    """Mean spikes of each layer per neuron and step for even grey noise."""
    x = np.random.default_rng(1).random((2, *network.inputs[0].shape), np.float32)
    trace = Simulator(network, threads=1).run({"image": x})
    steps = network.schedule.steps if network.schedule is not None else 0
    return {p.name: trace.spike_counts[p.name].mean() / steps for p in network.populations}


def test_spikes_reach_every_layer_and_fill_none(networks: Any) -> None:
    made = [make(bits) for make in networks.COUNTED.values() for bits in BITS]
    made += [networks.grouped(channels) for channels in networks.GROWTH[:2]]
    for network in made:
        for name, rate in active(network).items():
            assert 0.02 < rate < 0.8, (network.name, name)


def test_a_layer_that_spikes_reach_no_more_is_seen(networks: Any) -> None:
    network = networks.strided("4")
    encoder, first, *others = network.populations
    deaf = replace(network, populations=(encoder, replace(first, neuron=m.IF(1e6)), *others))
    assert set(list(active(deaf).values())[1:]) == {0.0}


def test_a_pixel_is_as_many_spikes(networks: Any) -> None:
    """And none is negative, so that it takes one set of axons."""
    network = networks.mlp(64, "4")
    x = np.linspace(0, 1, 784, dtype=np.float32)[None]
    counts = Simulator(network, threads=1).run({"image": x}).spike_counts["encoder"]
    assert np.abs(counts - 32 * x).max() <= 0.6
    assert [p.name for p in host_populations(network)] == ["encoder"]


def test_the_same_arguments_give_the_same_network(networks: Any) -> None:
    assert networks.grouped(16) == networks.grouped(16)
    assert networks.grouped(16) != networks.grouped(16, "3")

"""Biases are leaks from the first tick on; where that would fire too early, clocks bring them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from truenorth_cases import network, samples

from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.core_map import ROLES
from snnc.backends.truenorth.layers import layers_of
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.run_map import run_map
from snnc.backends.truenorth.starts import starts_in
from snnc.ir import model as m


def biased(values: list[int], start: int) -> m.Network:
    """A network whose last layer has these biases and starts there; its thresholds are 40."""
    net = network("grouped", 4, 3)
    last = net.populations[-1]
    neuron = replace(last.neuron, threshold=40.0, v_init=float(start))
    net = net.with_arrays({"c3.bias": np.array(values, np.int32)})
    return net.with_populations([*net.populations[:-1], replace(last, neuron=neuron)])


SMALL = ChipSpec(neurons=24)
"""So few neurons that spikes take a tick more, over splitters."""


def equal(net: m.Network, spec: ChipSpec = TRUENORTH) -> bool:
    """Whether map and layers agree."""
    x = samples(net, 2, 0)
    return compare(net, x, run_map(lower(net, spec), net, x)) is None


@pytest.mark.parametrize("values", [[0, 1, 5, 200], [-1, -2, -3, 0], [-60, 7, -255, 12]])
def test_biases_of_both_signs(values: list[int]) -> None:
    assert equal(biased(values, 20))


def early_spikes(net: m.Network, spec: ChipSpec = TRUENORTH) -> dict[str, int]:
    """Spikes before each layer's first step."""
    starts = starts_in(lower(net, spec), layers_of(net))
    return {name: int(start.early.sum()) for name, start in starts.items()}


def test_large_negative_biases_fire_early_and_start_higher() -> None:
    assert early_spikes(biased([-1, -2, 0, 3], 20))["c3"] == 0
    assert early_spikes(biased([-200, -2, 0, 3], 20))["c3"] > 0


@pytest.mark.parametrize("layer", ["c2", "c3"])
def test_what_fires_early_is_made_up_for_behind_it(layer: str) -> None:
    net = network("grouped", 4, 3)
    net = net.with_arrays({f"{layer}.bias": np.array([-250, -100, 0, -30], np.int32)})
    assert equal(net, SMALL)
    assert early_spikes(net, SMALL)[layer] > 0


@pytest.mark.parametrize("start", [40, 41, 130])
def test_starts_at_and_above_the_threshold(start: int) -> None:
    assert equal(biased([-5, 0, 1, 50], start))


def test_what_fires_early_in_front_of_a_delay_has_a_clock() -> None:
    net = network("grouped", 4, 3)
    first, second, last = net.populations
    last = replace(last, incoming=(replace(last.incoming[0], delay=1),))
    net = net.with_populations([first, second, last])
    loud = net.with_arrays({"c2.bias": np.array([-250, -100, 0, -30], np.int32)})
    assert [ROLES[r] for r in lower(loud, SMALL).roles].count("clock") == 1
    assert equal(loud, SMALL)
    assert "clock" not in [ROLES[r] for r in lower(net, SMALL).roles]


def test_leak_and_start_cancel_before_the_first_step() -> None:
    core_map = lower(biased([1, 2, 3, 4], 20))
    first = core_map.layers[-1].first_tick
    own = core_map.layer_of == len(core_map.layers) - 1
    assert first > 0
    starts = core_map.potentials[own] + first * core_map.leaks[own].astype(int)
    assert (starts == 20).all()


def test_without_the_early_start_the_spikes_differ() -> None:
    net = biased([5, 6, 7, 8], 20)
    core_map = lower(net)
    own = core_map.layer_of == len(core_map.layers) - 1
    wrong = np.where(own, 20, core_map.potentials).astype(np.int32)
    x = samples(net, 2, 0)
    assert compare(net, x, run_map(replace(core_map, potentials=wrong), net, x)) is not None


def test_memoryless_gates_are_exact() -> None:
    net = network("grouped", 4, 3)
    gates = [
        replace(p, neuron=replace(p.neuron, leak=0.0, reset="zero", v_init=0.0))
        for p in net.populations
    ]
    net = net.with_populations(gates)
    assert equal(net)
    core_map = lower(net)
    assert core_map.saturates[core_map.layer_of >= 0].all()
    assert (core_map.thresholds[core_map.layer_of >= 0] == 1).all()

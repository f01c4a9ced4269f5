"""Biases are leaks from the first tick on; where that would fire too early, clocks bring them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from truenorth_cases import network, samples

from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.core_map import ROLES
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.run_map import run_map
from snnc.ir import model as m


def biased(values: list[int], start: int) -> m.Network:
    """A network whose last layer has these biases and starts there; its thresholds are 40."""
    net = network("grouped", 4, 3)
    last = net.populations[-1]
    neuron = replace(last.neuron, threshold=40.0, v_init=float(start))
    net = net.with_arrays({"c3.bias": np.array(values, np.int32)})
    return net.with_populations([*net.populations[:-1], replace(last, neuron=neuron)])


def equal(net: m.Network) -> bool:
    """Whether map and layers agree."""
    x = samples(net, 2, 0)
    return compare(net, x, run_map(lower(net), net, x)) is None


@pytest.mark.parametrize("values", [[0, 1, 5, 200], [-1, -2, -3, 0], [-60, 7, -255, 12]])
def test_biases_of_both_signs(values: list[int]) -> None:
    assert equal(biased(values, 20))


def test_only_what_would_fire_early_has_a_clock() -> None:
    quiet = lower(biased([-1, -2, 0, 3], 20))
    assert "clock" not in [ROLES[r] for r in quiet.roles]
    loud = lower(biased([-200, -2, 0, 3], 20))
    assert [ROLES[r] for r in loud.roles].count("clock") == 1


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

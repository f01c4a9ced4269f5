"""Exact partial sums: pulses that add a bias, groups that fit, and what happens when gates leak."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from truenorth_cases import network, samples

from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.compare import compare
from snnc.backends.truenorth.core_map import ROLES
from snnc.backends.truenorth.exact_lower import lower_exactly
from snnc.backends.truenorth.exact_sums import clusters_of, groups_of, magnitudes, pulses
from snnc.backends.truenorth.layers import Layer, layers_of
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.run_map import run_map
from snnc.ir import model as m


def layer(**fields: object) -> Layer:
    """The last layer of a small network, changed."""
    return replace(layers_of(network("grouped", 4, 1))[-1], **fields)  # type: ignore[arg-type]


def test_pulses_differ_by_the_bias_and_hold_the_potential_down() -> None:
    units = layer().units
    biases = np.arange(units) * 7 - 50
    found = pulses(layer(biases=biases), 4, TRUENORTH)
    assert found is not None
    assert np.array_equal(found.count * found.up - (found.count + 1) * found.down, biases)
    assert found.up.max() <= 255
    assert found.down.min() >= 0
    assert np.array_equal(found.lift, found.count * found.up)


def test_long_runs_are_not_proved() -> None:
    short, long = pulses(layer(), 2, TRUENORTH), pulses(layer(), 2000, TRUENORTH)
    assert short is not None
    assert long is not None
    assert short.proved
    assert not long.proved


def test_a_bias_beyond_the_pulses() -> None:
    assert pulses(layer(biases=np.full(layer().units, 100_000)), 4, TRUENORTH) is None


@pytest.mark.parametrize("which", [0, 1])
def test_groups_cover_all_inputs_and_fit(which: int) -> None:
    wide = wide_network()
    one = layers_of(wide)[0]
    parts = magnitudes(one)
    groups = groups_of(parts, clusters_of(one)[which], TRUENORTH)
    assert groups is not None
    assert groups[0][0] == 0
    assert groups[-1][1] == parts.shape[1]
    assert all(a[1] == b[0] for a, b in pairwise(groups))
    assert len(groups) > 1


def wide_network() -> m.Network:
    """A dense layer of 300 inputs at 4 bits: 1,200 axons."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-7, 8, (6, 300)).astype(np.int8)
    image = m.Input("image", "float32", (300,), m.Poisson(1.0, 1))
    ops = (m.Dense(m.Ref("w")), m.Scale(3.0))
    neuron = m.IF(threshold=120.0, v_init=60.0)
    fc = m.Population("fc", (6,), neuron, incoming=(m.Incoming("image", ops),))
    head = (m.Head("out", "fc", m.SpikeCount()),)
    empty = m.Network("wide", "fixed", (image,), (), head, schedule=m.Synchronous(6))
    return empty.with_arrays({"w": weight}).with_populations([fc])


def test_a_layer_beyond_a_core_is_exact() -> None:
    net = wide_network()
    core_map = lower_exactly(net)
    roles = {ROLES[r] for r in core_map.roles}
    assert roles >= {"partial", "gate", "clock"}
    assert core_map.ticks_per_step > 100
    x = samples(net, 2, 0)
    run = run_map(core_map, net, x)
    assert run.rasters["fc"].any()
    assert compare(net, x, run) is None


def test_a_gate_that_opens_a_tick_early_is_seen() -> None:
    net = wide_network()
    core_map = lower_exactly(net)
    clocks = np.flatnonzero(core_map.roles == ROLES.index("clock"))
    early = core_map.potentials.copy()
    early[clocks] += core_map.used[clocks]  # all pulses come a tick before the last spikes
    x = samples(net, 2, 0)
    found = compare(net, x, run_map(replace(core_map, potentials=early), net, x))
    assert found is not None


def test_what_fits_takes_one_tick_a_step() -> None:
    assert lower(network("grouped", 4, 1)).ticks_per_step == 1

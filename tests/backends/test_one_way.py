"""Bounds where every source acts once: reached by some choice of spikes, passed by none."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.reference.reach import bounds_of, reach_of_values
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array

WORTH = {"x": 9.0, "a": 5.0}
KNOWN = {name: reach_of_values(worth, 1) for name, worth in WORTH.items()}


def network(seed: int, coding: m.Coding) -> m.Network:
    """An input and a population that meet in an integrator."""
    rng = np.random.default_rng(seed)
    arrays = {
        "xa": rng.integers(-9, 10, (4, 3)).astype(np.int8),
        "xo": rng.integers(-9, 10, (2, 3)).astype(np.int8),
        "ao": rng.integers(-9, 10, (2, 4)).astype(np.int8),
        "bias": rng.integers(-20, 21, 2).astype(np.int32),
        "values": np.array([5, 2], np.int32),
        "thresholds": np.array([30, 9], np.int32),
    }
    fires = m.IntegerTTFS(m.Ref("values"), m.Ref("thresholds"))
    into = (
        m.Incoming("x", (m.Dense(m.Ref("xo")),), 2),
        m.Incoming("a", (m.Dense(m.Ref("ao")), m.Scale(2.0))),
    )
    return m.Network(
        "met",
        "fixed",
        (m.Input("x", "f32", (3,), coding),),
        (
            m.Population("a", (4,), fires, incoming=(m.Incoming("x", (m.Dense(m.Ref("xa")),)),)),
            m.Population("out", (2,), m.Integrator(3.0), m.Ref("bias"), incoming=into),
        ),
        (m.Head("out", "out", m.Membrane()),),
        schedule=m.Phased(6, 2, (0, 2), (2, 4)),
    ).with_arrays(arrays)


def potentials(net: m.Network, levels: tuple[int, ...]) -> Array:
    """What `out` receives for every choice of what its sources send, (choices, 2)."""
    choices = itertools.product(*[levels] * 3, *[(0, 1)] * 4)
    rows = np.array(list(choices), np.float64)
    given = {"x": rows[:, :3] * WORTH["x"], "a": rows[:, 3:] * WORTH["a"]}
    total = np.zeros((len(rows), 2)) + net.array(m.Ref("bias"))
    for incoming in net.population("out").incoming:
        total += linear.apply_chain(incoming.ops, given[incoming.source], net.array)
    return total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("signed", [True, False])
def test_the_bound_of_a_potential_is_the_largest_that_any_spikes_reach(
    seed: int, signed: bool
) -> None:
    coding = m.IntegerSpikeTime(2.0, 2, values=(9, 5)) if signed else m.Graded(1 / 9, 9)
    net = network(seed, coding)
    found = bounds_of(net, net.population("out"), KNOWN, 6)
    reached = potentials(net, (-1, 0, 1) if signed else (0, 1))
    bias = net.array(m.Ref("bias"))
    # The bias is in every sum, and may also come after all the others.
    up = np.maximum(reached.max(axis=0) - np.minimum(bias, 0), 0)
    down = np.maximum(-reached.min(axis=0) + np.maximum(bias, 0), 0)
    np.testing.assert_array_equal(found.current, np.maximum(up, down))
    np.testing.assert_array_equal(found.potential, found.current + 3.0)
    assert (np.abs(reached) <= found.current).all()
    absolute = np.abs(bias).astype(float)
    for incoming in net.population("out").incoming:
        weight = np.abs(net.array(incoming.ops[0].weight).astype(float)).sum(axis=1)
        absolute += weight * WORTH[incoming.source] * (2.0 if incoming.source == "a" else 1.0)
    assert (found.current < absolute).all()
    assert found.inside >= np.abs(net.array(m.Ref("ao")).astype(float)).max() * WORTH["a"]


def test_a_negative_scale_turns_the_sides_round() -> None:
    net = network(0, m.Graded(1 / 9, 9))
    out = net.population("out")
    turned = m.Incoming("a", (m.Scale(-1.0), *out.incoming[1].ops))
    weight = -2.0 * net.array(m.Ref("ao")).astype(float) * WORTH["a"]
    up, down = np.maximum(weight, 0).sum(axis=1), np.maximum(-weight, 0).sum(axis=1)
    found = bounds_of(net, replace(out, bias=None, incoming=(turned,)), KNOWN, 6)
    np.testing.assert_array_equal(found.current, np.maximum(up, down))
    assert (up != down).all()

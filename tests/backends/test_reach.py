"""Static bounds: no run leaves them, and they are not idle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.reference.reach import (
    Reach,
    bounds_of,
    potential_bounds,
    reach_of_coding,
    reach_of_values,
)
from snnc.backends.reference.simulator import Simulator
from snnc.ir import model as m

STEPS = 12


def network(coding: m.Coding, saturation: float | None = None) -> m.Network:
    rng = np.random.default_rng(3)
    arrays = {
        "w": rng.integers(-9, 9, (4, 3)).astype(np.int8),
        "v": rng.integers(-9, 9, (2, 4)).astype(np.int8),
        "b": rng.integers(-5, 5, 4).astype(np.int32),
    }
    a = m.Population(
        "a",
        (4,),
        m.IF(40.0, saturation=saturation),
        bias=m.Ref("b"),
        incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),)),),
    )
    out = m.Population(
        "out", (2,), m.Integrator(), incoming=(m.Incoming("a", (m.Dense(m.Ref("v")),)),)
    )
    return m.Network(
        "n",
        "fixed",
        (m.Input("x", "f32", (3,), coding),),
        (a, out),
        (m.Head("h", "out", m.Membrane()),),
        schedule=m.Synchronous(STEPS),
    ).with_arrays(arrays)


@pytest.mark.parametrize("saturation", [None, 300.0])
def test_no_run_leaves_the_bounds(saturation):
    net = network(m.Graded(1.0, 15, -15), saturation)
    bounds = potential_bounds(net, {"x": reach_of_coding(net.inputs[0], STEPS)}, STEPS)
    corners = np.array(np.meshgrid(*[[-99.0, 99.0]] * 3)).reshape(3, -1).T.astype(np.float32)
    trace = Simulator(net).run(corners, record_membrane=["a", "out"])
    for name, potentials in trace.membrane_traces.items():
        most = np.abs(potentials).max(axis=(0, 1))
        assert (most <= bounds[name].potential).all()
        assert (most >= 0.15 * bounds[name].potential.max()).any()
    if saturation is not None:
        assert np.abs(trace.membrane_traces["a"]).max() <= saturation
        held = saturation + bounds["a"].current
        assert (bounds["a"].potential <= held).all()


def test_the_current_of_a_step_is_the_sum_of_absolute_weights():
    net = network(m.Graded(1.0, 15, -15))
    bound = bounds_of(net, net.populations[0], {"x": Reach(15.0, 15.0 * STEPS)}, STEPS)
    weights = np.abs(net.array(m.Ref("w")).astype(float))
    expected = 15 * weights.sum(axis=1) + np.abs(net.array(m.Ref("b")))
    np.testing.assert_array_equal(bound.current, expected)


def test_codings_tell_their_range():
    entry = network(m.Graded(0.5, 7, -9)).inputs[0]
    assert reach_of_coding(entry, 10) == Reach(9.0, 90.0)
    assert reach_of_coding(replace(entry, coding=m.Poisson()), 10) == Reach(1.0, 10.0)
    assert reach_of_coding(replace(entry, coding=m.Events(3)), 10) == Reach(3.0, 30.0)
    for coding in (m.Direct(), m.Events()):
        with pytest.raises(ValueError, match="no range"):
            reach_of_coding(replace(entry, coding=coding), 10)
    assert reach_of_values(np.array([-4.0, 2.0]), 5) == Reach(4.0, 20.0)

"""Recurrent connections: a population that reads itself or a later one, with a delay."""

from __future__ import annotations

import numpy as np
import pytest
from naive_simulator import simulate
from spiking_networks import sources_for

from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.ir.verify import verify


def looped(delay: int, weight: float = -0.5, stage: m.Stage = "snn") -> m.Network:
    a = m.Population(
        "a",
        (3,),
        m.IF(),
        incoming=(m.Incoming("x"), m.Incoming("b", (m.Scale(weight),), delay)),
    )
    itself = m.Incoming("b", (m.Scale(1.0 if stage == "fixed" else 0.25),), delay)
    b = m.Population("b", (3,), m.IF(), incoming=(m.Incoming("a"), itself))
    heads = (m.Head("h", "b", m.SpikeCount()),)
    entry = m.Input("x", "f64", (3,))
    return m.Network("loop", stage, (entry,), (a, b), heads, schedule=m.Synchronous(20))


@pytest.mark.parametrize("block", [None, 1, 2, 3, 7, 20])
@pytest.mark.parametrize("delay", [1, 2, 3])
def test_loops_equal_the_simple_simulator_whatever_the_block(delay: int, block: int | None) -> None:
    """What a later population sends within a block is seen within it."""
    network = looped(delay)
    assert list(verify(network)) == []
    x = np.array([[0.5, 0.25, 0.875], [0.75, 1.0, 0.125]])
    naive = simulate(network, sources_for(network, {"x": x}, 20), 20)
    simulator = Simulator(network, dtype="float64", threads=1, block_steps=block)
    trace = simulator.run(x, record=["a", "b"])
    for name in ("a", "b"):
        np.testing.assert_array_equal(trace.rasters[name], np.stack(naive.spikes[name]))


def test_a_loop_matters() -> None:
    """Negative control: another delay gives other spikes."""
    x = np.array([[0.5, 0.25, 0.875]])

    def spikes(delay: int) -> Array:
        trace = Simulator(looped(delay), dtype="float64").run(x, record=["a"])
        return trace.rasters["a"]

    assert (spikes(1) != spikes(3)).any()


def test_whole_numbers_in_a_loop_are_bounded_by_its_spikes() -> None:
    network = looped(2, weight=-1.0, stage="fixed")
    x = np.array([[1.0, 0.0, 1.0]])
    naive = simulate(network, sources_for(network, {"x": x}, 20), 20)
    trace = Simulator(network).run(x, record=["a", "b"])
    for name in ("a", "b"):
        np.testing.assert_array_equal(trace.rasters[name], np.stack(naive.spikes[name]))


def test_a_loop_of_pools_alone_could_grow_without_end() -> None:
    pool = m.MaxGate2d((1, 1), (1, 1))
    a = m.Population("a", (1, 2, 2), pool, incoming=(m.Incoming("x"), m.Incoming("b", (), 1)))
    b = m.Population("b", (1, 2, 2), pool, incoming=(m.Incoming("a"),))
    entry = m.Input("x", "i32", (1, 2, 2), m.Poisson())
    network = m.Network("pools", "fixed", (entry,), (a, b), (), schedule=m.Synchronous(4))
    with pytest.raises(InputError) as caught:
        Simulator(network).run(np.ones((1, 1, 2, 2), np.int32))
    assert [d.code for d in caught.value.diagnostics] == ["SN510"]

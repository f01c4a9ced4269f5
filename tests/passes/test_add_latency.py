"""Hop latency: starts, delays, and that no spike changes."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs
from strategies import random_network

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.latency import HOP, layer_local, local_delay, machine_steps, starts_of
from snnc.ir.verify import verify
from snnc.passes.add_latency import AddLatency
from snnc.passes.base import Context

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking"


def latent(name: str) -> tuple[m.Network, m.Network, Context]:
    network = nets.NETWORKS[name]()
    before = run_specs(network, SPIKING, make_context(network))
    context = Context()
    return before, run_specs(before, "add-latency", context), context


@pytest.mark.parametrize("name", ["plain", "residual", "concat", "two_heads", "max_pool"])
def test_layer_local_time_is_what_it_was(name):
    before, after, _ = latent(name)
    assert isinstance(after.schedule, m.Pipelined)
    assert replace(layer_local(after), passes=()) == replace(before, passes=())
    assert verify(after) == []
    starts = starts_of(after)
    for population in after.populations:
        for incoming in population.incoming:
            assert local_delay(starts, population.name, incoming) == 0
            assert incoming.delay >= 0


def test_starts_count_the_connections_of_the_longest_way():
    before, after, context = latent("residual")
    depth: dict[str, int] = {i.name: 0 for i in before.inputs}
    for population in before.populations:
        depth[population.name] = HOP + max(depth[i.source] for i in population.incoming)
    assert starts_of(after) == depth
    assert machine_steps(after) == after.schedule.steps + max(depth.values())
    waiting = [i.delay for p in after.populations for i in p.incoming if i.delay]
    assert waiting
    assert any("spikes wait from" in note for note in context.notes)


def test_spikes_are_the_same_with_and_without():
    before, after, _ = latent("residual")
    x = nets.images(6, seed=2)
    expected = Simulator(before, dtype="float64").run(x)
    found = Simulator(after, dtype="float64").run(x)
    for name, counts in expected.spike_counts.items():
        np.testing.assert_array_equal(found.spike_counts[name], counts)
    # Negative control: a way that is a step longer changes spikes.
    last = after.populations[1]
    late = replace(last, incoming=tuple(replace(i, delay=i.delay + 1) for i in last.incoming))
    moved = replace(after, populations=(after.populations[0], late, *after.populations[2:]))
    other = Simulator(moved, dtype="float64").run(x)
    assert (other.spike_counts[last.name] != expected.spike_counts[last.name]).any()


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_with_delays_and_loops_keep_their_meaning(seed):
    network = random_network(seed, "snn", odd=True)
    local = layer_local(network)
    try:
        after = AddLatency().run(network, Context())
    except InputError as error:
        assert error.diagnostics[0].code == "SN765"  # noqa: PT017
        return
    assert [d for d in verify(after) if d.code in ("SN104", "SN109", "SN111")] == []
    assert layer_local(after) == local


def test_gated_schedules_keep_their_window_and_running_twice_changes_nothing():
    before, _, _ = latent("plain")
    gated = replace(before, schedule=m.Gated(20, 5))
    once = AddLatency().run(gated, Context())
    assert isinstance(once.schedule, m.PipelinedGated)
    assert (once.schedule.steps, once.schedule.window) == (20, 5)
    assert AddLatency().run(once, Context()) == once


def test_a_loop_that_is_too_fast_is_refused():
    arrays = {"w": np.ones((2, 2), np.float32)}
    dense = (m.Dense(m.Ref("w")),)

    def looped(delay: int) -> m.Network:
        a = m.Population(
            "a",
            (2,),
            m.IF(),
            origin=("/a",),
            incoming=(m.Incoming("x", dense), m.Incoming("b", dense, delay)),
        )
        b = m.Population("b", (2,), m.IF(), incoming=(m.Incoming("a", dense),))
        return m.Network(
            "loop",
            "snn",
            (m.Input("x", "f32", (2,)),),
            (a, b),
            (m.Head("h", "b", m.SpikeCount()),),
            schedule=m.Synchronous(6),
        ).with_arrays(arrays)

    with pytest.raises(InputError, match="SN765") as caught:
        AddLatency().run(looped(1), Context())
    assert caught.value.diagnostics[0].where == "/a"
    fine = AddLatency().run(looped(2), Context())
    assert layer_local(fine) == looped(2)

"""Hop latency in the IR: what starts and delays mean in layer-local time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.ir import model as m
from snnc.ir.latency import layer_local, local_delay, machine_steps, starts_of, without_latency
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.verify import verify

ARRAYS = {"w": np.ones((2, 2), np.int8)}
DENSE = (m.Dense(m.Ref("w")),)


def skip(starts: tuple[int, ...], delay: int, window: int | None = None) -> m.Network:
    """x -> a -> b and x -> b, the second way with a delay."""
    a = m.Population("a", (2,), m.IF(4.0), incoming=(m.Incoming("x", DENSE),))
    b = m.Population(
        "b", (2,), m.Integrator(), incoming=(m.Incoming("a", DENSE), m.Incoming("x", DENSE, delay))
    )
    schedule = m.Pipelined(8, starts)
    if window is not None:
        schedule = m.PipelinedGated(8, window, starts)
    return m.Network(
        "skip",
        "fixed",
        (m.Input("x", "f32", (2,), m.Graded(0.5, 15)),),
        (a, b),
        (m.Head("h", "b", m.Membrane()),),
        schedule=schedule,
    ).with_arrays(ARRAYS)


def test_equalised_paths_have_no_delay_in_layer_local_time():
    network = skip((1, 2), 1)
    assert verify(network) == []
    assert starts_of(network) == {"x": 0, "a": 1, "b": 2}
    local = layer_local(network)
    assert [i.delay for p in local.populations for i in p.incoming] == [0, 0, 0]
    assert local.schedule == m.Synchronous(8)
    assert machine_steps(network) == 10


@pytest.mark.parametrize(("delay", "acts"), [(1, 0), (2, 1), (5, 4)])
def test_what_a_delay_does_beyond_equalising_is_a_delay(delay, acts):
    network = skip((1, 2), delay)
    assert layer_local(network).populations[1].incoming[1].delay == acts
    assert local_delay(starts_of(network), "b", network.populations[1].incoming[1]) == acts


def test_a_network_without_latency_is_its_own():
    network = skip((1, 2), 1)
    local = layer_local(network)
    assert layer_local(local) is local
    assert starts_of(local) is None
    assert without_latency(skip((1, 2), 1, 3)) == m.Gated(8, 3)
    assert machine_steps(local) == 8
    with pytest.raises(ValueError, match="no schedule"):
        machine_steps(replace(local, schedule=None))


def test_the_text_form_holds_starts_and_graded_inputs():
    for network in (skip((1, 2), 1), skip((1, 2), 1, 3)):
        text = to_text(network)
        assert "starts=[1, 2]" in text
        assert "graded(step=0.5, levels=15" in text
        assert parse(text, store=network.store) == network


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (skip((1,), 1), "1 starts for 2 populations"),
        (skip((1, 2), 0), "arrive from step 1 on, and the population starts at 2"),
        (skip((-1, 2), 5), "a start is -1"),
    ],
)
def test_schedules_that_do_not_fit_are_found(network, words):
    found = [d for d in verify(network) if d.code == "SN111"]
    assert len(found) == 1
    assert words in found[0].message


def test_loops_need_a_step_more():
    a = skip((1, 2), 1).populations[0]
    loop = replace(a, incoming=(*a.incoming, m.Incoming("a", DENSE, 0)))
    network = skip((1, 2), 1)
    # A spike to itself takes a hop, so it acts a step later without any delay of its own.
    fine = network.with_populations((loop, network.populations[1]))
    assert verify(fine) == []
    assert layer_local(fine).populations[0].incoming[1].delay == 1

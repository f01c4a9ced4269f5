"""The read-out of first spikes: who fired first has the largest value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from naive_simulator import simulate
from spiking_networks import ALL, build, inputs_for, sources_for

from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.tensors import Array


def since_first(spikes: list[Array]) -> Array:
    """Steps since the first positive spike, it included: (T, N, K), from the naive record."""
    fired = np.stack(spikes).reshape(len(spikes), len(spikes[0]), -1) > 0
    values = np.zeros(fired.shape)
    for step, sample, neuron in np.ndindex(*fired.shape):
        earlier = np.flatnonzero(fired[: step + 1, sample, neuron])
        values[step, sample, neuron] = step + 1 - earlier[0] if len(earlier) else 0
    return values


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("name", ALL)
def test_first_spikes_are_those_of_the_simple_simulator(name: str, window: int | None) -> None:
    """Of integrate-and-fire populations and pools, whatever the blocks; at rest it goes on."""
    network = build(name, 2, steps=12, window=window)
    firing = [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    heads = tuple(m.Head(f"h{i}", p, m.FirstSpike()) for i, p in enumerate(firing))
    network = replace(network, heads=heads)
    arrays = inputs_for(network, 3, 2)
    naive = simulate(network, sources_for(network, arrays, 12), 12)
    for block, batch in ((1, 3), (5, 2), (None, None)):
        simulator = Simulator(network, dtype="float64", block_steps=block, batch_size=batch)
        trace = simulator.run(arrays)
        for head in heads:
            expected = since_first(naive.spikes[head.population])
            np.testing.assert_array_equal(trace.outputs[head.name], expected, head.population)


def one(neuron: m.SpikingNeuron) -> m.Network:
    population = m.Population("a", (3,), neuron, incoming=(m.Incoming("x"),), scale=7.0)
    head = m.Head("h", "a", m.FirstSpike())
    entry = m.Input("x", "f64", (3,))
    return m.Network("n", "snn", (entry,), (population,), (head,), schedule=m.Synchronous(6))


def test_the_first_to_fire_wins_and_the_scale_does_not_matter() -> None:
    trace = Simulator(one(m.IF()), dtype="float64").run(np.array([[0.3, 0.5, 0.1]]))
    assert trace.outputs["h"][:, 0].tolist() == [
        [0, 0, 0],
        [0, 1, 0],
        [0, 2, 0],
        [1, 3, 0],
        [2, 4, 0],
        [3, 5, 0],
    ]
    assert trace.predictions()[-1].tolist() == [1]


def test_a_negative_spike_is_no_first_spike() -> None:
    neuron = m.IF(negative_spikes="leaky", slope=1.0)
    trace = Simulator(one(neuron), dtype="float64").run(np.array([[-1.0, 0.5, 0.0]]))
    assert trace.spikes["a"].tolist() == [6 + 3]
    assert trace.outputs["h"][-1, 0].tolist() == [0, 5, 0]


def test_an_integrator_has_no_first_spike() -> None:
    with pytest.raises(InputError) as caught:
        Simulator(one(m.Integrator()))
    assert [d.code for d in caught.value.diagnostics] == ["SN509"]

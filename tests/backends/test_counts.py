"""Spikes, synaptic operations and updates are counted as brute force counts them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from spiking_networks import build, inputs_for

from snnc.backends.reference import Simulator
from snnc.ir import linear, shapes
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape


def brute_force(ops: Sequence[m.Operator], shape: Shape, network: m.Network) -> Array:
    """Synapses per neuron of a chain: the neurons that one spike alone can reach."""
    size = math.prod(shape)
    spikes = np.eye(size).reshape(size, *shape)
    reached = linear.apply_chain(ops, spikes, lambda ref: (network.array(ref) != 0) * 1.0)
    counts: Array = (reached.reshape(size, -1) != 0).sum(axis=1).reshape(shape)
    return counts


def with_holes(network: m.Network) -> m.Network:
    """Every third weight of every tensor set to zero: it is no synapse then."""
    arrays = {}
    for name in network.tensors:
        array = network.array(m.Ref(name)).copy()
        array.flat[::3] = 0
        arrays[name] = array
    return network.with_arrays(arrays)


@pytest.mark.parametrize("name", ["mlp", "convolutions", "residual", "delays", "events"])
def test_synaptic_operations_are_spikes_times_real_fan_out(name: str) -> None:
    network = with_holes(build(name, 4))
    names = [p.name for p in network.populations]
    trace = Simulator(network, dtype="float64").run(inputs_for(network, 3, 4), record=names)
    for source in names:
        fan_out = np.zeros(network.source_shape(source), int)
        for population in network.populations:
            for incoming in population.incoming:
                if incoming.source == source:
                    fan_out += brute_force(incoming.ops, fan_out.shape, network)
        events = np.abs(trace.rasters[source].astype(int)).sum(axis=0)
        expected = (events * fan_out).reshape(3, -1).sum(axis=1)
        np.testing.assert_array_equal(trace.synops[source], expected, source)
    assert sum(int(n.sum()) for n in trace.synops.values()) > 0


def test_fan_out_is_smaller_at_the_border() -> None:
    """A 3x3 convolution with a border: 4 targets per channel in corners, 6 at edges, or 9."""
    network = build("delays", 0)
    network = network.with_arrays(
        {name: np.ones(ref.shape) for name, ref in network.tensors.items()}
    )
    fan_out = Simulator(network).fan_out()["a"][0]
    # 3 channels through the convolution and one synapse of the direct connection.
    assert fan_out[0, 0] == 3 * 4 + 1
    assert fan_out[0, 2] == 3 * 6 + 1
    assert fan_out[2, 2] == 3 * 9 + 1


def test_a_chain_counts_paths() -> None:
    """A neuron under a 2x2 pool has the synapses of its pool's cell."""
    network = build("pools", 0)
    connection = network.population("c").incoming[0]
    whole = linear.fan_out(connection.ops, (4, 9, 8), network.array)
    behind = shapes.operator_shape(
        connection.ops[0], (4, 9, 8), lambda r: network.tensors[r.name].shape
    )
    pooled = linear.fan_out(connection.ops[1:], behind, network.array)
    np.testing.assert_array_equal(whole[:, :8], pooled.repeat(2, axis=1).repeat(2, axis=2))
    assert not whole[:, 8].any()


def test_signed_spikes_count_as_one_operation_each() -> None:
    network = build("signed", 0)
    trace = Simulator(network, dtype="float64").run(inputs_for(network, 3, 0), record=["a"])
    raster = trace.rasters["a"]
    assert (raster < 0).any()
    np.testing.assert_array_equal(trace.spikes["a"], (raster != 0).sum(axis=(0, 2, 3, 4)))
    np.testing.assert_array_equal(trace.spike_counts["a"], raster.sum(axis=0))


def test_counters_survive_more_steps_than_eight_bits_hold() -> None:
    population = m.Population("a", (3,), m.IF(), incoming=(m.Incoming("x"),))
    network = m.Network("n", "snn", (m.Input("x", "f32", (3,)),), (population,), ())
    x = np.array([[1.0, 0.5, 0.0]], np.float32)
    for steps in (126, 127, 128, 255, 700):
        trace = Simulator(network, block_steps=50).run(x, steps=steps)
        assert trace.spike_counts["a"].tolist() == [[steps, steps // 2, 0]]


def test_updates_and_direct_macs_are_those_of_the_shapes() -> None:
    network = build("convolutions", 0)
    trace = Simulator(network).run(inputs_for(network, 2, 0))
    updates = {name: found.tolist() for name, found in trace.updates.items()}
    assert updates == {p.name: [10 * math.prod(p.shape)] * 2 for p in network.populations}
    channels, rows, columns = network.population("a").shape
    assert trace.direct_macs.tolist() == [channels * rows * columns * 2 * 9] * 2


def test_logits_average_over_time_and_predictions_take_the_lowest_of_equals() -> None:
    network = build("mlp", 1)
    trace = Simulator(network, dtype="float64").run(inputs_for(network, 4, 1))
    assert list(trace.outputs) == ["early", "final"]
    np.testing.assert_array_equal(trace.logits(step=4), trace.outputs["final"][3] / 4)
    np.testing.assert_array_equal(trace.logits("early"), trace.spike_counts["a"] / 10)
    early = trace.outputs["early"]
    np.testing.assert_array_equal(trace.predictions("early"), early.argmax(axis=2))
    for step in (0, 11):
        with pytest.raises(ValueError, match=r"outside 1\.\.10"):
            trace.logits(step=step)


def test_a_spike_count_head_is_in_units_of_the_scale() -> None:
    scale = np.array([2.0, 0.5, 3.0])
    population = m.Population("a", (3, 1, 2), m.IF(), scale=m.Ref("s"), incoming=(m.Incoming("x"),))
    head = m.Head("h", "a", m.SpikeCount())
    network = m.Network("n", "snn", (m.Input("x", "f32", (3, 1, 2)),), (population,), (head,))
    network = network.with_arrays({"s": scale})
    x = np.full((1, 3, 1, 2), 0.5, np.float32)
    logits = Simulator(network).run(x, steps=8).logits()
    np.testing.assert_array_equal(logits, [[1.0, 1.0, 0.25, 0.25, 1.5, 1.5]])

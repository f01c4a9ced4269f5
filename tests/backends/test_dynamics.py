"""Closed forms and conservation laws that a spiking population must obey."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.reference import Simulator
from snnc.ir import model as m
from snnc.ir.tensors import Array

IDENTITY = {"w": np.eye(64)}


def relay(neuron: m.Neuron, coding: m.Coding | None = None, steps: int = 8) -> m.Network:
    """64 neurons, each fed by one input value."""
    population = m.Population(
        "a", (64,), neuron, incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),)),)
    )
    entry = m.Input("x", "f64", (64,), coding or m.Direct())
    head = m.Head("h", "a", m.SpikeCount())
    network = m.Network(
        "relay", "snn", (entry,), (population,), (head,), schedule=m.Synchronous(steps)
    )
    return network.with_arrays(IDENTITY)


@settings(deadline=None, max_examples=60)
@given(
    z=st.lists(st.integers(-160, 320), min_size=64, max_size=64),
    theta=st.integers(16, 200),
    v_init=st.floats(0, 0.99),
    steps=st.integers(1, 40),
)
def test_constant_drive_gives_the_closed_form(
    z: list[int], theta: int, v_init: float, steps: int
) -> None:
    """N(T) = clip(floor((T z + V0) / theta), 0, T), Rueckauer et al. 2017, for 0 <= V0 < theta."""
    drive = np.array(z) / 64
    threshold, start = theta / 64, np.floor(v_init * theta) / 64
    neuron = m.IF(threshold=threshold, v_init=start)
    trace = Simulator(relay(neuron), dtype="float64", threads=1).run(drive[None], steps=steps)
    expected = np.clip(np.floor((steps * drive + start) / threshold), 0, steps)
    np.testing.assert_array_equal(trace.spike_counts["a"][0], expected)


def test_a_wrong_initial_potential_breaks_the_closed_form() -> None:
    """Negative control of the test above."""
    drive = np.linspace(0, 1.5, 64)
    neuron = m.IF(v_init=0.5)
    trace = Simulator(relay(neuron), dtype="float64").run(drive[None], steps=16)
    expected = np.clip(np.floor(16 * drive + 0.5), 0, 16)
    np.testing.assert_array_equal(trace.spike_counts["a"][0], expected)
    wrong = Simulator(relay(m.IF()), dtype="float64").run(drive[None], steps=16)
    assert (wrong.spike_counts["a"][0] != expected).any()


@pytest.mark.parametrize("negative", ["none", "retract"])
def test_spikes_times_threshold_is_the_input_less_what_stays_in_the_membrane(negative: str) -> None:
    """Conservation: theta N = sum of inputs - (V(T) - V(0)), exact on the grid."""
    rng = np.random.default_rng(0)
    events = rng.integers(-40, 80, (20, 5, 64)) / 64
    neuron = m.IF(threshold=0.75, v_init=0.25, negative_spikes=negative)  # type: ignore[arg-type]
    trace = Simulator(relay(neuron, m.Events()), dtype="float64").run(events)
    balance = events.sum(axis=0) - (trace.membranes["a"] - 0.25)
    np.testing.assert_array_equal(0.75 * trace.spike_counts["a"], balance)
    hard = replace(neuron, reset="zero")
    lossy = Simulator(relay(hard, m.Events()), dtype="float64").run(events)
    assert (
        0.75 * lossy.spike_counts["a"] != events.sum(axis=0) - lossy.membranes["a"] + 0.25
    ).any()


def test_the_leaky_neuron_fires_at_the_rate_of_a_leaky_relu() -> None:
    """Rate within 1/T of LeakyReLU(z) / theta: the signed neuron of Kim et al. 2020."""
    z, steps = np.linspace(-1.5, 1.0, 64), 200
    neuron = m.IF(negative_spikes="leaky", slope=0.25)
    trace = Simulator(relay(neuron), dtype="float64").run(z[None], steps=steps)
    rate = trace.spike_counts["a"][0] / steps
    assert np.abs(rate - np.where(z >= 0, z, 0.25 * z)).max() <= 1 / steps + 1e-12
    plain = Simulator(relay(m.IF()), dtype="float64").run(z[None], steps=steps)
    assert np.abs(plain.spike_counts["a"][0] / steps - np.where(z >= 0, z, 0.25 * z)).max() > 0.1


def test_a_slope_of_zero_never_gives_a_negative_spike() -> None:
    neuron = m.IF(negative_spikes="leaky", slope=0.0)
    trace = Simulator(relay(neuron), dtype="float64").run(np.full((1, 64), -3.0), steps=9)
    assert not trace.spike_counts["a"].any()


def test_a_cap_of_spikes_holds_and_can_be_lifted_by_retracting() -> None:
    rng = np.random.default_rng(1)
    events = rng.integers(-128, 129, (60, 3, 64)) / 64
    neuron = m.IF(negative_spikes="retract", max_spikes=3, min_spikes=-1)
    trace = Simulator(relay(neuron, m.Events()), dtype="float64").run(events, record=["a"])
    net = np.cumsum(trace.rasters["a"], axis=0)
    assert net.max() == 3
    assert net.min() == -1
    assert (trace.rasters["a"].astype(int).clip(0).sum(axis=0) > 3).any()


def test_the_threshold_is_reached_at_equality() -> None:
    trace = Simulator(relay(m.IF()), dtype="float32").run(np.full((1, 64), 0.25), steps=8)
    np.testing.assert_array_equal(trace.spike_counts["a"], np.full((1, 64), 2))


def pooling(neuron: m.Neuron, shape: tuple[int, ...], out: tuple[int, ...]) -> m.Network:
    population = m.Population("p", out, neuron, incoming=(m.Incoming("x"),))
    entry = m.Input("x", "i8", shape, m.Events())
    return m.Network("pool", "snn", (entry,), (population,), (), schedule=m.Synchronous(30))


POOLS = [
    ((2, 2), (2, 2), (0, 0, 0, 0), (3, 3)),
    ((3, 3), (2, 2), (1, 1, 1, 1), (3, 4)),
    ((3, 2), (1, 2), (0, 1, 2, 0), (6, 4)),
]


@pytest.mark.parametrize(("kernel", "strides", "pads", "out"), POOLS)
@pytest.mark.parametrize("low", [0, -1])
def test_running_max_gives_exactly_the_largest_count_of_its_window(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    out: tuple[int, int],
    low: int,
) -> None:
    """N_out = max N_k after every step, for 0/1 spikes and for those of either sign."""
    rng = np.random.default_rng(2)
    events = rng.integers(low, 2, (30, 4, 2, 6, 7)).astype(np.int8)
    neuron = m.RunningMax2d(kernel, strides, pads)
    rule = pooling(neuron, (2, 6, 7), (2, *out))
    trace = Simulator(rule).run(events, record=["p"])
    counts = np.cumsum(events, axis=0, dtype=int)
    np.testing.assert_array_equal(np.cumsum(trace.rasters["p"], axis=0), best(counts, neuron, out))
    assert set(np.unique(trace.rasters["p"])) <= {-1, 0, 1}
    gate = m.MaxGate2d(kernel, strides, pads)
    biased = Simulator(pooling(gate, (2, 6, 7), (2, *out))).run(events)
    assert biased.spike_counts["p"].sum() > trace.spike_counts["p"].sum()


def best(counts: Array, neuron: m.RunningMax2d, out: tuple[int, int]) -> Array:
    """The largest count of every window, cell by cell."""
    found = np.zeros((*counts.shape[:3], *out), int)
    for row, column in np.ndindex(*out):
        top, left = row * neuron.strides[0], column * neuron.strides[1]
        rows = [top + i - neuron.pads[0] for i in range(neuron.kernel[0])]
        columns = [left + j - neuron.pads[1] for j in range(neuron.kernel[1])]
        inside = [y for y in rows if 0 <= y < 6], [x for x in columns if 0 <= x < 7]
        window = counts[..., inside[0], :][..., inside[1]]
        found[..., row, column] = window.max(axis=(-1, -2))
    return found

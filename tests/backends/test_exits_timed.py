"""Exits of networks of spike times: executed as asking a full-length run's read-outs says.

What a sample has cost at its exit is checked against runs that end there: spikes, operations,
updates, potentials and spike times of every population.
"""

from __future__ import annotations

from dataclasses import replace

import exit_networks
import numpy as np
import pytest
import spiking_exits
from timed_exits import stopping, timed

from snnc.backends.reference import Simulator, Trace
from snnc.ir import model as m
from snnc.ir.head_windows import head_windows
from snnc.ir.verify import verify

POLICIES = (("margin", 0.3), ("confidence", 0.42), ("entropy", 0.02), ("patience", 3))
SAMPLES = 6


def checked(network: m.Network, seed: int = 3) -> Trace:
    """A run with exits, compared sample by sample with what the policy must give."""
    assert list(verify(network)) == []
    arrays = {"image": exit_networks.inputs(SAMPLES, seed)}
    for whole in (True, False):
        simulator = Simulator(network, threads=1, batch_size=4, whole_windows=whole)
        trace = simulator.run(arrays)
        spiking_exits.check(network, simulator, arrays, trace)
    return trace


@pytest.mark.parametrize("early", [0, 3])
@pytest.mark.parametrize(("policy", "limit"), POLICIES)
def test_exits_on_membranes_are_those_of_asking_a_full_run(
    policy: str, limit: float, early: int
) -> None:
    network = stopping(timed(early=early), policy, limit)
    found = checked(network).exits
    assert found is not None
    windows = head_windows(network)
    for step, head in zip(found.step, found.head, strict=True):
        assert step in windows[network.heads[head].name]
    assert len(set(found.step.tolist())) > 1


@pytest.mark.parametrize("early", [0, 3])
@pytest.mark.parametrize(("policy", "limit"), POLICIES[:3])
def test_exits_on_first_spikes_are_those_of_asking_a_full_run(
    policy: str, limit: float, early: int
) -> None:
    found = checked(stopping(timed(early=early, read="first_spike"), policy, limit)).exits
    assert found is not None
    assert found.sure.any()


@pytest.mark.parametrize("seed", range(3))
def test_a_single_head_behind_analog_input(seed: int) -> None:
    network = timed(internal=False, values="analog", seed=seed)
    checked(stopping(network, "margin", 0.2), seed)


def test_a_head_whose_window_ends_early_spares_all_layers_behind_it() -> None:
    network = stopping(timed(), "margin", 0.0)
    trace = checked(network)
    assert trace.exits is not None
    assert (trace.exits.head == 0).all()
    for name in ("fc2", "fc3"):
        assert not trace.spikes[name].any()
    assert not trace.updates["fc3"].any()
    assert trace.spikes["fc1"].any()


@pytest.mark.parametrize("policy", ["margin", "entropy"])
def test_a_threshold_of_zero_stops_at_the_first_output_spike(policy: str) -> None:
    """Rule for ties: margin waits for the end, entropy stops; both give the lowest index."""
    network = timed(internal=False, read="first_spike", window=5)
    x = exit_networks.inputs(40, 1)
    full = Simulator(network).run(x)
    times = full.spike_times["last"].astype(np.int64)
    times[times < 0] = 99
    first = times.min(axis=1)
    leading = (times == first[:, None]).sum(axis=1)
    tied = leading > 1
    opens = head_windows(network)["last"].start
    assert tied.any()
    assert not tied.all()
    found = Simulator(stopping(network, policy, 0.0)).run(x).exits
    assert found is not None
    waits = tied if policy == "margin" else (leading == 3) | (first == 99)
    steps = np.where(waits | (first == 99), full.steps, opens + first)
    np.testing.assert_array_equal(found.step, steps)
    np.testing.assert_array_equal(found.answer, times.argmin(axis=1))
    np.testing.assert_array_equal(found.answer, full.outputs["last"][-1].argmax(axis=1))


def test_an_empty_read_out_is_no_answer_that_stays() -> None:
    """Patience would else stop every sample after a few steps, all with the first class."""
    network = stopping(timed(internal=False), "patience", 2)
    found = Simulator(network).run(exit_networks.inputs(20, 2)).exits
    assert found is not None
    assert found.step.min() >= head_windows(network)["last"].start + 1
    assert len(set(found.answer.tolist())) > 1


def test_an_exit_a_step_off_would_be_noticed() -> None:
    """Negative control of the comparison."""
    network = stopping(timed(), "margin", 0.3)
    arrays = {"image": exit_networks.inputs(SAMPLES, 3)}
    simulator = Simulator(network, threads=1)
    other = replace(network, exit=replace(network.exit, thresholds=(0.31, 0.2, 0.3)))  # type: ignore[type-var,arg-type]
    with pytest.raises(AssertionError):
        spiking_exits.check(network, simulator, arrays, Simulator(other).run(arrays))


def test_spike_times_are_those_of_the_rasters() -> None:
    network = timed(early=2)
    trace = Simulator(network).run(exit_networks.inputs(4, 0), record=["fc2"])
    assert isinstance(network.schedule, m.Phased)
    fires = network.schedule.fires[[p.name for p in network.populations].index("fc2")]
    for (sample, neuron), time in np.ndenumerate(trace.spike_times["fc2"]):
        sent = np.flatnonzero(trace.rasters["fc2"][:, sample, neuron])
        assert sent.tolist() == ([] if time < 0 else [fires + time])


def test_rasters_end_with_the_exit_in_both_engines() -> None:
    network = stopping(timed(), "margin", 0.3)
    x = exit_networks.inputs(SAMPLES, 3)
    whole, steps = (
        Simulator(network, whole_windows=fast).run(x, record=["fc1", "fc2"])
        for fast in (True, False)
    )
    assert steps.exits is not None
    for name in ("fc1", "fc2"):
        np.testing.assert_array_equal(whole.rasters[name], steps.rasters[name])
    for sample, step in enumerate(steps.exits.step):
        assert not whole.rasters["fc2"][step:, sample].any()

"""What is told of a recorded full-length run, against the simulator that executes the policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import spiking_networks
from strategies import random_network

from snnc.backends.reference.simulator import Simulator
from snnc.exits.asked import Asked, asked
from snnc.exits.recorded import Recorded
from snnc.ir import model as m

SAMPLES = 5
SEEDS = [seed for seed in range(260) if random_network(seed, "snn").exit is not None]


def told(network: m.Network, inputs: dict[str, np.ndarray]) -> Asked:
    full = Simulator(network).run(inputs, exits=False)
    return asked(network, Recorded(full.outputs, None, full.settled))


@pytest.mark.parametrize("seeds", [SEEDS[i::6] for i in range(6)])
def test_the_simulator_stops_where_the_recording_says(seeds: list[int]) -> None:
    """Random networks and policies: same steps, heads and answers, sample by sample."""
    assert seeds
    every = np.arange(SAMPLES)
    for seed in seeds:
        network = random_network(seed, "snn")
        inputs = spiking_networks.inputs_for(network, SAMPLES, seed)
        rows = told(network, inputs)
        stops = rows.stops()
        executed = Simulator(network).run(inputs).exits
        assert executed is not None
        np.testing.assert_array_equal(executed.head, rows.head[stops])
        np.testing.assert_array_equal(executed.answer, rows.answer[stops, every])
        steps = rows.step[stops, every]
        if isinstance(network.schedule, m.Gated) and getattr(network.exit, "budgets", ()):
            # Layers that the last head does not need are not run, and may rest last.
            assert (executed.step <= steps).all()
        else:
            np.testing.assert_array_equal(executed.step, steps)


def test_another_threshold_would_be_noticed() -> None:
    """Negative control: the recording tells other steps for a policy with another threshold."""
    differs = False
    for seed in SEEDS:
        network = random_network(seed, "snn")
        if not isinstance(network.exit, m.Margin):
            continue
        inputs = spiking_networks.inputs_for(network, SAMPLES, seed)
        executed = Simulator(network).run(inputs).exits
        assert executed is not None
        never = replace(network.exit, thresholds=(np.inf,) * len(network.exit.heads))
        rows = told(replace(network, exit=never), inputs)
        differs |= bool((rows.step[rows.stops(), np.arange(SAMPLES)] != executed.step).any())
    assert differs

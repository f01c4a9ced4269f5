"""What samples cost up to their exit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from exit_cases import COUNT, POLICIES, SHARED, STEPS, Case, expected_exits, layer_runs

from snnc.backends.reference.simulator import Simulator
from snnc.ir import linear


@pytest.mark.parametrize("name", ["confidence", "fixed", "depth"])
def test_spikes_operations_and_updates_are_those_up_to_the_exit(multi: Case, name: str) -> None:
    policy = POLICIES[name]
    network = multi.with_exit(policy)
    runs = layer_runs(network, policy, expected_exits(multi, policy))
    fan_out = Simulator(multi.compiled.network).fan_out()
    spikes = synops = 0
    for population, raster in multi.full.rasters.items():
        acting = np.arange(STEPS)[:, None] < runs[population][None]
        counted = np.abs(raster.astype(np.int64)).reshape(STEPS, COUNT, -1) * acting[..., None]
        spikes += int(counted.sum())
        synops += int((counted.sum(axis=(0, 1)) * fan_out[population].reshape(-1)).sum())
    neurons = {p.name: math.prod(p.shape) for p in network.populations}
    updates = sum(neurons[p] * int(steps.sum()) for p, steps in runs.items())
    macs = {
        p.name: sum(
            linear.macs(i.ops, network.source_shape(i.source), network.array) for i in p.incoming
        )
        for p in network.populations
    }
    work = sum(macs[p] * runs[p] for p in macs) / sum(macs.values())
    cost = multi.evaluate(policy).exit
    assert cost is not None
    assert cost.stopped.spikes == spikes / COUNT
    if name != "depth":  # there, what counts are the synapses into layers that run
        assert cost.stopped.synops == synops / COUNT
    assert cost.stopped.updates == updates / COUNT
    assert cost.stopped.equivalent_steps == pytest.approx(np.mean(work), rel=1e-12)
    assert cost.order == ("depth" if name == "depth" else "time")


def test_energy_estimates_price_the_counts_of_either_run(multi: Case) -> None:
    report = multi.evaluate(SHARED).exit
    assert report is not None
    assert report.full is not None
    direct = multi.full.direct_macs
    assert direct > 0
    for cost, driven in ((report.stopped, report.stopped.steps), (report.full, float(STEPS))):
        prices = {e["name"]: e["picojoules"] for e in cost.energy}
        assert prices["45nm-cmos"] == pytest.approx(4.6 * direct + 0.9 * cost.synops)
        every = 4.6 * direct * driven + 0.9 * cost.synops
        assert prices["45nm-cmos-every-step"] == pytest.approx(every)
        assert prices["truenorth-synop"] == pytest.approx(26 * cost.synops)
        active = min(cost.spikes, cost.updates)
        loihi = 23.6 * cost.synops + 81 * active + 52 * (cost.updates - active) + 1.7 * cost.spikes
        assert prices["loihi1"] == pytest.approx(loihi)


def test_the_full_length_is_measured_beside_the_exits(multi: Case) -> None:
    evaluation = multi.evaluate(SHARED)
    report = evaluation.exit
    assert report is not None
    assert report.full is not None
    assert report.full.steps == STEPS == evaluation.mean_steps
    assert report.full.spikes == evaluation.spikes_per_sample
    assert report.full.synops == evaluation.synops_per_sample
    assert report.full.updates == evaluation.updates_per_sample
    assert report.accuracy_full == evaluation.snn_accuracy
    assert report.stopped.spikes < report.full.spikes
    assert report.full.energy == evaluation.energy_estimates

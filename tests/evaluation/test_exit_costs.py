"""What samples cost up to their exit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from exit_cases import COUNT, POLICIES, SHARED, STEPS, Case, expected_exits, layer_runs

from snnc.backends.reference.simulator import Simulator
from snnc.evaluation.costs import CostSums
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array


def sent_within(multi: Case, source: str, steps: Array) -> Array:
    """The spikes of each neuron of a source, over all samples, in the first steps (N,) of each."""
    acting = np.arange(STEPS)[:, None] < steps[None]
    raster = np.abs(multi.full.rasters[source].astype(np.int64)).reshape(STEPS, COUNT, -1)
    sent: Array = (raster * acting[..., None]).sum(axis=(0, 1))
    return sent


def operations(multi: Case, network: m.Network, runs: dict[str, Array]) -> int:
    """Connection by connection, what is sent while the layer that owns the synapses runs."""
    total = 0
    for population in network.populations:
        for incoming in population.incoming:
            if incoming.source in multi.full.rasters:
                shape = network.source_shape(incoming.source)
                synapses = linear.fan_out(incoming.ops, shape, network.array).reshape(-1)
                sent = sent_within(multi, incoming.source, runs[population.name])
                total += int((sent * synapses).sum())
    return total


def test_in_order_of_depth_not_all_synapses_of_a_spike_count(multi: Case) -> None:
    """Negative control: counting the whole fan-out of each source says far more."""
    policy = POLICIES["depth"]
    network = multi.with_exit(policy)
    runs = layer_runs(network, policy, expected_exits(multi, policy))
    fan_out = Simulator(network).fan_out()
    whole = sum(
        int((sent_within(multi, n, runs[n]) * fan_out[n].reshape(-1)).sum())
        for n in multi.full.rasters
    )
    assert operations(multi, network, runs) < 0.9 * whole


@pytest.mark.parametrize("name", ["confidence", "fixed", "depth"])
def test_spikes_operations_and_updates_are_those_up_to_the_exit(multi: Case, name: str) -> None:
    policy = POLICIES[name]
    network = multi.with_exit(policy)
    runs = layer_runs(network, policy, expected_exits(multi, policy))
    spikes = sum(int(sent_within(multi, n, runs[n]).sum()) for n in multi.full.rasters)
    synops = operations(multi, network, runs)
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
    assert cost.stopped.synops == synops / COUNT
    assert cost.stopped.updates == updates / COUNT
    assert cost.stopped.equivalent_steps == pytest.approx(np.mean(work), rel=1e-12)
    assert cost.order == ("depth" if name == "depth" else "time")


def test_energy_estimates_price_the_counts_of_either_run(multi: Case) -> None:
    report = multi.evaluate(SHARED).exit
    assert report is not None
    assert report.full is not None
    direct = multi.full.direct_macs[0]
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


def test_in_order_of_depth_input_is_priced_while_the_layers_that_read_it_run(multi: Case) -> None:
    """That is shorter than all stages together, since what has run once is not run again."""
    policy = POLICIES["depth"]
    network = multi.with_exit(policy)
    runs = layer_runs(network, policy, expected_exits(multi, policy))
    inputs = {i.name for i in network.inputs}
    (reader,) = (p.name for p in network.populations if {i.source for i in p.incoming} & inputs)
    report = multi.evaluate(policy).exit
    assert report is not None
    prices = {e["name"]: e["picojoules"] for e in report.stopped.energy}
    direct = multi.full.direct_macs[0]
    synops = 0.9 * report.stopped.synops
    assert prices["45nm-cmos"] == pytest.approx(4.6 * direct + synops)
    every_step = 4.6 * direct * runs[reader].mean() + synops
    assert prices["45nm-cmos-every-step"] == pytest.approx(every_step)
    assert runs[reader].mean() < report.stopped.steps


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


def reading_input(reads: bool) -> m.Network:
    """a -> b, a head on each, b starts late; it has three analog MACs of its own, or none."""
    a = m.Population("a", (1,), m.IF(), incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),)),))
    skip = (m.Incoming("x", (m.Dense(m.Ref("w")),)),) if reads else ()
    b = m.Population("b", (1,), m.IF(), incoming=(m.Incoming("a"), *skip))
    wide = [replace(p, name=f"{p.name}2", incoming=(m.Incoming(p.name, PAIR),)) for p in (a, b)]
    wide = [replace(p, shape=(2,), neuron=m.Integrator()) for p in wide]
    heads = (m.Head("early", "a2", m.Membrane()), m.Head("late", "b2", m.Membrane()))
    inputs = (m.Input("x", "f64", (3,)),)
    network = m.Network("n", "snn", inputs, (a, b, *wide), heads, schedule=m.Synchronous(8))
    policy = m.Margin(
        heads=("early", "late"),
        alpha=1.0,
        temperatures=(1.0, 1.0),
        thresholds=(1.5, 1.5),
        order="depth",
        budgets=(3,),
    )
    arrays = {"w": np.full((1, 3), 1.0), "pair": np.array([[1.0], [0.0]])}
    return replace(network, exit=policy).with_arrays(arrays)


PAIR = (m.Dense(m.Ref("pair")),)


@pytest.mark.parametrize("reads", [True, False])
def test_analog_input_costs_nothing_for_layers_that_never_run(reads: bool) -> None:
    """Worked by hand: the first sample exits after 2 steps of `a`; the second takes 8 of both."""
    network = reading_input(reads)
    trace = Simulator(network, dtype="float64").run(np.array([[1.0, 0, 0], [0.1, 0, 0]]))
    assert trace.updates["a"].tolist() == [2, 8]
    assert trace.updates["b"].tolist() == [0, 8]
    late = 3 if reads else 0
    assert trace.direct_macs.tolist() == [3, 3 + late]
    sums = CostSums(network)
    sums.add(trace)
    counts = sums.operations(None)
    assert counts.direct_macs == (3 + 3 + late) / 2
    every_step = (3 * 2 + 3 * 8 + late * 8) / 2
    assert counts.direct_macs * counts.driven == pytest.approx(every_step)

"""Evaluations of networks of spike times: values are compared, not counts."""

from __future__ import annotations

from dataclasses import replace

import exit_networks
import nets
import numpy as np
import pytest
from pass_tools import run_specs
from timed_exits import FRONT, stopping, timed

from snnc.backends.reference import Simulator
from snnc.driver.samples import ArraySamples
from snnc.evaluation.breakdown import Time, largest_output
from snnc.evaluation.comparing import mean_values
from snnc.evaluation.decoded import decoded_values, spoken
from snnc.evaluation.diagnosis import TIMED, diagnose
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.reference import InterpretedAnn
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.spike_times import surrogate, values
from snnc.ir.tensors import Array


def evaluated(network: m.Network, samples: int = 60, **options: object) -> Evaluation:
    ann = exit_networks.network()
    data = ArraySamples(*exit_networks.labelled(ann, samples))
    return evaluate_network(network, data, ann=InterpretedAnn(ann), **options)  # type: ignore[arg-type]


def pooled() -> m.Network:
    """A convolution, the maximum of its ReLUs, and a dense read-out; stage ann."""
    b = nets.Builder(3)
    b.add("conv", (6, 8, 8), m.Relu(), ("image", (b.conv("conv", 6, 2),)), bias=(6,))
    b.add("pool", (6, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("conv", ()))
    b.add("out", (5,), m.Identity(), ("pool", (m.Flatten(), b.dense("out", 5, 96))), bias=(5,))
    return b.network()


def by_surrogate(network: m.Network, x: Array) -> dict[str, Array]:
    """The closed form: the network at stage ann, whose neurons are encode and decode in one."""
    coding = network.inputs[0].coding
    assert isinstance(coding, m.SpikeTime)
    pools = {m.RunningMax2d: m.MaxPool2d, m.Integrator: m.Identity}
    populations = []
    for p in network.populations:
        neuron: m.Neuron = p.neuron
        if isinstance(neuron, m.RunningMax2d):
            neuron = m.MaxPool2d(neuron.kernel, neuron.strides, neuron.pads)
        elif type(neuron) in pools:
            neuron = m.Identity()
        populations.append(replace(p, neuron=neuron))
    ann = replace(network.with_populations(populations), stage="ann", schedule=None)
    return evaluate(ann, {network.inputs[0].name: surrogate(coding, x.astype(np.float64))})


@pytest.mark.parametrize("ann", [pooled(), nets.residual()], ids=["pooled", "residual"])
def test_decoded_values_are_those_of_the_closed_form(ann: m.Network) -> None:
    network = run_specs(ann, f"{FRONT}{{window=12}}")
    x = nets.images(5)
    found = decoded_values(network, Simulator(network).run(x), x)
    wanted = by_surrogate(network, x)
    for population in network.populations:
        np.testing.assert_allclose(
            found[population.name], wanted[population.name], rtol=0, atol=1e-9
        )
    part = decoded_values(network, Simulator(network).run(x), x[1:3], slice(1, 3))
    np.testing.assert_array_equal(part["out"], found["out"][1:3])


def test_counts_over_steps_would_be_another_value() -> None:
    """Negative control: what a rate code's reader would make of the same run."""
    network = timed(window=12)
    x = exit_networks.inputs(5, 0)
    trace = Simulator(network).run(x)
    rates = trace.spike_counts["fc1"] / network.schedule.steps  # type: ignore[union-attr]
    assert np.abs(mean_values(network, trace, x)["fc1"] - rates).max() > 0.3


def test_layers_follow_the_ann_and_a_wrong_weight_shows() -> None:
    network = timed(window=24)
    right = {layer.name: layer for layer in evaluated(network).layers}
    for name in ("fc1", "fc2", "fc3"):
        assert right[name].relative_error is not None
        assert right[name].relative_error < 0.1
        assert right[name].correlation is not None
        assert right[name].correlation > 0.99
    weight = network.population("fc2").incoming[0].ops[0]
    assert isinstance(weight, m.Dense)
    array = network.array(weight.weight).copy()
    array[:, 0] += 0.5
    wrong = network.with_arrays({weight.weight.name: array})
    layers = {layer.name: layer for layer in evaluated(wrong).layers}
    assert layers["fc1"].relative_error == right["fc1"].relative_error
    assert layers["fc2"].relative_error > 2 * right["fc2"].relative_error  # type: ignore[operator]


def test_errors_are_told_apart_by_their_cause() -> None:
    whole = {layer.name: layer.errors for layer in evaluated(timed(window=8)).layers}
    early = {layer.name: layer.errors for layer in evaluated(timed(window=8, early=5)).layers}
    for name in ("fc1", "fc2", "fc3"):
        before, after = whole[name], early[name]
        assert before is not None
        assert after is not None
        # Whoever has heard everything fires by the closed form.
        assert before.unevenness < 1e-9
        assert before.quantisation > 0.01
    assert early["fc2"].unevenness > 0.02  # type: ignore[union-attr]
    network = timed(window=24)
    small = [
        replace(p, neuron=replace(p.neuron, threshold=0.3)) if p.name == "fc2" else p
        for p in network.populations
    ]
    found = {p.name: p for p in evaluated(network.with_populations(small)).layers}
    assert found["fc2"].errors is not None
    assert found["fc2"].errors.main_cause == "clipping"
    assert found["fc2"].clipped is not None
    assert found["fc2"].clipped > 0.05


def test_the_largest_output_is_what_the_earliest_spike_is_worth() -> None:
    network = timed(window=8)
    population = network.population("fc1")
    assert isinstance(population.neuron, m.TTFS)
    assert largest_output(network, population, Time(32, 1)) == values(population.neuron)[0]
    assert largest_output(network, network.population("last"), Time(32, 1)) == np.inf
    potential = np.array([[-1.0, 0.0, 1e-9, 0.5, 7.0] + [0.1] * 7])
    said = spoken(network, population, potential)
    np.testing.assert_array_equal(said, surrogate(population.neuron, potential))


def test_advice_is_that_for_spike_times() -> None:
    found = diagnose(evaluated(timed(window=8, early=5)))
    assert found is not None
    assert found.advice == TIMED[found.cause]


def test_spikes_per_neuron_and_notes() -> None:
    network = timed(window=8)
    found = evaluated(network)
    assert found.phases is not None
    assert found.phases.neurons == 8 + 3 * 12
    assert found.phases.opens == 25
    assert found.phases.spikes_per_neuron == pytest.approx(found.spikes_per_sample / 44)
    assert 0 < found.phases.spikes_per_neuron < 1
    # 36 hidden neurons and 9 of the heads hear spikes in windows of 8 steps.
    assert found.phases.multiplications == 8 * 45
    text = "\n".join(found.notes)
    assert "says nothing before step 25" in text
    assert "up to 360 multiplications" in text
    assert found.as_dict()["phases"]["window"] == 8


def test_rate_coded_networks_have_no_phases() -> None:
    ann = exit_networks.network()
    network = run_specs(ann, "fold-batch-norm,fuse-linear,normalize,to-spiking")
    found = evaluated(network)
    assert found.phases is None
    assert not any("fires once" in note for note in found.notes)


def test_passed_on_spikes_count_for_no_neuron() -> None:
    ann = pooled()
    network = run_specs(ann, f"{FRONT}{{window=8}}")
    data = ArraySamples(nets.images(6), None)
    found = evaluate_network(network, data, ann=InterpretedAnn(ann))
    firing = [p for p in network.populations if isinstance(p.neuron, m.TTFS)]
    passing = [p for p in network.populations if isinstance(p.neuron, m.RunningMax2d)]
    assert passing
    assert found.phases is not None
    sizes = [int(np.prod(p.shape)) for p in firing]
    assert found.phases.neurons == sum(sizes) + int(np.prod(network.inputs[0].shape))
    passed = sum(p.spikes_per_sample for p in found.layers if p.name in {q.name for q in passing})
    assert passed > 0
    assert found.phases.spikes == pytest.approx(found.spikes_per_sample - passed)


def test_what_exits_save_is_told_in_steps_and_spikes() -> None:
    network = stopping(timed(window=8, internal=False), "margin", 0.2)
    found = evaluated(network)
    assert found.exit is not None
    assert found.exit.full is not None
    saved = 32 - found.exit.stopped.steps
    assert 0 < saved < 8
    note = next(text for text in found.notes if "exits saved" in text)
    assert f"exits saved {saved:.1f} of the 8 steps from then on" in note
    assert "no head says anything before step 25 of 32" in note
    layers = {layer.name: layer.spikes_per_sample for layer in found.layers}
    # What fired before the last window is spent; the last hidden layer is spared some spikes.
    assert found.exit.full.spikes - found.exit.stopped.spikes < layers["fc3"]


def test_ways_to_stop_begin_where_a_head_speaks() -> None:
    found = evaluated(stopping(timed(window=8), "margin", 0.2)).exit
    assert found is not None
    assert found.front is not None
    assert found.oracle is not None
    assert found.fixed is not None
    assert found.course is not None
    assert min(point.mean_steps for point in (*found.front, *found.oracle)) >= 9
    assert min(found.fixed.t_star.step, found.fixed.best.step) >= 25
    assert [point.step for point in found.course.points] == list(range(25, 33))

"""The reference simulator equals a simple one spike for spike, however the work is split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from naive_simulator import NaiveRun, simulate
from spiking_networks import ALL, WHOLE, build, inputs_for, sources_for

from snnc.backends.reference import Simulator, Trace
from snnc.ir import model as m
from snnc.ir.tensors import Array

SAMPLES = 3
STEPS = 10


def run_both(network: m.Network, seed: int, **options: object) -> tuple[Trace, NaiveRun]:
    arrays = inputs_for(network, SAMPLES, seed)
    names = [p.name for p in network.populations]
    membranes = [p.name for p in network.populations if isinstance(p.neuron, (m.IF, m.Integrator))]
    trace = Simulator(network, **options).run(  # type: ignore[arg-type]
        arrays, record=names, record_membrane=membranes
    )
    return trace, simulate(network, sources_for(network, arrays, STEPS), STEPS)


def assert_equal(network: m.Network, trace: Trace, naive: NaiveRun, tolerance: float) -> None:
    for population in network.populations:
        expected = np.stack(naive.spikes[population.name])
        np.testing.assert_array_equal(trace.rasters[population.name], expected, population.name)
        np.testing.assert_array_equal(
            trace.spike_counts[population.name], expected.sum(axis=0), population.name
        )
        events = (expected != 0).reshape(STEPS, SAMPLES, -1).sum(axis=(0, 2))
        np.testing.assert_array_equal(trace.spikes[population.name], events)
    for name, potentials in trace.membrane_traces.items():
        expected = np.stack(naive.potentials[name])
        np.testing.assert_allclose(potentials, expected, rtol=0, atol=tolerance, err_msg=name)
        np.testing.assert_array_equal(trace.membranes[name], potentials[-1])


def assert_heads(network: m.Network, trace: Trace, naive: NaiveRun, tolerance: float) -> None:
    for head in network.heads:
        if isinstance(head.readout, m.Membrane):
            expected = np.stack(naive.potentials[head.population])
        else:
            expected = np.cumsum(np.stack(naive.spikes[head.population]), axis=0)
        flat = expected.reshape(STEPS, SAMPLES, -1)
        np.testing.assert_allclose(trace.outputs[head.name], flat, rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ALL)
def test_float64_equals_the_simple_simulator(name: str, seed: int) -> None:
    network = build(name, seed)
    trace, naive = run_both(network, seed, dtype="float64")
    assert_equal(network, trace, naive, 1e-12)
    assert_heads(network, trace, naive, 1e-12)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", WHOLE)
def test_integers_equal_the_simple_simulator(name: str, seed: int) -> None:
    network = build(name, seed, whole=True)
    trace, naive = run_both(network, seed)
    assert trace.membranes["out"].dtype == np.int64
    assert_equal(network, trace, naive, 0)
    assert_heads(network, trace, naive, 0)


@pytest.mark.parametrize("name", WHOLE)
def test_float32_on_an_exact_grid_equals_the_simple_simulator(name: str) -> None:
    network = build(name, 5)
    trace, naive = run_both(network, 5, dtype="float32")
    if name == "signed":  # threshold / slope is not on the grid
        np.testing.assert_array_equal(trace.rasters["a"], np.stack(naive.spikes["a"]))
        return
    assert_equal(network, trace, naive, 0)


@pytest.mark.parametrize("name", ALL)
def test_every_population_of_the_test_networks_is_alive(name: str) -> None:
    """A comparison of silent populations would prove nothing."""
    network = build(name, 0)
    trace, _ = run_both(network, 0, dtype="float64")
    for population in network.populations:
        if not isinstance(population.neuron, m.Integrator):
            assert trace.spikes[population.name].sum() > 0, population.name
    for population in network.populations:
        if isinstance(population.neuron, m.IF) and population.neuron.negative_spikes != "none":
            assert (trace.rasters[population.name] < 0).any(), population.name


def total_spikes(trace: Trace) -> dict[str, list[int]]:
    return {name: counts.tolist() for name, counts in trace.spikes.items()}


@pytest.mark.parametrize("name", ["convolutions", "views", "transposed"])
def test_one_perturbed_weight_changes_the_spikes(name: str) -> None:
    """Negative control: the comparison above sees a single wrong weight or threshold."""
    network = build(name, 0)
    trace, naive = run_both(network, 0, dtype="float64")
    assert_equal(network, trace, naive, 1e-12)
    first = network.populations[0]
    op = next(o for o in first.incoming[0].ops if isinstance(o, (m.Conv2d, m.ConvTranspose2d)))
    weight = network.array(op.weight).copy()
    weight.flat[0] += 0.5
    changed = network.with_arrays({op.weight.name: weight})
    perturbed, _ = run_both(changed, 0, dtype="float64")
    with pytest.raises(AssertionError):
        assert_equal(network, perturbed, naive, 1e-12)


def test_one_perturbed_threshold_changes_the_spikes() -> None:
    network = build("mlp", 0)
    _, naive = run_both(network, 0, dtype="float64")
    first = network.populations[0]
    assert isinstance(first.neuron, m.IF)
    neuron = replace(first.neuron, threshold=1.0 + 1 / 64)
    changed = replace(
        network, populations=(replace(first, neuron=neuron), *network.populations[1:])
    )
    perturbed, _ = run_both(changed, 0, dtype="float64")
    with pytest.raises(AssertionError):
        assert_equal(network, perturbed, naive, 1e-12)


def same(a: Trace, b: Trace) -> None:
    for field in ("outputs", "spike_counts", "spikes", "synops", "membranes", "rasters"):
        for key, value in getattr(a, field).items():
            np.testing.assert_array_equal(value, getattr(b, field)[key], f"{field} {key}")


def random_input(network: m.Network, samples: int) -> dict[str, Array]:
    rng = np.random.default_rng(11)
    arrays = inputs_for(network, samples, 3)
    return {
        i.name: arrays[i.name]
        if isinstance(i.coding, m.Events)
        else rng.random(arrays[i.name].shape).astype(np.float32)
        for i in network.inputs
    }


@pytest.mark.parametrize("name", ALL)
def test_the_split_of_the_work_changes_nothing(name: str) -> None:
    """Batches, threads and blocks: bitwise the same result, in float32 with arbitrary inputs."""
    network = build(name, 1)
    arrays = random_input(network, 7)
    whole = Simulator(network, threads=1, batch_size=7, block_steps=10).run(arrays, record=["a"])
    for threads, batch, block in ((1, 1, 1), (1, 3, 4), (3, 2, 3), (2, 7, 1), (2, None, None)):
        simulator = Simulator(network, threads=threads, batch_size=batch, block_steps=block)
        same(whole, simulator.run(arrays, record=["a"]))


def test_a_simulator_can_run_again_and_grows_with_the_batch() -> None:
    network = build("convolutions", 2)
    simulator = Simulator(network)
    small, large = inputs_for(network, 2, 0), inputs_for(network, 9, 0)
    first = simulator.run(small)
    simulator.run(large)
    same(first, simulator.run(small))
    whole = simulator.run(large)
    part = simulator.run({"x": large["x"][4:6]})
    np.testing.assert_array_equal(whole.outputs["final"][:, 4:6], part.outputs["final"])


def test_no_sample_gives_an_empty_trace() -> None:
    network = build("mlp", 0)
    trace = Simulator(network).run(np.zeros((0, 7), np.float32))
    assert trace.outputs["final"].shape == (STEPS, 0, 3)
    assert trace.logits().shape == (0, 3)

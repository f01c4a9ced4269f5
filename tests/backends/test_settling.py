"""Signed spikes, a cap and gated input settle to exactly the quantised network.

Li, Ma, Furber 2022: once nothing fires, `N = clip(floor(z / step + shift), lowest, levels)`. All
numbers are dyadic, so equality is exact in float64, rounding edges included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_simulator import simulate
from spiking_networks import sources_for
from staircase_twins import TWINS, Twins, samples, twins

from snnc.backends.reference import Simulator, Trace
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array
from snnc.ir.verify import verify

Change = Callable[[m.IF], m.IF]


def layer(step: float, levels: int, lowest: int, shift: float, width: int) -> m.Network:
    """One quantised layer of neurons that each see one input value."""
    window = max(levels, -lowest)
    threshold = window * step
    neuron = m.IF(
        threshold=threshold,
        v_init=shift * threshold,
        negative_spikes="retract",
        max_spikes=levels,
        min_spikes=lowest,
    )
    population = m.Population("a", (width,), neuron, incoming=(m.Incoming("x"),))
    entry = m.Input("x", "f64", (width,))
    schedule = m.Gated(2 * window + 10, window)
    return m.Network("layer", "snn", (entry,), (population,), (), schedule=schedule)


@settings(deadline=None, max_examples=100)
@given(
    z=st.lists(st.integers(-700, 1400), min_size=32, max_size=32),
    step=st.integers(1, 150),
    levels=st.integers(1, 17),
    lowest=st.integers(-9, 0),
    shift=st.integers(0, 15),
)
def test_one_layer_settles_to_its_staircase(
    z: list[int], step: int, levels: int, lowest: int, shift: int
) -> None:
    """Values in 1/64, shifts in 1/16; the staircase is computed in whole numbers."""
    network = layer(step / 64, levels, lowest, shift / 16, len(z))
    x = np.array(z)
    trace = Simulator(network, dtype="float64", threads=1).run(x[None] / 64)
    expected = np.clip((16 * x + shift * step) // (16 * step), lowest, levels)
    np.testing.assert_array_equal(trace.spike_counts["a"][0], expected)
    assert trace.settled is not None
    assert trace.settled[0] >= 0


def test_one_layer_without_its_start_settles_elsewhere() -> None:
    """Negative control of the test above: no initial potential, no rounding."""
    x = np.arange(-300, 900, 7)
    network = layer(0.5, 3, -1, 0.5, len(x))
    expected = np.clip((2 * x + 32) // 64, -1, 3)
    trace = Simulator(network, dtype="float64").run(x[None] / 64)
    np.testing.assert_array_equal(trace.spike_counts["a"][0], expected)
    wrong = altered(network, lambda neuron: replace(neuron, v_init=0.0))
    trace = Simulator(wrong, dtype="float64").run(x[None] / 64)
    assert (trace.spike_counts["a"][0] != expected).any()


def altered(network: m.Network, change: Change) -> m.Network:
    """The network with other integrate-and-fire neurons."""
    populations = [
        replace(p, neuron=change(p.neuron)) if isinstance(p.neuron, m.IF) else p
        for p in network.populations
    ]
    return replace(network, populations=tuple(populations))


def differences(pair: Twins, network: m.Network, x: Array) -> tuple[Trace, int]:
    """How many activations of the spiking network are not those of its twin at stage ann."""
    expected = evaluate(pair.ann, {"x": x})
    trace = Simulator(network, dtype="float64", threads=1).run(x)
    wrong = int((trace.logits() != expected["out"]).sum())
    for population in network.populations:
        if isinstance(population.neuron, m.Integrator):
            continue
        scale = broadcast_parameter(population.scale, population.shape, network.array)
        found = trace.spike_counts[population.name] * scale / trace.drive
        wrong += int((found != expected[population.name]).sum())
    return trace, wrong


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", TWINS)
def test_small_networks_settle_to_the_quantised_network(name: str, seed: int) -> None:
    """Dense, convolutions, average and max pools, residual sums, concatenation; 1 to 4 bits."""
    pair = twins(name, seed)
    x = samples(pair, 3, seed)
    trace, wrong = differences(pair, pair.snn, x)
    assert wrong == 0
    assert trace.settled is not None
    assert (trace.settled >= pair.window).all()
    np.testing.assert_array_equal(
        trace.membranes["out"], pair.window * evaluate(pair.ann, {"x": x})["out"]
    )


@pytest.mark.parametrize("name", TWINS)
def test_the_twins_are_valid_and_alive(name: str) -> None:
    """A comparison of silent populations would prove nothing; negative spikes must occur."""
    lively: set[str] = set()
    falling = 0
    for seed in range(8):
        pair = twins(name, seed)
        assert list(verify(pair.ann)) == list(verify(pair.snn)) == []
        names = [p.name for p in pair.snn.populations if p.name != "out"]
        trace = Simulator(pair.snn, dtype="float64").run(samples(pair, 4, seed), record=names)
        lively |= {n for n in names if len(np.unique(trace.spike_counts[n])) > 1}
        falling += sum(int((raster < 0).sum()) for raster in trace.rasters.values())
    assert lively == set(names)
    assert falling > 20


def without_negative_spikes(network: m.Network) -> m.Network:
    return altered(network, lambda n: replace(n, negative_spikes="none", min_spikes=None))


def without_cap(network: m.Network) -> m.Network:
    return altered(network, lambda n: replace(n, max_spikes=None))


def with_input_held(network: m.Network) -> m.Network:
    assert network.schedule is not None
    return replace(network, schedule=m.Synchronous(network.schedule.steps))


@pytest.mark.parametrize("spoil", [without_negative_spikes, without_cap, with_input_held])
@pytest.mark.parametrize("name", TWINS)
def test_each_part_of_the_rule_is_needed(
    name: str, spoil: Callable[[m.Network], m.Network]
) -> None:
    """Negative controls: no negative spikes, no cap, or input that goes on."""
    wrong = 0
    for seed in range(6):
        pair = twins(name, seed)
        x = samples(pair, 3, seed)
        assert differences(pair, pair.snn, x)[1] == 0
        wrong += differences(pair, spoil(pair.snn), x)[1]
    assert wrong > 20


@pytest.mark.parametrize("name", TWINS)
def test_the_naive_simulator_settles_to_the_same(name: str) -> None:
    """Spike by spike, and with the settling step read off its record."""
    pair = twins(name, 1)
    x = samples(pair, 2, 1)
    assert pair.snn.schedule is not None
    steps = pair.snn.schedule.steps
    names = [p.name for p in pair.snn.populations]
    trace = Simulator(pair.snn, dtype="float64", block_steps=3).run(x, record=names)
    naive = simulate(pair.snn, sources_for(pair.snn, {"x": x}, steps), steps)
    last = np.full(2, pair.window)
    for population in names:
        spikes = np.stack(naive.spikes[population])
        np.testing.assert_array_equal(trace.rasters[population], spikes, population)
        busy = (spikes != 0).reshape(steps, 2, -1).any(axis=2)
        last = np.maximum(last, np.where(busy.any(axis=0), steps - busy[::-1].argmax(axis=0), 0))
    np.testing.assert_array_equal(trace.settled, last)


def test_a_rounded_input_is_the_input_that_the_host_rounds() -> None:
    for ties in ("up", "even"):
        coding = m.Rounded(0.25, 3, -2, 0.5, ties)  # type: ignore[arg-type]
        network = layer(0.5, 3, 0, 0.5, 12)
        coded = replace(network, inputs=(replace(network.inputs[0], coding=coding),))
        x = np.array([[-9, -0.625, -0.4, -0.125, 0.0, 0.1, 0.125, 0.3, 0.375, 0.625, 0.7, 9.0]])
        whole = np.rint(4 * x) if ties == "even" else np.floor(4 * x + 0.5)
        by_hand = Simulator(network, dtype="float64").run(np.clip(whole, -2, 3) / 4)
        trace = Simulator(coded, dtype="float64").run(x)
        np.testing.assert_array_equal(trace.membranes["a"], by_hand.membranes["a"])
        np.testing.assert_array_equal(trace.spike_counts["a"], by_hand.spike_counts["a"])
        plain = Simulator(network, dtype="float64").run(x)
        assert (plain.membranes["a"] != trace.membranes["a"]).any()
        naive = simulate(coded, sources_for(coded, {"x": x}, trace.steps), trace.steps)
        np.testing.assert_array_equal(trace.membranes["a"], naive.potentials["a"][-1])


def test_a_rounded_input_is_rounded_as_the_quantised_population_rounds_it() -> None:
    """In float32, where x / step falls on either side of an edge: as the interpreter does it."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 2, (4, 500)).astype(np.float32)
    x[0] = (np.arange(500) - 50) * np.float32(0.1)
    staircase = m.Quantized(0.1, 15, -3)
    ann = m.Network(
        "q",
        "ann",
        (m.Input("x", "f32", (500,)),),
        (m.Population("a", (500,), staircase, incoming=(m.Incoming("x"),)),),
        (),
    )
    expected = evaluate(ann, {"x": x})["a"]
    out = m.Population("a", (500,), m.Integrator(), incoming=(m.Incoming("x"),))
    coding = m.Rounded(0.1, 15, -3)
    snn = m.Network(
        "r", "snn", (m.Input("x", "f32", (500,), coding),), (out,), (), schedule=m.Gated(3, 1)
    )
    np.testing.assert_array_equal(Simulator(snn).run(x).membranes["a"], expected)

"""Exit policies in order of time: executed as asking a full-length run's read-outs says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import spiking_exits as nets
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_networks import ALL, WHOLE, inputs_for

from snnc.backends.reference import Simulator, Trace
from snnc.ir import model as m
from snnc.ir.decide import Decider
from snnc.ir.tensors import Array
from snnc.ir.verify import verify

SAMPLES = 5
SEEDS = st.integers(0, 2**32 - 1)


def same(a: Trace, b: Trace) -> None:
    """Everything but the exits, bit for bit."""
    names = ("outputs", "spike_counts", "spikes", "synops", "updates", "membranes", "rasters")
    for name in (*names, "membrane_traces"):
        for key, value in getattr(a, name).items():
            np.testing.assert_array_equal(value, getattr(b, name)[key], f"{name} {key}")
    np.testing.assert_array_equal(a.steps_run, b.steps_run)
    assert (a.settled is None) == (b.settled is None)
    if a.settled is not None and b.settled is not None:
        np.testing.assert_array_equal(a.settled, b.settled)


def same_exits(a: Trace, b: Trace) -> None:
    same(a, b)
    assert a.exits is not None
    assert b.exits is not None
    for field in nets.FIELDS:
        np.testing.assert_array_equal(getattr(a.exits, field), getattr(b.exits, field), field)


def simulators(network: m.Network, seed: int) -> Simulator:
    dtype = "integer" if network.stage == "fixed" else "float64"
    batch, block = 1 + seed % 4, 1 + seed % 7
    return Simulator(network, dtype=dtype, threads=1, batch_size=batch, block_steps=block)


@settings(deadline=None, max_examples=8)
@given(seed=SEEDS, window=st.none() | st.integers(1, 6), poisson=st.booleans())
@pytest.mark.parametrize("policy", nets.POLICIES)
def test_exits_are_those_of_asking_a_full_run(
    policy: str, seed: int, window: int | None, poisson: bool
) -> None:
    """And spikes, operations, updates and potentials those of a run that ends with the exit."""
    name = list(ALL)[seed % len(ALL)]
    window = None if policy == "bayes" else window
    network = nets.build(name, policy, seed, window=window, poisson=poisson)
    assert list(verify(network)) == []
    arrays = inputs_for(network, SAMPLES, seed)
    simulator = simulators(network, seed)
    nets.check(network, simulator, arrays, simulator.run(arrays))


@pytest.mark.parametrize("policy", ["confidence", *nets.INTEGER_POLICIES])
@pytest.mark.parametrize("name", WHOLE)
def test_integer_networks_exit_alike(name: str, policy: str) -> None:
    for seed in (5, 6):
        window = 3 if seed == 6 else None
        network = nets.build(name, policy, seed, whole=True, window=window)
        assert list(verify(network)) == []
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = simulators(network, seed)
        nets.check(network, simulator, arrays, simulator.run(arrays))


@pytest.mark.parametrize("policy", nets.INTEGER_POLICIES)
def test_integer_policies_stop_samples_early_and_another_limit_is_noticed(policy: str) -> None:
    """Negative control: the comparison above sees a policy whose limits are a little different."""
    early = wrong = 0
    for seed in range(8):
        network = nets.build("mlp", policy, seed, whole=True)
        assert isinstance(network.exit, m.IntegerMargin | m.IntegerConfidence)
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = simulators(network, seed)
        trace = simulator.run(arrays)
        truth = nets.Truth(network, simulator, arrays)
        truth.check(trace)
        assert trace.exits is not None
        early += int(trace.exits.sure.sum())
        assert (trace.exits.score >= 0).all()
        # A larger lead, or a smaller sum, is demanded.
        factor = 1.5 if policy == "integer_margin" else 1 / 1.2
        limits = tuple(round(limit * factor) for limit in network.exit.limits)
        other = replace(network, exit=replace(network.exit, limits=limits))
        try:
            truth.check(simulators(other, seed).run(arrays))
        except AssertionError:
            wrong += 1
    assert early >= 8
    assert wrong >= 3


def test_the_random_policies_stop_samples_in_every_way() -> None:
    """The tests above would prove nothing if nobody ever exited early, or everybody at once."""
    found: Counter[str] = Counter()
    for seed in range(28):
        window = 2 if seed % 2 else None
        policy = nets.DEPTH_POLICIES[seed % 4]
        network = nets.build(list(ALL)[seed % len(ALL)], policy, seed, window=window)
        arrays = inputs_for(network, SAMPLES, seed)
        trace = simulators(network, seed).run(arrays)
        assert trace.exits is not None
        rested = trace.steps_run > trace.exits.step
        found["rested"] += int(rested.sum())
        found["sure"] += int(trace.exits.sure.sum())
        found["deadline"] += int((~trace.exits.sure & ~rested).sum())
        found["internal head"] += int((trace.exits.head < len(network.heads) - 1).sum())
        found["different steps"] += len(np.unique(trace.exits.step)) > 1
    assert all(found[kind] >= 8 for kind in ("rested", "sure", "deadline", "internal head"))
    assert found["different steps"] >= 10


def perturbed(network: m.Network, seed: int) -> m.Network:
    """The network with other weights of its last layer."""
    last = network.population(network.heads[-1].population)
    (name,) = {name for i in last.incoming for op in i.ops for name in m.references(op)}
    rng = np.random.default_rng(seed)
    return network.with_arrays({name: rng.permuted(network.array(m.Ref(name)), axis=0)})


def shorter(network: m.Network, seed: int) -> m.Network:
    assert isinstance(network.exit, m.Confidence)
    return replace(network, exit=replace(network.exit, last_step=network.exit.first_step))


def surer(network: m.Network, seed: int) -> m.Network:
    assert isinstance(network.exit, m.Confidence)
    thresholds = tuple(min(0.999, t + 0.1) for t in network.exit.thresholds)
    return replace(network, exit=replace(network.exit, thresholds=thresholds))


@pytest.mark.parametrize("spoil", [perturbed, shorter, surer])
def test_a_network_or_policy_that_is_not_the_same_is_noticed(
    spoil: Callable[[m.Network, int], m.Network],
) -> None:
    """Negative controls of the comparison with asking a full run."""
    wrong = 0
    for seed in range(8):
        network = nets.build("mlp", "confidence", seed)
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = simulators(network, seed)
        truth = nets.Truth(network, simulator, arrays)
        truth.check(simulator.run(arrays))
        other = simulators(spoil(network, seed), seed).run(arrays)
        try:
            truth.check(other)
        except AssertionError:
            wrong += 1
    assert wrong >= 4


def never_sure(network: m.Network) -> m.Network:
    """The network with thresholds that no score exceeds, until the schedule ends."""
    policy = network.exit
    assert isinstance(policy, m.Confidence | m.Entropy | m.Margin)
    bound = 1e9 if isinstance(policy, m.Margin) else 1.0
    thresholds = (bound,) * len(policy.thresholds)
    return replace(network, exit=replace(policy, thresholds=thresholds, last_step=None))


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("policy", ["confidence", "margin", "entropy"])
@pytest.mark.parametrize("name", ALL)
def test_a_threshold_that_no_score_exceeds_equals_no_policy(
    name: str, policy: str, window: int | None
) -> None:
    """Bit for bit in float32, with the full length or the rest of each sample as its step."""
    network = never_sure(nets.build(name, policy, 3, window=window))
    arrays = narrow(network, inputs_for(network, SAMPLES, 3))
    kept = {"record": ["a"], "record_membrane": [network.heads[-1].population]}
    simulator = Simulator(network, dtype="float32", threads=1, batch_size=3)
    full, asked = simulator.run(arrays, exits=False, **kept), simulator.run(arrays, **kept)
    same(full, asked)
    assert full.exits is None
    assert asked.exits is not None
    assert not asked.exits.sure.any()
    head = network.heads[-1].name
    np.testing.assert_array_equal(asked.exits.answer, full.predictions(head)[-1])
    np.testing.assert_array_equal(asked.logits(), full.logits())
    without = Simulator(replace(network, exit=None), dtype="float32", threads=1, batch_size=3)
    same(full, without.run(arrays, **kept))


def narrow(network: m.Network, arrays: dict[str, Array]) -> dict[str, Array]:
    """Inputs that are no round numbers, of very different size, in float32."""
    rng = np.random.default_rng(5)
    events = {i.name for i in network.inputs if isinstance(i.coding, m.Events)}
    found = dict(arrays)
    for name, array in arrays.items():
        if name not in events:
            size = rng.choice([0.2, 1, 3], (len(array), *[1] * (array.ndim - 1)))
            found[name] = (rng.random(array.shape) * size).astype(np.float32)
    return found


@pytest.mark.parametrize("order", ["time", "depth"])
@pytest.mark.parametrize("name", ALL)
def test_exits_do_not_depend_on_how_the_work_is_split(name: str, order: str) -> None:
    """Batches, threads and blocks: bitwise the same result, in float32 with arbitrary inputs."""
    window = 3 if len(name) % 2 else None
    policy = nets.DEPTH_POLICIES[len(name) % 4]
    network = nets.build(name, policy, 6, order=order, window=window)
    arrays = narrow(network, inputs_for(network, 7, 6))
    kept = {"record": ["a"], "record_membrane": ["a", network.heads[-1].population]}
    make = {"dtype": "float32"}
    whole = Simulator(network, threads=1, batch_size=7, block_steps=10, **make).run(arrays, **kept)
    for threads, batch, block in ((1, 1, 1), (1, 7, 1), (1, 4, 3), (3, 2, 3), (2, None, None)):
        simulator = Simulator(network, threads=threads, batch_size=batch, block_steps=block, **make)
        same_exits(whole, simulator.run(arrays, **kept))


def test_rasters_end_and_potentials_stay_with_the_exit() -> None:
    network = nets.build("residual", "confidence", 1)
    arrays = inputs_for(network, SAMPLES, 1)
    names = ["a", "c", "d"]
    simulator = Simulator(network, dtype="float64", threads=1, batch_size=2)
    kept = {"record": names, "record_membrane": names}
    full, trace = simulator.run(arrays, exits=False, **kept), simulator.run(arrays, **kept)
    assert trace.exits is not None
    assert trace.exits.step.min() < 10
    for sample, step in enumerate(trace.exits.step):
        for name in names:
            raster, potential = trace.rasters[name], trace.membrane_traces[name]
            np.testing.assert_array_equal(raster[:step, sample], full.rasters[name][:step, sample])
            assert not raster[step:, sample].any()
            before = full.membrane_traces[name][:step, sample]
            np.testing.assert_array_equal(potential[:step, sample], before)
            assert (potential[step:, sample] == before[-1]).all()


def test_logits_of_an_answered_sample_are_averaged_up_to_its_answer() -> None:
    network = nets.build("mlp", "confidence", 2)
    arrays = inputs_for(network, SAMPLES, 2)
    simulator = Simulator(network, dtype="float64", threads=1)
    full, trace = simulator.run(arrays, exits=False), simulator.run(arrays)
    assert trace.exits is not None
    assert (trace.exits.ran["final"] == trace.exits.step).all()
    for step in (1, 4, 10):
        for sample, last in enumerate(trace.exits.step):
            wanted = full.logits("final", min(step, int(last)))[sample]
            np.testing.assert_array_equal(trace.logits("final", step)[sample], wanted)


def test_a_sample_at_rest_is_not_asked_any_more() -> None:
    """Patience of 4 would be reached in the silence behind step 3; a patience of 3 is before."""
    population = m.Population("a", (2,), m.IF(), incoming=(m.Incoming("x"),))
    heads = (m.Head("h", "a", m.SpikeCount()),)
    entry = m.Input("x", "f64", (2,))
    network = m.Network("r", "snn", (entry,), (population,), heads, schedule=m.Gated(9, 3))
    x = np.array([[1.0, 0.25], [0.25, 1.0]])
    for repeats, sure in ((3, True), (4, False)):
        patient = replace(network, exit=m.Patience(heads=("h",), repeats=(repeats,)))
        assert list(verify(patient)) == []
        trace = Simulator(patient, dtype="float64").run(x)
        assert trace.exits is not None
        assert trace.exits.sure.tolist() == [sure] * 2
        assert trace.exits.step.tolist() == [3, 3]
        assert trace.exits.score.tolist() == [3.0, 3.0]
        assert trace.exits.answer.tolist() == [0, 1]
        assert trace.steps_run.tolist() == [3 if sure else 4] * 2


def test_fewer_steps_than_the_schedule_end_with_an_answer() -> None:
    network = never_sure(nets.build("mlp", "confidence", 0))
    trace = Simulator(network).run(inputs_for(network, SAMPLES, 0), steps=4)
    assert trace.exits is not None
    assert trace.exits.step.tolist() == [4] * SAMPLES
    fixed = replace(network, exit=m.Fixed(head="final", step=7))
    for steps, step, sure in ((4, 4, False), (10, 7, True)):
        trace = Simulator(fixed).run(inputs_for(network, SAMPLES, 0), steps=steps)
        assert trace.exits is not None
        assert trace.exits.step.tolist() == [step] * SAMPLES
        assert trace.exits.sure.all() == sure


def test_a_session_that_is_asked_from_outside_equals_the_run() -> None:
    """The public way to step: ask after each block of one step, keep who is not sure."""
    network = nets.build("convolutions", "confidence", 5)
    arrays = inputs_for(network, 8, 5)
    simulator = Simulator(network, dtype="float64", threads=1)
    trace = simulator.run(arrays)
    assert trace.exits is not None
    decider = Decider(network)
    session, asker = simulator.session(arrays, steps=10), decider.begin(8)
    steps = np.zeros(8, int)
    while session.samples:
        outputs = {name: values[0] for name, values in session.advance(1).outputs.items()}
        stay = ~asker.ask(session.time, outputs).sure & (session.time < decider.deadline(10))
        asker.keep(stay)
        departure = session.keep(stay)
        steps[departure.rows] = departure.steps_run
        for name, ran in departure.ran.items():
            assert (ran == session.time).all(), name
    np.testing.assert_array_equal(steps, trace.exits.step)


@pytest.mark.parametrize("order", ["time", "depth"])
def test_progress_with_exits_ends_at_the_total_and_never_falls(order: str) -> None:
    network = nets.build("convolutions", "margin", 7, order=order)
    seen: list[tuple[int, int]] = []
    simulator = Simulator(network, threads=1, batch_size=2)
    simulator.run(
        inputs_for(network, 9, 0), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (90, 90)
    assert seen == sorted(seen)

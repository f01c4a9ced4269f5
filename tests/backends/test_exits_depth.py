"""Order `depth`, the spatial exit: deeper layers run only for samples that no head is sure of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import spiking_exits as nets
from hypothesis import given, settings
from hypothesis import strategies as st
from spiking_networks import ALL, WHOLE, inputs_for

from snnc.backends.reference import Simulator
from snnc.backends.reference.buffers import Archive
from snnc.backends.reference.synapses import Received
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.ir.verify import verify

SAMPLES = 5


def simulators(network: m.Network, seed: int) -> Simulator:
    dtype = "integer" if network.stage == "fixed" else "float64"
    batch, block = 1 + seed % 4, 1 + seed % 7
    return Simulator(network, dtype=dtype, threads=1, batch_size=batch, block_steps=block)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), window=st.none() | st.integers(1, 6), poisson=st.booleans())
@pytest.mark.parametrize("policy", nets.DEPTH_POLICIES)
def test_heads_asked_in_order_of_depth_see_what_a_full_run_shows_them(
    policy: str, seed: int, window: int | None, poisson: bool
) -> None:
    """And each layer did exactly the steps that the asked heads needed of it, once."""
    name = list(ALL)[seed % len(ALL)]
    network = nets.build(name, policy, seed, order="depth", window=window, poisson=poisson)
    assert list(verify(network)) == []
    arrays = inputs_for(network, SAMPLES, seed)
    simulator = simulators(network, seed)
    nets.check(network, simulator, arrays, simulator.run(arrays))


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("name", ALL)
def test_every_kind_of_network_exits_in_order_of_depth(name: str, window: int | None) -> None:
    """Skips, delays, loops, pools, events: three seeds each, whole numbers where they can be."""
    for seed in range(3):
        whole = name in WHOLE and seed == 2
        network = nets.build(name, "confidence", seed, order="depth", window=window, whole=whole)
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = simulators(network, seed)
        nets.check(network, simulator, arrays, simulator.run(arrays))


def test_the_random_policies_stop_samples_in_every_stage() -> None:
    """Sure of an internal head, of the last one, at the deadline, at rest; layers were ahead."""
    found: Counter[str] = Counter()
    for seed in range(48):
        network = nets.build(
            list(ALL)[seed % len(ALL)],
            nets.DEPTH_POLICIES[seed % 4],
            seed,
            order="depth",
            window=2 if seed % 2 else None,
        )
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = simulators(network, seed)
        last = len(network.heads) - 1
        for answer in nets.expected(network, simulator, arrays):
            by_last = answer.exit["head"] == last
            found["internal"] += not by_last
            found["last, sure"] += bool(by_last and answer.exit["sure"])
            found["rested"] += answer.rested
            found["deadline"] += bool(not answer.exit["sure"] and not answer.rested)
            ran = {answer.ran[p.name] for p in network.populations} - {0}
            found["ahead"] += len(ran) > 1
    assert all(count >= 5 for count in found.values()), found
    assert len(found) == 5


def late(archive: Archive, step: int, rows: Array, place: Array) -> bool:
    """What was sent a step before."""
    return WRITE(archive, max(step - 1, 0), rows, place)


def of_another(archive: Archive, step: int, rows: Array, place: Array) -> bool:
    """What other samples sent."""
    found = WRITE(archive, step, rows, place)
    place[:] = place[::-1].copy()
    return found


WRITE = Archive.write


@pytest.mark.parametrize("wrong", [late, of_another])
def test_spikes_replayed_wrongly_are_noticed(
    wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls of the comparison above."""
    noticed = 0
    for seed in range(6):
        network = nets.build("residual", "confidence", seed, order="depth")
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = Simulator(network, dtype="float64", threads=1, batch_size=SAMPLES)
        truth = nets.Truth(network, simulator, arrays)
        truth.check(simulator.run(arrays))
        with monkeypatch.context() as patch:
            patch.setattr(Archive, "write", wrong)
            trace = simulator.run(arrays)
        try:
            truth.check(trace)
        except AssertionError:
            noticed += 1
    assert noticed >= 3


def whole_fan_out(received: Received, *_: object) -> dict[str, dict[int, Array]]:
    """As if every reader had been sent all that its source has."""
    return {}


def nothing(received: Received, *_: object) -> None:
    """Neither what was sent before a reader fell behind, nor what it reads again."""


@cache
def drawn(name: str, seed: int) -> tuple[Simulator, dict[str, Array], nets.Truth]:
    """A network of drawn spikes, whose run is as it must be, and what must come out."""
    network = nets.build(name, "confidence", seed, order="depth", poisson=True)
    arrays = inputs_for(network, SAMPLES, seed)
    simulator = simulators(network, seed)
    truth = nets.Truth(network, simulator, arrays)
    truth.check(simulator.run(arrays))
    return simulator, arrays, truth


@pytest.mark.parametrize(
    ("method", "wrong"),
    [("behind", whole_fan_out), ("note", nothing), ("read_again", nothing)],
)
@pytest.mark.parametrize("name", ["residual", "concat", "loops", "running_max"])
def test_operations_of_layers_that_do_not_run_are_noticed(
    name: str, method: str, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls: synapses counted that never were sent a spike, and others not counted."""
    noticed = []
    for seed in range(6):
        simulator, arrays, truth = drawn(name, seed)
        with monkeypatch.context() as patch:
            patch.setattr(Received, method, wrong)
            trace = simulator.run(arrays)
        try:
            truth.check(trace)
        except AssertionError as error:
            noticed.append("operations of" in str(error))
    assert len(noticed) >= 2
    assert all(noticed)


def two_heads(budget: int, threshold: float) -> m.Network:
    """a -> b, a head on each; a sample of 1 is seen at once, one of 0.25 is not."""
    a = m.Population("a", (2,), m.IF(), incoming=(m.Incoming("x"),))
    b = m.Population("b", (2,), m.IF(), incoming=(m.Incoming("a", (), 1),))
    heads = (m.Head("early", "a", m.SpikeCount()), m.Head("late", "b", m.SpikeCount()))
    network = m.Network(
        "two", "snn", (m.Input("x", "f64", (2,)),), (a, b), heads, schedule=m.Synchronous(8)
    )
    policy = m.Margin(
        heads=("early", "late"),
        alpha=1.0,
        temperatures=(1.0, 1.0),
        thresholds=(threshold, threshold),
        order="depth",
        budgets=(budget,),
    )
    return replace(network, exit=policy)


def test_deeper_layers_do_not_run_for_samples_that_an_internal_head_is_sure_of() -> None:
    """Worked by hand: threshold 1.5, so two spikes; the second sample needs 8 steps of `a` for it.

    It passes the budget of 3 steps, then b sees the spikes of a one step later: after 8 steps it
    has one spike (a fired in steps 4 and 8), which is no margin of 2.
    """
    trace = Simulator(two_heads(3, 1.5), dtype="float64").run(np.array([[1.0, 0.0], [0.0, 0.25]]))
    assert trace.exits is not None
    assert trace.exits.step.tolist() == [2, 3 + 8]
    assert trace.exits.head.tolist() == [0, 1]
    assert trace.exits.answer.tolist() == [0, 1]
    assert trace.exits.sure.tolist() == [True, False]
    assert trace.updates["a"].tolist() == [2 * 2, 2 * 8]
    assert trace.updates["b"].tolist() == [0, 2 * 8]
    assert trace.spikes["a"].tolist() == [2, 2]
    assert trace.spikes["b"].tolist() == [0, 1]
    assert trace.synops["a"].tolist() == [0, 2]  # b never ran for the first
    assert {name: ran.tolist() for name, ran in trace.exits.ran.items()} == {
        "early": [2, 8],
        "late": [0, 8],
    }


def test_layers_that_only_an_internal_head_needs_stop_with_its_budget() -> None:
    for seed in range(4):
        network = nets.build("mlp", "confidence", seed, order="depth")
        policy = network.exit
        assert isinstance(policy, m.Confidence)
        never = (1.0,) * len(policy.thresholds)
        network = replace(network, exit=replace(policy, thresholds=never, last_step=None))
        arrays = inputs_for(network, SAMPLES, seed)
        simulator = Simulator(network, dtype="float64", threads=1)
        trace, full = simulator.run(arrays), simulator.run(arrays, exits=False)
        needed = nets.needed_by(network, network.heads[-1].population)
        for name in full.membranes:
            if name in needed:
                np.testing.assert_array_equal(trace.membranes[name], full.membranes[name])
                np.testing.assert_array_equal(trace.spike_counts[name], full.spike_counts[name])
                np.testing.assert_array_equal(trace.updates[name], full.updates[name])
        for head, budget in zip(policy.heads[:-1], policy.budgets, strict=True):
            size = int(np.prod(network.population(head).shape))
            assert trace.updates[head].tolist() == [size * budget] * SAMPLES
        np.testing.assert_array_equal(trace.outputs["final"], full.outputs["final"])
        assert trace.exits is not None
        assert trace.exits.step.tolist() == [sum(policy.budgets) + 10] * SAMPLES
        np.testing.assert_array_equal(trace.logits("final"), full.logits("final"))
        # What is sent after the budget no longer counts for the classifier that has stopped.
        assert all((trace.synops[n] <= full.synops[n]).all() for n in full.synops)
        assert any((trace.synops[n] < full.synops[n]).any() for n in full.synops)
        nets.check(network, simulator, arrays, trace)


def test_rasters_of_layers_that_started_late_are_those_of_a_full_run() -> None:
    network = two_heads(3, 1.5)
    x = np.array([[1.0, 0.0], [0.0, 0.5], [0.3, 0.0]])
    kept = {"record": ["a", "b"], "record_membrane": ["a", "b"]}
    simulator = Simulator(network, dtype="float64", threads=1)
    trace, full = simulator.run(x, **kept), simulator.run(x, exits=False, **kept)
    for name in ("a", "b"):
        size = int(np.prod(network.population(name).shape))
        for sample, ran in enumerate(trace.updates[name] // size):
            found, whole = trace.rasters[name][:, sample], full.rasters[name][:, sample]
            np.testing.assert_array_equal(found[:ran], whole[:ran])
            assert not found[ran:].any()
            before = full.membrane_traces[name][:ran, sample]
            np.testing.assert_array_equal(trace.membrane_traces[name][:ran, sample], before)
            rest = trace.membrane_traces[name][ran:, sample]
            assert (rest == trace.membranes[name][sample]).all()
    assert trace.updates["b"].tolist() == [0, 2 * 5, 2 * 8]

"""Gated schedules: input and bias act in a window, and a sample that rests is dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from naive_simulator import NaiveRun, simulate
from spiking_networks import ALL, WHOLE, build, inputs_for, sources_for

from snnc.backends.reference import Simulator, Trace
from snnc.backends.reference.session import Session
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array

SAMPLES = 3
STEPS = 16


def membranes_of(network: m.Network) -> list[str]:
    return [p.name for p in network.populations if isinstance(p.neuron, (m.IF, m.Integrator))]


def run_both(network: m.Network, seed: int, **options: object) -> tuple[Trace, NaiveRun]:
    arrays = inputs_for(network, SAMPLES, seed)
    trace = Simulator(network, **options).run(  # type: ignore[arg-type]
        arrays,
        record=[p.name for p in network.populations],
        record_membrane=membranes_of(network),
    )
    return trace, simulate(network, sources_for(network, arrays, STEPS), STEPS)


def assert_equal(network: m.Network, trace: Trace, naive: NaiveRun, tolerance: float) -> None:
    for population in network.populations:
        name = population.name
        expected = np.stack(naive.spikes[name])
        np.testing.assert_array_equal(trace.rasters[name], expected, name)
        np.testing.assert_array_equal(trace.spike_counts[name], expected.sum(axis=0), name)
        events = (expected != 0).reshape(STEPS, SAMPLES, -1).sum(axis=(0, 2))
        np.testing.assert_array_equal(trace.spikes[name], events)
    for name, potentials in trace.membrane_traces.items():
        expected = np.stack(naive.potentials[name])
        np.testing.assert_allclose(potentials, expected, rtol=0, atol=tolerance, err_msg=name)
        np.testing.assert_array_equal(trace.membranes[name], potentials[-1])
    outputs = trace.membrane_traces["out"].reshape(STEPS, SAMPLES, -1)
    np.testing.assert_array_equal(trace.outputs["final"], outputs)


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("name", ALL)
def test_float64_with_a_window_equals_the_simple_simulator(name: str, window: int) -> None:
    network = build(name, window, steps=STEPS, window=window)
    trace, naive = run_both(network, window, dtype="float64", batch_size=2)
    assert_equal(network, trace, naive, 1e-12)


@pytest.mark.parametrize("name", WHOLE)
def test_integers_with_a_window_equal_the_simple_simulator(name: str) -> None:
    network = build(name, 1, whole=True, steps=STEPS, window=3)
    trace, naive = run_both(network, 1)
    assert_equal(network, trace, naive, 0)


def test_a_window_of_another_length_changes_the_spikes() -> None:
    """Negative control of the comparisons above."""
    network = build("mlp", 1, steps=STEPS, window=4)
    trace, naive = run_both(network, 1, dtype="float64")
    assert_equal(network, trace, naive, 1e-12)
    shorter, _ = run_both(replace(network, schedule=m.Gated(STEPS, 3)), 1, dtype="float64")
    with pytest.raises(AssertionError):
        assert_equal(network, shorter, naive, 1e-12)


def last_changes(naive: NaiveRun) -> Array:
    """For each sample the last step, counted from 1, that moved a potential or made a spike."""
    last = np.zeros(SAMPLES, int)
    for name, potentials in naive.potentials.items():
        moved = np.diff(np.stack(potentials), axis=0, prepend=np.nan) != 0
        busy = (moved | (np.stack(naive.spikes[name]) != 0)).reshape(STEPS, SAMPLES, -1).any(axis=2)
        last = np.maximum(last, STEPS - busy[::-1].argmax(axis=0))
    return last


@pytest.mark.parametrize("name", ["mlp", "depthwise", "views", "convolutions", "concat", "events"])
def test_settled_is_the_last_step_in_which_anything_changed(name: str) -> None:
    """From the naive simulator's own record; a silent potential counts only with its inputs on."""
    seen = 0
    for seed in range(4):
        network = build(name, seed, steps=STEPS, window=2)
        trace, naive = run_both(network, seed, dtype="float64")
        entering = max(i.delay for p in network.populations for i in p.incoming)
        last = last_changes(naive)
        assert trace.settled is not None
        for settled, changed, run in zip(trace.settled, last, trace.steps_run, strict=True):
            if settled == -1:
                assert changed >= STEPS - entering
                assert run == STEPS
                continue
            seen += 1
            assert changed <= settled
            # Delayed spikes are waited for, whether they move a potential or not.
            assert settled <= max(2 + entering, changed + entering)
            assert run == settled + 1
    assert seen > 4


def delayed(window: int, delay: int) -> m.Network:
    incoming = m.Incoming("x", (), delay)
    out = m.Population("o", (1,), m.Integrator(), m.Ref("b"), incoming=(incoming,))
    network = m.Network(
        "late",
        "snn",
        (m.Input("x", "f64", (1,)),),
        (out,),
        (m.Head("h", "o", m.Membrane()),),
        schedule=m.Gated(9, window),
    )
    return network.with_arrays({"b": np.array([10.0])})


def test_delayed_input_acts_as_long_as_bias_but_later() -> None:
    """Window 2, delay 3: the bias acts in steps 1 and 2, the input in steps 4 and 5."""
    trace = Simulator(delayed(2, 3), dtype="float64").run(np.array([[1.0]]))
    assert trace.outputs["h"].ravel().tolist() == [10, 20, 20, 21, 22, 22, 22, 22, 22]
    assert trace.settled is not None
    assert trace.settled.tolist() == [5]
    assert trace.steps_run.tolist() == [6]


def test_logits_divide_by_the_steps_with_input() -> None:
    trace = Simulator(delayed(2, 0), dtype="float64").run(np.array([[1.0]]))
    assert [trace.logits(step=t).item() for t in (1, 2, 3, 9)] == [11.0] * 4
    assert trace.drive == 2
    assert trace.logits().item() == 11.0
    short = Simulator(delayed(4, 0), dtype="float64").run(np.array([[1.0]]), steps=3)
    assert short.drive == 3
    assert short.logits().item() == 11.0


def test_a_run_that_ends_with_its_last_change_does_not_know_that_it_rests() -> None:
    simulator = Simulator(delayed(4, 0), dtype="float64")
    for steps, settled in ((3, -1), (4, -1), (5, 4), (9, 4)):
        trace = simulator.run(np.array([[1.0]]), steps=steps)
        assert trace.settled is not None
        assert trace.settled.tolist() == [settled]
        assert trace.steps_run.tolist() == [min(steps, 5)]


def test_other_schedules_have_no_settling_step() -> None:
    network = build("mlp", 0)
    trace = Simulator(network).run(inputs_for(network, SAMPLES, 0))
    assert trace.settled is None
    assert trace.drive == trace.steps == 10
    assert trace.steps_run.tolist() == [10] * SAMPLES


def test_a_leaking_potential_never_rests() -> None:
    network = build("leaking", 0, steps=STEPS, window=1)
    trace, naive = run_both(network, 0, dtype="float64")
    assert not np.stack(naive.spikes["c"][-3:]).any()
    assert trace.settled is not None
    assert trace.settled.tolist() == [-1] * SAMPLES
    assert trace.steps_run.tolist() == [STEPS] * SAMPLES
    potentials = trace.membrane_traces["a"]
    assert (potentials[-1] != potentials[-2]).any()


def same(a: Trace, b: Trace) -> None:
    names = ("outputs", "spike_counts", "spikes", "synops", "membranes", "rasters")
    for name in (*names, "membrane_traces"):
        for key, value in getattr(a, name).items():
            np.testing.assert_array_equal(value, getattr(b, name)[key], f"{name} {key}")
    np.testing.assert_array_equal(a.steps_run, b.steps_run)
    assert a.settled is not None
    assert b.settled is not None
    np.testing.assert_array_equal(a.settled, b.settled)


@pytest.mark.parametrize("name", ALL)
def test_dropping_samples_changes_nothing_however_the_work_is_split(name: str) -> None:
    """Batches, threads and blocks: bitwise the same result, in float32 with arbitrary inputs."""
    network = build(name, 1, steps=STEPS, window=2)
    rng = np.random.default_rng(11)
    arrays = {
        i.name: array
        if isinstance(i.coding, m.Events)
        # Samples of very different size settle at different times.
        else (rng.random(array.shape) * rng.choice([0.1, 1, 4], (9, *[1] * len(i.shape)))).astype(
            np.float32
        )
        for i, array in zip(network.inputs, inputs_for(network, 9, 3).values(), strict=True)
    }
    kept = {"record": ["a"], "record_membrane": ["a", "out"]}
    whole = Simulator(network, threads=1, batch_size=9, block_steps=STEPS).run(arrays, **kept)
    for threads, batch, block in ((1, 1, 1), (1, 9, 1), (1, 4, 3), (3, 2, 3), (2, None, None)):
        simulator = Simulator(network, threads=threads, batch_size=batch, block_steps=block)
        same(whole, simulator.run(arrays, **kept))


def test_poisson_input_ends_with_the_window() -> None:
    population = m.Population("a", (4, 5), m.IF(), incoming=(m.Incoming("x"),))
    entry = m.Input("x", "f32", (4, 5), m.Poisson(seed=5))
    network = m.Network("p", "snn", (entry,), (population,), (), schedule=m.Gated(20, 6))
    x = np.full((3, 4, 5), 0.5, np.float32)
    gated = Simulator(network, block_steps=4).run(x)
    plain = Simulator(replace(network, schedule=m.Synchronous(6))).run(x)
    np.testing.assert_array_equal(gated.spike_counts["x"], plain.spike_counts["x"])
    assert gated.spikes["x"].sum() > 0


def test_events_end_with_the_window_and_may_not_go_on_behind_it() -> None:
    network = build("events", 0, steps=STEPS, window=4)
    arrays = inputs_for(network, 2, 0)
    assert len(arrays["x"]) == 4
    short = Simulator(network).run(arrays)
    assert short.steps == STEPS
    padded = np.concatenate([arrays["x"], np.zeros((12, *arrays["x"].shape[1:]), np.int8)])
    long = Simulator(network).run({**arrays, "x": padded})
    np.testing.assert_array_equal(long.outputs["final"], short.outputs["final"])
    padded[9] = 1
    with pytest.raises(InputError, match="behind step 4") as caught:
        Simulator(network).run({**arrays, "x": padded})
    assert caught.value.diagnostics[0].code == "SN513"
    with pytest.raises(UsageError, match="brings 5"):
        Simulator(network).run({**arrays, "x": padded[:5]}, steps=STEPS)


def counted_advances(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sample-steps of every block that really runs."""
    work: list[int] = []
    advance = Session.advance

    def counting(self: Session, steps: int) -> object:
        work.append(steps * self.samples)
        return advance(self, steps)

    monkeypatch.setattr(Session, "advance", counting)
    return work


def test_samples_at_rest_cost_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One neuron that fires once per step until its drive is used up: sample i for i steps."""
    neuron = m.IF()
    population = m.Population("a", (1,), neuron, incoming=(m.Incoming("x"),))
    network = m.Network(
        "burst",
        "snn",
        (m.Input("x", "f32", (1,)),),
        (population,),
        (m.Head("h", "a", m.SpikeCount()),),
        schedule=m.Gated(1000, 1),
    )
    x = np.array([[1.0], [2.0], [5.0], [30.0]], np.float32)
    work = counted_advances(monkeypatch)
    trace = Simulator(network, threads=1, batch_size=4, block_steps=1).run(x, record=["a"])
    assert trace.settled is not None
    assert trace.settled.tolist() == [1, 2, 5, 30]
    assert trace.steps_run.tolist() == [2, 3, 6, 31]
    assert sum(work) == 2 + 3 + 6 + 31
    assert trace.outputs["h"].shape == (1000, 4, 1)
    assert trace.outputs["h"][-1].ravel().tolist() == [1, 2, 5, 30]
    assert trace.rasters["a"].sum(axis=0).ravel().tolist() == [1, 2, 5, 30]
    work.clear()
    held = replace(network, schedule=m.Synchronous(100))
    Simulator(held, threads=1, batch_size=4, block_steps=1).run(x)
    assert sum(work) == 400


def test_progress_of_a_gated_run_ends_at_the_total() -> None:
    network = build("mlp", 0, steps=200, window=2)
    seen: list[tuple[int, int]] = []
    Simulator(network, threads=1, batch_size=2).run(
        inputs_for(network, 5, 0), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (1000, 1000)
    assert seen == sorted(seen)


@pytest.mark.parametrize("levels", [1, 100, 127, 128, 300, None])
@pytest.mark.parametrize("lowest", [0, -128, -129, None])
def test_counters_of_every_width_hold_their_bounds(levels: int | None, lowest: int | None) -> None:
    """Driven up beyond the upper bound, then down beyond the lower one."""
    neuron = m.IF(negative_spikes="retract", max_spikes=levels, min_spikes=lowest, reset="zero")
    population = m.Population("a", (1,), neuron, incoming=(m.Incoming("x"),))
    entry = m.Input("x", "f32", (1,), m.Events())
    network = m.Network("n", "snn", (entry,), (population,), (), schedule=m.Synchronous(1))
    up = np.full((302, 1, 1), 1, np.int8)
    events = np.concatenate([up, np.full((440, 1, 1), -1, np.int8), up])
    trace = Simulator(network).run(events, record=["a"])
    naive = simulate(network, {"x": list(events)}, len(events))
    np.testing.assert_array_equal(trace.rasters["a"], np.stack(naive.spikes["a"]))
    net = np.cumsum(trace.rasters["a"].ravel().astype(int))
    assert net.max() == (302 if levels is None else levels)
    assert net.min() == lowest or (lowest is None and net.min() < 0)
    assert trace.spikes["a"].item() == np.abs(trace.rasters["a"]).sum()
    assert trace.spike_counts["a"].item() == net[-1]


def test_gated_networks_are_simulated_in_double_precision_unless_told_otherwise() -> None:
    """Their counts are exact, and float32 sums would now and then miss the edge of a level."""
    network = build(next(iter(ALL)), 0, window=3)
    assert Simulator(network).dtype == "float64"
    assert Simulator(network, dtype="float32").dtype == "float32"
    assert Simulator(replace(network, schedule=m.Synchronous(4))).dtype == "float32"

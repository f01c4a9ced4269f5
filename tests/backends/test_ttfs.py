"""Time to first spike: definition, surrogate, step by step and whole windows agree on every spike.

The networks are random ones (`ttfs_networks`); the definition is a loop over samples and steps
(`naive_ttfs`), the surrogate the interpreter of stage ann.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import naive_ttfs
import numpy as np
import pytest
import ttfs_networks

from snnc.backends.reference import Simulator, Trace
from snnc.backends.reference.exact import exact_dtype
from snnc.backends.reference.once import OnceBuffer
from snnc.backends.reference.sources import check_inputs
from snnc.backends.reference.spikes import Spikes
from snnc.backends.reference.whole_windows import fits
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.interpret import evaluate
from snnc.ir.tensors import Array
from snnc.ir.verify import verify

SAMPLES = 2
EARLY = 4
FLOAT, WHOLE = range(6), range(6)
LARGE = 2**46


@cache
def built(seed: int, whole: bool = False, early: int = 0, unit: int = 1) -> m.Network:
    network = ttfs_networks.network(seed, whole=whole, early=early, unit=unit)
    assert verify(network) == []
    return network


def names(network: m.Network) -> list[str]:
    return [p.name for p in network.populations]


def steps_of(network: m.Network) -> int:
    assert network.schedule is not None
    return network.schedule.steps


def run(network: m.Network, seed: int, whole_windows: bool = True, **options: int) -> Trace:
    """All spikes of a run."""
    arrays = ttfs_networks.samples(SAMPLES, seed)
    simulator = Simulator(network, whole_windows=whole_windows, **options)  # type: ignore[arg-type]
    return simulator.run(arrays, record=names(network))


@cache
def naive_runs(
    seed: int, whole: bool = False, early: int = 0, unit: int = 1
) -> tuple[naive_ttfs.OneRun, ...]:
    network, arrays = built(seed, whole, early, unit), ttfs_networks.samples(SAMPLES, seed)
    taken = check_inputs(network, arrays, whole)
    return tuple(
        naive_ttfs.simulate(network, {n: a[k] for n, a in taken.items()}, steps_of(network))
        for k in range(SAMPLES)
    )


def assert_same(a: Trace, b: Trace) -> None:
    """Everything that two runs say, but for the rounding of sums."""
    for field in ("rasters", "spike_counts", "spikes", "synops", "updates"):
        for name, values in getattr(a, field).items():
            np.testing.assert_array_equal(values, getattr(b, field)[name], f"{field} {name}")
    for field in ("outputs", "membranes"):
        for name, values in getattr(a, field).items():
            other = getattr(b, field)[name]
            np.testing.assert_allclose(values, other, rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(a.steps_run, b.steps_run)
    np.testing.assert_array_equal(a.direct_macs, b.direct_macs)


def assert_naive(
    trace: Trace, seed: int, whole: bool = False, early: int = 0, unit: int = 1
) -> None:
    network = built(seed, whole, early, unit)
    for k, one in enumerate(naive_runs(seed, whole, early, unit)):
        for name in names(network):
            expected = np.stack(one.spikes[name])
            np.testing.assert_array_equal(trace.rasters[name][:, k], expected, name)
        np.testing.assert_allclose(
            trace.membranes["out"][k], one.potentials["out"][-1], rtol=0, atol=0 if whole else 1e-12
        )
        out = network.population("out")
        potentials = np.stack(one.potentials["out"]).astype(float) * out.scale
        found = trace.outputs["final"][:, k]
        np.testing.assert_allclose(found, potentials, rtol=1e-15, atol=1e-12)


def times(trace: Trace, network: m.Network, name: str) -> Array:
    """Spike times from the start of the fire window, (N, *shape)."""
    raster = trace.rasters[name]
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    start = schedule.fires[names(network).index(name)]
    fired = raster.any(axis=0)
    return np.where(fired, raster.argmax(axis=0) - start, spike_times.NO_SPIKE)


def test_the_networks_of_these_tests_are_worth_the_comparison() -> None:
    shares, moments = [], []
    for seed in FLOAT:
        network = built(seed)
        trace = run(network, seed)
        for name in names(network)[:-1]:
            assert trace.spike_counts[name].max() <= 1
            shares.append(trace.spike_counts[name].mean())
            moments.append(len(np.unique(times(trace, network, name))))
    assert 0.3 < np.mean(shares) < 0.8
    assert np.mean(moments) > 4
    counted = {type(p.neuron) for p in built(0).populations}
    assert counted == {m.TTFS, m.RunningMax2d, m.Integrator}
    kernels = {
        (p.neuron.rounding, p.neuron.tau)
        for p in built(0).populations
        if isinstance(p.neuron, m.TTFS)
    }
    assert len(kernels) > 4
    assert {r for r, _ in kernels} == {"ceil", "round"}


@pytest.mark.parametrize("seed", FLOAT)
def test_both_engines_are_the_definition_spike_for_spike(seed: int) -> None:
    network = built(seed)
    assert fits(network, steps_of(network))
    stepwise = run(network, seed, whole_windows=False)
    assert_same(run(network, seed), stepwise)
    assert_naive(stepwise, seed)


@pytest.mark.parametrize("seed", range(12))
def test_the_surrogate_has_the_spike_times_of_the_simulation(seed: int) -> None:
    """The closed form of stage ann, through the twin of every network."""
    network = built(seed)
    trace = run(network, seed, whole_windows=seed % 2 == 0)
    arrays = ttfs_networks.samples(SAMPLES, seed)
    for entry in network.inputs:
        if isinstance(entry.coding, m.SpikeTime):
            arrays[entry.name] = spike_times.surrogate(entry.coding, arrays[entry.name])
    twin = ttfs_networks.ann_twin(network)
    assert verify(twin) == []
    values = evaluate(twin, arrays)
    for population in network.populations:
        if isinstance(population.neuron, m.TTFS):
            found = times(trace, network, population.name)
            sent = spike_times.decode(found, spike_times.values(population.neuron))
            np.testing.assert_array_equal(sent, values[population.name], population.name)
    pooled = spike_times.decode(
        times(trace, network, "p"),
        spike_times.values(network.population("a").neuron),  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(pooled, values["p"])
    np.testing.assert_allclose(trace.membranes["out"], values["out"] + 0.25, rtol=0, atol=1e-12)
    logits = trace.logits("final")
    scale = network.population("out").scale
    np.testing.assert_allclose(logits, scale * (values["out"] + 0.25), rtol=0, atol=1e-12)


def test_another_kernel_has_other_spike_times() -> None:
    """So the comparisons above see a kernel that is not taken over, a rounding or a window."""
    network, arrays = built(0), ttfs_networks.samples(SAMPLES, 0)
    expected = run(network, 0).rasters
    for changes in ({"tau": 3.0}, {"delay": 0.4}, {"threshold": 1.1}, {"rounding": "ceil"}):
        for index, population in enumerate(network.populations):
            neuron = population.neuron
            if isinstance(neuron, m.TTFS) and replace(neuron, **changes) != neuron:  # type: ignore[arg-type]
                changed = list(network.populations)
                changed[index] = replace(population, neuron=replace(neuron, **changes))  # type: ignore[arg-type]
                other = replace(network, populations=tuple(changed))
                found = Simulator(other).run(arrays, record=names(network)).rasters
                if any((found[n] != expected[n]).any() for n in names(network)):
                    break
        else:
            raise AssertionError(changes)


@pytest.mark.parametrize("whole", [False, True])
def test_early_firing_is_the_definition_and_only_step_by_step(whole: bool) -> None:
    changed = 0
    for seed in (0, 3):
        network = built(seed, whole, EARLY)
        assert not fits(network, steps_of(network))
        assert steps_of(network) < steps_of(built(seed, whole))
        trace = run(network, seed)
        assert_naive(trace, seed, whole, EARLY)
        full = run(built(seed, whole), seed)
        for name in names(network)[:-1]:
            mine, theirs = times(trace, network, name), times(full, built(seed, whole), name)
            changed += int((mine != theirs).sum())
    assert changed > 0


@pytest.mark.parametrize("seed", WHOLE)
def test_tables_of_whole_numbers_are_exact_in_both_engines(seed: int) -> None:
    network = built(seed, whole=True)
    trace = run(network, seed)
    assert trace.membranes["out"].dtype == np.int64
    assert_same(trace, run(network, seed, whole_windows=False))
    assert_naive(trace, seed, True)


def test_the_element_type_of_whole_numbers_follows_from_their_bound() -> None:
    """Of the same network with kernels in larger units; beyond 2^53 only int64 is exact."""
    arrays = ttfs_networks.samples(SAMPLES, 3)
    chosen = []
    for unit in (1, 2**20, LARGE):
        network = built(3, True, 0, unit)
        taken = check_inputs(network, arrays, True)
        chosen.append(exact_dtype(network, taken, steps_of(network)))
        trace = run(network, 3)
        assert_same(trace, run(network, 3, whole_windows=False))
        assert_naive(trace, 3, True, 0, unit)
    assert chosen == [np.float32, np.float64, np.int64]
    network = built(3, True)
    floating = Simulator(network, dtype="float64").run(arrays, record=names(network))
    assert_same(floating, run(network, 3))


@pytest.mark.parametrize("early", [0, EARLY])
def test_batches_blocks_and_threads_change_nothing(early: int) -> None:
    network = built(1, early=early)
    for whole_windows in (True, False):
        expected = run(network, 1, whole_windows)
        for batch, block, threads in ((1, 1, 1), (2, 3, 2), (1, 64, 2)):
            options = {"batch_size": batch, "block_steps": block, "threads": threads}
            assert_same(run(network, 1, whole_windows, **options), expected)


@pytest.mark.parametrize("whole", [False, True])
def test_a_run_that_is_cut_short_is_the_beginning_of_the_whole_one(whole: bool) -> None:
    network, arrays = built(2, whole), ttfs_networks.samples(SAMPLES, 2)
    full = run(network, 2)
    for steps in (1, 7, steps_of(network) // 2, steps_of(network) - 1):
        for windows in (True, False):
            simulator = Simulator(network, whole_windows=windows)
            trace = simulator.run(arrays, steps=steps, record=names(network))
            assert trace.steps == steps
            for name in names(network):
                np.testing.assert_array_equal(trace.rasters[name], full.rasters[name][:steps])
                sent = full.rasters[name][:steps].sum(axis=0)
                np.testing.assert_array_equal(trace.spike_counts[name], sent)
            for name, values in trace.outputs.items():
                np.testing.assert_allclose(values, full.outputs[name][:steps], rtol=0, atol=1e-12)


def test_more_steps_than_the_schedule_has_are_refused() -> None:
    network, arrays = built(0), ttfs_networks.samples(1, 0)
    with pytest.raises(UsageError, match=r"windows of network timed end with step \d+") as caught:
        Simulator(network).run(arrays, steps=steps_of(network) + 1)
    assert [d.code for d in caught.value.diagnostics] == ["SN505"]


def test_updates_count_the_steps_in_which_a_population_acts() -> None:
    network = built(0)
    trace, schedule = run(network, 0), network.schedule
    assert isinstance(schedule, m.Phased)
    for index, population in enumerate(network.populations):
        start, fires = schedule.integrates[index], schedule.fires[index]
        last = start if isinstance(population.neuron, m.Integrator) else fires
        acted = last + schedule.window - start
        expected = [acted * int(np.prod(population.shape))] * SAMPLES
        assert trace.updates[population.name].tolist() == expected


def test_recorded_potentials_are_those_of_the_definition() -> None:
    network, arrays = built(4), ttfs_networks.samples(SAMPLES, 4)
    held = [p.name for p in network.populations if not isinstance(p.neuron, m.RunningMax2d)]
    trace = Simulator(network).run(arrays, record_membrane=held)
    for k, one in enumerate(naive_runs(4)):
        for name in held:
            expected = np.stack(one.potentials[name])
            found = trace.membrane_traces[name][:, k]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=name)
            np.testing.assert_array_equal(trace.membranes[name][k], found[-1])
    with pytest.raises(UsageError, match="no membrane potential"):
        Simulator(network).run(arrays, record_membrane=["p"])


def test_a_head_may_read_the_potential_of_a_timed_population_but_not_of_a_pool() -> None:
    network, arrays = built(4), ttfs_networks.samples(SAMPLES, 4)
    reading = replace(network, heads=(m.Head("h", "e", m.Membrane()),))
    assert verify(reading) == []
    assert not fits(reading, steps_of(reading))
    trace = Simulator(reading).run(arrays)
    for k, one in enumerate(naive_runs(4)):
        expected = np.stack(one.potentials["e"]).reshape(trace.steps, -1)
        np.testing.assert_allclose(trace.outputs["h"][:, k], expected, rtol=0, atol=1e-12)
    with pytest.raises(InputError) as caught:
        Simulator(replace(network, heads=(m.Head("h", "p", m.Membrane()),)))
    assert [d.code for d in caught.value.diagnostics] == ["SN509"]


def test_hop_latency_changes_no_spike() -> None:
    """Every population one hop behind its latest source, its connections delayed to match."""
    network = built(0)
    starts = {i.name: 0 for i in network.inputs}
    populations = []
    for p in network.populations:
        starts[p.name] = 1 + max(starts[i.source] for i in p.incoming)
        terms = (
            replace(i, delay=i.delay + starts[p.name] - 1 - starts[i.source]) for i in p.incoming
        )
        populations.append(replace(p, incoming=tuple(terms)))
    schedule = network.schedule
    assert isinstance(schedule, m.Phased)
    found = tuple(starts[p.name] for p in populations)
    late = m.PipelinedPhased(
        schedule.steps, schedule.window, schedule.integrates, schedule.fires, found
    )
    pipelined = replace(network, populations=tuple(populations), schedule=late)
    assert verify(pipelined) == []
    assert_same(run(pipelined, 0), run(network, 0))
    undelayed = replace(network, schedule=late)
    assert "SN433" in {d.code for d in verify(undelayed)}


def test_samples_that_leave_take_their_past_with_them() -> None:
    """Spikes behind a long delay are those of the samples that stay."""
    network, arrays = built(0), ttfs_networks.samples(4, 0)
    assert any(i.delay for p in network.populations for i in p.incoming)
    expected = run_all(network, arrays)
    session = Simulator(network).session(arrays, steps=steps_of(network), block=3)
    found: list[Array] = []
    while session.time < steps_of(network):
        block = session.advance(min(3, steps_of(network) - session.time))
        for index in range(len(block.outputs["final"])):
            time = block.start + index
            wanted = expected.outputs["final"][time, block.rows]
            np.testing.assert_allclose(block.outputs["final"][index], wanted, rtol=0, atol=1e-12)
        found.append(block.rows)
        if session.time in (15, 30):
            session.keep(np.arange(session.samples) != 1)
    assert [len(found[0]), len(found[-1])] == [4, 2]


def run_all(network: m.Network, arrays: dict[str, Array]) -> Trace:
    return Simulator(network).run(arrays)


def test_long_delays_keep_times_and_not_every_step() -> None:
    network = built(0)
    plan = Simulator(network)._plan(ttfs_networks.samples(1, 0), steps_of(network))
    spikes = Spikes(plan, (), block=2)
    spikes.start(set(plan.trains), samples=1)
    delayed = {i.source for p in network.populations for i in p.incoming if i.delay}
    assert delayed
    assert {n for n in plan.trains if isinstance(spikes[n], OnceBuffer)} == delayed
    assert max(len(spikes[n].active) for n in plan.trains) == 2

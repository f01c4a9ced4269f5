"""The simulator of core maps against golden neurons and against one in plain Python."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from core_maps import (
    changed,
    empty_map,
    layered_map,
    permuted,
    random_map,
    random_spikes,
    with_bits,
    with_pins,
)
from slow_chip import slow_run

from snnc.backends.truenorth import engine_plan
from snnc.backends.truenorth import simulate as simulating
from snnc.backends.truenorth.chip_run import ChipRun
from snnc.backends.truenorth.core_map import TO_OUTPUT, CoreMap, PinGroup
from snnc.backends.truenorth.simulate import simulate
from snnc.diagnostics import InputError
from snnc.ir.tensors import Array


def tonic_map() -> CoreMap:
    """The four neurons of the example of pytruenorth, which states what NSCS and a chip gave."""
    m = empty_map(2, outputs=4, resets=np.zeros((2, 256), np.uint8))
    places = [(0, 0), (0, 1), (0, 2), (1, 7)]
    m = changed(
        m,
        thresholds=dict(zip(places, (10, 10, 11, 10), strict=True)),
        leaks=dict(zip(places, (1, 1, 2, -1), strict=True)),
        potentials={(0, 1): 1},
        strengths={(1, 7): (3, 0, 0, 0)},
        kinds=dict.fromkeys(places, TO_OUTPUT),
        targets={place: line for line, place in enumerate(places)},
    )
    return with_pins(with_bits(m, {(1, 3, 7): True}), [[(1, 3, 1)]])


def test_tonic_neurons_have_their_published_periods_and_phases() -> None:
    run = simulate(tonic_map(), {"input": np.ones((1, 100, 1), bool)}, 100)
    found = []
    for line in range(4):
        ticks = np.flatnonzero(run.outputs[0, :, line])
        periods = set(np.diff(ticks).tolist())
        assert len(periods) == 1
        period = periods.pop()
        found.append((period, int(ticks[0] + 1) % period))
    assert found == [(10, 0), (10, 9), (6, 0), (5, 1)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("forward", [False, True])
def test_random_cores_equal_the_slow_simulator(seed: int, forward: bool) -> None:
    core_map = random_map(seed, forward=forward)
    spikes = random_spikes(seed, 3, 40, 9)
    probes = [(c, n) for c in range(4) for n in range(12)]
    run = simulate(core_map, {"input": spikes}, 45, probes=probes)
    neuron_spikes = np.zeros((4, 256), int)
    for sample in range(3):
        outputs, fired, potentials, operations = slow_run(core_map, spikes[sample], 45)
        np.testing.assert_array_equal(run.outputs[sample], outputs)
        np.testing.assert_array_equal(run.probes[sample], potentials[:, :, :12].reshape(45, -1))
        np.testing.assert_array_equal(run.probe_spikes[sample], fired[:, :, :12].reshape(45, -1))
        assert run.synaptic_operations[sample] == operations
        assert run.spikes[sample] == fired.sum()
        neuron_spikes += fired.sum(axis=0)
    np.testing.assert_array_equal(run.neuron_spikes, neuron_spikes)
    assert run.outputs.any()


def test_blocks_chunks_and_kept_matrices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    core_map, spikes = random_map(7), random_spikes(7, 5, 60, 9)
    whole = simulate(core_map, {"input": spikes}, 70, probes=[(0, 0), (3, 5)])
    monkeypatch.setattr(simulating, "LONGEST_CHUNK", 7)
    monkeypatch.setattr(engine_plan, "KEPT_BYTES", 0)
    monkeypatch.setattr(engine_plan, "GROUP_CELLS", 1)
    parts = simulate(core_map, {"input": spikes}, 70, probes=[(0, 0), (3, 5)], batch=2)
    for field in fields(ChipRun):
        a, b = getattr(whole, field.name), getattr(parts, field.name)
        assert np.array_equal(a, b), field.name


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_cores_and_their_places_change_no_spike(seed: int) -> None:
    core_map, spikes = random_map(seed, 5), random_spikes(seed, 2, 50, 9)
    rng = np.random.default_rng(seed)
    moved = permuted(core_map, rng.permutation(5))
    cells = rng.permutation(4096)[:5]
    moved = replace(moved, positions=np.stack([cells % 64, cells // 64], axis=1).astype(np.int16))
    ours = simulate(core_map, {"input": spikes}, 60)
    theirs = simulate(moved, {"input": spikes}, 60)
    np.testing.assert_array_equal(ours.outputs, theirs.outputs)
    np.testing.assert_array_equal(ours.packets, theirs.packets)
    assert (ours.hops != theirs.hops).all()


def test_packets_and_hops_are_counted_for_each_pair_of_cores() -> None:
    core_map, spikes = random_map(3), random_spikes(3, 2, 50, 9)
    run = simulate(core_map, {"input": spikes}, 60)
    sources, targets, counts = run.traffic(core_map)
    assert counts.sum() == run.packets.sum()
    distance = np.abs(core_map.positions[sources] - core_map.positions[targets]).sum(axis=1)
    assert distance @ counts == run.hops.sum()
    assert run.outputs.sum() == run.output_packets.sum()
    assert run.spikes.sum() == run.packets.sum() + run.output_packets.sum()
    entries = np.diff(core_map.pin_starts)
    assert (run.input_packets == spikes.sum(axis=1) @ entries).all()


def test_steps_of_layers_are_recorded_at_their_ticks() -> None:
    core_map, spikes = layered_map(), random_spikes(0, 4, 30, 3, rate=0.5)
    ticks = core_map.ticks(30)
    run = simulate(core_map, {"input": spikes}, ticks, record=True)
    a = if_layer(spikes, np.array([[3, -1, 0], [0, 2, 1]]), np.array([3, 2]))
    b = if_layer(a, np.array([[2, 1], [2, 1]]), np.array([2, 2]))
    assert run.layers["a"].units.tolist() == [0, 1]
    np.testing.assert_array_equal(run.layers["a"].spikes[:, :30], a)
    np.testing.assert_array_equal(run.layers["b"].spikes, b)
    np.testing.assert_array_equal(run.outputs[:, core_map.layers[1].first_tick :], b)
    assert a.any(axis=(0, 1)).all()
    assert {layer.strays for layer in run.layers.values()} == {0}
    one = simulate(core_map, {"input": spikes}, ticks, record=["b"])
    assert list(one.layers) == ["b"]


def test_several_ticks_per_step_and_spikes_of_no_step() -> None:
    core_map = changed(layered_map(ticks_per_step=3), leaks={(0, 0): 1, (0, 2): 1})
    spikes = random_spikes(1, 2, 10, 3, rate=0.5)
    ticks = core_map.ticks(10)
    assert ticks == 9 * 3 + 3 + 1
    probes = [(0, 0), (0, 1)]
    run = simulate(core_map, {"input": spikes}, ticks, record=True, probes=probes)
    for sample in range(2):
        _, fired, _, _ = slow_run(core_map, spikes[sample], ticks)
        np.testing.assert_array_equal(run.probe_spikes[sample], fired[:, 0, :2])
    of_steps = run.probe_spikes[:, 1::3]
    np.testing.assert_array_equal(run.layers["a"].spikes, of_steps)
    assert run.layers["a"].strays == run.probe_spikes.sum() - of_steps.sum() > 0


def if_layer(spikes: Array, weights: Array, thresholds: Array) -> Array:
    """Integrate and fire, threshold subtracted: (N, T, in) -> (N, T, out)."""
    v = np.zeros((len(spikes), len(thresholds)), int)
    fired = np.zeros((*spikes.shape[:2], len(thresholds)), bool)
    for t in range(spikes.shape[1]):
        v += spikes[:, t].astype(int) @ weights.T
        fired[:, t] = v >= thresholds
        v -= fired[:, t] * thresholds
    return fired


def test_replicas_that_differ_are_found() -> None:
    core_map, spikes = layered_map(), random_spikes(0, 4, 30, 3, rate=0.5)
    wrong = changed(core_map, thresholds={(0, 2): 4})
    with pytest.raises(InputError, match=r"SN574.*\n.*core 0, neuron 2 \(unit 0 of \"a\"\)"):
        simulate(wrong, {"input": spikes}, 30, record=True)
    simulate(wrong, {"input": spikes}, 30)


def test_a_potential_beyond_the_chip_is_an_error() -> None:
    core_map = changed(layered_map(), thresholds={(0, 0): 2**18 - 1, (0, 2): 2**18 - 1})
    far = changed(core_map, potentials={(0, 0): 393_000}, leaks={(0, 0): 200}, resets={(0, 0): 2})
    with pytest.raises(InputError, match=r"SN576.*is 393400 in tick 1;(.|\n)*core 0, neuron 0"):
        simulate(far, {"input": np.zeros((1, 4, 3), bool)}, 4)
    run = simulate(far, {"input": np.zeros((1, 1, 3), bool)}, 1)
    assert run.highest == 393_200
    deep = changed(core_map, leaks={(0, 0): -255})
    with pytest.raises(InputError, match=r"SN576.*is -393465 in tick 1542"):
        simulate(deep, {"input": np.zeros((1, 1, 3), bool)}, 2000)
    for wrong in ({"potentials": {(0, 0): 2**30}}, {"reset_exponents": {(0, 0): 30}}):
        with pytest.raises(InputError, match="SN576"):
            simulate(changed(core_map, **wrong), {"input": np.zeros((1, 1, 3), bool)}, 1)


def test_two_drivers_are_refused() -> None:
    spikes = {"input": np.zeros((1, 2, 3), bool)}
    with pytest.raises(InputError, match=r"SN569(.|\n)*core 2, axon 0"):
        simulate(changed(layered_map(), target_axons={(0, 2): 0}), spikes, 2)
    with pytest.raises(InputError, match="SN572"):
        simulate(changed(layered_map(), targets={(2, 1): 0}), spikes, 2)


@pytest.mark.parametrize(
    ("spikes", "text"),
    [
        ({}, "SN578.*given for"),
        ({"input": np.zeros((1, 2, 3))}, "float64"),
        ({"input": np.zeros((0, 2, 3), bool)}, "0, 2, 3"),
        ({"input": np.zeros((1, 2, 4), bool)}, "has 3 units, the array 4"),
        ({"input": np.full((1, 2, 3), 2)}, "other numbers"),
        ({"input": np.full((1, 2, 3), -1)}, "negative spikes and no pins"),
        ({"input": np.zeros((1, 2, 3), bool), "more": np.zeros((1, 2, 3), bool)}, "more"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(spikes: dict[str, Array], text: str) -> None:
    with pytest.raises(InputError, match=text):
        simulate(layered_map(), spikes, 3)


def test_arguments_that_do_not_fit_are_refused() -> None:
    spikes = {"input": np.zeros((1, 2, 3), bool)}
    for wrong in ({"ticks": 0}, {"record": ["c"]}, {"probes": [(0, 9)]}, {"probes": [(3, 0)]}):
        with pytest.raises(InputError, match="SN578"):
            simulate(layered_map(), spikes, **({"ticks": 3} | wrong))


def test_pins_of_both_signs_take_their_own_spikes() -> None:
    groups = (PinGroup("input", 0, 1), PinGroup("input", 1, 1, sign=-1), PinGroup("b", 2, 1))
    core_map = replace(layered_map(), pins=groups)
    given = {"input": np.array([[[1], [-1], [0]]]), "b": np.zeros((1, 3, 1), bool)}
    split = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 0]]], bool)
    ours = simulate(core_map, given, 9, probes=[(0, 0), (0, 1)])
    theirs = simulate(layered_map(), {"input": split}, 9, probes=[(0, 0), (0, 1)])
    np.testing.assert_array_equal(ours.probes, theirs.probes)
    assert ours.probes.any()


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    spikes = {"input": np.zeros((5, 2, 3), bool)}
    simulate(layered_map(), spikes, 300, batch=2, progress=lambda *now: told.append(now))
    assert told[-1] == (1500, 1500)
    assert told == sorted(set(told))

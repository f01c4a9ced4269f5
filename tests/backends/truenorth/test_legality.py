"""Every rule of core maps is kept by the maps for tests, and seen where it is broken once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

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

from snnc.backends.truenorth.bound import bound
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.core_map import (
    TO_CORE,
    TO_OUTPUT,
    CoreMap,
    Layer,
    OutputGroup,
    PinGroup,
)
from snnc.backends.truenorth.effective import effective_weights
from snnc.backends.truenorth.legality import check_map, safe_ticks
from snnc.backends.truenorth.legality_codes import CODES
from snnc.backends.truenorth.simulate import simulate
from snnc.diagnostics import InputError


def codes(core_map: CoreMap, ticks: int | None = None) -> list[str]:
    return [fault.code for fault in check_map(core_map, ticks)]


@pytest.mark.parametrize("delay", [2, 15])
def test_the_maps_for_tests_are_legal(delay: int) -> None:
    assert check_map(layered_map(delay=delay), 100) == []
    assert check_map(permuted(layered_map(), np.array([2, 0, 1]))) == []
    for seed in range(5):
        assert set(codes(random_map(seed, 3, pins=3))) <= {"SN570"}


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("SN565", {"leaks": np.zeros((3, 256), np.int32)}, "leaks is int32"),
    ("SN565", {"leaks": np.zeros((3, 255), np.int16)}, r"\(3, 255\)"),
    ("SN565", {"axon_types": {(1, 7): 4}}, "core 1, axon 7"),
    ("SN565", {"kinds": {(1, 7): 3}}, "kinds"),
    ("SN565", {"roles": {1: 9}}, "core 1"),
    ("SN565", {"corelets": {2: 3}}, "no name"),
    ("SN565", {"layer_of": {(1, 7): 0}, "unit_of": {(1, 7): 5}}, "unused"),
    ("SN565", {"layer_of": {(2, 0): 2}}, "does not exist"),
    ("SN565", {"unit_of": {(2, 0): -1}}, "without a unit"),
    ("SN565", {"pin_starts": {1: 3, 2: 1}}, "do not rise"),
    ("SN565", {"outputs": 3}, "output lines do not follow"),
    ("SN565", {"pins": (PinGroup("input", 1, 3),)}, "pins do not follow"),
    ("SN565", {"pins": (PinGroup("i", 0, 1), PinGroup("i", 1, 2))}, "one source and sign"),
    ("SN565", {"layers": (Layer("a", 1), Layer("a", 3))}, "one name"),
    ("SN565", {"ticks_per_step": 0}, "0 ticks"),
    ("SN566", {"strengths": {(0, 0, 2): 256}}, r"strength.*1 neuron; the first: 256"),
    ("SN566", {"strengths": {(0, 0, 2): -32768}}, "32768"),
    ("SN566", {"leaks": {(2, 1): -256}}, "leak"),
    ("SN566", {"thresholds": {(2, 1): 2**18}}, "threshold"),
    ("SN566", {"thresholds": {(2, 1): 0}}, "subtracted"),
    ("SN566", {"floors": {(2, 1): -1}}, "negative threshold"),
    ("SN566", {"resets": {(2, 1): 3}}, "reset mode"),
    ("SN566", {"reset_exponents": {(2, 1): 19}}, "reset potential.*524287"),
    ("SN566", {"potentials": {(2, 1): 393_216}}, "initial potential"),
    ("SN567", {"delays": {(0, 1): 0}}, "outside of 1 to 15"),
    ("SN567", {"delays": {(0, 1): 16}}, "the first: 16"),
    ("SN567", {"delays": {(2, 0): 1}}, "drives no axon"),
    ("SN567", {"pin_delays": {2: -1}}, "entry 2"),
    ("SN568", {"targets": {(0, 0): 3}}, "target core"),
    ("SN568", {"target_axons": {(0, 0): 256}}, "target axon"),
    ("SN568", {"targets": {(0, 9): 1}}, "has none"),
    ("SN568", {"target_axons": {(2, 0): 1}}, "has none"),
    ("SN568", {"pin_axons": {0: 256}}, "entry 0"),
    ("SN568", {"kinds": {(1, 0): 0, (1, 1): 0}, "targets": {(1, 0): -1, (1, 1): -1},
               "target_axons": {(1, 0): -1, (1, 1): -1}, "delays": {(1, 0): 0, (1, 1): 0}},
     "no neuron in use"),
    ("SN569", {"target_axons": {(0, 2): 0}}, "core 2, axon 0"),
    ("SN569", {"pin_axons": {0: 1}}, "core 0, axon 1"),
    ("SN570", {"target_axons": {(0, 2): 9}}, "reaches no neuron.*core 2, axon 9"),
    ("SN571", {"positions": {1: (0, 64)}}, "off the grid"),
    ("SN571", {"positions": {1: (-1, 0)}}, "off the grid"),
    ("SN571", {"positions": {2: (1, 0)}}, "where another is.*core 2"),
    ("SN572", {"targets": {(2, 1): 2}}, "does not exist"),
    ("SN572", {"targets": {(2, 1): 0}}, "output line 0: 2 drivers"),
    ("SN573", {"delays": {(0, 2): 3}}, 'of "a" need .* ticks to "b"'),
    ("SN573", {"pin_delays": {1: 2}}, 'of "input" need .* ticks to "a"'),
    ("SN574", {"thresholds": {(0, 2): 4}}, "thresholds of 1 replica"),
    ("SN574", {"potentials": {(0, 2): 1}}, "potentials"),
    ("SN574", {"strengths": {(0, 2, 3): 7}}, "strengths"),
    ("SN575", {"thresholds": {(1, 1): 2}}, "core 1, neuron 1"),
    ("SN575", {"strengths": {(1, 1, 0): 2}}, "strength 1"),
    ("SN575", {"leaks": {(1, 1): 1}}, "leak 0"),
    ("SN575", {"potentials": {(1, 1): -1}}, "strength 1"),
    ("SN575", {"resets": {(1, 1): 2}}, "reset to 0"),
    ("SN575", {"reset_exponents": {(1, 1): 1}}, "reset to 0"),
    ("SN575", {"layer_of": {(1, 1): 0}, "unit_of": {(1, 1): 5}}, "stands for a unit"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "change", "text"), BROKEN)
def test_each_rule_broken_once(code: str, change: dict[str, Any], text: str) -> None:
    faults = check_map(changed(layered_map(), **change))
    assert code in {fault.code for fault in faults}
    assert faults[0].code == code or code in ("SN573", "SN574")
    assert any(re.search(text, f"{f.message} {f.where}") for f in faults if f.code == code)


def test_crossbar_bits_that_break_rules() -> None:
    m = layered_map()
    assert codes(with_bits(m, {(0, 3, 7): True})) == ["SN570"]
    assert codes(with_bits(m, {(1, 5, 0): True})) == ["SN575"]
    assert codes(with_bits(m, {(1, 0, 0): False, (1, 5, 0): True})) == ["SN575"]
    assert codes(with_bits(m, {(0, 3, 2): True})) == ["SN574"]
    # A bit on an axon without driver does nothing.
    assert codes(with_bits(m, {(0, 9, 0): True})) == []


def test_too_many_cores_and_targets_too_far_away() -> None:
    m = replace(layered_map(), spec=replace(TRUENORTH, grid=(1, 2)))
    assert codes(m) == ["SN582"]
    near = replace(layered_map(), spec=replace(TRUENORTH, reach=(-1, 1)))
    assert [fault.where for fault in check_map(near)] == ['core 0, neuron 0 (unit 0 of "a")']


def test_splitters_in_a_loop() -> None:
    gone = {"kinds": 0, "targets": -1, "target_axons": -1, "delays": 0, "layer_of": -1}
    silent = {name: {(0, 1): value} for name, value in (gone | {"unit_of": -1}).items()}
    m = changed(layered_map(), **silent)
    m = changed(m, targets={(1, 0): 1}, target_axons={(1, 0): 0})
    m = with_bits(m, {(0, 2, 1): False, (0, 3, 1): False, (2, 2, 0): False})
    m = with_pins(m, [[(0, 0, 1)], [(0, 1, 1)]])
    assert codes(m) == ["SN575"]


def test_all_codes_of_rules_are_explained_and_broken() -> None:
    broken = {code for code, _, _ in BROKEN} | {"SN576"}
    rules = {code for code in CODES if code <= "SN576"}
    assert broken == rules


def test_effective_weights_are_those_that_the_map_spells() -> None:
    found = effective_weights(layered_map())
    assert list(found) == [("a", "b", 1), ("input", "a", 1)]
    assert found["input", "a", 1].matrix.toarray().tolist() == [[3, -1, 0], [0, 2, 1]]
    assert found["a", "b", 1].matrix.toarray().tolist() == [[2, 1], [2, 1]]
    assert (found["input", "a", 1].delays, found["a", "b", 1].delays) == ((1,), (2,))
    assert effective_weights(layered_map(), {"b": 5})["a", "b", 1].matrix.shape == (5, 2)
    skewed = effective_weights(changed(layered_map(), delays={(0, 2): 3}))
    assert skewed["a", "b", 1].delays == (2, 3)


def test_effective_weights_of_negative_pins_have_the_sign_of_their_spikes() -> None:
    groups = (PinGroup("input", 0, 1), PinGroup("input", 1, 1, sign=-1), PinGroup("b", 2, 1))
    found = effective_weights(replace(layered_map(), pins=groups))
    assert found["input", "a", 1].matrix.toarray().tolist() == [[3], [0]]
    assert found["input", "a", -1].matrix.toarray().tolist() == [[1], [-2]]


@pytest.mark.parametrize("same", [True, False])
def test_replicas_may_take_their_spikes_from_other_axons_of_the_same_source(same: bool) -> None:
    m = layered_map()
    m = replace(m, outputs=3, heads=(OutputGroup("b", 0, 3),))
    m = changed(
        m,
        kinds={(2, 9): TO_OUTPUT}, targets={(2, 9): 2},
        thresholds={(2, 9): 2}, strengths={(2, 9): (2, 1, 0, 0)},
        layer_of={(2, 9): 1}, unit_of={(2, 9): 1},
    )  # fmt: skip
    m = with_bits(m, {(2, 0, 9): True, (2, 2 if same else 1, 9): True})
    assert codes(m) == ([] if same else ["SN574"])
    spikes = {"input": random_spikes(0, 2, 30, 3, rate=0.5)}
    if same:
        simulate(m, spikes, 40, record=True)
    else:
        with pytest.raises(InputError, match="SN574"):
            simulate(m, spikes, 40, record=True)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ticks", [1, 30])
def test_potentials_stay_within_the_bound(seed: int, ticks: int) -> None:
    m = random_map(seed)
    limits = bound(m, ticks)
    used = m.used
    for rate in (0.0, 0.5, 1.0):
        spikes = random_spikes(seed, 4, ticks, 9, rate)
        run = simulate(m, {"input": spikes}, ticks)
        assert limits.lowest[used].min() <= run.lowest
        assert run.highest <= limits.highest[used].max()
        probes = [(c, n) for c in range(4) for n in range(12)]
        values = simulate(m, {"input": spikes}, ticks, probes=probes).probes.reshape(-1, 48)
        assert (limits.lowest[:, :12].reshape(-1) <= values.min(axis=0)).all()
        assert (values.max(axis=0) <= limits.highest[:, :12].reshape(-1)).all()


def test_the_bound_is_reached_by_a_neuron_with_one_kind_of_input() -> None:
    m = changed(layered_map(), strengths={(0, 0): (3, -9, 2, 1), (0, 2): (3, -9, 2, 1)})
    ones = np.zeros((1, 20, 3), bool)
    ones[:, :, 1] = True
    run = simulate(m, {"input": ones}, 21, probes=[(0, 0)])
    assert bound(m, 20).lowest[0, 0] == run.probes.min() == -180
    m = changed(m, resets={(0, 1): 2})
    run = simulate(m, {"input": np.ones((1, 20, 3), bool)}, 21, probes=[(0, 1)])
    assert bound(m, 20).highest[0, 1] == run.probes.max() == 60
    slow = bound(replace(m, ticks_per_step=3), 60)
    assert (slow.lowest[0, 0], slow.highest[0, 1]) == (-180, 60)


def test_a_bound_beyond_the_chip_names_the_safe_ticks() -> None:
    m = changed(layered_map(), strengths={(0, 0): (3, -255, 2, 1), (0, 2): (3, -255, 2, 1)})
    ticks = 393_215 // 255
    assert codes(m, ticks) == []
    (fault,) = check_map(m, ticks + 5)
    assert fault.code == "SN576"
    assert "2 neurons" in fault.message
    assert fault.help.startswith(f"at most {ticks} ticks")
    assert safe_ticks(m, 10) == 10


def test_a_bound_of_a_neuron_without_axons_is_its_leak() -> None:
    m = changed(
        empty_map(1, outputs=0),
        kinds={(0, 0): TO_CORE}, targets={(0, 0): 0}, target_axons={(0, 0): 0}, delays={(0, 0): 1},
        leaks={(0, 0): -4},
    )  # fmt: skip
    assert bound(m, 10).lowest[0, 0] == -40
    assert bound(m, 10).highest[0, 0] == 0

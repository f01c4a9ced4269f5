"""RANC's format: what is written, what is refused, and what a RANC simulator makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_maps import changed, empty_map, layered_map, random_map, random_spikes
from ranc_tools import needs_ranc, ranc_run
from slow_chip import slow_run

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.packets import host_packets
from snnc.backends.truenorth.pin_spikes import sample_pins
from snnc.backends.truenorth.ranc import ranc_refusal, read_ranc_output, to_ranc
from snnc.backends.truenorth.simulate import simulate
from snnc.diagnostics import InputError
from snnc.ir.tensors import Array


def texts(core_map: CoreMap, pins: Array, ticks: int) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = to_ranc(core_map, pins, ticks)
    return json.loads(first), json.loads(second)


def test_the_text_of_a_small_map() -> None:
    pins = np.array([[1, 0, 0], [0, 1, 1]], bool)
    moved = changed(layered_map(delay=4), positions=np.array([[5, 9], [6, 9], [5, 8]], np.int16))
    text, config = texts(moved, pins, 8)
    assert (config["num_cores_x"], config["num_cores_y"]) == (2, 2)
    assert text["output_bus"] == {"coordinates": [1, 0], "num_outputs": 2}
    a, splitter, b = text["cores"]
    assert [core["coordinates"] for core in text["cores"]] == [[0, 1], [1, 1], [0, 0]]
    assert a["axons"] == [0, 1, 2, 3]
    assert a["connections"] == [[1, 1], [0, 0, 1, 1], [1, 1]]
    assert a["neurons"][0] == {
        "reset_potential": 0, "weights": [3, -1, 2, 1], "leak": 0, "positive_threshold": 3,
        "negative_threshold": 0, "destination_core_offset": [0, -1], "destination_axon": 0,
        "destination_tick": 3, "current_potential": 0, "reset_mode": 1,
    }  # fmt: skip
    assert splitter["neurons"][1]["destination_core_offset"] == [-1, -1]
    assert b["neurons"][1]["destination_core_offset"] == [1, 0]
    assert b["neurons"][1]["destination_axon"] == 1
    assert [len(tick) for tick in text["packets"]] == [0, 1, 3, 0, 0, 0, 0, 0]
    assert text["packets"][1] == [
        {"destination_core": [0, 1], "destination_axon": 0, "destination_tick": 0}
    ]


def test_neurons_between_used_ones_are_dead_and_a_full_grid_gets_another_row() -> None:
    m = empty_map(2, outputs=1, kinds=np.zeros((2, 256), np.uint8))
    m = changed(m, kinds={(0, 2): 2}, targets={(0, 2): 0})
    text, config = texts(m, np.zeros((1, 0), bool), 1)
    assert (config["num_cores_x"], config["num_cores_y"]) == (2, 2)
    assert text["output_bus"]["coordinates"] == [0, 1]
    assert [n["positive_threshold"] for n in text["cores"][0]["neurons"]] == [1 << 30, 1 << 30, 1]
    assert text["cores"][1]["neurons"] == []


def test_packets_of_pins_arrive_at_their_ticks() -> None:
    m = replace(random_map(0), ticks_per_step=3)
    pins = random_spikes(0, 1, 7, 9)[0]
    found = {tuple(row) for row in host_packets(m, pins, 15).tolist()}
    expected = set()
    for step, pin in np.argwhere(pins):
        for e in range(m.pin_starts[pin], m.pin_starts[pin + 1]):
            tick = int(step) * 3 + int(m.pin_delays[e])
            if tick < 15:
                expected.add((tick, int(m.pin_cores[e]), int(m.pin_axons[e])))
    assert found == expected
    assert len(found) > 5
    np.testing.assert_array_equal(sample_pins(m, {"input": pins[None]}), pins)


def test_what_ranc_lacks_is_refused() -> None:
    pins = np.zeros((1, 3), bool)
    with pytest.raises(InputError, match=r"SN577.*mode 2(.|\n)*core 0, neuron 1"):
        to_ranc(changed(layered_map(), resets={(0, 1): 2}), pins, 5)
    held = changed(layered_map(), saturates={(0, 0): True}, floors={(0, 0): 3})
    with pytest.raises(InputError, match=r"SN577.*held at a negative(.|\n)*core 0, neuron 0"):
        to_ranc(held, pins, 5)
    # Neuron 1 of core 0 has no negative strength: it is never below its floor.
    assert ranc_refusal(changed(layered_map(), saturates={(0, 1): True}), 5) is None
    with pytest.raises(InputError, match=r"SN577.*not bool"):
        to_ranc(layered_map(), np.zeros((1, 4), bool), 5)


def test_output_is_read_from_its_second_row() -> None:
    text = "\ufeff0 0 \n1 0 \n0 1 \n1 1 \n"
    assert read_ranc_output(text, 2, 2).astype(int).tolist() == [[1, 0], [0, 1]]
    assert read_ranc_output("\n\n\n", 2, 0).shape == (2, 0)
    for wrong, reason in (
        (text, "4 lines"),
        ("0 0\n1\n0 0\n", "line 2"),
        ("0 0\n0 2\n0 0\n", "line 2"),
    ):
        with pytest.raises(InputError, match=f"SN579.*{reason}"):
            read_ranc_output(wrong, 4 if wrong is text else 2, 2)


@needs_ranc
@pytest.mark.parametrize("seed", range(8))
def test_ranc_gives_every_output_spike(seed: int, tmp_path: Path) -> None:
    core_map = random_map(seed, 3 + seed % 4, exportable=True)
    core_map = replace(core_map, ticks_per_step=1 + seed % 2)
    spikes = random_spikes(seed, 1, 60, 9)
    outputs, printed = ranc_run(core_map, spikes[0], 80, tmp_path)
    assert "WARNING" not in printed
    assert "duplicate spike" not in printed
    assert "write to current word" not in printed
    run = simulate(core_map, {"input": spikes}, 80)
    np.testing.assert_array_equal(outputs, run.outputs[0])
    assert 0.01 < outputs.mean() < 0.99


@needs_ranc
def test_ranc_agrees_on_splitters_and_replicas(tmp_path: Path) -> None:
    spikes = random_spikes(3, 1, 40, 3, rate=0.5)
    core_map = layered_map(delay=15)
    outputs, printed = ranc_run(core_map, spikes[0], 60, tmp_path)
    assert "WARNING" not in printed
    np.testing.assert_array_equal(outputs, simulate(core_map, {"input": spikes}, 60).outputs[0])
    assert outputs.any()


@needs_ranc
def test_ranc_warns_of_two_drivers(tmp_path: Path) -> None:
    """The check of warnings sees one: two replicas drive the same axon."""
    spikes = np.ones((1, 20, 3), bool)
    wrong = changed(layered_map(), target_axons={(0, 2): 0})
    _, printed = ranc_run(wrong, spikes[0], 30, tmp_path)
    assert "duplicate spike" in printed


@pytest.mark.parametrize("seed", range(3))
def test_exportable_maps_are_accepted_and_run_the_same_in_plain_python(seed: int) -> None:
    """What the test with RANC compares is not trivial where RANC is not at hand either."""
    core_map = random_map(seed, 4, exportable=True)
    assert ranc_refusal(core_map, 80) is None
    spikes = random_spikes(seed, 1, 60, 9)
    outputs, _, _, _ = slow_run(core_map, spikes[0], 80)
    np.testing.assert_array_equal(outputs, simulate(core_map, {"input": spikes}, 80).outputs[0])

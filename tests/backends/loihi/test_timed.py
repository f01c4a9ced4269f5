"""Networks of spike times in Lava: every spike of every layer is the simulator's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lava_tools
import numpy as np
import pytest
from lava_tools import Done, needs_lava
from loihi_networks import inputs_for
from loihi_timed import build_timed, timed_policies

from snnc.backends.loihi.check_connections import MOST_DELAY
from snnc.backends.loihi.checks import check
from snnc.backends.loihi.checks_base import V_MAX
from snnc.backends.loihi.chips import load_chip
from snnc.backends.loihi.compare import compare
from snnc.backends.loihi.emit import emit
from snnc.backends.loihi.engine import run_in_lava
from snnc.backends.loihi.fit import fit
from snnc.backends.loihi.inputs import whole_inputs
from snnc.backends.reference import Simulator
from snnc.ir import model as m
from snnc.ir.tensors import Array

EXITS = {"timed_early": ("margin",), "timed_analog": ("margin", "patience")}
"""`--check` runs their samples in full length as well, and compares every spike."""

PLAIN = ("timed_lenet", "timed_residual")
SEEDS = {"timed_early": 1, "timed_analog": 4}
"""With these samples stop at different steps and heads."""

WRONG = {
    "wrong kernel": ("timed_lenet", "conv2_dendrite.kernel", 1, "conv2"),
    "wrong threshold": ("timed_early", "b.thresholds", -1, "b"),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("timed")
    for name in PLAIN:
        lava_tools.write(build_timed(name), root / name, 2)
    for name, chosen in EXITS.items():
        made = timed_policies(build_timed(name, SEEDS[name]))
        for policy in chosen:
            lava_tools.write(made[policy], root / f"{name} {policy}", 4)
    for case, (name, array, change, _) in WRONG.items():
        folder = lava_tools.write(build_timed(name), root / case, 2)
        with np.load(folder / "weights.npz") as loaded:
            arrays = dict(loaded)
        arrays[array][1] = arrays[array][1] * 3 if change > 0 else 1
        np.savez(folder / "weights.npz", **arrays)
    return root


@pytest.fixture(scope="module")
def done(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Every program with `--check`, and one with values, and with spikes that it refuses."""
    if not lava_tools.HAVE_LAVA:
        pytest.skip("lava-nc is installed on Python 3.10 only")
    jobs = {folder.name: (folder, ["--check"]) for folder in sorted(programs.iterdir())}
    folder, early = tmp_path_factory.mktemp("inputs"), programs / "timed_early margin"
    raster = np.zeros((8, 1, 12), np.int8)
    raster[2:4, 0, 5] = 1
    for name, array in (("values", values_of_early()["x"]), ("twice", raster)):
        np.save(folder / f"{name}.npy", array)
        jobs[name] = (early, ["--input", str(folder / f"{name}.npy"), "--no-exit"])
    output = programs / "out.npz"
    jobs["values"][1].extend(["--output", str(output), "--record", "a,c"])
    return dict(zip(jobs, lava_tools.run_many(list(jobs.values())), strict=True))


def values_of_early() -> dict[str, Array]:
    return inputs_for(build_timed("timed_early", SEEDS["timed_early"]), 3, seed=8)


# ---- equality ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_every_spike_and_read_out_of_samples_in_a_row_is_the_simulators(
    name: str, done: dict[str, Done]
) -> None:
    found = done[name]
    assert found.code == 0, found.err + found.out
    assert found.answer["equal"] is True
    assert int(str(found.answer["spikes"])) > 50


@pytest.mark.parametrize("case", [f"{name} {p}" for name, all in EXITS.items() for p in all])
def test_exit_policies_stop_where_the_simulator_does(case: str, done: dict[str, Done]) -> None:
    assert done[case].code == 0, done[case].err + done[case].out
    assert done[case].answer["equal"] is True
    assert int(str(done[case].answer["spikes"])) > 50


@pytest.mark.parametrize("case", WRONG)
def test_another_entry_of_a_table_is_found_and_its_layer_named(
    case: str, done: dict[str, Done]
) -> None:
    assert done[case].code == 1, done[case].err
    answer = done[case].answer
    assert (answer["equal"], answer["where"], answer["name"]) == (False, "layer", WRONG[case][3])


@needs_lava
def test_the_engine_tells_spikes_and_operations_as_the_simulator_does(programs: Path) -> None:
    network = build_timed("timed_residual")
    given = inputs_for(network, 2, seed=8)
    found = run_in_lava(programs / "timed_residual", network, given)
    trace = Simulator(network).run(given)
    for name, counts in found.spikes.items():
        np.testing.assert_array_equal(counts, trace.spikes[name])
    for name, counts in found.synops.items():
        np.testing.assert_array_equal(counts, trace.synops[name])
    assert compare(network, given, found) is None
    other = found.rasters["late"].copy()
    other[30, 1, 2] ^= 1
    assert compare(network, given, replace(found, rasters={"late": other})) is not None


def test_a_program_takes_values_as_they_are_and_finds_their_times(
    programs: Path, done: dict[str, Done]
) -> None:
    assert done["values"].code == 0, done["values"].err
    network = build_timed("timed_early", SEEDS["timed_early"])
    trace = Simulator(network).run(values_of_early(), record=["a", "c"])
    with np.load(programs / "out.npz") as found:
        for name in ("a", "c"):
            np.testing.assert_array_equal(found[f"spikes/{name}"], trace.rasters[name])


def test_two_spikes_of_one_pixel_are_refused(done: dict[str, Done]) -> None:
    assert done["twice"].code == 2
    assert "input x: a pixel spikes twice" in done["twice"].err


# ---- text and inputs ---------------------------------------------------------------------------


def test_the_text_of_a_program_is_as_reviewed(golden: Callable[[str, str], None]) -> None:
    text = emit(build_timed("timed_residual"), {})["program.py"].decode()
    golden("loihi/timed_residual.py", text)


def test_a_delay_of_whole_windows_is_one_process() -> None:
    text = emit(build_timed("timed_residual"), {})["program.py"].decode()
    delays = [int(n) for n in re.findall(r"delay=(\d+)", text)]
    assert delays == [9, 18, 27]  # a window and a hop; the analog input; three windows


def test_inputs_are_one_spike_each_at_the_time_of_the_reference() -> None:
    network = build_timed("timed_lenet")
    given = inputs_for(network, 3)
    raster, steps = whole_inputs(network, given)
    assert steps == 32
    (spikes,) = raster.values()
    assert spikes.shape[0] == 7
    assert np.abs(spikes).sum(axis=0).max() == 1
    times = Simulator(network).run(given).spikes["image"]
    np.testing.assert_array_equal(np.abs(spikes).sum(axis=(0, 2, 3, 4)), times)
    assert (spikes < 0).any()
    fewer, _ = whole_inputs(network, given, steps=3)
    np.testing.assert_array_equal(fewer["image"], spikes[:3])


# ---- what is refused, and what chips lack ------------------------------------------------------


def test_tables_that_leave_24_bits_are_refused() -> None:
    network = build_timed("timed_early")
    neuron = network.population("b").neuron
    assert isinstance(neuron, m.IntegerTTFS)
    table = network.array(neuron.thresholds).astype(np.int32)
    table[0] = V_MAX + 1
    wrong = network.with_arrays({neuron.thresholds.name: table})
    assert [d.code for d in check(wrong)] == ["SN536"]
    values = network.array(neuron.values).astype(np.int32)
    wrong = network.with_arrays({neuron.values.name: values * 90_000})
    assert [d.code for d in check(wrong)] == ["SN537"]
    assert check(network) == []


def test_a_wait_longer_than_a_synapse_delays_is_taken_by_lava_and_told_of_chips() -> None:
    network = build_timed("timed_residual")
    longer = replace(
        network,
        populations=tuple(
            replace(p, incoming=tuple(replace(i, delay=i.delay * 9) for i in p.incoming))
            for p in network.populations
        ),
    )
    assert not any(d.code == "SN538" for d in check(longer))
    assert max(i.delay for p in longer.populations for i in p.incoming) > MOST_DELAY
    for chip in ("loihi1", "loihi2"):
        found = fit(longer, load_chip(chip))
        assert {f.limit for f in found.findings} == {"delay in time steps"}
        assert any("relay neurons" in note for note in found.notes)


def test_a_fit_says_that_no_published_neuron_fires_once_and_counts_tables() -> None:
    network = build_timed("timed_lenet")
    one, two = (fit(network, load_chip(chip)) for chip in ("loihi1", "loihi2"))
    for found in (one, two):
        assert found.fits
        (note,) = [n for n in found.notes if "time to first spike" in n]
        assert "conv1, conv2, fc1" in note
    assert any("value -1 (image)" in note for note in one.notes)
    table = {layer.name: layer.memory_bytes for layer in two.layers}
    whole = replace(
        network, populations=tuple(_one_column(network, p) for p in network.populations)
    )
    smaller = {layer.name: layer.memory_bytes for layer in fit(whole, load_chip("loihi2")).layers}
    assert table["conv1"] - smaller["conv1"] == 4 * 8 * 3  # four columns of thresholds, not one
    assert table["conv2"] == smaller["conv2"]
    assert json.dumps(two.as_dict())


def _one_column(network: m.Network, p: m.Population) -> m.Population:
    """The same, its channels with one table of thresholds: that of a layer with one channel."""
    if p.name != "conv1":
        return p
    neuron, other = p.neuron, network.population("conv2").neuron
    assert isinstance(neuron, m.IntegerTTFS)
    assert isinstance(other, m.IntegerTTFS)
    return replace(p, neuron=replace(neuron, thresholds=neuron.values))

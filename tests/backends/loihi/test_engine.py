"""Engine lava: a program directory runs in a process of its own, and equals the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import lava_tools
import numpy as np
import pytest
from lava_tools import needs_lava
from loihi_checks import ELSEWHERE
from loihi_exits import policies
from loihi_networks import build, inputs_for

from snnc.backends.loihi import engine
from snnc.backends.loihi.compare import Difference, compare
from snnc.backends.loihi.engine import LavaRun, check_recorded, run_in_lava
from snnc.backends.loihi.inputs import whole_inputs
from snnc.backends.reference import Simulator
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array


@needs_lava
@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_run_in_lava_counts_what_the_simulator_counts(name: str, tmp_path: Path) -> None:
    network = build(name)
    given, first = inputs_for(network, 3), 5
    folder = lava_tools.write(network, tmp_path / "program")
    found = run_in_lava(folder, network, given, steps=8, first=first)
    trace = Simulator(network).run(given, steps=8, first=first)
    assert compare(network, given, found, first=first) is None
    assert (found.steps, found.samples, found.exits) == (8, 3, None)
    for name, output in trace.outputs.items():
        np.testing.assert_allclose(found.outputs[name], output, rtol=1e-12)
    for kind in ("spikes", "synops"):
        ours, theirs = getattr(found, kind), getattr(trace, kind)
        assert {n: list(v) for n, v in ours.items()} == {n: list(v) for n, v in theirs.items()}
        assert sum(v.sum() for v in ours.values()) > 0
    assert "lava" not in sys.modules


@needs_lava
def test_samples_that_stop_early_are_those_of_the_simulator(tmp_path: Path) -> None:
    network = policies(build("heads", 3))["confidence"]
    given = inputs_for(network, 5)
    folder = lava_tools.write(network, tmp_path / "program")
    found = run_in_lava(folder, network, given)
    trace = Simulator(network).run(given)
    assert compare(network, given, found) is None
    assert found.exits is not None
    assert trace.exits is not None
    assert len(set(found.exits.step)) > 2
    for name in ("step", "head", "answer", "score", "sure"):
        ours, theirs = getattr(found.exits, name), getattr(trace.exits, name)
        np.testing.assert_array_equal(ours, theirs)
    for name, counts in found.spikes.items():
        np.testing.assert_array_equal(counts, trace.spikes[name])
    full = compare(network, given, found, exits=False)
    assert full is not None  # the simulator goes on where Lava stopped


def fake(network: m.Network, given: dict[str, Array], exits: bool = True) -> LavaRun:
    """What Lava would bring back, made by the simulator."""
    from snnc.backends.loihi.golden import reference_run, whole_outputs

    trace = reference_run(Simulator(network), network, given, exits=exits)
    return LavaRun(
        steps=trace.steps,
        samples=trace.samples,
        outputs=trace.outputs,
        whole_outputs=whole_outputs(network, trace),
        rasters=trace.rasters,
        spikes={},
        synops={},
        exits=trace.exits,
    )


def test_the_first_difference_is_named_with_layer_sample_step_and_neuron() -> None:
    network = build("lenet")
    given = inputs_for(network, 3)
    run = fake(network, given)
    assert compare(network, given, run) is None
    raster = run.rasters["conv2"].copy()
    raster[7, 1, 2, 0, 1] ^= 1
    found = compare(network, given, replace(run, rasters={**run.rasters, "conv2": raster}))
    before = int(run.rasters["conv2"][7, 1, 2, 0, 1])
    wanted = Difference("layer", "conv2", 1, 8, (2, 0, 1), 1 - before, before)
    assert found == wanted
    told = f"layer conv2, sample 1, step 8, neuron [2, 0, 1]: Lava {1 - before}, "
    assert str(found) == told + f"reference simulator {before}"
    output = run.whole_outputs["head.out"].copy()
    output[3, 2, 1] += 1
    found = compare(network, given, replace(run, whole_outputs={"head.out": output}), first=10)
    assert found is not None
    assert (found.what, found.sample, found.step, found.neuron) == ("read-out", 12, 4, (1,))


def test_another_exit_is_a_difference() -> None:
    network = policies(build("heads", 3))["confidence"]
    given = inputs_for(network, 3)
    run = fake(network, given)
    assert run.exits is not None
    assert compare(network, given, run) is None
    head = run.exits.head.copy()
    head[1] = 1 - head[1]
    found = compare(network, given, replace(run, exits=replace(run.exits, head=head)))
    assert found is not None
    assert (found.what, found.name, found.sample) == ("exit", "head", 1)


# ---- inputs ------------------------------------------------------------------------------------


def test_drawn_spikes_are_those_that_the_simulator_draws_in_its_window() -> None:
    network = build("poisson")
    given = inputs_for(network, 3)
    inputs, steps = whole_inputs(network, given, first=4)
    assert (steps, inputs["x"].shape) == (10, (7, 3, 2, 5, 5))
    trace = Simulator(network).run(given, first=4)
    np.testing.assert_array_equal(inputs["x"].sum(axis=0), trace.spike_counts["x"])
    other, _ = whole_inputs(network, given, first=5)
    assert (other["x"] != inputs["x"]).any()


def test_analog_values_become_the_whole_numbers_of_the_host() -> None:
    network = build("matrices")
    values = np.array([[0.124, 0.126, -9.0, 9.0, 0.625]], np.float32)
    inputs, _ = whole_inputs(network, values)
    assert inputs["x"].tolist() == [[0, 1, -8, 7, 2]]
    with pytest.raises(InputError, match="shape"):
        whole_inputs(network, values[:, :4])


def test_more_steps_than_the_program_was_made_for_are_refused(tmp_path: Path) -> None:
    network = build("hard")
    given = inputs_for(network, 1)
    assert whole_inputs(network, given, steps=14)[1] == 14
    with pytest.raises(UsageError, match="for 14 time steps, not for 15") as caught:
        whole_inputs(network, given, steps=15)
    assert [d.code for d in caught.value.diagnostics] == ["SN546"]
    (tmp_path / "program.py").touch()
    with pytest.raises(UsageError, match="for 14 time steps, not for 15"):
        run_in_lava(tmp_path, network, given, steps=15)


# ---- the process -------------------------------------------------------------------------------


@needs_lava
def test_a_program_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    network = build("hard")
    folder = lava_tools.write(network, tmp_path / "program")
    (folder / "weights.npz").unlink()
    with pytest.raises(InputError, match=r"exit code 2:\n.*weights\.npz does not exist") as caught:
        run_in_lava(folder, network, inputs_for(network, 1))
    assert [d.code for d in caught.value.diagnostics] == ["SN544"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"0" * 50])
def test_a_result_that_cannot_be_read_is_told(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(script: Path, options: list[str], time_limit: float | None) -> None:
        Path(options[options.index("--output") + 1]).write_bytes(content)

    monkeypatch.setattr(engine, "run_program", run)
    network = build("hard")
    (tmp_path / "program.py").touch()
    with pytest.raises(InputError, match="cannot be read") as caught:
        run_in_lava(tmp_path, network, inputs_for(network, 1))
    assert [d.code for d in caught.value.diagnostics] == ["SN545"]


@needs_lava
def test_a_run_is_ended_at_its_time_limit_with_all_its_processes(tmp_path: Path) -> None:
    network = build("hard")
    folder = lava_tools.write(network, tmp_path / "program")
    processes = folder / "snn_processes.py"
    text = processes.read_text()
    stuck = "        self.net += spikes\n"
    assert stuck in text
    processes.write_text(text.replace(stuck, "        import time\n        time.sleep(1000)\n"))
    started = time.monotonic()
    with pytest.raises(InputError, match="ended after 4 seconds"):
        run_in_lava(folder, network, inputs_for(network, 1), time_limit=4)
    assert time.monotonic() - started < 20
    assert lava_tools.gone_soon(folder)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from loihi_networks import build, inputs_for
from snnc.backends.loihi.engine import run_in_lava
network = build("hard")
run_in_lava(Path(sys.argv[1]), network, inputs_for(network, 1))
"""


@needs_lava
@pytest.mark.skipif(not lava_tools.LINUX, reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [9, 15])
def test_where_snnc_is_killed_the_program_ends_too(tmp_path: Path, number: int) -> None:
    folder = lava_tools.write(build("hard"), tmp_path / "program")
    processes = folder / "snn_processes.py"
    stuck = "        self.net += spikes\n"
    text = processes.read_text().replace(stuck, "        import time\n        time.sleep(1000)\n")
    processes.write_text(text)
    command = [sys.executable, "-c", KILLED, str(folder), str(lava_tools.ROOT)]
    # What a killed process had no time to remove lies in a folder of its own, with a short name:
    # those of sockets are limited.
    scratch = tempfile.TemporaryDirectory(prefix="snnc-")
    environment = {**os.environ, "TMPDIR": scratch.name}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    end = time.monotonic() + 30
    while len(lava_tools.processes_of(folder)) < 10 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(lava_tools.processes_of(folder)) >= 10
    memory = lava_tools.segments_of(lava_tools.processes_of(folder))
    assert memory
    os.kill(process.pid, number)
    # Of SIGTERM snnc makes a KeyboardInterrupt, with which Python ends as after Ctrl-C.
    assert process.wait(15) == (-9 if number == 9 else -2)
    assert lava_tools.gone_soon(folder)
    end = time.monotonic() + 5
    while memory & lava_tools.segments() and time.monotonic() < end:
        time.sleep(0.1)
    assert not memory & lava_tools.segments()
    left = list(Path(scratch.name).iterdir())
    scratch.cleanup()
    assert not left or number == 9


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    network = build("hard")
    with pytest.raises(UsageError) as caught:
        run_in_lava(tmp_path, network, inputs_for(network, 1))
    assert [d.code for d in caught.value.diagnostics] == ["SN547"]


def test_only_layers_that_spike_are_recorded() -> None:
    check_recorded(build("hard"), ["a", "b"])
    told = {"out": "population out sends no spikes", "x1": "there is no population x1 to record"}
    for name, text in told.items():
        with pytest.raises(UsageError, match=text) as caught:
            check_recorded(build("hard"), ["a", name])
        (found,) = caught.value.diagnostics
        assert (found.code, found.help) == ("SN506", "these send spikes: a, b")

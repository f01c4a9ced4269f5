"""Emitted programs in Lava: every spike is the simulator's, and failures end in seconds."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import lava_tools
import numpy as np
import pytest
from lava_tools import Done, needs_lava
from loihi_checks import CHECKED, CONVOLUTIONS, EXITS, SAMPLES, SEED
from loihi_exits import policies
from loihi_networks import build

pytestmark = needs_lava


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lava_tools.write(build("lenet"), tmp_path_factory.mktemp("lenet") / "program")


# ---- equality ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CHECKED, *(f"fast {name}" for name in CONVOLUTIONS)])
def test_every_spike_and_read_out_of_samples_in_a_row_is_the_simulators(
    name: str, checked: dict[str, Done]
) -> None:
    done = checked[name]
    assert done.code == 0, done.err + done.out
    assert done.answer["equal"] is True
    assert done.answer["samples"] == SAMPLES
    assert int(str(done.answer["spikes"])) > 50


@pytest.mark.parametrize("case", [f"{name} {p}" for name, all in EXITS.items() for p in all])
def test_exit_policies_stop_where_the_simulator_does(case: str, checked: dict[str, Done]) -> None:
    done = checked[case]
    assert done.code == 0, done.err + done.out
    assert done.answer["equal"] is True


def test_a_wrong_weight_is_found_and_its_layer_named(checked: dict[str, Done]) -> None:
    done = checked["wrong weight"]
    assert done.code == 1, done.err
    found = done.answer
    assert (found["equal"], found["where"], found["name"]) == (False, "layer", "conv2")
    assert found["onnx"] == ["/conv2/Conv", "/conv2/Relu"]
    assert found["neuron"][0] == 3  # type: ignore[index]
    assert {found["lava"], found["reference"]} == {0, 1}
    for part in ("layer conv2", "/conv2/Conv", "neuron [3, ", f"step {found['step']}", "sample"):
        assert part in done.err


def test_a_wrong_golden_answer_is_found(tmp_path: Path) -> None:
    network = policies(build("heads", SEED))["margin"]
    folder = lava_tools.write(network, tmp_path / "program")
    with np.load(folder / "golden/spikes.npz") as loaded:
        arrays = dict(loaded)
    arrays["exit/step"][1] += 1
    np.savez(folder / "golden/spikes.npz", **arrays)
    done = lava_tools.run(folder, "--check")
    assert done.code == 1
    assert done.answer["where"] == "exit"
    assert done.answer["sample"] == 1


# ---- running -----------------------------------------------------------------------------------


def test_a_copied_folder_runs_samples_of_a_file_and_writes_what_it_did(
    lenet: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(lenet, tmp_path / "else where")
    golden = np.load(folder / "golden/spikes.npz")
    np.save(tmp_path / "x.npy", golden["input/image"])
    output = tmp_path / "made here" / "out.npz"
    output.parent.mkdir()
    output.write_text("an older file")
    arguments = ["--input", tmp_path / "x.npy", "--output", output, "--record", "fc1, fc1"]
    done = lava_tools.run(folder, *arguments, "--samples", "1:3", "--steps", "9")
    assert done.code == 0, done.err
    assert list(output.parent.iterdir()) == [output]
    assert (done.answer["samples"], done.answer["steps"]) == (2, 9)
    assert (done.answer["engine"], done.answer["evidence"]) == ("lava", "simulated")
    found = np.load(output)
    assert set(found) == {"predictions", "output/head.out", "spikes/fc1"}
    np.testing.assert_array_equal(found["output/head.out"], golden["output/head.out"][:9, 1:3])
    packed = np.packbits(found["spikes/fc1"] > 0, axis=-1)
    np.testing.assert_array_equal(packed, golden["spikes/fc1"][:9, 1:3])
    assert found["predictions"].tolist() == found["output/head.out"][-1].argmax(-1).tolist()


def test_floating_point_samples_are_rounded_as_the_host_of_the_network_does(
    lenet: Path, tmp_path: Path
) -> None:
    golden = np.load(lenet / "golden/spikes.npz")
    np.save(tmp_path / "x.npy", (golden["input/image"][:1] / 15).astype(np.float32))
    arguments = ["--input", tmp_path / "x.npy", "--output", tmp_path / "out.npz"]
    done = lava_tools.run(lenet, *arguments)
    assert done.code == 0, done.err
    found = np.load(tmp_path / "out.npz")["output/head.out"]
    np.testing.assert_array_equal(found, golden["output/head.out"][:, :1])


# ---- failures ----------------------------------------------------------------------------------


def broken(lenet: Path, folder: Path, before: str, after: str) -> Path:
    shutil.copytree(lenet, folder)
    text = (folder / "snn_processes.py").read_text()
    assert text.count(before) == 1
    (folder / "snn_processes.py").write_text(text.replace(before, after))
    return folder


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "        self.net += spikes\n",
            '        raise ValueError("boom")\n',
            "process conv1 failed",
        ),
        (
            '        self.reports = Lag(proc_params["lag"], 0)\n\n    def run_spk(self):\n',
            '        raise ValueError("boom")\n\n    def run_spk(self):\n',
            "the graph could not be started",
        ),
        (
            "        self.net += spikes\n",
            "        import os\n        os._exit(5)\n",
            "ended (exit code 5)",
        ),
    ],
    ids=["in a step", "at the start", "a process that ends"],
)
def test_a_process_that_fails_ends_the_run_and_says_why(
    lenet: Path, tmp_path: Path, before: str, after: str, told: str
) -> None:
    folder = broken(lenet, tmp_path / "broken", before, after)
    memory = lava_tools.segments()
    started = time.monotonic()
    done = lava_tools.run(folder, "--check")
    assert time.monotonic() - started < 30
    assert done.code == 3
    assert told in done.err
    assert "boom" in done.err or "exit code 5" in done.err
    assert lava_tools.gone_soon(folder)
    assert not lava_tools.segments() - memory or not lava_tools.LINUX


def test_the_time_limit_ends_a_run(lenet: Path, tmp_path: Path) -> None:
    hanging = "        import time\n        time.sleep(1000)\n"
    folder = broken(lenet, tmp_path / "slow", "        self.net += spikes\n", hanging)
    done = lava_tools.run(folder, "--check", "--time-limit", "3")
    assert done.code == 3
    assert "the time limit was reached" in done.err
    assert lava_tools.gone_soon(folder)


@pytest.mark.skipif(not lava_tools.LINUX, reason="children die with their parent on Linux only")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_program_leaves_no_process_and_no_shared_memory(
    lenet: Path, tmp_path: Path, number: int
) -> None:
    hanging = "        import time\n        time.sleep(1000)\n"
    folder = broken(lenet, tmp_path / "killed", "        self.net += spikes\n", hanging)
    process = lava_tools.start(folder, "--check")
    end = time.monotonic() + 30
    while len(lava_tools.processes_of(folder)) < 15 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    memory = lava_tools.segments_of(lava_tools.processes_of(folder))
    assert memory
    os.kill(process.pid, number)
    process.communicate(timeout=10)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert lava_tools.gone_soon(folder)
    end = time.monotonic() + 5
    while memory & lava_tools.segments() and time.monotonic() < end:
        time.sleep(0.1)
    assert not memory & lava_tools.segments()

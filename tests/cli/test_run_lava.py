"""`snnc run --on lava`: programs for target loihi, compared with the simulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lava_tools import needs_lava
from loihi_exits import policies
from loihi_networks import build, inputs_for

import snnc
from snnc.cli import engines
from snnc.cli.run_text import compared
from snnc.driver.compiled import Compiled
from snnc.ir import model as m


def save(network: m.Network, folder: Path) -> Path:
    steps = 0 if network.schedule is None else network.schedule.steps
    compiled = Compiled(
        network, None, target="loihi", steps=steps, golden_inputs=inputs_for(network, 2)
    )
    return compiled.save(folder)


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(build("lenet"), tmp_path_factory.mktemp("lenet") / "out")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "x.npz"
    images = inputs_for(build("lenet"), 5)["image"]
    np.savez(path, x=images, y=np.arange(5) % 4)
    return path


@needs_lava
def test_lava_answers_as_the_simulator_and_the_trace_holds_its_spikes(
    cli: Any, lenet: Path, data: Path
) -> None:
    arguments = ("run", lenet, "--inputs", data, "--steps", 9, "--record", "fc1,conv1", "--json")
    plain = cli(*arguments, "--trace", "reference.npz")
    outcome = cli(*arguments, "--trace", "lava.npz", "--on", "lava", "--batch", 3, "--fast")
    assert outcome.code == 0, outcome.err
    ours, theirs = outcome.json, plain.json
    assert (ours["engine"], ours["evidence"], ours["precision"]) == ("lava", "simulated", "integer")
    assert (ours["equal"], ours["difference"]) == (True, None)
    for name in ("predictions", "accuracy", "spikes_per_sample", "synops_per_sample", "steps"):
        assert ours[name] == theirs[name]
    found, wanted = np.load("lava.npz"), np.load("reference.npz")
    for name in ("raster/fc1", "raster/conv1", "outputs/head.out", "labels", "predictions"):
        np.testing.assert_array_equal(found[name], wanted[name])
    assert "raster/conv2" not in found
    assert set(found) == set(wanted)


@needs_lava
def test_samples_that_stop_early_are_told_with_step_and_head(
    cli: Any, tmp_path: Path, data: Path
) -> None:
    network = policies(build("gated_heads", 3))["confidence"]
    folder = save(network, tmp_path / "program")
    np.savez("x.npz", x=inputs_for(network, 4)["x"])
    plain = cli("run", folder, "--inputs", "x.npz", "--json").json
    outcome = cli("run", folder, "--inputs", "x.npz", "--on", "lava")
    assert outcome.code == 0, outcome.err
    assert "every spike, read-out and exit equals the reference simulator's" in outcome.out
    assert f"stopped at step {plain['exit']['mean_steps']:.2f} on average" in outcome.out


@needs_lava
def test_a_difference_is_told_and_the_exit_code_is_one(
    cli: Any, tmp_path: Path, data: Path
) -> None:
    base = build("lenet")
    folder = save(base, tmp_path / "program")
    # The network of the directory says something else than its Lava program.
    fc1 = replace(base.population("fc1"), neuron=m.IF(300.0))
    populations = [fc1 if p.name == "fc1" else p for p in base.populations]
    changed = save(base.with_populations(populations), tmp_path / "changed")
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".py", ".npz")}
    _replace(changed, files)
    outcome = cli("run", changed, "--inputs", data, "--on", "lava", "--json")
    assert outcome.code == 1
    assert outcome.json["equal"] is False
    assert outcome.json["difference"]["name"] == "fc1"
    (line,) = compared(outcome.json)
    assert line.startswith("DIFFERENT from the reference simulator, first in layer fc1, sample")


def test_without_a_comparison_nothing_is_claimed() -> None:
    assert compared({"equal": None}) == compared({}) == []


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    """Write other files into a program directory, with a manifest that knows them."""
    import json

    from snnc.program_files import describe

    manifest = json.loads((folder / "manifest.json").read_text())
    for name, content in files.items():
        (folder / name).write_bytes(content)
        manifest["files"][name] = describe(content)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--on", "lava", "--dtype", "float32"), "SN936", "Lava computes in integers"),
        (("--time-limit", "9"), "SN936", "--time-limit goes with --on lava"),
        (("--fast",), "SN936", "--fast goes with --on lava"),
        (("--no-compare",), "SN936", "--no-compare goes with --on lava or coremap"),
        (("--on", "lav"), "SN923", 'did you mean "lava"'),
        (("--on", "lava", "--time-limit", "0"), "SN938", "--time-limit is 0"),
        (("--on", "lava", "--trace", "t.npz", "--record", "out"), "SN506", "no spikes to record"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    cli: Any, lenet: Path, data: Path, options: tuple[str, ...], code: str, text: str
) -> None:
    outcome = cli("run", lenet, "--inputs", data, *options, "--json")
    assert outcome.code == 2
    (found,) = outcome.json["error"]
    assert found["code"] == code
    assert text in found["message"]


def test_a_program_for_another_target_does_not_run_on_lava(
    cli: Any, program: Path, data: Path
) -> None:
    outcome = cli("run", program, "--inputs", data, "--on", "lava", "--json")
    assert outcome.code == 2
    (found,) = outcome.json["error"]
    assert found["message"] == "a program for target reference does not run on lava"


def test_the_network_of_a_program_alone_does_not_run_on_lava(
    cli: Any, lenet: Path, data: Path
) -> None:
    outcome = cli("run", lenet / "network.snn", "--inputs", data, "--on", "lava", "--json")
    assert outcome.code == 2
    (found,) = outcome.json["error"]
    assert (found["code"], "name the folder" in found["help"]) == ("SN923", True)


def test_an_engine_takes_what_the_command_line_gives(lenet: Path) -> None:
    options = {"dtype": None, "compare": True, "fast": False, "time_limit": None}
    compiled = snnc.load(lenet)
    made = engines.choose_engine("reference", compiled, **options)  # type: ignore[arg-type]
    assert (made.name, made.precision, made.report()) == ("reference", "integer", {})

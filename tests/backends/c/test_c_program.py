"""The emitted program by itself: it builds without a warning, checks itself, and is clean."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import c_tools
import numpy as np
import pytest
from loihi_networks import build, inputs_for

from snnc.backends.c.emit import emit, sources
from snnc.ir import model as m


def networks() -> dict[str, m.Network]:
    """Between them all kinds of layers, inputs and exits."""
    chosen = {name: build(name) for name in ("convolutions", "events")}
    return chosen | {"exit": confident(build("qffs"))}


def confident(network: m.Network) -> m.Network:
    """The network with a policy that stops samples at different steps."""
    row = np.rint(2000 * np.exp(-np.arange(48) / 6)).astype(np.int64)
    row[-1] = 0
    name, tables = network.heads[0].name, m.Ref("exit.tables")
    policy = m.IntegerConfidence(heads=(name,), shifts=(5,), limits=(2120,), tables=tables)
    return replace(network.with_arrays({"exit.tables": row[None]}), exit=policy)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their programs, built with sanitizers."""
    found = {}
    for name, network in networks().items():
        folder = c_tools.write(tmp_path_factory.mktemp(name), emit(network, inputs_for(network, 2)))
        done = c_tools.build(folder, *c_tools.SANITIZED)
        assert done.returncode == 0, done.stderr
        found[name] = folder
    return found


@pytest.mark.parametrize("name", networks())
def test_a_program_equals_the_simulator_under_the_sanitizers(
    name: str, programs: dict[str, Path]
) -> None:
    done = c_tools.check(programs[name])
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 samples" in done.stdout
    assert "every spike equal" in done.stdout


@pytest.mark.parametrize("name", ["convolutions", "exit"])
def test_a_program_needs_no_vectors(name: str, programs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(programs[name], tmp_path / name))
    done = c_tools.build(folder, *c_tools.ELSEWHERE)
    assert done.returncode == 0, done.stderr
    assert c_tools.check(folder).returncode == 0


def test_a_changed_weight_fails_the_golden_check(tmp_path: Path) -> None:
    network = build("lenet")
    files = emit(network, inputs_for(network, 2))
    text = files["weights.c"].decode()
    begin = text.index("{\n", text.index("weight_conv2")) + 2
    number = text[begin : text.index(",", begin)]
    files["weights.c"] = (
        text[:begin] + str(-int(number) or 9) + text[begin + len(number) :]
    ).encode()
    folder = c_tools.write(tmp_path, files)
    assert c_tools.build(folder, "-O0").returncode == 0
    done = c_tools.check(folder)
    assert done.returncode == 1
    assert "differs" in done.stderr


def test_a_program_answers_samples_of_a_file(programs: dict[str, Path]) -> None:
    """Floats are encoded as the host does it; whole numbers are taken as they are."""
    folder = programs["exit"]
    network = networks()["exit"]
    x = inputs_for(network, 3)["x"]
    np.save(folder / "x.npy", x)
    done = c_tools.check(folder, "x.npy")
    assert done.returncode == 0, done.stderr
    from snnc.backends.reference import Simulator

    exits = Simulator(network).run(x).exits
    assert exits is not None
    assert len(set(exits.step.tolist())) > 1
    lines = done.stdout.splitlines()
    for index, line in enumerate(lines):
        assert line.startswith(f"sample {index}: class {exits.answer[index]} by head ")
    assert len(lines) == 3


@pytest.mark.parametrize("damage", ["missing", "shape", "type", "cut", "text"])
def test_a_file_that_does_not_fit_is_refused(damage: str, programs: dict[str, Path]) -> None:
    folder = programs["exit"]
    path = folder / f"{damage}.npy"
    if damage == "shape":
        np.save(path, np.zeros((2, 3, 3, 3), np.float32))
    elif damage == "type":
        np.save(path, np.zeros((2, 2, 8, 8), np.float64))
    elif damage == "cut":
        np.save(path, np.zeros((2, 2, 8, 8), np.int32))
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "text":
        path.write_bytes(b"\x93NUMPY\x01\x00\xff\xff{'descr': 'no'}")
    done = c_tools.check(folder, path.name)
    assert done.returncode == 1
    assert len(done.stderr) > 10


def test_the_same_network_gives_the_same_bytes() -> None:
    network = build("qffs")
    x = inputs_for(network, 2)
    assert emit(network, x) == emit(build("qffs"), x)


def test_each_layer_is_a_function_with_its_onnx_names() -> None:
    text = sources(build("lenet"))["program.c"].decode()
    for name in ("conv1", "pool1", "conv2", "fc1", "out"):
        assert f"static void layer_{name}(snn_state *s, int32_t steps)" in text
        assert f"/{name}/Conv" in text
    assert "malloc" not in text

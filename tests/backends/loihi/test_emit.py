"""The text and the files of emitted programs."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from loihi_exits import policies
from loihi_networks import NETWORKS, build, inputs_for

from snnc.backends.loihi import golden as golden_data
from snnc.backends.loihi.emit import UNCHANGED, emit
from snnc.backends.reference import Simulator
from snnc.ir import model as m
from snnc.ir.tensors import Array

LINTED = ("lenet", "convolutions", "matrices", "residual", "qffs")


def arrays_of(data: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        return dict(loaded)


def program(network: m.Network) -> str:
    return emit(network, {})["program.py"].decode()


@pytest.mark.parametrize("name", ["lenet", "residual", "qffs"])
def test_the_text_of_a_program_is_as_reviewed(
    name: str, golden: Callable[[str, str], None]
) -> None:
    golden(f"loihi/{name}.py", program(build(name)))


def test_the_text_of_a_program_with_an_exit_is_as_reviewed(
    golden: Callable[[str, str], None],
) -> None:
    golden("loihi/gated_exit.py", program(policies(build("gated_heads", 3))["confidence"]))


def test_a_network_gives_the_same_bytes_again_and_the_helpers_are_those_of_every_network() -> None:
    first, second = (emit(build("qffs"), inputs_for(build("qffs"), 2)) for _ in range(2))
    assert first == second
    other = emit(build("events"), inputs_for(build("events"), 2))
    assert set(first) == set(other)
    assert set(first) == {*UNCHANGED, "program.py", "weights.npz", "golden/spikes.npz"}
    assert all(first[name] == other[name] for name in UNCHANGED)
    assert first["program.py"] != other["program.py"]


def test_without_samples_there_is_nothing_to_check_against() -> None:
    assert "golden/spikes.npz" not in emit(build("qffs"), {})


@pytest.mark.parametrize("name", LINTED)
def test_programs_are_formatted_as_our_own_code(name: str, tmp_path: Path) -> None:
    for file, content in emit(build(name), {}).items():
        if file.endswith(".py"):
            (tmp_path / file).write_bytes(content)
            assert "{{" not in content.decode().replace("{{{", "")
    rules = "B,C4,C90,D,E,F,I,N,NPY,PERF,PIE,RET,RUF,SIM,UP,W"
    options = ["--isolated", "--line-length=100", "--target-version=py310"]
    google = ["--config", 'lint.pydocstyle.convention="google"', "--ignore=D105,D107"]
    lint = ["check", *options, f"--select={rules}", *google]
    for command in (lint, ["format", "--check", *options]):
        ruff = [sys.executable, "-m", "ruff", *command, str(tmp_path)]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_header_pins_what_uv_installs() -> None:
    text = program(build("lenet"))
    assert text.startswith('# /// script\n# requires-python = ">=3.10,<3.11"\n')
    assert '"lava-nc==0.10.0"' in text.split("# ///")[1]
    about = ast.get_docstring(ast.parse(text))
    assert about is not None
    for part in ("Stock processes of Lava: Conv, Dense.", "No Loihi chip has run this program"):
        assert part in " ".join(about.split())


def test_every_layer_is_told_with_its_onnx_nodes_and_shapes() -> None:
    text = program(build("lenet"))
    assert '# image (2, 9, 8) -> conv1 (4, 9, 8); ONNX "/conv1/Conv", "/conv1/Relu"' in text
    assert "self.conv1.s_out.connect(self.pool1.s_in)" in text


def test_names_become_identifiers_that_nothing_else_has() -> None:
    text = program(build("convolutions"))
    assert '"if": {' in text
    found = re.findall(r"^        self\.(\w+) = (?:IF|Conv|Integrator)\(", text, re.MULTILINE)
    assert len(found) == len(set(found)) == 8
    assert "if_2" in found  # a keyword
    assert "run_2" in found  # a method of every Lava process
    assert "a_b" in found
    ast.parse(text)


@pytest.mark.parametrize("nasty", ['a"""b', "a\\", "new\nline", "${x}", "ü", "'", "😀"])
def test_a_name_cannot_break_the_text(nasty: str) -> None:
    base = build("lenet")
    first = replace(base.populations[0], origin=(nasty, nasty * 40))
    network = replace(base, name=nasty, populations=(first, *base.populations[1:]))
    tree = ast.parse(program(network))
    call = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROGRAM"
    )
    assert isinstance(call, ast.Call)
    arguments = {k.arg: k.value for k in call.keywords}
    assert ast.literal_eval(arguments["name"]) == nasty
    layers = ast.literal_eval(arguments["layers"])
    assert layers["conv1"]["onnx"] == (nasty, nasty * 40)
    assert ast.get_source_segment(program(network), arguments["name"]).isascii()


def test_a_long_name_is_cut_in_the_title_only() -> None:
    text = program(replace(build("qffs"), name="n" * 200))
    about = ast.get_docstring(ast.parse(text))
    assert about is not None
    title, after = about.splitlines()[:2]
    assert title == f"Spiking network {'n' * 42}... for Lava 0.10.0, compiled by snnc."
    assert after == ""
    assert f'name="{"n" * 200}"' in text


def test_the_text_says_in_which_file_a_process_is() -> None:
    files = emit(build("hard"), {})
    about = ast.get_docstring(ast.parse(files["program.py"]))
    assert about is not None
    for part in "Processes of snn_processes.py", "ReadOut, Recorder and Exit of snn_readout.py":
        assert part in " ".join(about.split())
    for name in ("ReadOut", "Recorder", "Exit"):
        assert f"class {name}(Stepped)" in files["snn_readout.py"].decode()
    assert "class SpikeSource(Stepped)" in files["snn_processes.py"].decode()


def test_the_programs_own_files_are_those_that_its_command_line_knows() -> None:
    text = emit(build("hard"), {})["snn_cli.py"].decode()
    value = next(
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FILES"
    )
    known = eval(compile(ast.Expression(value), "snn_cli.py", "eval"))
    assert known == {*UNCHANGED, "program.py"}


def test_weights_are_kept_in_eight_bits_with_their_exponents_in_the_text() -> None:
    files = emit(build("convolutions"), {})
    arrays = arrays_of(files["weights.npz"])
    weights = {name for name in arrays if "_from_" in name}
    assert len(weights) == 5
    assert {arrays[name].dtype for name in weights} == {np.dtype(np.int8)}
    assert {arrays[name].dtype for name in set(arrays) - weights} == {np.dtype(np.int32)}
    assert 'weight=w["run_2_from_if_2"] << 2' in files["program.py"].decode()


def test_matrices_of_mostly_zeros_become_sparse_and_halve_the_doubled_weights() -> None:
    text = program(build("matrices"))
    sparse = re.findall(r"csr_matrix\(2 \* w\[\"(\w+)\"\]\)", text)
    assert sparse == ["pooled_from_grown"]
    # Of the six matrices one has an exponent of 1, which the halving takes up.
    assert text.count("num_message_bits=") == 6
    assert text.count("weight_exp=-1") == 5


@pytest.mark.parametrize("name", NETWORKS)
def test_the_golden_spikes_are_those_of_the_simulator(name: str) -> None:
    network = build(name)
    given = inputs_for(network, 2)
    arrays = arrays_of(emit(network, given)["golden/spikes.npz"])
    spiking = [p for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    trace = Simulator(network, threads=1).run(given, record=[p.name for p in spiking])
    for p in spiking:
        raster = trace.rasters[p.name]
        count = int(np.prod(p.shape))
        found = np.unpackbits(arrays[f"spikes/{p.name}"], axis=-1, count=count).astype(np.int8)
        if f"negative/{p.name}" in arrays:
            found -= np.unpackbits(arrays[f"negative/{p.name}"], axis=-1, count=count).astype(
                np.int8
            )
        np.testing.assert_array_equal(found.reshape(raster.shape), raster)
    for head in network.heads:
        scale = network.population(head.population).scale
        unit = scale if isinstance(head.readout, m.SpikeCount) else 1.0
        if isinstance(network.population(head.population).neuron, m.Integrator):
            unit = scale
        assert isinstance(unit, float)
        np.testing.assert_allclose(
            arrays[f"output/{head.name}"] * unit, trace.outputs[head.name], rtol=1e-12
        )


def test_large_networks_keep_fewer_golden_samples_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("qffs")
    given = inputs_for(network, 3)
    monkeypatch.setattr(golden_data, "MOST_BYTES", 1)
    arrays = arrays_of(emit(network, given)["golden/spikes.npz"])
    assert arrays["input/x"].shape[0] == 1
    assert arrays["spikes/a"].shape[1] == 1

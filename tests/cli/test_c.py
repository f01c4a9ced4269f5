"""The command line for target c: compile, run, eval, and what happens without a compiler."""

from __future__ import annotations

import subprocess
from pathlib import Path

import c_tools
import numpy as np
import pytest

from snnc.backends.c.build import find_compiler
from snnc.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
CALIBRATION = f"{EXAMPLES / 'images.npz'}:train[:100]"
TEST = f"{EXAMPLES / 'images.npz'}:test[:20]"
OPTIONS = ("--calibration", CALIBRATION, "--divide", 255)
FILES = {"program.c", "program.h", "weights.c", "main.c", "Makefile", "snn_batch.c", "network.snn"}

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory):
    """The bundled LeNet for 6 steps; tests must not change it."""
    patch = pytest.MonkeyPatch()
    c_tools.quick_builds(patch, c_tools.shared_cache(tmp_path_factory))
    place = tmp_path_factory.mktemp("c") / "out"
    command = ["compile", EXAMPLES / "model.onnx", *OPTIONS, "--target", "c", "--steps", 6]
    assert main([str(a) for a in (*command, "-o", place, "-q")]) == 0
    yield place
    patch.undo()


def test_a_program_holds_its_sources_and_says_what_made_it(out):
    assert {path.name for path in out.iterdir()} >= FILES
    network = (out / "network.snn").read_text()
    assert 'pass "quantize-weights{target=c}"' in network


def test_eval_gives_the_simulators_figures(cli, out):
    ours = cli("--json", "eval", out, "--data", TEST)
    theirs = cli("--json", "eval", out, "--data", TEST, "--engine", "reference")
    assert (ours.code, theirs.code) == (0, 0)
    assert ours.json.pop("engine") == "c"
    assert theirs.json["engine"] == "reference"
    a, b = dict(ours.json), dict(theirs.json)
    a.pop("engine"), b.pop("engine")
    assert a == b


def test_run_gives_the_simulators_trace(cli, out):
    for name, options in {"c.npz": (), "reference.npz": ("--on", "reference")}.items():
        done = cli("run", out, "--inputs", TEST, "--trace", name, "--record", "fc_5", *options)
        assert done.code == 0, done.err
    with np.load("c.npz") as ours, np.load("reference.npz") as theirs:
        assert set(ours) == set(theirs)
        assert "raster/fc_5" in ours
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_without_a_compiler_numpy_runs_and_a_line_says_so(cli, out, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("CC", raising=False)
    done = cli("run", out, "--inputs", TEST)
    assert done.code == 0
    assert "no C compiler was found" in done.err
    assert "simulated\n" in done.out
    done = cli("--json", "eval", out, "--data", TEST)
    assert done.json["engine"] == "reference"
    assert any("no C compiler" in note for note in done.json["notes"])


def test_options_of_other_engines_are_refused(cli, out):
    for options, code in (
        (("eval", out, "--data", TEST, "--engine", "lava"), "SN923"),
        (("eval", out, "--data", TEST, "--engine", "c", "--dtype", "float32"), "SN936"),
        (("run", out, "--inputs", TEST, "--on", "c", "--dtype", "float64"), "SN936"),
        (("run", out, "--inputs", TEST, "--on", "lava"), "SN923"),
        (("run", out, "--inputs", TEST, "--fast"), "SN936"),
        (("run", out, "--inputs", TEST, "--steps", 7), "SN948"),
    ):
        done = cli(*options)
        assert done.code == 2, options
        assert code in done.err


def test_a_network_of_fractions_has_no_c_engine(cli, out):
    done = cli("eval", out / "fractions.snn", "--data", TEST, "--divide", 255, "--engine", "c")
    assert done.code == 1
    assert "SN550" in done.err


def test_an_onnx_file_goes_the_whole_way(cli, out):
    """With exits too, which are fitted in fractions and executed in whole numbers."""
    command = ("--json", "eval", EXAMPLES / "model.onnx", *OPTIONS, "--data", TEST)
    done = cli(*command, "--engine", "c", "--steps", 6, "--exit", "confidence")
    assert done.code == 0, done.err
    assert done.json["engine"] == "c"
    assert done.json["exit"]["policy"].startswith("integer_confidence")


def test_make_check_leaves_a_program_that_still_loads(cli, out, tmp_path):
    import shutil

    place = shutil.copytree(out, tmp_path / "made")
    command = ["make", "check", "CFLAGS=-std=c11 -O0 -DSNN_SMALL"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "every spike equal" in done.stdout
    assert cli("run", place, "--inputs", TEST).code == 0

"""The command line for target loihi, from the model to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snnc.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
CALIBRATION = f"{EXAMPLES / 'images.npz'}:train[:100]"
TEST = f"{EXAMPLES / 'images.npz'}:test[:60]"
OPTIONS = ("--calibration", CALIBRATION, "--divide", 255, "--target", "loihi")
FILES = {"program.py", "snn_processes.py", "weights.npz", "network.snn", "fractions.snn"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled LeNet for 8 steps; tests must not change it."""
    place = tmp_path_factory.mktemp("loihi") / "out"
    command = ["compile", EXAMPLES / "model.onnx", *OPTIONS, "--steps", 8, "-o", place, "-q"]
    assert main([str(a) for a in command]) == 0
    return place


def test_a_program_holds_what_lava_needs_and_what_it_was_made_from(out):
    names = {path.name for path in out.iterdir()}
    assert names >= FILES
    report = json.loads((out / "report.json").read_text())
    assert report["stage"] == "fixed"
    assert report["pipeline"][-3:] == ["fold-chains", "quantize-weights", "add-latency"]
    assert {entry["kind"] for entry in report["fit"].values()} == {"published", "estimate"}


def test_compile_prints_what_the_network_takes_of_each_chip(cli):
    done = cli("compile", EXAMPLES / "model.onnx", *OPTIONS, "--steps", 4, "-o", "out")
    assert done.code == 0
    assert "Does it fit? Loihi 1" in done.out
    assert "Loihi 2 (an estimate): fits on 1 chip" in done.out
    again = cli("compile", EXAMPLES / "model.onnx", *OPTIONS, "--steps", 4, "-o", "again", "-q")
    assert again.code == 0
    for path in sorted(Path("out").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (Path("again") / path.relative_to("out")).read_bytes()


def test_eval_says_what_whole_numbers_cost(cli, out):
    done = cli("--json", "eval", out, "--data", TEST)
    assert done.code == 0, done.err
    found = done.json["quantisation"]
    assert found["samples"] == 60
    assert found["agreement"] > 0.9
    assert all(0 < layer["weight_error"] < 0.05 for layer in found["layers"])
    assert any("graded input spikes" in note for note in done.json["notes"])
    text = cli("eval", out, "--data", TEST)
    assert "whole numbers against fractions, first 60 samples: accuracy" in text.out


def test_the_page_shows_the_fit_and_the_cost(cli, out):
    done = cli("report", out, "--data", TEST, "-o", "page.html")
    assert done.code == 0, done.err
    page = Path("page.html").read_text()
    assert "Does it fit?" in page
    assert "Whole numbers against fractions" in page


def test_targets_shows_the_limits_of_both_chips(cli):
    done = cli("targets", "loihi")
    assert done.code == 0
    assert "Loihi 1 (loihi1): limits, published" in done.out
    payload = cli("--json", "targets", "loihi").json
    assert set(payload["chips"]) == {"loihi1", "loihi2"}
    assert payload["pipeline"] == ["fold-chains", "quantize-weights", "add-latency"]


def test_more_steps_than_a_program_is_made_for_are_refused(cli, out):
    for command in (("eval", out, "--data", TEST), ("run", out, "--inputs", TEST)):
        done = cli(*command, "--steps", 9)
        assert done.code == 2
        assert "SN948" in done.err
        assert "compile it with --steps 9" in done.err
        assert cli(*command, "--steps", 3).code == 0


def test_a_compilation_that_stops_half_way_has_no_program_and_says_so(cli):
    command = ("compile", EXAMPLES / "model.onnx", *OPTIONS, "--steps", 4, "-o", "out")
    done = cli(*command, "--stop-after", "quantize-weights")
    assert done.code == 0, done.err
    assert "its files are left out" in done.err
    assert not (Path("out") / "program.py").exists()
    assert cli("inspect", "out").code == 0


def test_opt_quantises_a_spiking_network_with_samples(cli, out):
    network = out / "fractions.snn"
    options = ("--passes", "quantize-weights,add-latency", "-o", "whole.snn")
    assert cli("opt", network, *options).code == 1
    done = cli("opt", network, *options, "--calibration", CALIBRATION, "--divide", 255)
    assert done.code == 0, done.err
    assert "stage=fixed" in Path("whole.snn").read_text()


def test_a_pass_of_the_target_can_be_given_with_options_of_its_own(cli):
    spec = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,fold-chains{pools=spike},"
    spec += "quantize-weights{target=loihi1}"
    command = ("compile", EXAMPLES / "model.onnx", *OPTIONS, "--steps", 4, "-o", "out")
    assert cli(*command, "--passes", spec, "-q").code == 0
    report = json.loads((Path("out") / "report.json").read_text())
    assert report["pipeline"][-3:] == [
        "fold-chains{pools=spike}",
        "quantize-weights{target=loihi1}",
        "add-latency",
    ]


def test_an_analog_input_without_calibration_data_is_refused_with_the_cure(cli):
    command = ("compile", EXAMPLES / "quantised.onnx", "--divide", 255, "--target", "loihi")
    done = cli(*command, "-o", "out")
    assert done.code == 1
    assert "SN705" in done.err
    assert "--calibration" in done.err
    assert not Path("out").exists()


def test_an_exit_policy_compares_whole_numbers(cli):
    images = EXAMPLES / "images.npz"
    command = ("compile", EXAMPLES / "multi_exit.onnx", *OPTIONS, "--steps", 16, "-o", "out")
    exits = ("--exit", "confidence", "--exit-data", f"{images}:test[:250]")
    done = cli("--json", *command, *exits)
    assert done.code == 0, done.err
    record = done.json["exit"]["integer"]
    assert record["text"].startswith("integer_confidence(")
    assert record["different"] <= 0.02 * record["samples"]
    refused = cli(*command, "--exit", "entropy", "--exit-data", f"{images}:test[:250]")
    assert refused.code == 2 or refused.code == 1
    assert "entropy" in refused.err

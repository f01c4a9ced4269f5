"""`snnc eval` of networks with exit policies: text, JSON, pictures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MULTI = EXAMPLES / "multi_exit.onnx"
IMAGES = EXAMPLES / "images.npz"
DATA = f"{IMAGES}:test[:60]"
FEW = f"{IMAGES}:test[:20]"
COMPILE = ("--calibration", f"{IMAGES}:train[:40]", "--divide", 255, "--steps", 8)
POLICY = "confidence{threshold=0.6,alpha=6}"


@pytest.fixture(scope="module")
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled network with three heads and a policy given in full; tests must not change it."""
    place = tmp_path_factory.mktemp("stopping") / "out"
    command = ["compile", MULTI, "-o", place, *COMPILE, "--exit", POLICY, "--quiet"]
    assert main([str(a) for a in command]) == 0
    return place


def test_the_text_shows_what_exits_save_and_other_ways_to_stop(cli: Any, stopping: Path) -> None:
    outcome = cli("eval", stopping, "--data", DATA)
    assert outcome.code == 0
    for text in (
        "exit confidence(heads=",
        "with exits  full length   saved",
        "mean time steps",
        "energy estimate, 45nm-cmos, uJ",
        "alone, full length",
        "samples by exit step",
        "calibration error at the exit (ECE)",
        "T*, fewest fixed steps near the best",
        "fewest mean time steps on the evaluated data",
        "points below full length",
    ):
        assert text in outcome.out
    assert outcome.out.index("SNN accuracy (T=8)") < outcome.out.index("exit confidence(")


def test_the_json_object_holds_the_exit_report(cli: Any, stopping: Path) -> None:
    found = cli("eval", stopping, "--data", DATA, "--json").json
    report = found["exit"]
    assert report["policy"] == "confidence"
    assert report["threshold"] == 0.6
    assert report["steps_full"] == found["mean_steps"] == 8
    assert report["accuracy_full"] == found["snn_accuracy"]
    assert report["spikes_full"] == found["spikes_per_sample"]
    assert 1 <= report["mean_steps"] < 8
    assert report["spikes_per_sample"] < report["spikes_full"]
    assert sum(report["histogram"].values()) == 60
    assert sum(head["share"] for head in report["heads"]) == pytest.approx(1.0)
    assert report["energy"]["with"][0]["kind"] == "estimate"


def test_exits_only_and_exits_off(cli: Any, stopping: Path) -> None:
    both = cli("eval", stopping, "--data", DATA, "--json").json
    only = cli("eval", stopping, "--data", DATA, "--json", "--exits", "run").json
    off = cli("eval", stopping, "--data", DATA, "--json", "--exits", "off").json
    assert only["mean_steps"] == both["exit"]["mean_steps"]
    assert only["snn_accuracy"] == both["exit"]["accuracy"]
    assert only["accuracy_by_step"] == []
    assert only["exit"]["pareto"] is None
    assert off["exit"] is None
    for key in ("snn_accuracy", "spikes_per_sample", "layers", "accuracy_by_step"):
        assert off[key] == both[key]
    text = cli("eval", stopping, "--data", DATA, "--exits", "run")
    assert "only the run with exits was made" in text.err
    assert "SNN accuracy (with exits)" in text.out
    assert "points below full length" not in text.out


def test_pictures_are_the_same_twice_and_what_is_missing_is_said(cli: Any, stopping: Path) -> None:
    names = {"accuracy.svg", "layers.svg", "exit_accuracy.svg", "exit_histogram.svg"}
    names.add("exit_confidence.svg")
    for folder in ("a", "b"):
        assert cli("eval", stopping, "--data", FEW, "--plot", folder).code == 0
        assert {p.name for p in Path(folder).iterdir()} == names
    for name in names:
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    outcome = cli("eval", stopping, "--data", FEW, "--plot", "c", "--exits", "run")
    assert {p.name for p in Path("c").iterdir()} == {"exit_histogram.svg"}
    assert "no accuracy.svg and layers.svg" in outcome.err
    assert "no exit_accuracy.svg: only the run with exits was made" in outcome.err


def test_a_model_is_compiled_with_the_exit_that_is_asked_for(cli: Any) -> None:
    command = ("eval", MULTI, "--data", DATA, *COMPILE, "--json")
    found = cli(*command, "--exit", "fixed{step=3}").json["exit"]
    assert found["text"] == 'fixed(head="logits", step=3)'
    assert found["histogram"] == {"3": 60}
    fitted = cli(*command, "--exit", "confidence", "--exit-data", f"{IMAGES}:train[:150]")
    assert fitted.code == 0
    assert fitted.json["exit"]["mean_steps"] < 8
    assert fitted.json["exit"]["pareto"]


def test_notes_of_a_fit_are_told_by_the_evaluation(cli: Any) -> None:
    command = ("eval", MULTI, "--data", DATA, "--divide", 255, "--steps", 8, "--exit", "patience")
    outcome = cli(*command, "--calibration", f"{IMAGES}:train[:100]", "--max-drop", 50)
    assert outcome.code == 0
    assert "one of which is 2 points" in outcome.err


def test_an_exit_changes_no_compiled_network(cli: Any, stopping: Path) -> None:
    for option in (("--exit", "confidence"), ("--classifiers", "auto"), ("--exit-data", DATA)):
        outcome = cli("eval", stopping, "--data", DATA, *option)
        assert outcome.code == 2
        assert "SN936" in outcome.err


def test_exits_of_a_network_without_a_policy_cannot_be_run(cli: Any, program: Path) -> None:
    outcome = cli("eval", program, "--data", f"{IMAGES}:test[:5]", "--exits", "run")
    assert outcome.code == 2
    assert "SN945" in outcome.err
    assert "--exits run" in outcome.err
    plain = cli("eval", program, "--data", f"{IMAGES}:test[:5]", "--exits", "compare", "--json")
    assert plain.json["exit"] is None


def test_an_unknown_mode_is_refused_before_anything_runs(cli: Any) -> None:
    outcome = cli("eval", "no.onnx", "--data", "no.npz", "--exits", "of")
    assert outcome.code == 2
    assert "SN923" in outcome.err
    assert '"off"' in outcome.err


def test_a_loss_at_the_exits_fails_the_allowed_drop(cli: Any) -> None:
    command = ("eval", MULTI, "--data", DATA, *COMPILE, "--exit", "fixed{step=1}")
    outcome = cli(*command, "--max-drop", 3, "--json")
    assert outcome.code == 1
    found = outcome.json
    assert 100 * (found["ann_accuracy"] - found["snn_accuracy"]) < 3
    assert found["error"][0]["code"] == "SN932"
    assert "with exits" in found["error"][0]["message"]
    assert cli(*command, "--max-drop", 3, "--exits", "off").code == 0


def test_a_loss_of_the_run_with_exits_alone_is_laid_to_the_exits(cli: Any) -> None:
    command = ("eval", MULTI, "--data", DATA, *COMPILE, "--exit", "fixed{step=1}")
    outcome = cli(*command, "--max-drop", 3, "--exits", "run")
    assert outcome.code == 1
    assert "with exits the SNN is" in outcome.err
    assert "errors on the first" not in outcome.out


def test_the_data_that_fitted_the_exit_is_told_from_new_data(cli: Any) -> None:
    command = ("eval", MULTI, *COMPILE, "--exit", "fixed", "--exits", "run", "--data")
    seen = cli(*command, f"{IMAGES}:train[30:60]")
    assert "fitted on images.npz:train[:40], which by its name shares samples" in seen.err
    assert "shares samples" not in cli(*command, f"{IMAGES}:train[40:60]").err


@pytest.mark.parametrize("drop", ["nan", "inf", "-1", "101"])
def test_a_drop_that_is_no_number_of_points_is_refused(cli: Any, stopping: Path, drop: str) -> None:
    outcome = cli("eval", stopping, "--data", DATA, "--max-drop", drop)
    assert outcome.code == 2
    assert "between 0 and 100 points" in outcome.err


def test_a_file_in_the_place_of_the_plots_is_told_before_anything_runs(
    cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("mine")
    for place in ("taken", "taken/plots"):
        outcome = cli("eval", "no.onnx", "--data", "no.npz", "--plot", place)
        assert outcome.code == 2
        assert "error[SN921]: cannot write into taken" in outcome.err
    assert (tmp_path / "taken").read_text() == "mine"


def test_without_labels_there_are_steps_and_no_accuracies(
    cli: Any, stopping: Path, tmp_path: Path
) -> None:
    with np.load(IMAGES) as images:
        np.savez(tmp_path / "bare.npz", x=images["x_test"][:20])
    outcome = cli("eval", stopping, "--data", tmp_path / "bare.npz", "--json", "--plot", "plots")
    found = outcome.json["exit"]
    assert found["accuracy"] is None
    assert found["pareto"] is None
    assert found["mean_steps"] < 8
    assert "no exit_accuracy.svg: the data has no labels" in outcome.err
    assert Path("plots", "exit_confidence.svg").exists()


def test_the_report_page_shows_the_exit(cli: Any, stopping: Path) -> None:
    assert cli("report", stopping, "-o", "r.html", "--data", DATA).code == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert "With exits and without" in page
    assert "nothing was fitted or measured" in page


def test_infinite_thresholds_are_valid_json(cli: Any, stopping: Path, tmp_path: Path) -> None:
    text = (stopping / "network.snn").read_text(encoding="utf-8")
    text = text.replace("thresholds=[0.6, 0.6, 0.6]", "thresholds=[inf, inf, inf]")
    assert "inf, inf" in text
    changed = tmp_path / "never.snn"
    changed.write_text(text, encoding="utf-8")
    arrays = (stopping / "network.snn.safetensors").read_bytes()
    (tmp_path / "never.snn.safetensors").write_bytes(arrays)
    outcome = cli("eval", changed, "--data", DATA, "--divide", 255, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)["exit"]
    assert found["thresholds"] == [None, None, None]
    assert found["mean_steps"] == 8

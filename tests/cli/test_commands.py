"""Each command on the bundled network: what it prints, writes and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.cli.app import hoist

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
EVAL_KEYS = {
    "schema_version",
    "samples",
    "ann_accuracy",
    "snn_accuracy",
    "agreement",
    "steps",
    "mean_steps",
    "accuracy_by_step",
    "spikes_per_sample",
    "synops_per_sample",
    "ann_macs",
    "layers",
    "energy_estimates",
}
LAYER_KEYS = {
    "name",
    "onnx_nodes",
    "neurons",
    "spikes_per_sample",
    "mean_rate",
    "correlation",
    "relative_error",
    "clipped",
    "silent",
}


def test_shared_options_are_taken_from_any_place_before_a_double_dash() -> None:
    kept, settings = hoist(["eval", "x", "--json", "-q", "--", "-v"])
    assert kept == ["--json", "--quiet", "eval", "x", "--", "-v"]
    assert (settings.json, settings.quiet, settings.verbose) == (True, True, False)


def test_compile_writes_a_program_that_says_how_it_was_made(program: Path) -> None:
    manifest = json.loads((program / "manifest.json").read_text())
    assert manifest["target"] == "reference"
    assert manifest["steps"] == 8
    assert manifest["preprocessing"]["divide"] == 255.0
    assert manifest["calibration"] == {"data": "images.npz:train[:100]", "samples": 100}
    assert manifest["pipeline"][-1].startswith("calibrate")
    assert len(manifest["model"]["sha256"]) == 64
    report = json.loads((program / "report.json").read_text())
    assert report["populations"]
    assert "golden/golden.safetensors" in manifest["files"]
    assert {"network.snn", "ann.snn", "report.json"} <= set(manifest["files"])


def test_the_same_compilation_gives_the_same_bytes(cli: Any, program: Path) -> None:
    again = cli(
        "compile", MODEL, "-o", "again", "--calibration", f"{IMAGES}:train[:100]",
        "--divide", 255, "--steps", 8,
    )  # fmt: skip
    assert again.code == 0
    files = sorted(p.relative_to(program) for p in program.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to("again") for p in Path("again").rglob("*") if p.is_file())
    for file in files:
        assert (program / file).read_bytes() == (Path("again") / file).read_bytes(), file


def test_eval_of_a_program_gives_the_promised_keys(cli: Any, program: Path) -> None:
    outcome = cli("eval", program, "--data", f"{IMAGES}:test[:100]", "--json")
    assert outcome.code == 0
    result = outcome.json
    assert set(result) >= EVAL_KEYS
    assert all(set(layer) >= LAYER_KEYS for layer in result["layers"])
    assert result["samples"] == 100
    assert len(result["accuracy_by_step"]) == result["steps"] == 8
    assert result["accuracy_by_step"][-1] == result["snn_accuracy"]
    assert 0.97 <= result["snn_accuracy"] <= 1.0
    assert result["ann_macs"] == 1_697_280
    assert result["layers"][0]["onnx_nodes"][0].endswith("Conv")


def test_eval_of_the_model_agrees_with_eval_of_the_program(cli: Any, program: Path) -> None:
    data = ("--data", f"{IMAGES}:test[:60]", "--json")
    compiled = cli("eval", program, *data).json
    options = ("--calibration", f"{IMAGES}:train[:100]", "--divide", 255, "--steps", 8)
    direct = cli("eval", MODEL, *data, *options).json
    assert direct["ann_engine"] == "onnxruntime"
    assert compiled["ann_engine"] == "onnxruntime"  # of the stored network, see `StoredAnn`
    for key in ("ann_accuracy", "snn_accuracy", "agreement", "spikes_per_sample"):
        assert direct[key] == compiled[key], key


def test_eval_with_other_steps_simulates_that_many(cli: Any, program: Path) -> None:
    outcome = cli("eval", program, "--data", f"{IMAGES}:test[:20]", "--steps", 3, "--json")
    assert outcome.json["steps"] == 3
    assert len(outcome.json["accuracy_by_step"]) == 3


def test_eval_text_explains_a_collapse(cli: Any, program: Path) -> None:
    options = ("--calibration", f"{IMAGES}:train[:100]", "--divide", 255, "--steps", 16)
    passes = "fold-batch-norm,max-pool,normalize{percentile=30},to-spiking"
    outcome = cli("eval", MODEL, "--data", f"{IMAGES}:test[:60]", *options, "--passes", passes)
    assert outcome.code == 0
    assert "the first bad layer is conv" in outcome.out
    assert "mostly clipping" in outcome.out
    good = cli("eval", program, "--data", f"{IMAGES}:test[:60]")
    assert "first bad layer" not in good.out


def test_eval_fails_where_more_is_lost_than_allowed(cli: Any, program: Path) -> None:
    data = ("--data", f"{IMAGES}:test[:60]")
    assert cli("eval", program, *data, "--max-drop", 5).code == 0
    outcome = cli("eval", program, *data, "--steps", 1, "--max-drop", 0)
    assert outcome.code == 1
    assert "error[SN932]" in outcome.err


def test_eval_without_labels_leaves_accuracies_null(
    cli: Any, program: Path, images: dict[str, Path]
) -> None:
    outcome = cli("eval", program, "--data", images["unlabelled"], "--json")
    assert outcome.code == 0
    assert outcome.json["snn_accuracy"] is None
    assert outcome.json["accuracy_by_step"] == []
    assert outcome.json["agreement"] is not None


def test_eval_of_a_lone_network_has_no_ann(cli: Any, program: Path) -> None:
    data = ("--data", f"{IMAGES}:test[:10]", "--divide", 255, "--json")
    outcome = cli("eval", program / "network.snn", *data)
    assert outcome.code == 0
    assert outcome.json["ann_accuracy"] is None
    assert outcome.json["agreement"] is None
    assert outcome.json["layers"][0]["correlation"] is None
    assert outcome.json["snn_accuracy"] is not None


def test_eval_writes_plots(cli: Any, program: Path) -> None:
    assert cli("eval", program, "--data", f"{IMAGES}:test[:10]", "--plot", "plots").code == 0
    assert Path("plots/accuracy.svg").read_text().startswith("<svg")
    assert "conv" in Path("plots/layers.svg").read_text()


def test_run_writes_a_trace_and_counts(cli: Any, program: Path) -> None:
    layer = json.loads((program / "report.json").read_text())["populations"][0]["name"]
    outcome = cli(
        "run", program, "--inputs", f"{IMAGES}:test[:12]", "--trace", "trace.npz",
        "--record", layer, "--json", "--batch", 5,
    )  # fmt: skip
    assert outcome.code == 0
    result = outcome.json
    assert len(result["predictions"]) == 12
    with np.load("trace.npz") as trace:
        raster = trace[f"raster/{layer}"]
        assert raster.shape[:2] == (8, 12)
        counts = np.abs(raster).sum(axis=(0, *range(2, raster.ndim)))
        np.testing.assert_array_equal(counts, trace[f"spikes/{layer}"])
        assert (trace["labels"] == trace["predictions"]).mean() == result["accuracy"]


def test_run_text_shows_the_first_answers(cli: Any, program: Path) -> None:
    outcome = cli("run", program, "--inputs", f"{IMAGES}:test[:3]")
    assert outcome.code == 0
    assert "3 samples, 8 time steps, simulated" in outcome.out


def test_inspect_of_a_model_reports_the_conversion(cli: Any) -> None:
    outcome = cli("inspect", MODEL, "--json")
    assert outcome.code == 0
    assert outcome.json["conversion"]["refused"] == []
    assert outcome.json["macs"] == 1_697_280
    assert "multiply-accumulates" in cli("inspect", MODEL).out


def test_inspect_text_is_canonical_and_reads_back(cli: Any, program: Path) -> None:
    outcome = cli("inspect", program, "--text")
    assert outcome.out == (program / "network.snn").read_text()


def test_inspect_shows_statistics_and_single_tensors(cli: Any, program: Path) -> None:
    tensors = cli("inspect", program, "--stats", "--json").json["tensors"]
    assert tensors
    name = tensors[0]["name"]
    shown = cli("inspect", program, "--tensor", f"@{name}", "--json").json
    assert np.shape(shown["values"]) == tuple(tensors[0]["shape"])
    assert np.max(shown["values"]) == pytest.approx(tensors[0]["maximum"], abs=1e-6)


def test_opt_reads_and_writes_text(cli: Any, program: Path) -> None:
    outcome = cli("opt", program / "ann.snn", "--passes", "fold-batch-norm", "-o", "-")
    assert outcome.code == 0
    assert outcome.out.startswith("snnc-ir 1\n")
    saved = cli("opt", program / "ann.snn", "--passes", "fold-batch-norm", "-o", "folded.snn")
    assert saved.code == 0
    assert Path("folded.snn").read_text() == outcome.out
    assert cli("inspect", "folded.snn").code == 0


def test_opt_takes_calibration_data(cli: Any, program: Path) -> None:
    outcome = cli(
        "opt", program / "ann.snn", "--passes", "max-pool,normalize{method=max}",
        "--calibration", f"{IMAGES}:train[:20]", "--divide", 255,
    )  # fmt: skip
    assert outcome.code == 0
    assert '  pass "normalize{method=max}"' in outcome.out


def test_diff_finds_a_changed_network_and_only_that(cli: Any, program: Path) -> None:
    same = cli("diff", program, program, "--json", "--exit-code")
    assert same.code == 0
    assert same.json["equal"] is True
    other = cli("diff", program, program / "ann.snn", "--json", "--exit-code")
    assert other.code == 1
    assert other.json["equal"] is False


def test_report_is_one_self_contained_page(cli: Any, program: Path) -> None:
    outcome = cli("report", program, "-o", "r.html", "--data", f"{IMAGES}:test[:20]")
    assert outcome.code == 0
    page = Path("r.html").read_text()
    assert "<svg" in page
    assert "src=" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert cli("report", program, "-o", "plain.html").code == 0
    assert "not evaluated" in Path("plain.html").read_text()


def test_report_is_not_written_into_the_program(cli: Any, program: Path) -> None:
    outcome = cli("report", program, "-o", program / "report.html")
    assert outcome.code == 2
    assert "error[SN936]" in outcome.err


def test_pipeline_options_print_and_save_every_network(cli: Any) -> None:
    outcome = cli(
        "compile", MODEL, "--calibration", f"{IMAGES}:train[:20]", "--divide", 255,
        "--stop-after", "normalize", "--print-ir-after", "normalize", "--print-changed",
        "--dump-ir", "ir", "--check-passes", "-q",
    )  # fmt: skip
    assert outcome.code == 0
    assert "stage=ann" in outcome.err
    assert "+++ after" in outcome.err
    dumped = sorted(p.name for p in Path("ir").glob("*.snn"))
    assert dumped[0] == "00-import.snn"
    assert dumped[-1].endswith("-normalize.snn")
    assert "check      after normalize" in outcome.out


def test_a_failed_check_of_the_passes_names_the_layer(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from snnc.passes.normalize import Normalize

    original = Normalize.run

    def wrong(self: Normalize, network: Any, context: Any) -> Any:
        after = original(self, network, context)
        second = after.populations[1]
        weight = second.incoming[0].ops[-1].weight
        changed = after.array(weight).copy()
        changed.flat[0] += 0.5
        return replace(after.with_arrays({weight.name: changed}))

    monkeypatch.setattr(Normalize, "run", wrong)
    outcome = cli(
        "compile", MODEL, "-o", "out", "--calibration", f"{IMAGES}:train[:20]", "--divide", 255,
        "--check-passes",
    )  # fmt: skip
    assert outcome.code == 1
    assert "error[SN930]: after pass normalize" in outcome.err
    assert "Conv" in outcome.err
    assert not Path("out").exists()


def test_auto_keeps_the_accuracy_and_records_what_it_tried(cli: Any) -> None:
    outcome = cli(
        "compile", MODEL, "-o", "out", "--calibration", f"{IMAGES}:train[:120]", "--divide", 255,
        "--auto", "--max-drop", 2, "--max-steps", 16, "--json",
    )  # fmt: skip
    assert outcome.code == 0
    search = outcome.json["auto"]
    assert search["held_out_samples"] == 60
    assert search["chosen"]["within"] is True
    assert search["chosen"]["drop_points"] <= 2
    assert len(search["trials"]) >= 4
    assert outcome.json["steps"] == search["chosen"]["steps"]
    assert "tried" in outcome.err


def test_lists_and_explanations(cli: Any) -> None:
    assert cli("targets", "--json").json["targets"][0]["name"] == "reference"
    assert cli("targets", "reference", "--json").json["limits"]["stages"]
    listed = cli("passes", "--json").json
    assert "to-spiking" in listed["default_pipeline"]
    options = cli("passes", "normalize", "--json").json["options"]
    assert {"percentile", "method"} <= {o["name"] for o in options}
    assert "read-only" in cli("explain", "sn921").out
    assert "SN921" in cli("explain").out


def test_the_version_is_that_of_the_package(cli: Any) -> None:
    from importlib.metadata import version

    assert cli("--version").out == f"snnc {version('snnc')}\n"


def test_demo_prints_a_table_and_three_commands(cli: Any) -> None:
    outcome = cli("demo", "--steps", 4, "-o", "shown")
    assert outcome.code == 0
    for text in ("ANN accuracy", "SNN accuracy (T=4)", "agreement", "program directory", "next"):
        assert text in outcome.out
    assert outcome.out.count("\n  snnc ") == 3
    assert Path("shown/manifest.json").exists()


def test_results_go_to_stdout_and_notes_to_stderr(cli: Any, program: Path) -> None:
    loud = cli("eval", program, "--data", f"{IMAGES}:test[:10]")
    assert "note:" in loud.err
    assert "note:" not in loud.out
    assert cli("eval", program, "--data", f"{IMAGES}:test[:10]", "-q").err == ""

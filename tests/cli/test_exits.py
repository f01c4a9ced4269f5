"""Exit policies on the command line: what compile, run, inspect, opt and passes say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.cli import main
from snnc.cli.compile import exit_lines
from snnc.exits.requests import REQUESTS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MULTI_EXIT, MODEL = EXAMPLES / "multi_exit.onnx", EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
HEADS = ["logits_ic1", "logits_ic2", "logits"]
CALIBRATED = ("--calibration", f"{IMAGES}:train[:120]", "--divide", 255, "--steps", 6)
TEST = f"{IMAGES}:test[:40]"


@pytest.fixture(scope="module")
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled network with three heads and a fitted policy; tests must not change it."""
    place = tmp_path_factory.mktemp("stopping") / "out"
    command = ("compile", MULTI_EXIT, "-o", place, *CALIBRATED, "--exit", "patience", "-q")
    assert main([str(a) for a in (*command, "--max-drop", 3)]) == 0
    return place


def test_compile_says_what_the_exit_does_and_what_a_fixed_step_would(cli: Any) -> None:
    outcome = cli(
        "compile", MULTI_EXIT, "-o", "out", *CALIBRATED, "--exit", "margin{heads=[logits]}"
    )
    assert outcome.code == 0
    exit_text = outcome.out[outcome.out.index("exit ") :]
    assert "margin:" in exit_text
    assert "steps instead of 6.00" in exit_text
    assert "on the 60 samples that chose the policy\n" in exit_text
    assert "answered by logits 100.0 %\n" in exit_text
    assert "fewest steps for all samples alike: " in exit_text
    assert "give held-out labelled samples with --exit-data" in outcome.err
    record = json.loads(Path("out/report.json").read_text())["exit"]
    assert record["rule"] == "margin"
    assert record["data"] == {"data": "images.npz:train[:120]", "samples": 120}
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["exit"]["policy"] == "margin"


@pytest.mark.parametrize(
    ("policy", "rule", "said"),
    [("confidence", "margin", "confidence (by margin):"), ("bayes", "bayes", "bayes:")],
)
def test_the_exit_line_names_the_rule_that_was_found(policy: str, rule: str, said: str) -> None:
    measured = {
        "mean_steps": 2.5, "steps_full": 8.0, "mean_cost": 1.25, "accuracy": 0.99,
        "accuracy_full": 0.995, "samples": 1200, "heads": {"a": 0.25, "unused": 0.0, "b": 0.75},
    }  # fmt: skip
    fixed = {"step": 4, "mean_steps": 4.0, "accuracy": 0.985}
    record = {
        "fitted": True, "policy": policy, "rule": rule, "heads": ["a", "b"],
        "choosing": measured, "fixed": fixed,
    }  # fmt: skip
    lines = exit_lines(record)
    assert lines[0].endswith(f"{said} 2.50 steps instead of 8.00")
    assert lines[1].endswith(
        "99.00 % instead of 99.50 % on the 1,200 samples that chose the policy"
    )
    shares = "a + b together" if policy == "bayes" else "a 25.0 %, b 75.0 %"
    assert lines[2].endswith(f"answered by {shares}")
    assert lines[3].endswith("fewest steps for all samples alike: 4, 98.50 %")
    gated = exit_lines({**record, "fixed": {**fixed, "mean_steps": 3.25}})
    assert gated[3].endswith("alike: 4 (3.25 on average), 98.50 %")
    depth = exit_lines({**record, "order": "depth"})
    assert "8.00 (1.25 by the share of operations)" in depth[0]
    assert exit_lines(None) == []


def test_compile_notes_what_it_added_for_a_network_without_internal_heads(cli: Any) -> None:
    outcome = cli(
        "compile", MODEL, "-o", "out", *CALIBRATED, "--classifiers", "auto,count=1",
        "--exit", "bayes", "--max-drop", 5, "--json",
    )  # fmt: skip
    assert outcome.code == 0
    report = outcome.json
    notes = " ".join(report["notes"])
    assert "ADDED the head" in notes
    assert "a spike per step" in notes
    names = [spec.partition("{")[0] for spec in report["pipeline"]]
    assert names[1] == "insert-classifiers"
    assert names[-2:] == ["spike-heads", "fit-exit"]
    assert report["exit"]["rule"] == "bayes"


def test_an_exit_given_by_hand_needs_no_data(cli: Any) -> None:
    outcome = cli(
        "compile", MODEL, "-o", "out", "--passes", "max-pool,to-spiking", "--steps", 4,
        "--exit", "confidence{threshold=0.6}",
    )  # fmt: skip
    assert outcome.code == 0
    assert "thresholds=[0.6]" in outcome.out
    assert "nothing was measured" in outcome.out


def test_run_tells_where_each_sample_stopped(cli: Any, stopping: Path) -> None:
    outcome = cli("run", stopping, "--inputs", TEST, "--json", "--trace", "trace.npz")
    assert outcome.code == 0
    found = outcome.json
    assert found["exit"]["policy"].startswith("patience(")
    steps = found["exit"]["steps"]
    assert len(steps) == len(found["predictions"]) == 40
    assert found["exit"]["mean_steps"] == np.mean(steps)
    assert min(steps) >= 1
    assert max(steps) <= 6
    assert set(found["exit"]["heads"]) <= set(HEADS)
    with np.load("trace.npz") as trace:
        np.testing.assert_array_equal(trace["exit/step"], steps)
        assert [HEADS[i] for i in trace["exit/head"]] == found["exit"]["heads"]
        np.testing.assert_array_equal(trace["predictions"], found["predictions"])
        assert trace["outputs/logits"].shape == (6, 40, 10)


def test_run_shows_step_and_head_of_each_sample(cli: Any, stopping: Path) -> None:
    outcome = cli("run", stopping, "--inputs", TEST)
    assert "stopped at step" in outcome.out
    assert "samples answered by logits_ic1" in outcome.out
    header = next(line for line in outcome.out.splitlines() if "sample" in line and "class" in line)
    assert "steps" in header
    assert "head" in header


def test_run_goes_the_full_length_where_asked(cli: Any, stopping: Path) -> None:
    full = cli("run", stopping, "--inputs", TEST, "--json", "--full-length").json
    stopped = cli("run", stopping, "--inputs", TEST, "--json").json
    assert full["exit"] is None
    assert full["spikes_per_sample"] > stopped["spikes_per_sample"]
    assert "stopped at" not in cli("run", stopping, "--inputs", TEST, "--full-length").out


def test_settling_steps_are_not_told_of_samples_that_stopped(cli: Any) -> None:
    quantised = EXAMPLES / "quantised.onnx"
    data = ("--calibration", f"{IMAGES}:train[:40]", "--divide", 255)
    assert cli("compile", quantised, "-o", "out", *data, "--exit", "fixed{step=2}").code == 0
    stopped = cli("run", "out", "--inputs", TEST)
    assert "rest" not in stopped.out
    assert "settled" not in stopped.out
    assert "came to rest" in cli("run", "out", "--inputs", TEST, "--full-length").out


def test_inspect_shows_heads_and_exit(cli: Any, stopping: Path) -> None:
    outcome = cli("inspect", stopping)
    assert "logits_ic1 on h1.2 (membrane)" in outcome.out
    assert "\nexit     patience(heads=[" in outcome.out
    found = cli("inspect", stopping, "--json").json
    assert [head["name"] for head in found["heads"]] == HEADS
    assert {head["readout"] for head in found["heads"]} == {"membrane"}
    assert found["exit"].startswith("patience(")
    ann = cli("inspect", stopping / "ann.snn", "--json").json
    assert ann["exit"] is None


def test_opt_sets_an_exit_on_a_network_in_text_form(cli: Any, program: Path) -> None:
    policy = 'set-exit{policy="margin{threshold=1.5}"}'
    outcome = cli("opt", program / "network.snn", "--passes", policy, "-o", "set.snn")
    assert outcome.code == 0
    found = cli("run", "set.snn", "--inputs", TEST, "--divide", 255, "--json").json
    assert found["exit"]["policy"].startswith("margin(")
    again = cli("opt", "set.snn", "--passes", policy)
    assert again.code == 1
    assert "error[SN710]" in again.err


def test_opt_trains_classifiers_on_calibration_labels(cli: Any, program: Path) -> None:
    data = ("--calibration", f"{IMAGES}:train[:100]", "--divide", 255)
    passes = "insert-classifiers{after=fc_5}"
    outcome = cli("opt", program / "ann.snn", "--passes", passes, *data, "-o", "more.snn")
    assert outcome.code == 0
    assert "ADDED the head" in outcome.err
    assert len(cli("inspect", "more.snn", "--json").json["heads"]) == 2


def test_every_policy_is_listed_and_in_the_help(cli: Any) -> None:
    shown = " ".join(cli("compile", "--help").out.replace("│", " ").split())
    listed = cli("passes")
    assert "exit policies, for `snnc compile --exit`" in listed.out
    assert [row["name"] for row in cli("passes", "--json").json["exit_policies"]] == list(REQUESTS)
    for name in REQUESTS:
        assert name in shown
        assert name in listed.out
        described = cli("passes", name, "--json").json
        assert described["name"] == name
        assert {o["name"] for o in described["options"]} >= {"luck"}


def test_targets_tell_which_policies_they_execute(cli: Any) -> None:
    assert cli("targets", "reference", "--json").json["limits"]["exits"] == list(REQUESTS)
    assert "patience" in cli("targets", "reference").out

"""Exit policies of networks in whole numbers: fitted in floating point, executed as integers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import policies as nets
import pytest
from exit_networks import STEPS, Data, compiled
from whole_networks import Whole

import snnc
from snnc import backends
from snnc.backends.reference.target import ReferenceTarget
from snnc.cli import main
from snnc.cli.compile import exit_lines
from snnc.diagnostics import InputError, UsageError
from snnc.driver.exits import PERIOD, check_executed
from snnc.driver.integer_exits import differences
from snnc.exits.calibration import expected_calibration_error
from snnc.exits.recorded import Recorded
from snnc.ir import model as m
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.integer_exit import IntegerExit
from snnc.program import load_program, read_golden

PIPELINE = "normalize,to-spiking,whole"
FORMS = {
    "confidence{score=softmax}": m.IntegerConfidence,
    "margin": m.IntegerMargin,
    "confidence": (m.IntegerConfidence, m.IntegerMargin),
}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PASSES, "whole", Whole)


def fitted(net: Path, data: Data | np.ndarray | None, policy: str, **options: Any) -> Any:
    return compiled(net, data, policy, **{"passes": PIPELINE, **options})


@pytest.mark.parametrize("policy", FORMS)
def test_a_fit_ends_in_whole_numbers_and_keeps_what_was_fitted(
    net: Path, data: Data, policy: str
) -> None:
    result = fitted(net, data, policy, max_drop=2.0)
    assert result.network.stage == "fixed"
    assert isinstance(result.network.exit, FORMS[policy])
    assert [spec.partition("{")[0] for spec in result.network.passes[-3:]] == [
        "whole",
        "fit-exit",
        "integer-exit",
    ]
    record = result.report["exit"]
    assert re.match(r"(confidence|margin)\(.*thresholds=", record["text"])
    assert record["integer"]["text"].startswith("integer_")
    assert record["integer"]["samples"] == record["choosing"]["samples"] == 120
    assert json.loads(json.dumps(result.report, allow_nan=False)) == result.report
    assert any("in whole numbers" in line for line in exit_lines(record))


@pytest.mark.parametrize("policy", FORMS)
def test_the_differences_of_the_report_are_those_of_two_runs(
    net: Path, data: Data, policy: str
) -> None:
    """Of the network that is executed, and of the same one with the policy that was fitted."""
    result = fitted(net, data, policy, max_drop=2.0)
    record = result.report["exit"]
    x = data[0][PERIOD - 1 :: PERIOD]
    floating = replace(result, network=replace(result.network, exit=policy_of(record)))
    whole, before = result.run(x).exits, floating.run(x).exits
    found = record["integer"]
    assert found["other_step"] == (whole.step != before.step).sum()
    assert found["other_answer"] == (whole.answer != before.answer).sum()
    either = (whole.step != before.step) | (whole.answer != before.answer)
    assert found["different"] == either.sum()
    assert before.step.mean() == pytest.approx(record["choosing"]["mean_steps"], abs=1e-12)
    if policy == "margin":
        assert found["different"] == 0
    assert found["different"] <= 0.05 * len(x)


def policy_of(record: dict[str, Any]) -> m.Confidence | m.Margin:
    """The fitted policy, from its record."""
    kind = {"confidence": m.Confidence, "margin": m.Margin}[record["rule"]]
    names = ("first_step", "last_step", "alpha")
    lists = ("heads", "temperatures", "thresholds")
    fields = {n: record[n] for n in names} | {n: tuple(record[n]) for n in lists}
    return kind(**fields)


def test_a_finer_table_leaves_nothing_different(net: Path, data: Data) -> None:
    """The table is all that differs, and a table without a shift tells neighbours apart."""
    result = fitted(net, data, "confidence{score=softmax}", max_drop=2.0)
    before = replace(result.network, exit=policy_of(result.report["exit"]))
    after = IntegerExit(entries=2**14).run(before, Context())
    assert after.exit.shifts == (0,)
    x = data[0][PERIOD - 1 :: PERIOD]
    outputs = replace(result, network=before).run(x, exits=False).outputs
    assert differences(before, after, Recorded(outputs))["different"] == 0
    lower = tuple(limit - 2000 for limit in after.exit.limits)
    other = replace(after, exit=replace(after.exit, limits=lower))
    assert differences(before, other, Recorded(outputs))["different"] > 0


def test_a_policy_that_is_given_becomes_one_of_whole_numbers(net: Path, data: Data) -> None:
    result = fitted(net, data[0], "margin{threshold=0.3,heads=[last]}")
    # An integrator's unit is 1 / 64 of the ANN's, alpha 16.
    assert result.network.exit == m.IntegerMargin(heads=("last",), limits=(307,))
    record = result.report["exit"]
    assert record["fitted"] is False
    assert record["text"].startswith('margin(heads=["last"]')
    assert record["integer"] == {
        "text": 'integer_margin(heads=["last"], first_step=1, last_step=none, order=time, '
        "budgets=[], limits=[307])"
    }
    assert any("limits=[307]" in line for line in exit_lines(record))
    confident = fitted(net, data[0], "confidence{threshold=0.6}")
    assert any(note.startswith("integer-exit: tables") for note in confident.report["notes"])


@pytest.mark.parametrize("policy", ["patience", "fixed"])
def test_policies_without_read_outs_are_executed_as_they_are(
    net: Path, data: Data, policy: str
) -> None:
    result = fitted(net, data, policy, max_drop=2.0)
    assert isinstance(result.network.exit, m.Patience | m.Fixed)
    assert result.network.passes[-1] == "integer-exit"
    assert "integer" not in result.report["exit"]
    assert not any("whole numbers" in line for line in exit_lines(result.report["exit"]))


@pytest.mark.parametrize(
    ("policy", "words"), [("entropy", "entropy"), ("confidence{order=depth}", "order=depth")]
)
def test_what_has_no_integer_form_is_refused_before_it_is_fitted(
    net: Path, data: Data, policy: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("fitted before it was refused")

    monkeypatch.setattr("snnc.driver.exits.record", never)
    with pytest.raises(InputError, match=f"SN747.*{words}"):
        fitted(net, data, policy)


@pytest.mark.parametrize("policy", ["margin", "confidence{score=softmax}"])
def test_the_program_holds_the_integer_form_and_runs_as_it_was_compiled(
    net: Path, data: Data, policy: str, tmp_path: Path
) -> None:
    result = fitted(net, data, policy, max_drop=2.0)
    place = result.save(tmp_path / "out")
    loaded = snnc.load(place)
    assert loaded.network == result.network
    golden = read_golden(load_program(place))
    trace = loaded.run(dict(golden.inputs))
    for name, values in golden.exits.items():
        np.testing.assert_array_equal(values, getattr(trace.exits, name))
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["exit"]["text"] == result.report["exit"]["text"]
    assert manifest["exit"]["integer"] == result.report["exit"]["integer"]


@pytest.mark.parametrize("policy", ["margin", "confidence{score=softmax}"])
def test_an_evaluation_shows_exits_in_whole_numbers(net: Path, data: Data, policy: str) -> None:
    result = fitted(net, data, policy, max_drop=2.0)
    found = result.evaluate(data)
    report, trace = found.exit, result.run(data[0])
    assert report is not None
    assert report.stopped.steps == pytest.approx(trace.exits.step.mean())
    assert report.accuracy == (trace.exits.answer == data[1]).mean()
    assert report.stopped.steps < STEPS
    # On its front lies a threshold that stops as the policy does.
    assert any(
        p.mean_steps <= report.stopped.steps and p.accuracy >= report.accuracy for p in report.front
    )
    assert len(set(report.thresholds)) == 1 or policy == "margin"
    if policy == "margin":
        assert report.ece is None
        assert report.thresholds == result.network.exit.limits
        assert any("integer_margin has no confidence" in note for note in found.notes)
    else:
        threshold = result.report["exit"]["threshold"]
        assert report.thresholds[0] == pytest.approx(threshold, abs=1e-4)
        right = trace.exits.answer == data[1]
        assert report.ece == expected_calibration_error(trace.exits.score, right)
        assert report.course.score == "softmax confidence by a table of whole numbers"
    alone = result.evaluate(data, exits="run")
    assert alone.exit.stopped.steps == report.stopped.steps


def test_the_command_line_shows_them_too(
    net: Path, data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = fitted(net, data, "margin", max_drop=2.0).save(tmp_path / "out")
    np.savez(tmp_path / "data.npz", x=data[0], y=data[1])
    assert main(["eval", str(place), "--data", str(tmp_path / "data.npz")]) == 0
    shown = capsys.readouterr().out
    for words in ("exit integer_margin(heads=", "with exits  full length", "points below full"):
        assert words in shown
    assert main(["inspect", str(place / "network.snn"), "--text"]) == 0
    assert "exit = integer_margin(heads=" in capsys.readouterr().out


def test_the_integer_form_of_a_policy_counts_as_the_policy(monkeypatch: Any) -> None:
    limits = replace(ReferenceTarget().limits, exits=("confidence",))
    target = ReferenceTarget(limits=limits)
    monkeypatch.setitem(backends.TARGETS, "reference", target)
    check_executed(target, "confidence")
    check_executed(target, "integer_confidence")
    for other in ("margin", "integer_margin", "entropy"):
        with pytest.raises(UsageError, match="SN936"):
            check_executed(target, other)


def test_other_data_than_steps_or_answers_is_no_difference() -> None:
    """Counted are samples, each once."""
    network = nets.whole(m.IntegerMargin(heads=("final",), limits=(2,)))
    other = replace(network, exit=m.IntegerMargin(heads=("final",), limits=(4,)))
    steps = np.arange(1, nets.STEPS + 1)[:, None, None]
    outputs = {n: 0.5 * steps * np.array([[3, 0, 0], [0, 5, 0], [1, 0, 0]]) for n in nets.BOTH}
    recorded = Recorded(outputs)
    assert differences(network, network, recorded)["different"] == 0
    # Leads of 3, 5 and 1 a step: above 2 in steps 1, 1, 3 and above 4 in steps 2, 1, 5.
    found = differences(network, other, recorded)
    assert found == {"samples": 3, "other_step": 2, "other_answer": 0, "different": 2}

"""The exit section of the HTML report."""

from __future__ import annotations

import re
from typing import Any

import pytest
import report_examples
from exit_reports import EVALUATION, FOUND

from snnc.evaluation.html import accuracy_svg, render_report

FITTED: dict[str, Any] = {
    "fitted": True,
    "policy": "confidence",
    "text": "margin(heads=[<b>])",
    "request": "confidence{luck=1.0}",
    "data": {"data": "mnist.npz:test[:5000]", "samples": 5000},
    "max_drop": 0.25,
    "luck": 1.0,
    "fitting": {"samples": 3000},
    "choosing": {
        "samples": 2000,
        "accuracy": 0.9705,
        "accuracy_full": 0.971,
        "mean_steps": 3.125,
        "steps_full": 32.0,
    },
    "fixed": {"step": 5, "mean_steps": 5.0, "accuracy": 0.97, "t_star": 7, "t_star_accuracy": 0.98},
    "pareto": [
        {"threshold": None if i == 20 else i / 20, "mean_steps": 1 + i / 10, "accuracy": 0.9}
        for i in range(21)
    ],
    "notes": [],
}
REPORT: dict[str, Any] = {**report_examples.REPORT, "network": "net", "evaluation": EVALUATION}


def plain(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_costs_heads_and_steps_are_shown_with_exits_and_without() -> None:
    page = plain(render_report(REPORT))
    assert "With exits 95.00 % at 2.25 steps and 1,200 spikes." in page
    assert "mean time steps 2.25 4.00 43.8 %" in page
    assert "internal&lt; 75.00 % 2 96.00 % 90.00 % 91.00 %" in page
    assert "T*, fewest fixed steps near the best 4 steps, 97.00 %" in page
    assert "Fewest mean time steps on the evaluated data" in page
    assert "How the exit was fitted" not in page


def test_bars_are_as_long_as_their_counts() -> None:
    widths = re.findall(r'class="bar" style="width: ([0-9.]+)%"', render_report(REPORT))
    assert [float(w) for w in widths] == [40.0, 100.0, 60.0]


def test_the_fit_is_shown_whether_the_network_was_evaluated_or_not() -> None:
    for evaluation in (None, EVALUATION):
        page = plain(render_report({**REPORT, "evaluation": evaluation, "exit": FITTED}))
        assert "margin(heads=[&lt;b&gt;])" in page
        assert "fitted on mnist.npz:test[:5000]" in page
        assert "asked for confidence{luck=1.0}" in page
        assert "accepted loss 0.25 points, 1 standard errors" in page
        assert "3,000 to fit, 2,000 to choose" in page
        assert "97.05 %, full 97.10 %" in page
        assert "3.12, full 32.00" in page
        assert "fixed steps within the same loss 5 (on average 5.00), 97.00 %" in page
        assert "T* 7, 98.00 %" in page
        assert "none 3.00 90.00 %" in page


def test_what_whole_numbers_change_is_shown_where_there_are_any() -> None:
    whole = {"text": "integer_margin()", "samples": 2000, "different": 3}
    page = plain(render_report({**REPORT, "exit": {**FITTED, "integer": whole}}))
    assert "in whole numbers 3 of 2000 samples stop or answer otherwise" in page
    assert "in whole numbers" not in plain(render_report({**REPORT, "exit": FITTED}))


def test_a_long_front_is_shown_in_a_few_points() -> None:
    page = render_report({**REPORT, "evaluation": None, "exit": FITTED})
    assert page.count("90.00 %") == 8


def test_a_policy_given_in_full_has_no_figures() -> None:
    given = {"fitted": False, "policy": "fixed", "text": "fixed(step=3)"}
    page = plain(render_report({**REPORT, "exit": given}))
    assert "fixed(step=3)" in page
    assert "nothing was fitted or measured" in page


def test_reports_without_exits_have_no_exit_section() -> None:
    bare = {key: value for key, value in EVALUATION.items() if key != "exit"}
    for evaluation in (bare, {**bare, "exit": None}):
        page = render_report({**REPORT, "evaluation": evaluation})
        assert "ith exits" not in page
        assert "exit was fitted" not in page


def test_the_curve_marks_the_exits_at_their_mean_steps() -> None:
    picture = accuracy_svg(EVALUATION)
    assert "with exits 95.00 %, 2.25 steps" in picture
    assert picture.count("<circle") == 2
    marks = [float(x) for x in re.findall(r'<circle cx="([0-9.]+)"', picture)]
    later = accuracy_svg({**EVALUATION, "exit": {**FOUND, "mean_steps": 3.5}})
    assert [float(x) for x in re.findall(r'<circle cx="([0-9.]+)"', later)] > marks


@pytest.mark.parametrize("what", ["accuracy", "errors"])
def test_what_only_the_full_length_shows_is_missing_for_that_reason(what: str) -> None:
    only = {**EVALUATION, "accuracy_by_step": [], "exit": {**FOUND, "steps_full": None}}
    only["exit"] = {**only["exit"], "accuracy_full": None, "fixed": None, "same_answer": None}
    page = plain(render_report({**REPORT, "evaluation": only}))
    verb = "was" if what == "accuracy" else "were"
    assert f"only exits were run: {what} {verb} not measured" in page

"""The section of the HTML report about chips."""

from __future__ import annotations

import pytest
from fit_examples import FITTING, REFUSED, named
from report_examples import REPORT

from snnc.evaluation.html import render_report


@pytest.mark.parametrize("evaluated", [True, False])
def test_the_section_shows_both_chips(evaluated: bool) -> None:
    report = REPORT if evaluated else {**REPORT, "evaluation": None}
    page = render_report({**report, "fit": FITTING})
    assert page.count("<h2>Does it fit?</h2>") == 1
    assert "Loihi 1 (published limits): fits on 1 chip, 9 cores" in page
    assert "Loihi 2 (an estimate): fits on 1 chip" in page
    assert '<td class="n">112x1x1</td>' in page
    assert "synapse memory bytes 94 %" in page
    assert "Intel has published no rules of allocation" in page


def test_what_does_not_fit_is_said_with_its_numbers() -> None:
    page = render_report({**REPORT, "fit": REFUSED})
    assert "does not fit, because of 1 of 1 layers" in page
    assert "<li>fc does not fit: input axons per core: 4,097 of 4,096</li>" in page


@pytest.mark.parametrize("report", [REPORT, {**REPORT, "fit": None}, {**REPORT, "fit": {}}])
def test_without_a_fit_there_is_no_section(report: dict[str, object]) -> None:
    assert "Does it fit?" not in render_report(report)


def test_names_are_escaped() -> None:
    page = render_report({**REPORT, "fit": {"loihi1": named(FITTING["loihi1"], "<b>&")}})
    assert "<td>&lt;b&gt;&amp;</td>" in page
    assert "<b>&" not in page

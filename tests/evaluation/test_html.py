"""The pictures and the page: what they show, and that names cannot break them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from report_examples import EVALUATION, LAYER, REPORT

from snnc.evaluation.html import accuracy_svg, layers_svg, render_report


def test_pictures_are_well_formed_and_show_the_last_accuracy() -> None:
    picture = accuracy_svg(EVALUATION)
    ET.fromstring(picture)
    assert "SNN 97.00 %" in picture
    assert "ANN 99.00 %" in picture
    assert picture.count(",") >= 4


def test_a_worse_curve_lies_lower() -> None:
    def last_y(accuracy: float) -> float:
        curve = [0.5, accuracy]
        picture = accuracy_svg({**EVALUATION, "accuracy_by_step": curve})
        circle = next(e for e in ET.fromstring(picture).iter() if e.tag.endswith("circle"))
        return float(circle.attrib["cy"])

    assert last_y(0.6) > last_y(0.9)


def test_pictures_without_labels_or_ann_say_so() -> None:
    bare = {**EVALUATION, "accuracy_by_step": [], "ann_accuracy": None}
    picture = accuracy_svg(bare)
    ET.fromstring(picture)
    assert "no labels" in picture
    layers = layers_svg({**EVALUATION, "layers": [{**LAYER, "errors": None}]})
    ET.fromstring(layers)
    assert "no ANN" in layers


def test_bars_are_as_long_as_the_errors() -> None:
    picture = layers_svg(EVALUATION)
    bars = [
        float(e.attrib["width"])
        for e in ET.fromstring(picture).iter()
        if e.tag.endswith("rect") and e.attrib["height"] == "15"
    ]
    assert bars[1] == pytest.approx(2 * bars[0], abs=0.2)
    assert bars[1] == pytest.approx(4 * bars[2], abs=0.3)
    assert bars[3] == 0


def test_names_are_escaped() -> None:
    page = render_report(REPORT)
    assert "<script>" not in page
    assert "&lt;conv&gt;&amp;1" in page
    assert "one &lt; two" in page


def test_a_report_without_evaluation_says_so() -> None:
    assert "not evaluated" in render_report({**REPORT, "evaluation": None})


@pytest.mark.parametrize(
    ("smallest", "ticks"), [(0.97, "90 %,92 %"), (0.85, "80 %,84 %"), (0.3, "0 %,20 %")]
)
def test_the_accuracy_scale_has_round_numbers(smallest: float, ticks: str) -> None:
    picture = accuracy_svg({**EVALUATION, "accuracy_by_step": [smallest, 0.99]})
    texts = [e.text for e in ET.fromstring(picture).iter() if e.tag.endswith("text")]
    assert ",".join(t for t in texts[:2] if t) == ticks


def test_a_long_layer_name_keeps_its_end() -> None:
    long = {**LAYER, "name": "a_prefix_that_all_layers_share.conv2d_12"}
    picture = layers_svg({**EVALUATION, "layers": [long]})
    assert "share.conv2d_12<" in picture
    assert "a_prefix" not in picture


def test_a_note_is_shown_once() -> None:
    page = render_report({**REPORT, "notes": ["one < two"]})
    assert page.count("one &lt; two") == 1


SETTLED: dict[str, Any] = {
    "samples": 100,
    "mean": 4.25,
    "median": 4.0,
    "max": 6,
    "unsettled": 3,
    "histogram": {"4": 90, "6": 7},
}
EXACT: dict[str, Any] = {
    "verdict": "equal to the quantised ANN <in> every neuron",
    "readout_difference": 1.5e-8,
    "engine": "interpreter",
    "precision": "float64",
}


def test_settling_and_exactness_are_shown_where_they_were_measured() -> None:
    layers = [{**LAYER, "unequal": 12345}]
    shown = {**EVALUATION, "settled": SETTLED, "exactness": EXACT, "layers": layers}
    page = render_report({**REPORT, "evaluation": shown})
    assert "at step 4.25, median 4, at the latest 6. 3 of 100 samples did not." in page
    assert '<td class="n">6</td><td class="n">7</td>' in page
    assert "equal to the quantised ANN &lt;in&gt; every neuron" in page
    assert '<td class="n">12,345</td>' in page
    plain = render_report(REPORT)
    assert "come to rest" not in plain
    assert "unequal" not in plain


def test_no_settled_sample_is_said_in_words() -> None:
    nothing = {**SETTLED, "mean": None, "median": None, "max": None, "histogram": {}}
    page = render_report({**REPORT, "evaluation": {**EVALUATION, "settled": nothing}})
    assert "None of 100 samples came to rest." in page


def test_a_gated_schedule_and_the_choice_of_the_pipeline_are_shown() -> None:
    choice = {"spec": "a,b", "reason": "the target has < all"}
    page = render_report({**REPORT, "window": 3, "choice": choice})
    assert "at most 4 time steps, input in the first 3, ends when nothing fires" in page
    assert "chosen because the target has &lt; all." in page

"""Pictures of exits: what they show, that they can be missing, and that their bytes are fixed."""

from __future__ import annotations

import copy
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib
import pytest

from snnc.evaluation.plots import exit_pictures

QUARTILES = {"right": [0.4, 0.5, 0.6], "wrong": [0.2, 0.3, 0.35], "every": [0.3, 0.45, 0.6]}
EVALUATED: dict[str, Any] = {
    "samples": 100,
    "ann_accuracy": 0.99,
    "accuracy_by_step": [0.5, 0.8, 0.9, 0.97],
    "settled": None,
    "exit": {
        "policy": "confidence",
        "order": "time",
        "thresholds": [0.6, 0.6],
        "mean_steps": 2.25,
        "equivalent_steps": 2.25,
        "steps_full": 4.0,
        "accuracy": 0.96,
        "histogram": {"1": 20, "2": 50, "4": 30},
        "pareto": [
            {"threshold": 0.1, "mean_steps": 1.0, "accuracy": 0.5},
            {"threshold": None, "mean_steps": 4.0, "accuracy": 0.97},
        ],
        "oracle": [{"mean_steps": 1.0, "accuracy": 0.5}, {"mean_steps": 1.5, "accuracy": 0.99}],
        "fixed": {"t_star": 4, "t_star_mean_steps": 4.0, "t_star_accuracy": 0.97},
        "score": {
            "score": "softmax confidence",
            "head": "final",
            "by_step": [{"step": step, "samples": 100, **QUARTILES} for step in (1, 2, 3)],
        },
    },
}
ALL = {"exit_accuracy.svg", "exit_histogram.svg", "exit_confidence.svg"}


def changed(**values: Any) -> dict[str, Any]:
    found = copy.deepcopy(EVALUATED)
    found["exit"].update(values)
    return found


def texts(picture: bytes) -> list[str]:
    return [e.text or "" for e in ET.fromstring(picture).iter() if e.tag.endswith("text")]


def test_pictures_are_svg_whose_texts_can_be_read() -> None:
    drawn, missing = exit_pictures(EVALUATED)
    assert set(drawn) == ALL
    assert missing == {}
    accuracy = texts(drawn["exit_accuracy.svg"])
    for text in ("accuracy, %", "mean time steps (logarithmic)", "T* = 4", "ANN 99.00 %"):
        assert text in accuracy
    assert "confidence: 2.25 steps, 96.00 %" in accuracy
    assert "oracle, which knows the labels" in accuracy
    histogram = texts(drawn["exit_histogram.svg"])
    assert {"time steps until the answer", "samples of 100", "mean 2.25"} <= set(histogram)
    scores = texts(drawn["exit_confidence.svg"])
    assert {"softmax confidence, head final", "threshold 0.6"} <= set(scores)
    assert {"right answers, median", "wrong answers, median"} <= set(scores)
    assert "all answers, median" not in scores


def test_the_same_figures_give_the_same_bytes_whatever_the_settings() -> None:
    first, _ = exit_pictures(EVALUATED)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        second, _ = exit_pictures(copy.deepcopy(EVALUATED))
    assert first == second
    for picture in first.values():
        assert b"<dc:date>" not in picture


def test_other_figures_give_another_picture() -> None:
    first, _ = exit_pictures(EVALUATED)
    second, _ = exit_pictures(changed(histogram={"1": 21, "2": 49, "4": 30}))
    assert first["exit_histogram.svg"] != second["exit_histogram.svg"]
    assert first["exit_accuracy.svg"] == second["exit_accuracy.svg"]


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ({"steps_full": None}, "exit_accuracy.svg", "only the run with exits"),
        ({"steps_full": None}, "exit_confidence.svg", "only the run with exits"),
        ({"accuracy": None}, "exit_accuracy.svg", "no labels"),
        ({"score": None, "policy": "fixed"}, "exit_confidence.svg", "fixed has no score"),
    ],
)
def test_a_picture_without_figures_is_missing_for_a_reason(
    values: dict[str, Any], name: str, reason: str
) -> None:
    drawn, missing = exit_pictures(changed(**values))
    assert name not in drawn
    assert reason in missing[name]
    assert set(drawn) | set(missing) == ALL
    assert "exit_histogram.svg" in drawn


def test_scores_without_labels_are_those_of_all_answers() -> None:
    score = copy.deepcopy(EVALUATED["exit"]["score"])
    for point in score["by_step"]:
        point["right"] = point["wrong"] = None
    drawn, _ = exit_pictures(changed(score=score, accuracy=None))
    assert "all answers, median" in texts(drawn["exit_confidence.svg"])


def test_depth_counts_steps_of_the_whole_network() -> None:
    drawn, _ = exit_pictures(changed(order="depth", equivalent_steps=1.5))
    shown = texts(drawn["exit_accuracy.svg"])
    assert "confidence: 1.50 steps, 96.00 %" in shown
    assert any("of the whole network" in text for text in shown)


def test_a_policy_without_front_is_drawn_without_it() -> None:
    drawn, _ = exit_pictures(changed(pareto=None))
    assert not any("Pareto" in text for text in texts(drawn["exit_accuracy.svg"]))


def test_steps_at_rest_do_not_count() -> None:
    settled = {"samples": 100, "unsettled": 0, "histogram": {"2": 50, "4": 50}}
    resting, _ = exit_pictures({**EVALUATED, "settled": settled})
    moving, _ = exit_pictures(EVALUATED)
    assert resting["exit_accuracy.svg"] != moving["exit_accuracy.svg"]
    assert resting["exit_histogram.svg"] == moving["exit_histogram.svg"]


def test_matplotlib_is_loaded_only_for_pictures() -> None:
    code = "import snnc.cli.eval, snnc.evaluation.evaluate, snnc.evaluation.html, sys; "
    code += "print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_steps_of_phases_are_drawn_from_where_a_head_speaks() -> None:
    """The window of the last head is a small part of a logarithmic axis over all steps."""
    from matplotlib.figure import Figure

    from snnc.evaluation.plots import draw_accuracy

    found = changed(mean_steps=26.5)
    found["exit"]["pareto"] = [{"threshold": 0.1, "mean_steps": 25.0, "accuracy": 0.5}]
    found["exit"]["oracle"] = [{"mean_steps": 26.0, "accuracy": 0.9}]
    found["accuracy_by_step"] = [0.1] * 24 + [0.5, 0.8, 0.9, 0.97]
    for phases, scale in (({"opens": 25}, "linear"), (None, "log")):
        axes = Figure().add_subplot()
        draw_accuracy(axes, {**found, "phases": phases})
        assert axes.get_xscale() == scale
        if phases:
            assert axes.get_xlim()[0] == 24.0
            assert axes.get_xlabel() == "mean time steps"

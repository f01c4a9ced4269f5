"""The README's picture shows the numbers it is given."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = ROOT / "tools" / "accuracy_picture.py"
    spec = importlib.util.spec_from_file_location("accuracy_picture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "accuracy_picture", module)  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    path = tmp_path / "eval.json"
    result = {
        "samples": 500,
        "ann_accuracy": 0.99,
        "accuracy_by_step": [0.5, 0.75, 0.9, 0.95, 0.98],
    }
    path.write_text(json.dumps(result))
    return path


def test_the_curve_has_a_point_for_each_step_at_its_height(
    tool: ModuleType, evaluation: Path
) -> None:
    curve = tool.read_curve(f"LeNet <MNIST>={evaluation}")
    root = ElementTree.fromstring(tool.picture([curve]))
    line = root.find(f"{SVG}polyline")
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights == pytest.approx([tool.down(a) for a in curve.by_step], abs=0.05)
    assert heights == sorted(heights, reverse=True)


def test_the_legend_names_both_accuracies_and_the_number_of_images(
    tool: ModuleType, evaluation: Path
) -> None:
    root = ElementTree.fromstring(tool.picture([tool.read_curve(f"LeNet <MNIST>={evaluation}")]))
    words = [element.text for element in root.iter(f"{SVG}text")]
    for expected in ("LeNet <MNIST>", "spiking, T=5: 98.00 %", "ANN (dashed): 99.00 %"):
        assert expected in words
    assert "500 images" in words


def test_the_marks_double_and_end_at_the_last_step(tool: ModuleType) -> None:
    assert tool.marks(1) == [1]
    assert tool.marks(20) == [1, 2, 4, 8, 16, 20]
    assert tool.marks(64) == [1, 2, 4, 8, 16, 32, 64]

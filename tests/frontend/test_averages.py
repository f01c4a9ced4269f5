"""Average pooling with counted padding, right also where the installed onnxruntime is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_models import build, save

from snnc.frontend import averages
from snnc.frontend.importer import import_model
from snnc.frontend.runtime import Runner
from snnc.ir.interpret import evaluate

UNEVEN = "y = AveragePool<kernel_shape=[3,2], pads=[0,0,1,1], count_include_pad=1>(x)"
ROUNDED_UP = (
    "y = AveragePool<kernel_shape=[3,2], strides=[3,2], ceil_mode=1, count_include_pad=1>(x)"
)
LINE = "y = AveragePool<kernel_shape=[3], pads=[0,1], count_include_pad=1>(x)"
SAME = 'y = AveragePool<kernel_shape=[2,2], auto_pad="SAME_UPPER", count_include_pad=1>(x)'
CASES = {
    "uneven padding": build(UNEVEN, opset=19),
    "uneven padding, opset 10": build(UNEVEN, opset=10),
    "rounded up": build(ROUNDED_UP),
    "one axis": build(LINE, opset=19, inputs="float[N,3,7] x"),
    "same": build(SAME, opset=19),
}


@pytest.mark.parametrize("case", CASES)
def test_counted_padding_passes_the_gate_under_every_onnxruntime(case: str, tmp_path: Path) -> None:
    imported = import_model(save(CASES[case], tmp_path))
    assert imported.gate_error is not None
    assert imported.gate_error < 1e-5


@pytest.mark.parametrize("case", ["uneven padding", "one axis"])
def test_the_average_is_that_of_the_onnx_reference(case: str, tmp_path: Path) -> None:
    imported = import_model(save(CASES[case], tmp_path))
    x = np.random.default_rng(0).normal(size=(2, *imported.network.inputs[0].shape))
    x = x.astype(np.float32)
    (wanted,) = ReferenceEvaluator(CASES[case]).run(None, {"x": x})
    (found,) = evaluate(imported.network, {"x": x}).values()
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_onnxruntime_gets_the_padding_apart_and_a_note_says_so(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model under onnxruntime is then written differently, its values are the same."""
    monkeypatch.setattr(averages, "_agrees", lambda *_: False)
    imported = import_model(save(CASES[case], tmp_path))
    assert [n.op_type for n in imported.model.graph.node] == ["Pad", "AveragePool"]
    assert imported.gate_error is not None
    assert imported.gate_error < 1e-5
    assert any("averages wrongly at AveragePool_0" in note for note in imported.notes)


def test_a_right_average_stays_as_it_is(tmp_path: Path) -> None:
    """Even padding is computed rightly by every onnxruntime."""
    nodes = "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)"
    imported = import_model(save(build(nodes), tmp_path))
    assert [n.op_type for n in imported.model.graph.node] == ["AveragePool"]
    assert not imported.notes


def test_the_trial_tells_wrong_averages_from_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a runtime whose averages are off by a little does not agree."""
    model = build("y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)")
    op = averages.m.AvgPool2d((3, 3), (1, 1), (1, 1, 1, 1), True, False)
    node: onnx.NodeProto = model.graph.node[0]
    assert averages._agrees(model, node, op, (8, 8))
    run = Runner.run
    monkeypatch.setattr(Runner, "run", lambda *a: {n: v * 1.01 for n, v in run(*a).items()})
    assert not averages._agrees(model, node, op, (8, 8))

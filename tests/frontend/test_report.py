"""The conversion report: every refused node once, in graph order, with reason, cure and share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx_models import build, integers, numbers, residual, save

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model, survey
from snnc.frontend.operators import HOST_OPERATORS, OPERATORS, REFUSED


def test_everything_convertible(tmp_path: Path) -> None:
    path = save(residual(), tmp_path)
    report = survey(path)
    assert (report.nodes, report.convertible, report.refused, report.unreached) == (8, 8, (), 0)
    assert report.mac_share == 1.0
    # 3 -> 6 and 6 -> 6 channels of 3x3 over 8x8 pixels, then 6 -> 5
    assert report.macs == 6 * 27 * 64 + 6 * 54 * 64 + 30
    assert report.diagnostics() == ()
    assert import_model(path).report == report


def test_every_refused_node_is_listed_in_graph_order(tmp_path: Path) -> None:
    """Nodes behind a refused one are judged on their own."""
    model = build(
        """a = Conv<pads=[1,1,1,1]>(x, w)
        b = Tanh(a)
        c = Conv<pads=[1,1,1,1]>(b, v)
        d = Relu(c)
        e = Sigmoid(d)
        f = Mul(e, d)
        g = Floor(f)
        y = Conv(g, v)""",
        {"w": (4, 3, 3, 3), "v": (4, 4, 3, 3)},
    )
    path = save(model, tmp_path)
    report = survey(path)
    assert [node.operator for node in report.refused] == ["Tanh", "Sigmoid", "Floor"]
    assert [node.name for node in report.refused] == ["Tanh_1", "Sigmoid_4", "Floor_6"]
    assert report.unreached == 1  # the Mul: refused only because the Sigmoid is
    assert report.convertible == 4
    # what the first two convolutions compute goes into refused nodes only
    assert report.macs == 4 * 27 * 64 + 4 * 36 * 64 + 4 * 36 * 36
    assert report.convertible_macs == 4 * 36 * 36
    with pytest.raises(InputError) as caught:
        import_model(path)
    codes = [d.code for d in caught.value.diagnostics]
    assert codes == ["SN620", "SN620", "SN620", "SN621"]
    assert 'node "Tanh_1"' in caught.value.diagnostics[0].where
    assert "4 of 8 nodes" in caught.value.diagnostics[-1].message
    assert json.loads(json.dumps(report.as_dict()))["unreached"] == 1


def test_share_counts_multiply_accumulates(tmp_path: Path) -> None:
    """A recurrent layer's share is its weights times the steps of the sequence."""
    model = build(
        """t = Transpose<perm=[1,0,2]>(x)
        h, last = GRU<hidden_size=4>(t, w, r)
        s = Squeeze(last, zero)
        y = MatMul(s, v)""",
        {"w": (1, 12, 6), "r": (1, 12, 4), "v": (4, 2), "zero": integers(0)},
        inputs="float[N,7,6] x",
    )
    report = survey(save(model, tmp_path))
    assert report.macs == 7 * (72 + 48) + 8
    assert report.convertible_macs == 8
    assert [n.operator for n in report.refused] == ["Transpose", "GRU"]


def test_layer_is_of_use_if_one_of_its_readers_is(tmp_path: Path) -> None:
    """A layer counts as long as any way from it avoids the refused nodes."""
    model = build(
        """a = Conv<pads=[1,1,1,1]>(x, w)
        b = Tanh(a)
        c = Relu(a)
        p = MaxPool<kernel_shape=[2,2]>(c)
        f = Flatten(p)
        y = MatMul(f, v)""",
        {"w": (4, 3, 3, 3), "v": (196, 2)},
        outputs=("y", "b"),
    )
    report = survey(save(model, tmp_path))
    assert [node.operator for node in report.refused] == ["Tanh"]
    assert report.mac_share == 1.0


def test_unknown_domain(tmp_path: Path) -> None:
    model = build("y = com.acme.Spin(x)", domains={"com.acme": 1})
    (node,) = survey(save(model, tmp_path)).refused
    assert node.operator == "com.acme.Spin"
    assert "com.acme" in node.reason


ONE_NODE = {
    "Tanh": "Tanh(x)",
    "HardSwish": "HardSwish(x)",
    "HardSigmoid": "HardSigmoid(x)",
    "Elu": "Elu(x)",
    "Erf": "Erf(x)",
    "LRN": "LRN<size=3>(x)",
    "InstanceNormalization": "InstanceNormalization(x, three, three)",
    "LayerNormalization": "LayerNormalization(x, eight)",
    "Floor": "Floor(x)",
    "Round": "Round(x)",
    "QuantizeLinear": "QuantizeLinear(x, one)",
    "Greater": "Greater(x, one)",
    "TopK": "Neg(x) y2, i = TopK(x, k)",
    "Resize": 'Resize<mode="cubic">(x, , scales)',
}


@pytest.mark.parametrize("operator", ONE_NODE)
def test_refused_operator_has_reason_and_cure(operator: str, tmp_path: Path) -> None:
    """Followed by a Relu, so that nothing stands at the end of the network."""
    model = build(
        f"a = {ONE_NODE[operator]} y = Relu({'y2' if operator == 'TopK' else 'a'})",
        {
            "one": numbers(1),
            "three": numbers(1, 2, 3),
            "eight": np.ones(8, np.float32),
            "k": integers(2),
            "scales": numbers(1, 1, 2, 2),
        },
    )
    report = survey(save(model, tmp_path))
    assert report.refused[0].operator == operator
    assert len(report.refused[0].reason) > 20
    assert len(report.refused[0].cure) > 20


def test_attention_is_refused_at_its_products(tmp_path: Path) -> None:
    model = build(
        """q = MatMul(x, w)
        t = Transpose<perm=[0,2,1]>(q)
        s = MatMul(q, t)
        p = Softmax<axis=-1>(s)
        o = MatMul(p, q)
        y = Add(o, x)""",
        {"w": (6, 6)},
        inputs="float[N,4,6] x",
    )
    report = survey(save(model, tmp_path))
    assert [n.operator for n in report.refused] == ["MatMul", "Softmax"]
    assert "attention" in report.refused[0].reason
    assert "stands between layers (as in attention)" in report.refused[1].reason


def test_loops_are_refused(tmp_path: Path) -> None:
    model = build(
        "c = ReduceMax<keepdims=0>(x) b = Greater(c, z) y = If(b) <then_branch = g () => "
        "(float[N,3] o) { o = Relu(x) }, else_branch = h () => (float[N,3] o) { o = Neg(x) }>",
        {"z": numbers(0)},
        inputs="float[N,3] x",
    )
    report = survey(save(model, tmp_path))
    assert "If" in [n.operator for n in report.refused]


def test_no_operator_is_both_converted_and_refused() -> None:
    assert not set(OPERATORS) & set(REFUSED)
    assert not set(OPERATORS) & HOST_OPERATORS


def test_output_that_no_input_reaches(tmp_path: Path) -> None:
    model = build("y = Relu(x) z = Neg(c)", {"c": (3,)}, outputs=("y", "z"))
    report = survey(save(model, tmp_path))
    assert [(n.operator, n.name) for n in report.refused] == [("Output", "z")]

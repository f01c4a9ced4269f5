"""Models that onnxruntime is too old for: two-bit integers in float32, in an older opset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx_models import build, integers, numbers, save

from snnc.diagnostics import InputError
from snnc.frontend import low_bits
from snnc.frontend.graph import Graph
from snnc.frontend.importer import import_model
from snnc.frontend.loader import load
from snnc.frontend.normalise import named, normalise
from snnc.frontend.runtime import Runner

RANGES = {TensorProto.UINT2: (0, 3), TensorProto.INT2: (-2, 1)}
X = np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32) * 2


def _two_bits(name: str, values: list[int], kind: int, shape: list[int]) -> onnx.TensorProto:
    return helper.make_tensor(name, kind, shape, values)


def _model(nodes: str, tensors: list[onnx.TensorProto], **weights: Any) -> onnx.ModelProto:
    model = build(nodes, weights, opset=25, ir_version=13)
    model.graph.initializer.extend(tensors)
    return model


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """An onnxruntime that knows opset 22 and no two-bit integers."""

    def runs(model: onnx.ModelProto) -> bool:
        kinds = {t.data_type for t in model.graph.initializer}
        return low_bits._opset(model) <= 22 and not kinds & set(RANGES)

    monkeypatch.setattr(low_bits, "_runs", runs)


def _read(model: onnx.ModelProto, folder: Path) -> tuple[onnx.ModelProto, Graph]:
    loaded = load(save(model, folder))
    proto = named(loaded)
    return proto, normalise(loaded, proto)


def _rounded(
    x: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], kind: int
) -> NDArray[np.float32]:
    """QuantizeLinear and DequantizeLinear as ONNX defines them."""
    low, high = RANGES[kind]
    whole = np.clip(np.rint(x / scale) + zero, low, high)
    return np.asarray((whole - zero) * scale, dtype=np.float32)


@pytest.mark.parametrize("kind", [TensorProto.UINT2, TensorProto.INT2])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("moved", [False, True])
def test_quantisers_keep_their_values(
    kind: int, channels: int, moved: bool, older: None, tmp_path: Path
) -> None:
    """Per tensor and per channel, with zero points, also where the integers are reshaped."""
    low = RANGES[kind][0]
    scale = np.array([0.5, 0.75, 1.25], np.float32)[:channels]
    zeros = [low + 1, low, low + 2][:channels]
    between = "u = Identity(t)" if moved else "u = Identity(q)"
    nodes = f"""q = QuantizeLinear<axis=1>(x, s, z)
        t = Transpose<perm=[0,1,3,2]>(q)
        {between}
        d = DequantizeLinear<axis=1>(u, s, z)
        y = Mul(d, two)"""
    shape = [channels] if channels > 1 else []
    given = scale if channels > 1 else scale.reshape(())
    model = _model(nodes, [_two_bits("z", zeros, kind, shape)], s=given, two=numbers(2))
    proto, graph = _read(model, tmp_path)
    rewritten = low_bits.runnable(proto, graph)
    assert rewritten is not proto
    assert low_bits._opset(rewritten) == 22
    assert rewritten.ir_version <= 10
    column = (scale.reshape(-1, 1, 1), np.array(zeros).reshape(-1, 1, 1))
    wanted = 2 * _rounded(X, *column, kind)
    found = Runner(rewritten, ["y", "d"]).run(X)
    assert sorted(found) == ["d", "y"]
    np.testing.assert_allclose(found["y"], wanted.swapaxes(2, 3) if moved else wanted, atol=1e-6)


def test_output_type_by_name_and_no_zero_point(older: None, tmp_path: Path) -> None:
    nodes = f"""q = QuantizeLinear<output_dtype={int(TensorProto.INT2)}>(x, s)
        d = DequantizeLinear(q, s)
        y = Mul(d, two)"""
    proto, graph = _read(_model(nodes, [], s=numbers(0.5), two=numbers(2)), tmp_path)
    found = Runner(low_bits.runnable(proto, graph), ["y"]).run(X)["y"]
    wanted = 2 * _rounded(X, numbers(0.5), numbers(0), TensorProto.INT2)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("constant", [False, True], ids=["initializer", "Constant node"])
def test_weights_of_two_bits(constant: bool, older: None, tmp_path: Path) -> None:
    """Weights stored in two bits, per channel, behind a DequantizeLinear."""
    rng = np.random.default_rng(1)
    levels = rng.integers(-2, 2, (4, 3, 1, 1))
    scale = np.array([0.5, 1, 2, 4], np.float32)
    weight = _two_bits("w", levels.reshape(-1).tolist(), TensorProto.INT2, [4, 3, 1, 1])
    model = _model(
        "d = DequantizeLinear<axis=0>(w, s) a = Conv(x, d) y = Relu(a)",
        [] if constant else [weight],
        s=scale,
    )
    if constant:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=weight))
    proto, graph = _read(model, tmp_path)
    found = Runner(low_bits.runnable(proto, graph), ["y"]).run(X)["y"]
    whole = (levels * scale.reshape(4, 1, 1, 1)).reshape(4, 3)
    wanted = np.maximum(np.einsum("oc,nchw->nohw", whole, X), 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_newer_opset_alone_is_lowered(older: None, tmp_path: Path) -> None:
    proto, graph = _read(_model("a = Conv(x, w) y = Relu(a)", [], w=(4, 3, 3, 3)), tmp_path)
    lowered = low_bits.runnable(proto, graph)
    assert low_bits._opset(lowered) == 22
    np.testing.assert_array_equal(
        Runner(lowered, ["y"]).run(X)["y"], Runner(_at(proto, 21), ["y"]).run(X)["y"]
    )


def _at(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.opset_import[0].version = opset
    copy.ir_version = 10
    return copy


def test_known_model_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to opset 21 nothing is tried; above it a model that runs stays as it is."""
    model = build("y = Relu(x)", opset=21, ir_version=10)
    proto, graph = _read(model, tmp_path)
    monkeypatch.setattr(low_bits, "_runs", lambda _: pytest.fail("tried"))
    assert low_bits.runnable(proto, graph) is proto
    newer, graph = _read(_model("y = Relu(x)", []), tmp_path)
    monkeypatch.setattr(low_bits, "_runs", lambda _: True)
    assert low_bits.runnable(newer, graph) is newer


def test_what_cannot_be_rewritten_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that no older opset can say stays as it is, and SN613 names the version."""
    proto = named(load(save(build("y = Relu(x)"), tmp_path)))
    proto.opset_import[0].version = 1000  # one that no onnxruntime will know for long
    graph = Graph("model.onnx", (), (), (), (), {}, {}, 3)
    monkeypatch.setattr(low_bits, "_lowered", lambda *_: None)
    assert low_bits.runnable(proto, graph) is proto
    with pytest.raises(InputError, match="onnxruntime refuses") as caught:
        Runner(proto, ["y"])
    assert "install a newer onnxruntime" in caught.value.diagnostics[0].help
    assert "this one has 1000" in caught.value.diagnostics[0].help


def test_import_of_two_bits_goes_through_the_gate(tmp_path: Path) -> None:
    """With the installed onnxruntime, whether it knows two-bit integers or not."""
    nodes = """a = Conv(x, w)
        r = Relu(a)
        q = QuantizeLinear(r, s, z)
        d = DequantizeLinear(q, s, z)
        f = Reshape(d, shape)
        y = MatMul(f, v)"""
    model = _model(
        nodes,
        [_two_bits("z", [0], TensorProto.UINT2, [])],
        w=(4, 3, 3, 3),
        s=numbers(0.5),
        v=(144, 5),
        shape=integers(0, 144),
    )
    result = import_model(save(model, tmp_path))
    assert result.gate_error is not None
    assert result.gate_error < 1e-5

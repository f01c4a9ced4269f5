"""ONNX files that must be rejected, through the command line: message, exit code, nothing left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.ones((4, 3), np.float32)
GEMM = helper.make_node("Gemm", ["x", "w"], ["y"], name="fc")
CONV = (
    helper.make_node("Conv", ["x", "k"], ["c"], name="conv"),
    helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
    helper.make_node("Flatten", ["p"], ["y"], name="flat"),
)
CYCLE = (
    helper.make_node("Add", ["x", "b"], ["a"], name="first"),
    helper.make_node("Relu", ["a"], ["b"], name="second"),
    helper.make_node("Gemm", ["b", "w"], ["y"], name="fc"),
)


def model(nodes: Any, weights: dict[str, Any], shape: tuple[Any, ...] = ("N", 4)) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 3))],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    content: bytes = proto.SerializeToString()
    return content


GOOD = model([GEMM], {"w": WEIGHT})
KERNEL = np.ones((3, 1, 3, 3), np.float32)
BAD: dict[str, tuple[bytes, str, str]] = {
    "no ONNX file": (b"\x89PNG\r\n\x1a\n" + bytes(100), "SN601", "not an ONNX file"),
    "empty": (b"", "SN602", "the file is empty"),
    "truncated": (GOOD[:-20], "SN602", "it is truncated"),
    "header of 2 GB": (b"\x3a\x80\x80\x80\x80\x08" + GOOD[:50], "SN602", "2,147,483,648 bytes"),
    "cyclic": (model(CYCLE, {"w": WEIGHT}), "SN605", "the graph is cyclic"),
    "missing initializer": (model([GEMM], {}), "SN606", "it reads w, which is neither"),
    "NaN": (model([GEMM], {"w": WEIGHT * np.nan}), "SN607", "w holds NaN or infinite values"),
    "infinite": (model([GEMM], {"w": WEIGHT * np.inf}), "SN607", "w holds NaN or infinite"),
    "dynamic height": (
        model(CONV, {"k": KERNEL}, ("N", 1, "H", 28)),
        "SN608",
        "input x has the dynamic shape [N, 1, H, 28]",
    ),
}


@pytest.mark.parametrize("command", ["compile", "eval", "inspect"])
@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_model_is_rejected_with_its_reason(
    cli: Any, tmp_path: Path, command: str, name: str
) -> None:
    content, code, message = BAD[name]
    (tmp_path / "bad.onnx").write_bytes(content)
    np.savez(tmp_path / "data.npz", x=np.ones((4, 4), np.float32), y=np.zeros(4, int))
    options = {
        "compile": ("-o", "out", "--calibration", "data.npz"),
        "eval": ("--data", "data.npz", "--calibration", "data.npz"),
        "inspect": (),
    }[command]
    outcome = cli(command, "bad.onnx", *options)
    assert outcome.code == 1
    assert f"error[{code}]: " in outcome.err
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.onnx", "data.npz"]


def test_the_same_model_without_a_fault_compiles(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "good.onnx").write_bytes(GOOD)
    np.save(tmp_path / "data.npy", np.ones((4, 4), np.float32))
    assert cli("compile", "good.onnx", "-o", "out", "--calibration", "data.npy").code == 0


DATA: dict[str, tuple[Any, str, str]] = {
    "complex": (np.ones((4, 4), np.complex64), "SN804", "complex64"),
    "objects": (np.array([1, None], dtype=object), "SN804", "never unpickles"),
    "not finite": (np.full((4, 4), np.nan, np.float32), "SN807", "sample 0 has the value nan"),
    "another shape": (np.ones((4, 5), np.float32), "SN808", "the model takes 4"),
    "empty": (np.ones((0, 4), np.float32), "SN806", "the data holds no sample"),
}


@pytest.mark.parametrize("name", sorted(DATA))
def test_calibration_data_is_rejected_with_its_reason(cli: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "good.onnx").write_bytes(GOOD)
    array, code, message = DATA[name]
    np.savez(tmp_path / "data.npz", x=array)
    outcome = cli("compile", "good.onnx", "-o", "out", "--calibration", "data.npz")
    assert outcome.code == 1
    assert f"error[{code}]: " in outcome.err
    assert message in outcome.err
    assert not Path("out").exists()


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b""])
def test_a_damaged_archive_is_rejected(cli: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "good.onnx").write_bytes(GOOD)
    (tmp_path / "data.npz").write_bytes(content)
    outcome = cli("compile", "good.onnx", "-o", "out", "--calibration", "data.npz")
    assert outcome.code == 1
    assert "error[SN80" in outcome.err

"""Random graphs of quantisers, clamps, pools and shape operators, all through the import gate.

The rewriting around quantisers (merged, repeated, moved, with clamps taken in) must never change a
value, whatever reads what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_models import build, numbers, save

from snnc.frontend.importer import import_model
from snnc.ir.verify import verify

CONSTANTS = {
    "s0": numbers(0.25),
    "s1": numbers(0.31),
    "z0": np.array(0, np.uint8),
    "z1": np.array(9, np.uint8),
    "flat": np.array([-1, 192]),
    "full": np.array([-1, 3, 8, 8]),
}
PARTS = (
    "{o} = Conv<pads=[1,1,1,1]>({a}, w_{o})",
    "{o} = Relu({a})",
    "{o} = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>({a})",
    "{o} = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>({a})",
    "{o} = Add({a}, {b})",
    "{o}_a = Reshape({a}, flat) {o} = Reshape({o}_a, full)",
    """{o}_a = Transpose<perm=[0,2,3,1]>({a}) {o}_b = Relu({o}_a)
    {o} = Transpose<perm=[0,3,1,2]>({o}_b)""",
    "{o}_i = QuantizeLinear({a}, {s}, {z}) {o} = DequantizeLinear({o}_i, {s}, {z})",
    """{o}_i = QuantizeLinear({a}, {s}, {z}) {o}_2 = DequantizeLinear({o}_i, {s}, {z})
    {o} = DequantizeLinear({o}_i, {s}, {z})""",
    """{o}_i = QuantizeLinear({a}, {s}, {z}) {o}_j = Transpose<perm=[0,2,3,1]>({o}_i)
    {o}_k = DequantizeLinear({o}_j, {s}, {z}) {o} = Transpose<perm=[0,3,1,2]>({o}_k)""",
)
"""Node lines from the tensors `a` and `b` to the tensor `o`."""


def _random_graph(seed: int) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    constants: dict[str, Any] = dict(CONSTANTS)
    lines: list[str] = []
    live = ["x"]
    for index in range(int(rng.integers(6, 18))):
        name = f"t{index}"
        recent = live[-3:]
        names = {
            "o": name,
            "a": recent[int(rng.integers(len(recent)))],
            "b": live[int(rng.integers(len(live)))],
            "s": f"s{rng.integers(2)}",
            "z": f"z{rng.integers(2)}",
        }
        part = PARTS[int(rng.integers(len(PARTS)))]
        if "Conv" in part:
            constants[f"w_{name}"] = (rng.normal(size=(3, 3, 3, 3)) / 4).astype(np.float32)
        lines.append(part.format(**names))
        live += [f"{name}_2", name] if "_2 =" in part else [name]
    text = " ".join((*lines, f"y = Neg({live[-1]}) u = Identity({live[-2]})"))
    return build(text, constants, outputs=("y", "u"), opset=19)


@pytest.mark.parametrize("seed", range(40))
def test_random_graph_equals_onnxruntime(seed: int, tmp_path: Path) -> None:
    result = import_model(save(_random_graph(seed), tmp_path), seed=seed)
    assert result.gate_error is not None
    assert not verify(result.network)
    assert result.report.convertible == result.report.nodes

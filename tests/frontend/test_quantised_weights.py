"""Weights and biases that a file keeps as integers are folded, whatever stands behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx_models import build, numbers, save

from snnc.frontend.importer import import_model
from snnc.ir import model as m

RNG = np.random.default_rng(0)
INT8 = RNG.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
SCALES = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
ZEROS = np.zeros(4, np.int8)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "int8 per channel": (
        "w = DequantizeLinear<axis=0>(wq, ws, wz) c = Conv(x, w)",
        {"wq": INT8, "ws": SCALES, "wz": ZEROS},
    ),
    "int8 through a Clip": (
        "k = Clip(wq, lo, hi) w = DequantizeLinear<axis=0>(k, ws, wz) c = Conv(x, w)",
        {
            "wq": INT8,
            "ws": SCALES,
            "wz": ZEROS,
            "lo": np.array(-7, np.int8),
            "hi": np.array(7, np.int8),
        },
    ),
    "float weights quantised in the graph": (
        """k = QuantizeLinear<axis=0>(wf, ws, wz) w = DequantizeLinear<axis=0>(k, ws, wz)
        c = Conv(x, w)""",
        {"wf": (4, 3, 3, 3), "ws": SCALES, "wz": ZEROS},
    ),
    "float weights fake-quantised in the graph": (
        "a = Div(wf, ws) e = Round(a) k = Clip(e, lo, hi) w = Mul(k, ws) c = Conv(x, w)",
        {"wf": (4, 3, 3, 3), "ws": numbers(0.1), "lo": numbers(-3), "hi": numbers(3)},
    ),
    "int4 per channel": (
        "w = DequantizeLinear<axis=0>(wq, ws) c = Conv(x, w)",
        {"wq": (INT8 // 16).astype(ml_dtypes.int4), "ws": SCALES},
    ),
    "int4 in blocks": (
        "k = DequantizeLinear<axis=0, block_size=9>(wq, ws) w = Reshape(k, shape) c = Conv(x, w)",
        {
            "wq": (INT8.reshape(27, 4) // 16).astype(ml_dtypes.int4),
            "ws": np.abs(RNG.normal(size=(3, 4))).astype(np.float32),
            "shape": np.array([4, 3, 3, 3]),
        },
    ),
    "int32 bias": (
        "b = DequantizeLinear(bq, ws) c = Conv(x, wf, b)",
        {
            "wf": (4, 3, 3, 3),
            "bq": np.array([1, -200, 30, 4], np.int32),
            "ws": numbers(0.002),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_integer_weights_are_folded(case: str, tmp_path: Path) -> None:
    """The import equals onnxruntime, which dequantises them by itself."""
    text, constants = CASES[case]
    model = build(
        f"{text} i = QuantizeLinear(c, s, z) q = DequantizeLinear(i, s, z) y = Conv(q, v)",
        {**constants, "v": (2, 4, 1, 1), "s": numbers(0.03), "z": np.array(0, np.uint8)},
        opset=21,
        ir_version=10,
    )
    result = import_model(save(model, tmp_path))
    assert [type(p.neuron) for p in result.network.populations] == [m.Quantized, m.Identity]
    assert result.report.nodes == 4
    assert result.gate_error is not None
    assert result.gate_error < 1e-5


def test_quantisers_of_onnxruntimes_own_domain(tmp_path: Path) -> None:
    """What its quantiser writes for 16 bits before opset 21."""
    model = build(
        """w = com.microsoft.DequantizeLinear(wq, s, wz) c = Conv(x, w)
        i = com.microsoft.QuantizeLinear(c, s, z) q = com.microsoft.DequantizeLinear(i, s, z)
        y = Conv(q, v)""",
        {
            "s": numbers(0.003),
            "z": np.array(7, np.uint16),
            "wq": INT8.astype(np.int16),
            "wz": np.array(0, np.int16),
            "v": (2, 4, 1, 1),
        },
        opset=17,
        domains={"com.microsoft": 1},
    )
    population = import_model(save(model, tmp_path)).network.populations[0]
    assert isinstance(population.neuron, m.Quantized)
    assert (population.neuron.lowest, population.neuron.levels) == (-7, 65528)

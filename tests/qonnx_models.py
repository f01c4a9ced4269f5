"""Small models with quantisers of QONNX, data with exact halves, and both sides' values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx_models import build, numbers, save

from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate

Array = NDArray[Any]
DOMAIN = "qonnx.custom_op.general"
MODES = ("ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
POINTWISE = np.eye(4, dtype=np.float32)[:, ::-1].reshape(4, 4, 1, 1).copy()


def quant_model(
    scale: Array,
    zero: Array,
    bits: float,
    *,
    signed: int = 0,
    narrow: int = 0,
    mode: str = "ROUND",
    op: str = "Quant",
    domain: str = DOMAIN,
    before: str = "",
) -> onnx.ModelProto:
    """A quantiser between two pointwise convolutions that only change the order of channels."""
    data = "r" if before else "a"
    return build(
        f"""a = Conv(x, w)
        {before}
        q = {domain}.{op}<signed={signed}, narrow={narrow}, rounding_mode="{mode}">
            ({data}, s, z, b)
        y = Conv(q, w)""",
        {"w": POINTWISE, "s": scale, "z": zero, "b": numbers(bits)},
        inputs="float[N,4,3,5] x",
        domains={domain: 1},
    )


def samples(step: float, low: float, high: float, seed: int = 0) -> Array:
    """(6, 4, 3, 5): whole and half multiples of the step in and around a range, then others."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(low - 2, high + 2, (6, 4, 3, 5))
    x[:3] = np.rint(2 * x[:3]) / 2
    x[3:] = np.rint(16 * x[3:]) / 16 + 1 / 64
    return np.asarray(x * step, dtype=np.float32)


def imported(model: onnx.ModelProto, folder: Path, x: Array) -> Imported:
    """Imported through the gate, which runs on the samples too."""
    return import_model(save(model, folder), samples=x)


def network_values(result: Imported, x: Array, dtype: Any = np.float64) -> Array:
    """The output of the network by the IR's interpreter."""
    return evaluate(result.network, {"x": x.astype(dtype)})[result.network.heads[-1].population]


def model_values(result: Imported, x: Array) -> Array:
    """The output of the model that onnxruntime runs."""
    return Runner(result, ["y"]).run(x)["y"]


def only(result: Imported) -> m.Quantized:
    """The network's one quantised activation."""
    found = [p.neuron for p in result.network.populations if isinstance(p.neuron, m.Quantized)]
    assert len(found) == 1
    return found[0]

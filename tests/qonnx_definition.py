"""The quantisers of QONNX and FINN in NumPy, written from their definitions alone.

`run(model, x)` evaluates a whole ONNX model with them: standard operators by onnx's reference
evaluator, the quantisers by the functions here. Nothing of the importer is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Array = NDArray[Any]


def round_to(numbers: Array, mode: str) -> Array:
    """Numbers made whole in one of QONNX's rounding modes, in any case of letters.

    Case by case as the table of rounding modes has it: which numbers go up from their floor.
    """
    floor = np.floor(numbers)
    rest, positive = numbers - floor, numbers >= 0
    between, half = rest > 0, rest == 0.5
    up = {
        "FLOOR": np.zeros_like(between),
        "CEIL": between,
        "UP": between & positive,
        "DOWN": between & ~positive,
        "ROUND": (rest > 0.5) | (half & (floor % 2 == 1)),
        "HALF_EVEN": (rest > 0.5) | (half & (floor % 2 == 1)),
        "HALF_UP": (rest > 0.5) | (half & positive),
        "HALF_DOWN": (rest > 0.5) | (half & ~positive),
    }[mode.upper()]
    return np.asarray(floor + up, dtype=numbers.dtype)


def bounds(bits: float, signed: int, narrow: int) -> tuple[float, float]:
    """Smallest and largest integer of a bit width (fractions of bits give fractions)."""
    if signed:
        return -(2.0 ** (bits - 1)) + (1 if narrow else 0), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - (2 if narrow else 1)


def quant(
    x: Array, scale: Array, zero: Array, bits: float, *, signed: int, narrow: int, mode: str
) -> Array:
    """IntQuant: scale, add the zero point, clamp, round, and back."""
    low, high = bounds(bits, signed, narrow)
    u = x / scale + zero
    u = np.where(u > high, np.asarray(high, u.dtype), u)
    u = np.where(u < low, np.asarray(low, u.dtype), u)
    return np.asarray((round_to(u, mode) - zero) * scale)


def bipolar(x: Array, scale: Array) -> Array:
    """BipolarQuant: plus or minus the scale, 0 counting as positive."""
    return np.asarray(np.where(x >= 0, 1, -1) * scale, dtype=x.dtype)


def multi_threshold(x: Array, thresholds: Array, scale: float, bias: float, last: bool) -> Array:
    """MultiThreshold: how many thresholds of its channel a value reaches, scaled and moved.

    `last`: the channel axis is the last one, else the second.
    """
    moved = x if last else np.moveaxis(x, 1, -1)
    reached = (moved[..., None] >= thresholds).sum(axis=-1)
    result = reached if last else np.moveaxis(reached, -1, 1)
    return np.asarray(scale * result + bias, dtype=x.dtype)


class _Quant(OpRun):  # type: ignore[misc]
    def _run(self, x: Array, scale: Array, zero: Array, bits: Array, **given: Any) -> tuple[Array]:
        wanted = {
            "signed": int(given.get("signed") or 0),
            "narrow": int(given.get("narrow") or 0),
            "mode": given.get("rounding_mode") or "ROUND",
        }
        return (quant(x, scale, zero, float(bits), **wanted).astype(x.dtype),)


class _Bipolar(OpRun):  # type: ignore[misc]
    def _run(self, x: Array, scale: Array) -> tuple[Array]:
        return (bipolar(x, scale),)


class _MultiThreshold(OpRun):  # type: ignore[misc]
    def _run(self, x: Array, thresholds: Array, **given: Any) -> tuple[Array]:
        scale, bias = given.get("out_scale"), given.get("out_bias")
        nhwc = given.get("data_layout") == "NHWC"
        result = multi_threshold(
            x,
            thresholds,
            1.0 if scale is None else float(scale),
            0.0 if bias is None else float(bias),
            x.ndim not in (2, 4) or nhwc,
        )
        return (result,)


class _BatchNormalization(OpRun):  # type: ignore[misc]
    """In inference mode: below opset 14 onnx's own evaluator takes it for training."""

    def _run(
        self, x: Array, scale: Array, bias: Array, mean: Array, var: Array, **given: Any
    ) -> tuple[Array]:
        shape = (-1,) + (1,) * (x.ndim - 2)
        gamma, beta, mean, var = (a.reshape(shape) for a in (scale, bias, mean, var))
        epsilon = np.float32(given.get("epsilon") or 1e-5)
        return ((x - mean) / np.sqrt(var + epsilon) * gamma + beta,)


_CLASSES: dict[str, Callable[..., Any]] = {
    "Quant": _Quant,
    "IntQuant": _Quant,
    "BipolarQuant": _Bipolar,
    "MultiThreshold": _MultiThreshold,
    "BatchNormalization": _BatchNormalization,
}


def _operators(model: onnx.ModelProto) -> list[Any]:
    """A class for every operator of the model that is defined here."""
    used = sorted({(n.op_type, n.domain) for n in model.graph.node if n.op_type in _CLASSES})
    return [type(op, (_CLASSES[op],), {"op_domain": domain}) for op, domain in used]


def run(model: onnx.ModelProto, x: Array, tensors: list[str] | None = None) -> list[Array]:
    """The model's outputs, or the named tensors, for a batch `x`; a fixed batch runs by pieces."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if tensors is not None:
        del copy.graph.output[:]
        copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    known = {entry.domain for entry in copy.opset_import}
    for domain in sorted({node.domain for node in copy.graph.node} - known):
        copy.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    constants = {t.name for t in copy.graph.initializer}
    inputs = [i for i in copy.graph.input if i.name not in constants]
    size = inputs[0].type.tensor_type.shape.dim[0].dim_value or len(x)
    evaluator = ReferenceEvaluator(copy, new_ops=_operators(copy))
    pieces = [
        evaluator.run(None, {inputs[0].name: x[start : start + size]})
        for start in range(0, len(x), size)
    ]
    return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]

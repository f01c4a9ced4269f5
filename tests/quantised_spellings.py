"""Quantised activations in every spelling that exporters and people use, as ONNX text.

Each reads the tensor `c`, which is (N, 4, 6, 6), and computes `q`. `spelled` puts a convolution on
either side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx_models import build, numbers

STEP = 0.37
LEVELS = 5
PER_CHANNEL = np.array([0.2, 0.3, 0.37, 0.5], np.float32)


@dataclass(frozen=True)
class Spelling:
    """Node lines, their constants, and the staircase that they are."""

    text: str
    constants: Mapping[str, Any] = field(default_factory=dict)
    step: float | np.ndarray[Any, Any] = STEP
    levels: int = LEVELS
    lowest: int = 0
    shift: float = 0.5
    ties: str = "up"
    opset: int = 18


FLOATS = {
    "s": numbers(STEP),
    "L": numbers(LEVELS),
    "lam": numbers(np.float32(STEP) * LEVELS),
    "inv": numbers(1 / np.float32(STEP)),
    "half": numbers(0.5),
    "halfstep": numbers(np.float32(STEP) / 2),
    "zero": numbers(0),
    "one": numbers(1),
}


def qcfs(text: str, **constants: Any) -> Spelling:
    """A float spelling with Floor."""
    return Spelling(text, {**FLOATS, **constants})


def lsq(text: str, levels: int = LEVELS, lowest: int = 0, **constants: Any) -> Spelling:
    """A float spelling with Round."""
    return Spelling(text, {**FLOATS, **constants}, levels=levels, lowest=lowest, ties="even")


def qdq(
    kind: Any,
    zero: int,
    lowest: int,
    levels: int,
    text: str = "",
    opset: int = 19,
    **constants: Any,
) -> Spelling:
    """QuantizeLinear and DequantizeLinear of an integer type; `text` has both, if given."""
    body = text or "i = QuantizeLinear(c, s, z) q = DequantizeLinear(i, s, z)"
    known = {"z": np.array(zero, kind), "zero": numbers(0), "s": numbers(STEP), **constants}
    return Spelling(body, known, levels=levels, lowest=lowest, ties="even", opset=opset)


FLOAT_SPELLINGS: dict[str, Spelling] = {
    "QCFS, torch.export": qcfs(
        "a = Mul(c, inv) b = Add(a, half) f = Floor(b) d = Div(f, L) e = Clip(d, zero, one) "
        "q = Mul(lam, e)"
    ),
    "QCFS, TorchScript": qcfs(
        "r = Reciprocal(lam) k = Mul(r, L) a = Mul(c, k) b = Add(a, half) f = Floor(b) "
        "d = Div(f, L) e = Clip(d, zero, one) q = Mul(lam, e)"
    ),
    "QCFS, clamp before floor": qcfs(
        "a = Div(c, lam) e = Clip(a, zero, one) b = Mul(e, L) d = Add(half, b) f = Floor(d) "
        "g = Div(f, L) q = Mul(g, lam)"
    ),
    "QCFS, Constant nodes": qcfs(
        "two = Constant<value = float {0.5}>() a = Div(c, s) b = Add(a, two) f = Floor(b) "
        "top = Constant<value_float = 5.0>() e = Clip(f, zero, top) q = Mul(e, s)"
    ),
    "QCFS, shift before the scale": qcfs(
        "a = Add(c, halfstep) b = Div(a, s) f = Floor(b) e = Clip(f, zero, L) q = Mul(e, s)"
    ),
    "QCFS, shift by subtraction": qcfs(
        "a = Mul(inv, c) b = Sub(a, m) f = Floor(b) e = Clip(f, zero, L) q = Mul(e, s)",
        m=numbers(-0.5),
    ),
    "QCFS, Relu and Min": qcfs(
        "r = Relu(c) a = Div(r, s) b = Sum(a, half) f = Floor(b) e = Min(f, L) q = Mul(e, s)"
    ),
    "QCFS, Max and Min behind": qcfs(
        "a = Div(c, s) b = Add(a, half) f = Floor(b) e = Max(zero, f) g = Min(L, e) q = Mul(g, s)"
    ),
    "QCFS, clamp last": qcfs(
        "a = Div(c, s) b = Add(a, half) f = Floor(b) g = Mul(f, s) q = Clip(g, zero, lam)"
    ),
    "QCFS, divided by the inverse": qcfs(
        "a = Div(c, s) b = Add(a, half) f = Floor(b) e = Clip(f, zero, L) q = Div(e, inv)"
    ),
    "QCFS, clamped three times": qcfs(
        "r = Relu(c) k = Clip(r, zero, lam) a = Div(k, s) b = Add(a, half) f = Floor(b) "
        "e = Clip(f, zero, L) g = Mul(e, s) q = Relu(g)"
    ),
    "QCFS, opset 9": Spelling(
        "a = Div(c, s) b = Add(a, half) f = Floor(b) e = Clip<min=0.0, max=5.0>(f) q = Mul(e, s)",
        FLOATS,
        opset=9,
    ),
    "QCFS, identities and casts": qcfs(
        "r = Relu(c) o = Identity(r) a = Div(o, s) t = Cast<to=1>(a) b = Add(t, half) "
        "f = Floor(b) u = Identity(f) e = Clip(u, zero, L) q = Mul(e, s)"
    ),
    "QCFS, threshold per channel": Spelling(
        "a = Div(c, s) b = Add(a, half) f = Floor(b) e = Clip(f, zero, L) q = Mul(e, s)",
        {**FLOATS, "s": PER_CHANNEL.reshape(1, 4, 1, 1)},
        step=PER_CHANNEL,
    ),
    "QCFS, bounds per channel": Spelling(
        "k = Max(c, zero) o = Min(k, top) a = Div(o, s) b = Add(a, half) f = Floor(b) "
        "q = Mul(f, s)",
        {
            **FLOATS,
            "s": PER_CHANNEL.reshape(4, 1, 1),
            "top": (5 * PER_CHANNEL).reshape(4, 1, 1),
        },
        step=PER_CHANNEL,
    ),
    "floor without shift": Spelling(
        "a = Div(c, s) f = Floor(a) e = Clip(f, zero, L) q = Mul(e, s)", FLOATS, shift=0.0
    ),
    "another shift": Spelling(
        "a = Div(c, s) b = Add(a, h) f = Floor(b) e = Clip(f, zero, L) q = Mul(e, s)",
        {**FLOATS, "h": numbers(0.25)},
        shift=0.25,
    ),
    "LSQ": lsq("a = Div(c, s) e = Clip(a, zero, L) r = Round(e) q = Mul(r, s)"),
    "LSQ, step first": lsq("a = Mul(c, inv) e = Clip(a, zero, L) r = Round(e) q = Mul(s, r)"),
    "LSQ, clamped in front": lsq("e = Clip(c, zero, lam) a = Div(e, s) r = Round(a) q = Mul(r, s)"),
    "LSQ, Relu in front": lsq("o = Relu(c) a = Div(o, s) e = Min(a, L) r = Round(e) q = Mul(r, s)"),
    "LSQ, bound above only in Clip": lsq(
        "o = Relu(c) a = Div(o, s) e = Clip(a, , L) r = Round(e) q = Mul(r, s)"
    ),
    "LSQ, signed": lsq(
        "a = Div(c, s) e = Clip(a, low, high) r = Round(e) q = Mul(r, s)",
        levels=3,
        lowest=-4,
        low=numbers(-4),
        high=numbers(3),
    ),
    "LSQ, signed and a Relu behind": lsq(
        "a = Div(c, s) e = Clip(a, low, L) r = Round(e) g = Mul(r, s) q = Relu(g)",
        low=numbers(-4),
    ),
    "LSQ, bound between two levels": lsq(
        "a = Div(c, s) e = Clip(a, zero, high) r = Round(e) q = Mul(r, s)",
        levels=4,
        high=numbers(4.3),
    ),
    "LSQ, through int32": lsq(
        "a = Div(c, s) r = Round(a) i = Cast<to=6>(r) e = Clip(i, low, high) f = Cast<to=1>(e) "
        "q = Mul(f, s)",
        low=np.array(0, np.int32),
        high=np.array(5, np.int32),
    ),
    "LSQ, through uint8": lsq(
        "a = Div(c, s) e = Clip(a, zero, L) r = Round(e) i = Cast<to=2>(r) f = Cast<to=1>(i) "
        "q = Mul(f, s)"
    ),
    "LSQ, straight-through rounding": lsq(
        "a = Div(c, s) e = Clip(a, zero, L) r = Round(e) d = Sub(r, e) t = Add(d, e) q = Mul(t, s)"
    ),
    "LSQ, straight-through rounding, other order": lsq(
        "a = Div(c, s) e = Clip(a, zero, L) r = Round(e) d = Sub(e, r) t = Sub(e, d) q = Mul(t, s)"
    ),
    "LSQ, straight-through quantiser": lsq(
        "a = Div(c, s) e = Clip(a, zero, L) r = Round(e) t = Mul(r, s) d = Sub(t, c) q = Add(c, d)"
    ),
    "fake quantisation with a zero point": lsq(
        "a = Div(c, s) r = Round(a) b = Add(r, p) e = Clip(b, zero, high) d = Sub(e, p) "
        "q = Mul(d, s)",
        levels=10,
        lowest=-5,
        p=numbers(5),
        high=numbers(15),
    ),
    "fake quantisation, even zero point before rounding": lsq(
        "a = Div(c, s) b = Add(a, p) r = Round(b) e = Clip(r, zero, high) d = Sub(e, p) "
        "q = Mul(d, s)",
        levels=9,
        lowest=-6,
        p=numbers(6),
        high=numbers(15),
    ),
}

RELU = "r = Relu(c) i = QuantizeLinear(r, s, z) q = DequantizeLinear(i, s, z)"
QDQ_SPELLINGS: dict[str, Spelling] = {
    "uint8": qdq(np.uint8, 0, 0, 255),
    "uint8, zero point 128": qdq(np.uint8, 128, -128, 127),
    "uint8, zero point 3": qdq(np.uint8, 3, -3, 252),
    "uint8 behind Relu": qdq(np.uint8, 0, 0, 255, RELU),
    "uint8, zero point 128, behind Relu": qdq(np.uint8, 128, 0, 127, RELU),
    "int8": qdq(np.int8, 0, -128, 127),
    "int8, zero point -128": qdq(np.int8, -128, 0, 255),
    "int8 behind Relu": qdq(np.int8, 0, 0, 127, RELU),
    "no zero point": qdq(
        np.uint8, 0, 0, 255, "i = QuantizeLinear(c, s) q = DequantizeLinear(i, s)"
    ),
    "output_dtype": qdq(
        np.int8,
        0,
        -128,
        127,
        "i = QuantizeLinear<output_dtype=3>(c, s) q = DequantizeLinear(i, s)",
        opset=21,
    ),
    "integer Clip": qdq(
        np.uint8,
        0,
        0,
        3,
        "r = Relu(c) i = QuantizeLinear(r, s, z) k = Clip(i, z, top) q = DequantizeLinear(k, s, z)",
        top=np.array(3, np.uint8),
    ),
    "integer Clip, signed": qdq(
        np.int8,
        0,
        -7,
        7,
        "i = QuantizeLinear(c, s, z) k = Clip(i, low, top) q = DequantizeLinear(k, s, z)",
        low=np.array(-7, np.int8),
        top=np.array(7, np.int8),
    ),
    "integer Min and Max": qdq(
        np.uint8,
        4,
        -2,
        6,
        "i = QuantizeLinear(c, s, z) k = Min(top, i) l = Max(k, low) q = DequantizeLinear(l, s, z)",
        low=np.array(2, np.uint8),
        top=np.array(10, np.uint8),
    ),
    "float Clip": qdq(
        np.uint8,
        0,
        0,
        3,
        "r = Clip(c, zero, top) i = QuantizeLinear(r, s, z) q = DequantizeLinear(i, s, z)",
        top=numbers(3 * np.float32(STEP)),
    ),
    "float Relu and Min": qdq(
        np.uint8,
        0,
        0,
        3,
        "r = Relu(c) k = Min(r, top) i = QuantizeLinear(k, s, z) q = DequantizeLinear(i, s, z)",
        top=numbers(3 * np.float32(STEP)),
    ),
    "float Clip behind": qdq(
        np.uint8,
        0,
        0,
        4,
        "i = QuantizeLinear(c, s, z) k = DequantizeLinear(i, s, z) q = Clip(k, zero, top)",
        top=numbers(4 * np.float32(STEP)),
    ),
    "dequantised by arithmetic": qdq(
        np.uint8,
        8,
        -8,
        247,
        "i = QuantizeLinear(c, s, z) k = Cast<to=1>(i) l = Sub(k, p) q = Mul(l, s)",
        p=numbers(8),
    ),
    "scale per channel": Spelling(
        "i = QuantizeLinear<axis=1>(c, s, z) q = DequantizeLinear<axis=1>(i, s, z)",
        {"s": PER_CHANNEL, "z": np.zeros(4, np.uint8)},
        step=PER_CHANNEL,
        levels=255,
        ties="even",
    ),
    "scale per channel, negative axis": Spelling(
        "i = QuantizeLinear<axis=-3>(c, s, z) q = DequantizeLinear<axis=-3>(i, s, z)",
        {"s": PER_CHANNEL, "z": np.full(4, 7, np.int8)},
        step=PER_CHANNEL,
        levels=120,
        lowest=-135,
        ties="even",
    ),
    "uint16": qdq(np.uint16, 0, 0, 65535, opset=21),
    "int16": qdq(np.int16, 0, -32768, 32767, opset=21),
    "uint4": qdq(ml_dtypes.uint4, 0, 0, 15, opset=21),
    "int4": qdq(ml_dtypes.int4, 0, -8, 7, opset=21),
    "uint4, zero point 8, behind Relu": qdq(ml_dtypes.uint4, 8, 0, 7, RELU, opset=21),
    "uint2": qdq(ml_dtypes.uint2, 0, 0, 3, opset=25),
    "int2 behind Relu": qdq(ml_dtypes.int2, 0, 0, 1, RELU, opset=25),
}
SPELLINGS = FLOAT_SPELLINGS | {f"QDQ {name}": s for name, s in QDQ_SPELLINGS.items()}


def spelled(spelling: Spelling) -> onnx.ModelProto:
    """A network of two convolutions with the quantiser in between."""
    return build(
        f"c = Conv(x, w, bias) {spelling.text} y = Conv(q, v)",
        {"w": (4, 3, 3, 3), "bias": (4,), "v": (2, 4, 3, 3), **spelling.constants},
        opset=spelling.opset,
        ir_version=13 if spelling.opset > 24 else 10 if spelling.opset > 18 else 8,
    )

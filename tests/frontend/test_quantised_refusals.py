"""What is almost a quantised activation is refused, with what was missing and a cure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx_models import build, numbers, save
from quantised_spellings import FLOATS

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model, survey

U8 = {"s": numbers(0.37), "z": np.array(0, np.uint8)}
CASES: dict[str, tuple[str, str, Mapping[str, Any], str]] = {
    # text, refused operator, further constants, reason
    "another step behind": (
        "a = Div(c, s) e = Clip(a, zero, L) r = Round(e) q = Mul(r, t)",
        "Round",
        {"t": numbers(0.38)},
        "rounds in steps of 0.37, but a level is worth 0.38",
    ),
    "another threshold behind": (
        "a = Mul(c, inv) b = Add(a, half) f = Floor(b) e = Clip(f, zero, L) q = Mul(e, t)",
        "Floor",
        {"t": numbers(0.4)},
        "a level is worth 0.4",
    ),
    "no bounds": (
        "a = Div(c, s) r = Round(a) q = Mul(r, s)",
        "Round",
        {},
        "no bound above",
    ),
    "no bound above": (
        "o = Relu(c) a = Div(o, s) r = Round(a) q = Mul(r, s)",
        "Round",
        {},
        "no bound above",
    ),
    "no bound below": (
        "a = Div(c, s) e = Min(a, L) r = Round(e) q = Mul(r, s)",
        "Round",
        {},
        "no bound below",
    ),
    "cut between two levels": (
        "a = Div(c, s) r = Round(a) e = Clip(r, zero, t) q = Mul(e, s)",
        "Round",
        {"t": numbers(2.5)},
        "cut at 2.5 steps",
    ),
    "levels between the whole steps": (
        "a = Div(c, s) f = Floor(a) e = Clip(f, t, L) b = Add(e, half) q = Mul(b, s)",
        "Floor",
        {"t": numbers(-5)},
        "shifted by 0.5 steps",
    ),
    "range without 0": (
        "a = Div(c, s) e = Clip(a, one, L) r = Round(e) q = Mul(r, s)",
        "Round",
        {},
        "run from 1 to 5",
    ),
    "levels below 0 only": (
        "a = Div(c, s) e = Clip(a, t, zero) r = Round(e) q = Mul(r, s)",
        "Round",
        {"t": numbers(-3)},
        "run from -3 to 0",
    ),
    "levels differ between channels": (
        "a = Div(c, s) r = Relu(a) e = Min(r, t) f = Floor(e) q = Mul(f, s)",
        "Floor",
        {"t": np.array([3, 3, 7, 3], np.float32).reshape(4, 1, 1)},
        "end at 3 to 7 in different channels",
    ),
    "rounding up": (
        "a = Div(c, s) e = Clip(a, zero, L) r = Ceil(e) q = Mul(r, s)",
        "Ceil",
        {},
        "rounds up",
    ),
    "negative step": (
        "a = Div(c, t) e = Clip(a, u, zero) f = Floor(e) q = Mul(f, t)",
        "Floor",
        {"t": numbers(-0.37), "u": numbers(-5)},
        "is negative",
    ),
    "odd zero point before rounding": (
        (
            "a = Div(c, s) b = Add(a, one) r = Round(b) e = Clip(r, zero, L) d = Sub(e, one) "
            "q = Mul(d, s)"
        ),
        "Round",
        {},
        "odd levels",
    ),
    "odd offset between a clamp and the rounding": (
        """e = Clip(c, t, L) a = Sub(e, t) b = Div(a, half) r = Round(b) d = Mul(r, half)
        q = Add(d, t)""",
        "Round",
        {"t": numbers(-1.5)},
        "odd levels",
    ),
    "no bound but the largest float32": (
        "o = Relu(c) a = Div(o, s) r = Round(a) e = Min(r, t) q = Mul(e, s)",
        "Round",
        {"t": numbers(3.4e38)},
        "no bound above",
    ),
    "zero point not taken off": (
        "a = Div(c, s) r = Round(a) e = Clip(r, zero, L) d = Sub(e, t) q = Mul(d, s)",
        "Round",
        {"t": numbers(2)},
        "level 0 lies 2 steps",
    ),
    "dynamic scale": (
        "m = ReduceMax(c) a = Div(c, m) e = Clip(a, zero, L) r = Round(e) q = Mul(r, m)",
        "ReduceMax",
        {},
        "",
    ),
    "rounding alone": ("q = Round(c)", "Round", {}, "no bound above"),
    "floor alone": ("q = Floor(c)", "Floor", {}, "no bound above"),
    "two scales": (
        "i = QuantizeLinear(c, s, z) q = DequantizeLinear(i, t, z)",
        "QuantizeLinear",
        {**U8, "t": numbers(0.4)},
        "steps of 0.37, but a level is worth 0.4",
    ),
    "two zero points": (
        "i = QuantizeLinear(c, s, z) q = DequantizeLinear(i, s, k)",
        "QuantizeLinear",
        {**U8, "k": np.array(2, np.uint8)},
        "what is added before rounding (the zero point)",
    ),
    "zero point at the top": (
        "i = QuantizeLinear(c, s, k) q = DequantizeLinear(i, s, k)",
        "QuantizeLinear",
        {**U8, "k": np.array(255, np.uint8)},
        "run from -255 to 0",
    ),
    "zero points that differ between channels": (
        "i = QuantizeLinear<axis=1>(c, k, l) q = DequantizeLinear<axis=1>(i, k, l)",
        "QuantizeLinear",
        {"k": np.full(4, 0.3, np.float32), "l": np.array([0, 1, 2, 3], np.uint8)},
        "in different channels",
    ),
    "scales along the batch": (
        "i = QuantizeLinear<axis=0>(c, k, l) q = DequantizeLinear<axis=0>(i, k, l)",
        "QuantizeLinear",
        {"k": np.full(3, 0.3, np.float32), "l": np.zeros(3, np.uint8)},
        "3 scales along axis 0",
    ),
    "floating-point levels": (
        "i = QuantizeLinear(c, s, k) q = DequantizeLinear(i, s, k)",
        "QuantizeLinear",
        {"s": numbers(0.37), "k": np.array(0, ml_dtypes.float8_e4m3fn)},
        "float8_e4m3fn",
    ),
    "integer arithmetic": (
        "i = QuantizeLinear(c, s, z) j = ConvInteger(i, k, z) f = Cast<to=1>(j) q = Mul(f, s)",
        "QuantizeLinear",
        {**U8, "k": np.ones((4, 4, 1, 1), np.uint8)},
        "used by ConvInteger",
    ),
    "integers that wrap around": (
        "i = QuantizeLinear(c, s, k) j = Sub(i, k) f = Cast<to=1>(j) q = Mul(f, s)",
        "QuantizeLinear",
        {"k": np.array(128, np.uint8)},
        "leave the range of their element type",
    ),
    "integers that a cast to int8 does not hold": (
        "i = QuantizeLinear(c, s, z) j = Cast<to=3>(i) f = Cast<to=1>(j) q = Mul(f, s)",
        "QuantizeLinear",
        U8,
        "leave the range of their element type",
    ),
    "cast to integers that cuts levels off": (
        """a = Div(c, half) r = Round(a) e = Clip(r, zero, L) g = Mul(e, t) i = Cast<to=7>(g)
        f = Cast<to=1>(i) q = Mul(f, u)""",
        "Round",
        {"t": numbers(0.25), "u": numbers(2)},
        "0.25 apart and moved by 0",
    ),
    "scale of 0": (
        "i = QuantizeLinear(c, t, z) q = DequantizeLinear(i, t, z)",
        "QuantizeLinear",
        {**U8, "t": numbers(0)},
        "scale is 0",
    ),
    "integers as output of the quantiser": (
        "i = QuantizeLinear(c, s, z) j = Cast<to=6>(i) k = MatMulInteger(i, z) q = Cast<to=1>(k)",
        "QuantizeLinear",
        U8,
        "integer",
    ),
    "scale computed from the input": (
        "m = ReduceMax<keepdims=0>(c) i = QuantizeLinear(c, m, z) q = DequantizeLinear(i, m, z)",
        "ReduceMax",
        U8,
        "",
    ),
    "DynamicQuantizeLinear": (
        "i, t, k = DynamicQuantizeLinear(c) q = DequantizeLinear(i, t, k)",
        "DynamicQuantizeLinear",
        {},
        "dynamic quantisation",
    ),
    "clamp written with absolute values": (
        """p = Abs(c) a = Sub(c, L) n = Abs(a) d = Sub(p, n) e = Add(d, L) b = Mul(e, half)
        f = Div(b, s) r = Round(f) q = Mul(r, s)""",
        "Abs",
        {},
        "is not linear",
    ),
    "sign": ("q = Sign(c)", "Sign", {}, "leave out 0"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_is_said(case: str, tmp_path: Path) -> None:
    """The rounding node is refused with SN620; nothing behind it is judged."""
    text, operator, constants, reason = CASES[case]
    weights = {"w": (4, 3, 3, 3), "v": (2, 4, 3, 3), **FLOATS, **constants}
    model = build(f"c = Conv(x, w) {text} y = Conv(q, v)", weights, opset=19)
    path = save(model, tmp_path)
    report = survey(path)
    first = report.refused[0]
    assert first.operator == operator
    assert reason in first.reason
    assert first.cure
    assert first.code == "SN620"
    with pytest.raises(InputError, match="SN620"):
        import_model(path)


def test_only_the_rounding_node_is_refused(tmp_path: Path) -> None:
    """The nodes around it are fine by themselves, or wait for what it computes."""
    model = build(
        "c = Conv(x, w) a = Div(c, s) e = Clip(a, zero, L) r = Round(e) q = Mul(r, t) "
        "y = Conv(q, v)",
        {"w": (4, 3, 3, 3), "v": (2, 4, 3, 3), **FLOATS, "t": numbers(0.5)},
    )
    report = survey(save(model, tmp_path))
    assert [n.operator for n in report.refused] == ["Round"]
    assert report.convertible + len(report.refused) + report.unreached == report.nodes


def test_layer_in_front_of_a_refused_quantiser_is_not_counted(tmp_path: Path) -> None:
    """Its multiply-accumulates are of no use; those of the layer behind are."""
    text = "c = Conv(x, w) a = Div(c, s) r = Round(a) q = Mul(r, s) y = Conv(q, v)"
    model = build(text, {"w": (4, 3, 3, 3), "v": (2, 4, 3, 3), **FLOATS})
    report = survey(save(model, tmp_path))
    first, second = 4 * 36 * 27, 2 * 16 * 36
    assert (report.macs, report.convertible_macs) == (first + second, second)


def test_dequantised_integers_of_no_quantiser(tmp_path: Path) -> None:
    model = build(
        "d = DequantizeLinear(x, s, z) y = Relu(d)", U8, inputs="uint8[N,3,8,8] x", opset=19
    )
    report = survey(save(model, tmp_path))
    assert [n.operator for n in report.refused] == ["Input"]
    assert report.unreached == 1


@pytest.mark.parametrize("place", ["front", "behind"])
def test_long_chains_are_judged(place: str, tmp_path: Path) -> None:
    """Longer than Python's stack is deep; only the nearest nodes are looked at."""
    count = 1200
    adds = " ".join(f"a{i + 1} = Add(a{i}, half)" for i in range(count))
    first, last = ("Neg", "Floor") if place == "front" else ("Floor", "Neg")
    model = build(f"a0 = {first}(x) {adds} y = {last}(a{count})", FLOATS)
    report = survey(save(model, tmp_path))
    assert [n.operator for n in report.refused] == ["Floor"]

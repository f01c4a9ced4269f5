"""Spellings of the surrogate of a spike time in ONNX, each with the kernel that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx_models import build, integers, numbers

from snnc.ir import model as m

TAU, DELAY, THRESHOLD, WINDOW = 9.7, 0.3, 0.8, 32
LARGEST = THRESHOLD * float(np.exp(DELAY / TAU))


def single(value: float) -> float:
    """A number as float32 holds it."""
    return float(np.float32(value))


@dataclass(frozen=True)
class Spelling:
    """Node lines from the tensor `a` to the tensor `s`, and the kernel they are.

    `exact`: whether the kernel's numbers stand in the graph, so that they must come out as they
    are.
    """

    nodes: str
    kernel: m.TTFS
    constants: Mapping[str, NDArray[Any]]
    exact: bool = True
    opset: int = 18


CONSTANTS: dict[str, NDArray[Any]] = {
    "tau": numbers(TAU),
    "minus_tau": numbers(-TAU),
    "delay": numbers(DELAY),
    "theta": numbers(THRESHOLD),
    "tiny": numbers(1e-30),
    "zero": numbers(0),
    "one": numbers(1),
    "half": numbers(0.5),
    "last": numbers(WINDOW - 1),
    "window": numbers(WINDOW),
    "last_int": integers(WINDOW - 1).reshape(()),
}


def kernel(rounding: m.Rounding = "ceil", **changes: float) -> m.TTFS:
    given = {"tau": single(TAU), "delay": single(DELAY), "threshold": single(THRESHOLD), **changes}
    return m.TTFS(given["tau"], WINDOW, given["delay"], given["threshold"], rounding)


_ENCODE = """z = Relu(a)
    e = Add(z, tiny)
    u = Div(e, theta)
    l = Log(u)
    late = Mul(l, minus_tau)
    since = Add(late, delay)
    r = Relu(since)
    """
_DECODE = """before = Sub(delay, t)
    q = Div(before, tau)
    f = Exp(q)
    v = Mul(f, theta)
    """
_WHERE = """ok = LessOrEqual(t, last)
    s = Where(ok, v, zero)"""

SPELLINGS: dict[str, Spelling] = {
    "as published": Spelling(f"{_ENCODE}t = Ceil(r)\n{_DECODE}{_WHERE}", kernel(), CONSTANTS),
    "half added, product mask": Spelling(
        f"""{_ENCODE}r5 = Add(r, half)
        t = Floor(r5)
        {_DECODE}ok = Less(t, window)
        fired = Cast<to=1>(ok)
        s = Mul(v, fired)""",
        kernel("round"),
        CONSTANTS,
    ),
    "Round, mask by value": Spelling(
        f"""{_ENCODE}t = Round(r)
        {_DECODE}ok = GreaterOrEqual(v, least)
        s = Where(ok, v, zero)""",
        kernel("round"),
        {**CONSTANTS, "least": numbers(LARGEST * np.exp(-(WINDOW - 0.5) / TAU))},
    ),
    "base two": Spelling(
        """z = Relu(a)
        l = Log(z)
        l2 = Div(l, ln2)
        late = Mul(l2, minus_slope)
        r = Max(late, zero)
        t = Ceil(r)
        back = Div(t, slope)
        n = Neg(back)
        v = Pow(two, n)
        ok = LessOrEqual(t, last)
        s = Where(ok, v, zero)""",
        kernel(tau=single(5.0) / np.log(2), delay=0.0, threshold=1.0),
        {
            **CONSTANTS,
            "ln2": numbers(np.log(2)),
            "two": numbers(2),
            "slope": numbers(5),
            "minus_slope": numbers(-5),
        },
        exact=False,
    ),
    "mask on the input": Spelling(
        f"""large = GreaterOrEqual(a, least)
        some = Cast<to=1>(large)
        {_ENCODE}t = Ceil(r)
        {_DECODE}s = Mul(v, some)""",
        kernel(),
        {**CONSTANTS, "least": numbers(LARGEST * np.exp(-(WINDOW - 1) / TAU))},
    ),
    "clipped times": Spelling(
        """z = Clip(a, zero)
        u = Div(z, theta)
        l = Log(u)
        scaled = Mul(l, tau)
        since = Sub(delay, scaled)
        r = Clip(since, zero, window)
        r5 = Sub(r, half)
        t = Ceil(r5)
        over = Sub(t, delay)
        q = Div(over, tau)
        n = Neg(q)
        f = Exp(n)
        v = Mul(theta, f)
        late = Greater(t, last)
        s = Where(late, zero, v)""",
        kernel("round"),
        CONSTANTS,
    ),
    "threshold under the logarithm": Spelling(
        f"""z = Relu(a)
        l = Log(z)
        moved = Sub(l, log_theta)
        late = Mul(moved, minus_tau)
        since = Add(late, delay)
        r = Relu(since)
        t = Ceil(r)
        {_DECODE}{_WHERE}""",
        kernel(),
        {**CONSTANTS, "log_theta": numbers(np.log(THRESHOLD))},
    ),
    "whole times as integers": Spelling(
        f"""{_ENCODE}t_float = Ceil(r)
        capped = Min(t_float, window)
        t_int = Cast<to=7>(capped)
        t = Cast<to=1>(t_int)
        {_DECODE}ok = LessOrEqual(t_int, last_int)
        no = Not(ok)
        s = Where(no, zero, v)""",
        kernel(),
        CONSTANTS,
    ),
    "clamped value, one factor": Spelling(
        """z = Clip(a, zero, largest)
        u = Div(z, largest)
        l = Log(u)
        r = Mul(l, minus_tau)
        t = Ceil(r)
        n = Mul(t, minus_rate)
        f = Exp(n)
        v = Mul(f, largest)
        ok = LessOrEqual(t, last)
        s = Where(ok, v, zero)""",
        kernel(delay=0.0, threshold=single(LARGEST)),
        {**CONSTANTS, "largest": numbers(LARGEST), "minus_rate": numbers(-1 / TAU)},
    ),
    "straight-through times": Spelling(
        f"""{_ENCODE}up = Ceil(r)
        difference = Sub(up, r)
        t = Add(r, difference)
        {_DECODE}{_WHERE}""",
        kernel(),
        CONSTANTS,
    ),
    "a small e, clamped behind": Spelling(
        f"""z = Relu(a)
        e = Add(z, small)
        u = Div(e, theta)
        l = Log(u)
        late = Mul(l, minus_tau)
        r = Add(late, delay)
        up = Ceil(r)
        t = Max(up, zero)
        {_DECODE}ok = LessOrEqual(t, last)
        kept = Where(ok, v, zero)
        s = Relu(kept)""",
        kernel(),
        {**CONSTANTS, "small": numbers(np.exp((DELAY - 5 * WINDOW) / TAU))},
    ),
    "opset 11": Spelling(
        f"""{_ENCODE}t = Ceil(r)
        {_DECODE}ok = Less(t, window)
        s = Where(ok, v, zero)""",
        kernel(),
        CONSTANTS,
        opset=11,
    ),
}


def spelled(
    spelling: Spelling, constants: Mapping[str, NDArray[Any]] | None = None
) -> onnx.ModelProto:
    """Convolution, surrogate, dense layer."""
    nodes = f"""a = Conv<pads=[1,1,1,1]>(x, w1, b1)
        {spelling.nodes}
        flat = Flatten(s)
        y = Gemm<transB=1>(flat, w2, b2)"""
    known = {**spelling.constants, **(constants or {})}
    used = {name: array for name, array in known.items() if name in nodes}
    weights = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (5, 256), "b2": (5,), **used}
    return build(nodes, weights, opset=spelling.opset)

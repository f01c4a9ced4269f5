"""The quantisers of QONNX, Brevitas and FINN: what their nodes say, and constants of them.

Source of the definitions: QONNX operator documents `intquant_v1`, `bipolarquant_v1` (Pappalardo et
al. 2022, "QONNX: Representing Arbitrary-Precision Quantized Neural Networks") and its
`MultiThreshold`. A `Quant` is `scale * (round(clip(x / scale + zero, low, high)) - zero)`: it clips
before it rounds, which for any rounding that is monotonic equals clipping to the rounded bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.frontend.nodes import Node
from snnc.frontend.refusal import Refusal
from snnc.ir.tensors import Array

DOMAINS = frozenset({"qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"})
"""The domains these operators live in; the newest is QONNX's own."""

QUANT = ("Quant", "IntQuant")
"""`IntQuant` is the newer name of `Quant`."""

MALFORMED = (ValueError, TypeError, IndexError, KeyError, ArithmeticError)
"""What attributes or constants of a wrong kind make of a definition."""

OPERATORS = (*QUANT, "BipolarQuant", "MultiThreshold")
"""The quantisers of these domains."""


def half_up(u: Array) -> Array:
    """To the nearest whole number, exact halves away from zero."""
    return np.asarray(np.sign(u) * np.floor(np.abs(u) + np.float32(0.5)))


def half_down(u: Array) -> Array:
    """To the nearest whole number, exact halves towards zero."""
    return np.asarray(np.sign(u) * np.ceil(np.abs(u) - np.float32(0.5)))


def away(u: Array) -> Array:
    """To the next whole number away from zero."""
    return np.asarray(np.sign(u) * np.ceil(np.abs(u)))


ROUNDING: dict[str, Callable[[Array], Array]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": away,
    "DOWN": np.trunc,
    "HALF_UP": half_up,
    "HALF_DOWN": half_down,
}
"""QONNX's rounding modes."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a `Quant` clips to before it rounds, and how it rounds."""

    low: float
    high: float
    mode: str

    def rounded(self) -> tuple[int, int]:
        """The smallest and the largest whole number that come out."""
        low, high = (ROUNDING[self.mode](np.array(b)) for b in (self.low, self.high))
        return int(low), int(high)


def quant_range(node: Node, bits: Array) -> Range:
    """The range of a `Quant` node.

    Raises:
        Refusal: the bit width or the rounding mode is none that QONNX defines.
    """
    if bits.size != 1:
        raise Refusal(
            "its bit width differs between channels", "quantise the layer with one bit width"
        )
    width = float(np.asarray(bits).reshape(-1)[0])
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDING:
        known = ", ".join(ROUNDING)
        raise Refusal(f"its rounding_mode {mode} is unknown", f"use one of {known}")
    if not 1 <= width <= 32:
        raise Refusal(f"its bit width is {width:g}", "use 1 to 32 bits")
    if signed and width < 2:
        raise Refusal(
            f"it is signed with a bit width of {width:g}, which versions of QONNX read differently",
            "use BipolarQuant for levels -1 and 1, or signed=0 for levels 0 and 1",
        )
    if signed:
        bound = 2.0 ** (width - 1)
        return Range(-bound + narrow, bound - 1, mode)
    return Range(0.0, 2.0**width - 1 - narrow, mode)


def fold(node: Node, constants: Mapping[str, Array]) -> Array | None:
    """The value of a quantiser of constants, as weights and biases are; None for other nodes.

    It is computed in the type of the quantised constant, as the definitions do. None too if the
    node is wrong in itself: it is left to the lowering, which says what is wrong.
    """
    if node.domain not in DOMAINS or node.op not in (*QUANT, "BipolarQuant"):
        return None
    try:
        return _fold(node, [constants[name] for name in node.inputs])
    except (Refusal, *MALFORMED):
        return None


def _fold(node: Node, operands: list[Array]) -> Array:
    x, scale = operands[0], operands[1].astype(operands[0].dtype)
    if node.op == "BipolarQuant":
        return np.asarray(np.where(x >= 0, scale, -scale))
    zero, bounds = operands[2].astype(x.dtype), quant_range(node, operands[3])
    u = np.clip(x / scale + zero, x.dtype.type(bounds.low), x.dtype.type(bounds.high))
    return np.asarray((ROUNDING[bounds.mode](u) - zero) * scale)


def output_affine(node: Node) -> tuple[float, float]:
    """`out_scale` and `out_bias` of a `MultiThreshold`.

    Raises:
        Refusal: the scale is 0.
    """
    scale = float(node.attributes.get("out_scale", 1.0))
    if scale == 0.0:
        raise Refusal("its out_scale is 0", "export the model again")
    return scale, float(node.attributes.get("out_bias", 0.0))


def threshold_rows(thresholds: Array) -> Array:
    """The thresholds of each channel in ascending order, float64 (C, B); C is 1 for all alike.

    Raises:
        Refusal: they are no matrix.
    """
    if thresholds.ndim != 2 or thresholds.shape[1] == 0:
        raise Refusal(f"its thresholds of shape {list(thresholds.shape)} are not (channels, steps)")
    return np.sort(thresholds.astype(np.float64), axis=1)


def axes_behind_channel(node: Node, rank: int) -> int:
    """How many axes stand behind the channel axis of a `MultiThreshold` on `rank` axes.

    Channels are axis 1 of two and of four axes unless `data_layout` is NHWC, and the last of any
    other number.

    Raises:
        Refusal: the layout is unknown.
    """
    layout = str(node.attributes.get("data_layout", "NCHW"))
    if layout not in ("NCHW", "NHWC"):
        raise Refusal(f"its data_layout is {layout}", "use NCHW or NHWC")
    return 2 if rank == 4 and layout == "NCHW" else 0

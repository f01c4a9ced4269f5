"""Elementwise nodes with constants as functions of one tensor: what staircases are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import onnx

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.refusal import Refusal
from snnc.ir.tensors import Array

Rule: TypeAlias = Literal["floor", "even", "ceil"]
"""How a node makes numbers whole: down, to the nearest with halves to even, or up."""

ROUNDERS: dict[str, Rule] = {
    "Floor": "floor",
    "Round": "even",
    "Ceil": "ceil",
    "QuantizeLinear": "even",
}
"""ONNX operator to its rounding rule."""

_ONE = np.ones(())
_ZERO = np.zeros(())
_FLOATS = (1, 11)
_WIDE_INTEGERS = (6, 7)
_NARROW = {2: (0, 255), 3: (-128, 127), 4: (0, 65535), 5: (-32768, 32767)}
"""Integer element types of ONNX that a Cast leaves whole numbers unchanged in, with their range."""


@dataclass(frozen=True, slots=True)
class Link:
    """A node as a function of one tensor: `slope * x + offset`, or a clamp (slope 1, offset 0).

    `data`: the tensor that is x. `apply`: the node's own arithmetic, in the type of its argument;
    it takes infinities. `whole`: it is right for whole numbers only (a cast to integers).
    """

    node: Node
    data: str
    apply: Callable[[Array], Array]
    slope: Array = field(default_factory=lambda: _ONE)
    offset: Array = field(default_factory=lambda: _ZERO)
    clamps: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Rounder:
    """A node that makes numbers whole; QuantizeLinear scales before and saturates behind that."""

    node: Node
    data: str
    rule: Rule
    before: tuple[Link, ...] = ()
    after: tuple[Link, ...] = ()


def link_of(graph: Graph, node: Node) -> Link | None:
    """The node as a link; None if it is none, or if not all but one of its inputs are constants.

    Raises:
        Refusal: a DequantizeLinear that is malformed or of a kind that is not supported.
    """
    maker = None if node.domain else _LINKS.get(node.op)
    computed = [name for name in node.inputs if name and name not in graph.constants]
    if maker is None or len(computed) != 1:
        return None
    return maker(graph, node, computed[0])


def rounder_of(graph: Graph, node: Node) -> Rounder:
    """The node, whose operator is one of `ROUNDERS`.

    Raises:
        Refusal: a QuantizeLinear that is malformed or of a kind that is not supported.
    """
    rule, data = ROUNDERS[node.op], node.inputs[0]
    if node.op != "QuantizeLinear":
        return Rounder(node, data, rule)
    scale, zero, (low, high) = _parameters(graph, node)
    divide = Link(node, data, lambda x: x / scale, 1.0 / scale.astype(np.float64))
    offset = zero.astype(np.float64)

    def saturate(x: Array) -> Array:
        clipped: Array = np.clip(x + zero.astype(x.dtype), low, high)
        return clipped

    return Rounder(node, data, rule, (divide,), (Link(node, data, saturate, offset=offset),))


# ---- arithmetic and clamps -------------------------------------------------------------------


def _product(graph: Graph, node: Node, data: str) -> Link:
    factor = graph.constants[_other(node, data)]
    slope = np.asarray(factor, dtype=np.float64)
    return Link(node, data, _unwrapped(factor, lambda x: x * factor), slope)


def _quotient(graph: Graph, node: Node, data: str) -> Link | None:
    if node.inputs[0] != data:
        return None
    divisor = graph.constants[node.inputs[1]]
    if np.any(divisor == 0) or divisor.dtype.kind in "iu":  # integers are divided with truncation
        return None
    return Link(node, data, lambda x: x / divisor, 1.0 / np.asarray(divisor, dtype=np.float64))


def _sum(graph: Graph, node: Node, data: str) -> Link | None:
    if len(node.inputs) != 2:
        return None
    constant = graph.constants[_other(node, data)]
    offset = np.asarray(constant, dtype=np.float64)
    return Link(node, data, _unwrapped(constant, lambda x: x + constant), offset=offset)


def _difference(graph: Graph, node: Node, data: str) -> Link:
    constant = graph.constants[_other(node, data)]
    offset = np.asarray(constant, dtype=np.float64)
    if node.inputs[0] == data:
        return Link(node, data, _unwrapped(constant, lambda x: x - constant), offset=-offset)
    return Link(node, data, _unwrapped(constant, lambda x: constant - x), -_ONE, offset)


def _negative(_: Graph, node: Node, data: str) -> Link:
    return Link(node, data, np.negative, -_ONE)


def _unwrapped(constant: Array, apply: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The arithmetic with a constant; NaN where integers of 8 or 16 bits would wrap around."""
    if constant.dtype.kind not in "iu" or constant.dtype.itemsize > 2:
        return apply
    bounds = np.iinfo(constant.dtype)
    return lambda x: _inside(apply(x), bounds.min, bounds.max)


def _inside(x: Array, low: int, high: int) -> Array:
    """The same numbers; NaN for those that an integer type does not hold."""
    return np.where((x < low) | (x > high), x.dtype.type(np.nan), x)


def _other(node: Node, data: str) -> str:
    """The constant operand of a node with two."""
    first, second = node.inputs
    return second if first == data else first


def _unchanged(_: Graph, node: Node, data: str) -> Link:
    return Link(node, data, lambda x: x)


def _cast(_: Graph, node: Node, data: str) -> Link | None:
    """Casts between float types, and of whole numbers to an integer type that holds them."""
    kind = int(node.attributes.get("to", 1))
    if kind in _FLOATS:
        return _unchanged(_, node, data)
    if kind in _WIDE_INTEGERS:
        return Link(node, data, lambda x: x, whole=True)
    if kind not in _NARROW:
        return None
    low, high = _NARROW[kind]
    return Link(node, data, lambda x: _inside(x, low, high), whole=True)


def _relu(_: Graph, node: Node, data: str) -> Link:
    return Link(node, data, lambda x: np.maximum(x, 0), clamps=True)


def _clip(graph: Graph, node: Node, data: str) -> Link | None:
    if node.inputs[0] != data:
        return None
    bounds = []
    for index, name, default in ((1, "min", -np.inf), (2, "max", np.inf)):
        given = node.inputs[index] if index < len(node.inputs) else ""
        bound = graph.constants[given] if given else node.attributes.get(name, default)
        bounds.append(np.asarray(bound, dtype=np.float32))
    low, high = bounds
    return Link(node, data, lambda x: np.minimum(np.maximum(x, low), high), clamps=True)


def _limit(graph: Graph, node: Node, data: str) -> Link | None:
    if len(node.inputs) != 2:
        return None
    bound = np.asarray(graph.constants[_other(node, data)], dtype=np.float32)
    limit = np.maximum if node.op == "Max" else np.minimum
    return Link(node, data, lambda x: limit(x, bound), clamps=True)


# ---- QuantizeLinear and DequantizeLinear ------------------------------------------------------


def _dequantize(graph: Graph, node: Node, data: str) -> Link | None:
    if node.inputs[0] != data:
        return None
    scale, zero, _ = _parameters(graph, node)

    def apply(x: Array) -> Array:
        value: Array = (x - zero.astype(x.dtype)) * scale.astype(x.dtype)
        return value

    slope = scale.astype(np.float64)
    return Link(node, data, apply, slope, -slope * zero.astype(np.float64))


def _parameters(graph: Graph, node: Node) -> tuple[Array, Array, tuple[int, int]]:
    """Scale and zero point, shaped to broadcast, and the range of the integer type."""
    constants = graph.constants
    if len(node.inputs) < 2 or any(n and n not in constants for n in node.inputs[1:]):
        raise Refusal(
            "its scale or zero point is computed while the network runs (dynamic quantisation)",
            "quantise statically, so that scales are constants found from calibration data",
        )
    scale = np.asarray(constants[node.inputs[1]], dtype=np.float32)
    given = node.inputs[2] if len(node.inputs) > 2 else ""
    zero = constants[given] if given else np.zeros((), _default_type(node))
    if zero.dtype.name not in _RANGES:
        raise Refusal(
            f"it quantises to {zero.dtype.name}, whose levels are not equally spaced integers",
            "quantise to 2, 4, 8 or 16 bit integers",
        )
    if int(node.attributes.get("block_size", 0)):
        raise Refusal("it quantises in blocks", "quantise per tensor or per channel (axis 1)")
    if not np.all(np.isfinite(scale) & (scale != 0)):
        raise Refusal("its scale is 0 or infinite", "quantise with a scale above 0")
    whole = zero.astype(np.int64)
    return _along(graph, node, scale), _along(graph, node, whole), _RANGES[zero.dtype.name]


def _default_type(node: Node) -> str:
    """The integer type where there is no zero point: that of `output_dtype`, else uint8."""
    kind = int(node.attributes.get("output_dtype", 0)) or onnx.TensorProto.UINT8
    return onnx.helper.tensor_dtype_to_np_dtype(kind).name


_RANGES = {
    "uint2": (0, 3),
    "int2": (-2, 1),
    "uint4": (0, 15),
    "int4": (-8, 7),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "int32": (-(2**31), 2**31 - 1),
}


def _along(graph: Graph, node: Node, array: Array) -> Array:
    """One number, or numbers along the node's axis, shaped to broadcast against the tensor."""
    if array.size == 1:
        return array.reshape(())
    shape = graph.shapes.get(node.inputs[0]) or graph.shapes.get(node.outputs[0]) or ()
    axis = int(node.attributes.get("axis", 1))
    axis += len(shape) if axis < 0 else 0
    if not shape or array.ndim != 1 or not 0 < axis < len(shape) or shape[axis] != array.size:
        raise Refusal(
            f"it has {array.size} scales along axis {axis} of a tensor of shape {list(shape)}",
            "quantise activations per tensor or per channel (axis 1)",
        )
    return array.reshape(-1, *(1,) * (len(shape) - axis - 1))


_LINKS: dict[str, Callable[[Graph, Node, str], Link | None]] = {
    "Mul": _product,
    "Div": _quotient,
    "Add": _sum,
    "Sum": _sum,
    "Sub": _difference,
    "Neg": _negative,
    "Identity": _unchanged,
    "Cast": _cast,
    "Relu": _relu,
    "Clip": _clip,
    "Max": _limit,
    "Min": _limit,
    "DequantizeLinear": _dequantize,
}

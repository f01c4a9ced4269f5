"""What an operator's handler gets to see: the node, its operands, and the network being built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from snnc.frontend import naming, values
from snnc.frontend.builder import Builder
from snnc.frontend.nodes import Node
from snnc.frontend.refusal import Refusal
from snnc.frontend.tensors import TensorTable
from snnc.frontend.values import Value
from snnc.ir import model as m
from snnc.ir.tensors import Array

SAME_FOR_ALL = (
    "its constant differs between the samples of a batch",
    "give every sample the same constant (first size 1)",
)
"""Reason and cure for a constant with a batch axis of its own."""

Operand: TypeAlias = Value | Array
"""What an ONNX tensor is: computed from an input, or a constant (batch axis included)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One node with its operands; None stands for an optional input that is left out.

    `batch`: the batch size that the graph was folded with. `consumers`: how many nodes and graph
    outputs read a tensor.
    """

    node: Node
    operands: tuple[Operand | None, ...]
    builder: Builder
    batch: int
    consumers: Callable[[str], int]

    @property
    def tensors(self) -> TensorTable:
        """The tensors of the network being built."""
        return self.builder.tensors

    @property
    def base(self) -> str:
        """A readable identifier for the node, to name its tensors after."""
        return naming.base_name(self.node)

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute's value or the default."""
        return self.node.attributes.get(name, default)

    def image(self) -> Value:
        """The data operand as (C, H, W); a (C, L) signal becomes (C, 1, L).

        Raises:
            Refusal: it has more than two spatial axes.
        """
        value = self.data()
        if len(value.shape) == 2:
            return values.view(value, m.Reshape((value.shape[0], 1, value.shape[1])))
        if len(value.shape) != 3:
            raise Refusal(
                f"it works on {len(value.shape) - 1} spatial axes; one or two are supported",
                "use 1-D or 2-D layers",
            )
        return value

    def operand(self, index: int) -> Operand | None:
        """The operand at `index`; None if it is left out."""
        return self.operands[index] if index < len(self.operands) else None

    def data(self, index: int = 0) -> Value:
        """The operand as a value computed from an input, with this node added to its origin."""
        operand = self.operand(index)
        if not isinstance(operand, Value):
            raise Refusal(
                f"its input {index} is a constant where activations are expected",
                "fold the constant computation into an initializer, or export the model again",
            )
        return replace(operand, nodes=tuple(sorted({*operand.nodes, self.node.index})))

    def constant(self, index: int) -> Array | None:
        """The operand as a constant; None if it is left out; Refusal if it is computed."""
        operand = self.operand(index)
        if isinstance(operand, Value):
            raise Refusal(
                f"its input {index} ({self.node.inputs[index]}) is computed from the network's "
                "input; it must be a constant",
                "export the model in inference mode with fixed weights and shapes",
            )
        return operand

    def required(self, index: int) -> Array:
        """As `constant`, but Refusal if it is left out."""
        array = self.constant(index)
        if array is None:
            raise Refusal(f"its input {index} is missing")
        return array

    def whole_numbers(self, index: int, name: str) -> tuple[int, ...] | None:
        """Integers from the constant input `index` or, in old opsets, from attribute `name`."""
        array = self.constant(index)
        if array is None:
            given = self.attribute(name, None)
            return None if given is None else tuple(int(n) for n in given)
        return tuple(int(n) for n in np.asarray(array).reshape(-1))

    def axis(self, axis: int, rank: int) -> int:
        """An ONNX axis of a tensor with `rank` axes as one without the batch axis."""
        actual = axis + rank if axis < 0 else axis
        if not 0 <= actual < rank:
            raise Refusal(f"axis {axis} does not exist in a tensor with {rank} axes")
        if actual == 0:
            raise Refusal(
                "it works across the batch axis",
                "every sample of a batch must be computed by itself",
            )
        return actual - 1


def without_batch(constant: Array, value: Value) -> Array:
    """A constant that broadcasts against `value`, its batch axis of length 1 removed.

    Raises:
        Refusal: it would enlarge the value or differs between the samples of a batch.
    """
    rank = len(value.shape) + 1
    array = np.asarray(constant, dtype=np.float64)
    if array.ndim == rank:
        if array.shape[0] != 1:
            raise Refusal(*SAME_FOR_ALL)
        array = array[0]
    try:
        fits = np.broadcast_shapes(array.shape, value.shape) == value.shape
    except ValueError:
        fits = False
    if not fits:
        raise Refusal(
            f"its constant of shape {list(constant.shape)} enlarges a value of shape "
            f"{list(value.shape)} (batch axis left out)",
            "expand the value in the model first, or remove the broadcast",
        )
    return array

"""Models that are newer than the installed onnxruntime, made to run on it.

Two-bit integers (ONNX 1.20, opset 25) become float32 numbers that hold the same whole numbers; then
onnx's version converter lowers the opset where every operator means the same in the older one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from snnc.diagnostics import InputError
from snnc.frontend.graph import Graph
from snnc.frontend.runtime import KNOWN_OPSET, Runner
from snnc.ir.tensors import Array

_KNOWN_IR = 10
"""The newest file format that goes with `KNOWN_OPSET`."""

_RANGES: dict[int, tuple[int, int]] = {
    int(onnx.TensorProto.UINT2): (0, 3),
    int(onnx.TensorProto.INT2): (-2, 1),
}
"""Element types of two bits, with their smallest and largest number."""


def runnable(model: onnx.ModelProto, graph: Graph) -> onnx.ModelProto:
    """The model, or the same network in an older opset if onnxruntime refuses the model.

    Args:
        model: Every node named.
        graph: The same model, normalised: constants and shapes are looked up here.

    A model that cannot be lowered comes back unchanged; what runs it says so.
    """
    if _opset(model) <= KNOWN_OPSET or _runs(model):
        return model
    older = _without_two_bits(model, graph)
    for version in range(_opset(model), KNOWN_OPSET - 1, -1):
        candidate = _lowered(older, version)
        if candidate is not None and _runs(candidate):
            return candidate
    return model


def _opset(model: onnx.ModelProto) -> int:
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def _runs(model: onnx.ModelProto) -> bool:
    try:
        Runner(model, [output.name for output in model.graph.output])
    except InputError:
        return False
    return True


def _lowered(model: onnx.ModelProto, version: int) -> onnx.ModelProto | None:
    """The model in an opset; None if an operator would change its meaning."""
    try:
        lowered = version_converter.convert_version(model, version)
    except Exception:  # the converter's own classes and assertions
        return None
    lowered.ir_version = min(lowered.ir_version, _KNOWN_IR)
    return lowered


def _without_two_bits(model: onnx.ModelProto, graph: Graph) -> onnx.ModelProto:
    """A copy that computes with float32 numbers where the model has two-bit integers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    writer = _Writer(graph)
    for name, tensor in _tensors(copy):
        if tensor.data_type in _RANGES:
            writer.ranges[name] = _RANGES[tensor.data_type]
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in copy.graph.node:
        writer.write(node)
    nodes = list(writer.nodes)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    copy.graph.initializer.extend(writer.initializers)
    del copy.graph.value_info[:]
    return copy


def _tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Constants by the name of the tensor that they are."""
    yield from ((tensor.name, tensor) for tensor in model.graph.initializer)
    for node in model.graph.node:
        if node.op_type == "Constant":
            yield from ((node.output[0], a.t) for a in node.attribute if a.HasField("t"))


class _Writer:
    """The nodes of a model, with those of two-bit integers in float32 arithmetic.

    `ranges`: the tensors of two bits, with the smallest and the largest number they can hold.
    """

    def __init__(self, graph: Graph) -> None:
        self.constants, self.shapes = graph.constants, graph.shapes
        self.ranges: dict[str, tuple[int, int]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def write(self, node: onnx.NodeProto) -> None:
        """Append one node of the model, rewritten if it makes or reads two-bit integers."""
        attributes = {a.name: a.i for a in node.attribute}
        bounds = self._made(node, attributes)
        reads = bool(node.input) and node.input[0] in self.ranges
        if bounds is not None:
            self.ranges[node.output[0]] = bounds
        elif reads and node.op_type not in ("DequantizeLinear", "Cast", "CastLike"):
            self.ranges[node.output[0]] = self.ranges[node.input[0]]  # it only moves them
        axis = attributes.get("axis", 1)
        if bounds is not None and self._simple(node):
            self._quantise(node, axis, bounds)
        elif reads and node.op_type == "DequantizeLinear" and node.output[0] in self.constants:
            array = self.constants[node.output[0]]
            self.initializers.append(numpy_helper.from_array(array, node.output[0]))
        elif reads and node.op_type == "DequantizeLinear" and self._simple(node):
            self._dequantise(node, axis)
        else:
            self.nodes.append(node)

    def _made(self, node: onnx.NodeProto, attributes: dict[str, int]) -> tuple[int, int] | None:
        """The range of what a QuantizeLinear makes, if it makes two bits."""
        if node.op_type != "QuantizeLinear":
            return None
        if len(node.input) > 2 and node.input[2]:
            return self.ranges.get(node.input[2])
        return _RANGES.get(attributes.get("output_dtype", 0))

    def _simple(self, node: onnx.NodeProto) -> bool:
        """Whether scale and zero point are constants, one for all or one for each channel."""
        known = self.constants
        return all(name in known and known[name].ndim <= 1 for name in node.input[1:] if name)

    def _quantise(self, node: onnx.NodeProto, axis: int, bounds: tuple[int, int]) -> None:
        scaled = self._node(node, "Div", [node.input[0], self._constant(node, 1, axis)])
        whole = self._node(node, "Round", [scaled])
        moved = self._node(node, "Add", [whole, self._constant(node, 2, axis)])
        ends = [self._initializer(node, np.asarray(float(bound))) for bound in bounds]
        self._node(node, "Clip", [moved, *ends], node.output[0])

    def _dequantise(self, node: onnx.NodeProto, axis: int) -> None:
        moved = self._node(node, "Sub", [node.input[0], self._constant(node, 2, axis)])
        self._node(node, "Mul", [moved, self._constant(node, 1, axis)], node.output[0])

    def _node(self, owner: onnx.NodeProto, op: str, inputs: list[str], output: str = "") -> str:
        name = f"snnc/{owner.output[0]}/{op}"
        self.nodes.append(helper.make_node(op, inputs, [output or name], name))
        return output or name

    def _constant(self, node: onnx.NodeProto, index: int, axis: int) -> str:
        """Scale or zero point (0 if left out), laid out along its axis."""
        array: Array = np.zeros(())
        if len(node.input) > index and node.input[index]:
            array = self.constants[node.input[index]].astype(np.float32)
        rank = len(self.shapes.get(node.input[0], ()))
        if array.size == 1:
            array = array.reshape(())
        else:
            array = array.reshape((-1,) + (1,) * (rank - 1 - axis % rank))
        return self._initializer(node, array)

    def _initializer(self, node: onnx.NodeProto, array: Array) -> str:
        name = f"snnc/{node.output[0]}/constant_{len(self.initializers)}"
        tensor = numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)
        self.initializers.append(tensor)
        return name

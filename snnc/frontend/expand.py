"""Quantisers that onnxruntime does not know, written out in standard ONNX operators.

The expansion follows the definitions of QONNX and FINN step by step, not the staircases that the
lowering makes of them: the import gate compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from snnc.frontend import qonnx
from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node, read_node
from snnc.frontend.qonnx_staircase import quantiser_of
from snnc.frontend.refusal import Refusal
from snnc.ir.tensors import Array

_ROUND_OPSET = 11
"""The first opset with Round, and with the bounds of Clip as inputs."""

_DIRECT = {"ROUND": "Round", "HALF_EVEN": "Round", "CEIL": "Ceil", "FLOOR": "Floor"}


def population_tensor(output: str) -> str:
    """The tensor of the staircase inside a quantiser that adds a constant or scales its levels."""
    return f"snnc/{output}/levels"


def expand(proto: onnx.ModelProto, graph: Graph) -> onnx.ModelProto:
    """The model with every known quantiser of another domain written out; names are kept.

    Args:
        proto: The model with named nodes.
        graph: The same model, normalised: its constants and shapes are looked up here.

    Where the lowering makes a staircase with a constant beside it, the staircase's own tensor
    `population_tensor(output)` is there too.
    """
    if not any(_known(node) for node in proto.graph.node):
        return proto
    opset = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < _ROUND_OPSET:
        proto = version_converter.convert_version(proto, _ROUND_OPSET)
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    for index, node in enumerate(proto.graph.node):
        written = _written(node, index, graph) if _known(node) else None
        nodes.extend([node] if written is None else written.nodes)
        initializers.extend([] if written is None else written.initializers)
    expanded = onnx.ModelProto()
    expanded.CopyFrom(proto)
    expanded.graph.initializer.extend(initializers)
    del expanded.graph.node[:]
    expanded.graph.node.extend(nodes)
    _drop_domains(expanded)
    return expanded


def _known(node: onnx.NodeProto) -> bool:
    return node.domain in qonnx.DOMAINS and node.op_type in qonnx.OPERATORS


def _written(node: onnx.NodeProto, index: int, graph: Graph) -> _Writer | None:
    """A quantiser written out; None for one that the lowering refuses or that nothing uses."""
    writer = _Writer(node, graph)
    try:
        writer.write(read_node(node, index))
    except (Refusal, *qonnx.MALFORMED):
        return None
    return writer


def _drop_domains(proto: onnx.ModelProto) -> None:
    """Domains that no node uses any more; onnxruntime would look for them."""
    used = {node.domain for node in proto.graph.node} | {""}
    kept = [entry for entry in proto.opset_import if entry.domain in used | {"ai.onnx"}]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)


class _Writer:
    """The standard operators that one quantiser is written out in."""

    def __init__(self, node: onnx.NodeProto, graph: Graph) -> None:
        self.prefix = f"snnc/{node.output[0]}"
        self.constants: Mapping[str, Array] = graph.constants
        self.shapes = graph.shapes
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def write(self, node: Node) -> None:
        """Append the nodes that compute the quantiser's output."""
        if node.op in qonnx.QUANT:
            self._quant(node)
        elif node.op == "BipolarQuant":
            self._bipolar(node)
        else:
            self._thresholds(node)

    def node(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Append a node and return the tensor it computes."""
        name = f"{self.prefix}/{len(self.nodes)}_{op}"
        self.nodes.append(helper.make_node(op, inputs, [output or name], name, **attributes))
        return output or name

    def constant(self, array: Array | float) -> str:
        """Append a float32 initializer and return its name."""
        name = f"{self.prefix}/constant_{len(self.initializers)}"
        tensor = numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)
        self.initializers.append(tensor)
        return name

    def _quant(self, node: Node) -> None:
        scale, zero, bits = (self.constants[name] for name in node.inputs[1:4])
        bounds = qonnx.quant_range(node, bits)
        step, shifted = self.constant(scale), bool(np.any(zero))
        u = self.node("Div", [node.inputs[0], step])
        if shifted:
            u = self.node("Add", [u, self.constant(zero)])
        u = self.node("Clip", [u, self.constant(bounds.low), self.constant(bounds.high)])
        whole = self._round(u, bounds.mode)
        if shifted:
            whole = self.node("Sub", [whole, self.constant(zero)])
        self.node("Mul", [whole, step], node.outputs[0])
        self._levels(node)

    def _round(self, u: str, mode: str) -> str:
        if mode in _DIRECT:
            return self.node(_DIRECT[mode], [u])
        size = self.node("Abs", [u])
        if mode.startswith("HALF"):
            half = self.constant(0.5 if mode == "HALF_UP" else -0.5)
            size = self.node("Add", [size, half])
        size = self.node("Floor" if mode in ("DOWN", "HALF_UP") else "Ceil", [size])
        return self.node("Mul", [self.node("Sign", [u]), size])

    def _bipolar(self, node: Node) -> None:
        scale = self.constants[node.inputs[1]]
        below = self._below(node.inputs[0], np.zeros(()))
        signs = self.node("Add", [self.node("Mul", [below, self.constant(-2)]), self.constant(1)])
        self.node("Mul", [signs, self.constant(scale)], node.outputs[0])
        self._levels(node)

    def _thresholds(self, node: Node) -> None:
        """One comparison for each threshold: `sum (x >= t)` is their number less `sum (x < t)`."""
        thresholds = self.constants[node.inputs[1]]
        behind = qonnx.axes_behind_channel(node, len(self.shapes[node.inputs[0]]))
        rows = qonnx.threshold_rows(thresholds).astype(np.float32)
        scale, bias = qonnx.output_affine(node)
        reached = self.constant(rows.shape[1])
        for row in rows.T.reshape(rows.shape[1], -1, *(1,) * behind):
            reached = self.node("Sub", [reached, self._below(node.inputs[0], row)])
        scaled = self.node("Mul", [reached, self.constant(scale)])
        self.node("Add", [scaled, self.constant(bias)], node.outputs[0])
        self._levels(node)

    def _below(self, x: str, bound: Array) -> str:
        """1 where `x` is below the bound, else 0."""
        less = self.node("Less", [x, self.constant(bound)])
        return self.node("Cast", [less], to=onnx.TensorProto.FLOAT)

    def _levels(self, node: Node) -> None:
        """The staircase that the lowering makes a population of, computed back from the output."""
        if node.inputs[0] in self.constants:
            return
        rank = len(self.shapes.get(node.inputs[0], ()))
        quantiser = quantiser_of(node, self.constants, rank)
        if quantiser.plain:
            return
        result = node.outputs[0]
        if quantiser.offset is not None:
            result = self.node("Sub", [result, self.constant(quantiser.offset)])
        factor = 1.0 if quantiser.factor is None else quantiser.factor
        self.node("Div", [result, self.constant(factor)], population_tensor(node.outputs[0]))

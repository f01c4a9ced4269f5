"""Constants of a graph: nodes of constants, and nodes all of whose inputs are constants."""

from __future__ import annotations

import numpy as np
import onnx

from snnc.frontend import qonnx
from snnc.frontend.nodes import Node
from snnc.ir.tensors import Array


def constant(node: Node) -> Array:
    """The array of a Constant node."""
    value = node.attributes.get("value")
    if value is None:
        value = next(iter(node.attributes.values()))
    integral = all(isinstance(n, int) for n in np.ravel(np.asarray(value, dtype=object)))
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(value, dtype=np.int64 if integral else np.float32)


def evaluate(proto: onnx.ModelProto, node: Node, constants: dict[str, Array]) -> bool:
    """Compute a node whose inputs are all constants; whether that was possible.

    onnxscript leaves some: dequantised weights, and nodes with several outputs.
    """
    if not node.inputs or any(n and n not in constants for n in node.inputs):
        return False
    if node.domain:
        folded = qonnx.fold(node, constants)
        constants.update({} if folded is None else {node.outputs[0]: folded})
        return folded is not None
    if node.op in ("ConstantOfShape", "Expand", "Tile"):
        return False  # too large to fold
    from onnx.reference import ReferenceEvaluator

    feeds = {name: constants[name] for name in node.inputs if name}
    inputs = [onnx.helper.make_tensor_value_info(name, 0, None) for name in feeds]
    outputs = [onnx.helper.make_tensor_value_info(name, 0, None) for name in node.outputs if name]
    graph = onnx.helper.make_graph([proto.graph.node[node.index]], "constant", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=proto.opset_import)
    try:
        results = ReferenceEvaluator(model).run(None, feeds)
    except Exception:
        return False  # the node stays, and the lowering says what it makes of it
    names = [name for name in node.outputs if name]
    constants.update(zip(names, map(np.asarray, results), strict=True))
    return True

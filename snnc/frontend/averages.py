"""Average poolings that the installed onnxruntime gets wrong, written so that it gets them right.

onnxruntime 1.23.2, the last one for Python 3.10, divides by wrong counts where padding is counted
(`count_include_pad`) and is uneven, or where `ceil_mode` lets windows reach beyond it; 1.31.1
agrees with the ONNX specification. The model under onnxruntime is what an import is compared with
and what the accuracy of the trained network is measured on, so each such node is tried, and one
that comes out wrong is replaced by the zeros it counts and an average without padding.
"""

from __future__ import annotations

import numpy as np
import onnx

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.runtime import Runner
from snnc.frontend.windows import Window, read_window
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import window_counts
from snnc.ir.tensors import Array, Shape

_ONNX = ("", "ai.onnx")


def mend_averages(proto: onnx.ModelProto, graph: Graph) -> tuple[str, ...]:
    """Replace average poolings that this onnxruntime computes wrongly; notes that say so.

    Args:
        proto: The model that will run under onnxruntime, changed in place.
        graph: The same model as a plain graph, all of whose nodes were converted.
    """
    suspects = {n.outputs[0]: n for n in graph.nodes if n.op == "AveragePool" and _suspect(n)}
    notes = []
    for index in reversed(range(len(proto.graph.node))):
        written = proto.graph.node[index]
        node = suspects.get(written.output[0]) if written.output else None
        shape = graph.shapes.get(node.inputs[0]) if node else None
        if node is None or not shape or written.op_type != "AveragePool":
            continue
        window = read_window(node, shape[2:])
        if _agrees(proto, written, _operator(node, window), shape[2:]):
            continue
        _replace(proto, index, _operator(node, window), shape[2:])
        notes.append(
            f"the installed onnxruntime averages wrongly at {node.name}; the zeros are added "
            "by a Pad of their own there (onnxruntime 1.31.1 needs no such help)"
        )
    return tuple(reversed(notes))


def _suspect(node: Node) -> bool:
    return not node.domain and bool(node.attributes.get("count_include_pad", 0))


def _operator(node: Node, window: Window) -> m.AvgPool2d:
    ceil = bool(node.attributes.get("ceil_mode", 0))
    return m.AvgPool2d(window.kernel, window.strides, window.pads, True, ceil)


def _agrees(
    proto: onnx.ModelProto, written: onnx.NodeProto, op: m.AvgPool2d, spatial: Shape
) -> bool:
    """Whether onnxruntime averages one random image as the specification says."""
    kind = onnx.TensorProto.FLOAT
    node = onnx.NodeProto()
    node.CopyFrom(written)
    node.input[0], node.output[0] = "x", "y"
    graph = onnx.helper.make_graph(
        [node],
        "average",
        [onnx.helper.make_tensor_value_info("x", kind, [1, 1, *spatial])],
        [onnx.helper.make_tensor_value_info("y", kind, None)],
    )
    opsets = [o for o in proto.opset_import if o.domain in _ONNX]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    x = np.random.default_rng(0).uniform(1.0, 2.0, (1, 1, *spatial)).astype(np.float32)
    found = Runner(model, ["y"]).run(x)["y"]
    wanted = linear.apply(op, x.reshape(1, 1, *_lifted(spatial)), _no_tensor)
    return found.size == wanted.size and bool(
        np.allclose(found.reshape(wanted.shape), wanted, rtol=1e-4)
    )


def _replace(proto: onnx.ModelProto, index: int, op: m.AvgPool2d, spatial: Shape) -> None:
    """Zeros, then the average of what is there: windows beyond the zeros count what they hold."""
    old = proto.graph.node[index]
    rank = len(spatial)
    size = _lifted(spatial)
    counts = window_counts(size, op)
    behind = []
    for axis in (0, 1):
        needed = (counts[axis] - 1) * op.strides[axis] + op.kernel[axis]
        rest = needed - size[axis] - op.pads[axis]
        behind.append(min(max(rest, 0), op.pads[axis + 2]))
    pads = [0, 0, *op.pads[2 - rank : 2], 0, 0, *behind[2 - rank :]]
    padded = f"snnc/{old.name}/padded"
    pad = onnx.helper.make_node("Pad", [old.input[0]], [padded], padded)
    opset = next(o.version for o in proto.opset_import if o.domain in _ONNX)
    if opset < 11:
        pad.attribute.append(onnx.helper.make_attribute("pads", pads))
    else:
        amounts = onnx.numpy_helper.from_array(np.array(pads, dtype=np.int64), f"{padded}/pads")
        proto.graph.initializer.append(amounts)
        pad.input.append(amounts.name)
    average = onnx.helper.make_node(
        "AveragePool",
        [padded],
        list(old.output),
        old.name,
        kernel_shape=op.kernel[2 - rank :],
        strides=op.strides[2 - rank :],
    )
    if op.ceil_mode:
        average.attribute.append(onnx.helper.make_attribute("ceil_mode", 1))
    proto.graph.node[index].CopyFrom(pad)
    proto.graph.node.insert(index + 1, average)


def _lifted(spatial: Shape) -> tuple[int, int]:
    return (1, spatial[0]) if len(spatial) == 1 else (spatial[0], spatial[1])


def _no_tensor(ref: m.Ref) -> Array:
    raise KeyError(ref.name)

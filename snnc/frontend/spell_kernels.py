"""The trained function written out: Relu nodes with a kernel as ONNX nodes that encode and decode.

So the recogniser, the import gate, and whatever else asks onnxruntime all see what was trained.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from snnc.frontend.kernel_metadata import Kernels, check_relu, unknown_names
from snnc.frontend.loader import Loaded
from snnc.frontend.normalise import real_inputs
from snnc.ir import model as m

_DOUBLE = int(onnx.TensorProto.DOUBLE)


def with_kernels(loaded: Loaded, proto: onnx.ModelProto, kernels: Kernels) -> onnx.ModelProto:
    """A copy of the model that computes the surrogates its metadata names.

    A node keeps its name and output; the others are named after it.

    Args:
        loaded: The file, for messages.
        proto: Its model, every node named.
        kernels: What the metadata says.

    Raises:
        InputError: SN618, a node or an input does not exist, or a node is no Relu.
    """
    unknown_names(loaded, kernels.nodes, (n.name for n in proto.graph.node), "node")
    unknown_names(loaded, kernels.inputs, (i.name for i in real_inputs(proto)), "input")
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    kinds = _element_types(proto)
    nodes: list[onnx.NodeProto] = []
    for name, kernel in kernels.inputs.items():
        nodes.extend(_spelled(kernel, name, f"{name}/spikes", name, kinds.get(name, 1)))
    for node in copy.graph.node:
        for index, name in enumerate(node.input):
            if name in kernels.inputs:
                node.input[index] = f"{name}/spikes"
        kernel_of = kernels.nodes.get(node.name)
        if kernel_of is None:
            nodes.append(node)
            continue
        check_relu(loaded, node)
        kind = kinds.get(node.output[0], 1)
        nodes.extend(_spelled(kernel_of, node.input[0], node.output[0], node.name, kind))
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _element_types(proto: onnx.ModelProto) -> dict[str, int]:
    """The element type of each tensor, where it can be inferred."""
    try:
        graph = shape_inference.infer_shapes(proto).graph
    except Exception:  # what is wrong with the model is said where it is normalised
        graph = proto.graph
    infos = (*graph.input, *graph.value_info, *graph.output)
    return {i.name: i.type.tensor_type.elem_type for i in infos if i.type.tensor_type.elem_type}


def _spelled(
    kernel: m.TTFS, source: str, output: str, name: str, kind: int
) -> Iterator[onnx.NodeProto]:
    """Encode and decode in float64, so that the kernel's numbers stay what they are."""
    made = f"{name}/ttfs"
    numbers = {
        "tau": kernel.tau,
        "slope": -kernel.tau,
        "delay": kernel.delay,
        "threshold": kernel.threshold,
        "half": 0.5,
        "end": kernel.steps - 0.5,
    }
    for key, value in numbers.items():
        tensor = numpy_helper.from_array(np.asarray(value, dtype=np.float64))
        yield helper.make_node("Constant", [], [f"{made}/{key}"], f"{made}/{key}", value=tensor)
    time = [("Ceil", "time", "whole")]
    if kernel.rounding == "round":
        time = [("Add", "time half", "moved"), ("Floor", "moved", "whole")]
    steps = [
        ("Relu", "x", "positive"),
        ("Div", "positive threshold", "share"),
        ("Log", "share", "log"),
        ("Mul", "log slope", "late"),
        ("Add", "late delay", "since"),
        ("Relu", "since", "time"),
        *time,
        ("Sub", "delay whole", "before"),
        ("Div", "before tau", "exponent"),
        ("Exp", "exponent", "falling"),
        ("Mul", "falling threshold", "worth"),
        ("Less", "whole end", "within"),
    ]
    yield helper.make_node("Cast", [source], [f"{made}/x"], f"{made}/Cast_x", to=_DOUBLE)
    for op, inputs, result in steps:
        given = [f"{made}/{part}" for part in inputs.split()]
        yield helper.make_node(op, given, [f"{made}/{result}"], f"{made}/{op}_{result}")
    fired, sent = f"{made}/fired", f"{made}/sent"
    yield helper.make_node("Cast", [f"{made}/within"], [fired], f"{made}/Cast_fired", to=_DOUBLE)
    yield helper.make_node("Mul", [f"{made}/worth", fired], [sent], f"{made}/Mul_sent")
    yield helper.make_node("Cast", [sent], [output], name, to=kind)

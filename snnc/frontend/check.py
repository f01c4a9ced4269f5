"""Checks of a parsed model before anything is done with it: structure, weights, input shapes."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import numpy_helper

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.loader import Loaded
from snnc.ir.tensors import Array

_FLOATING = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.FLOAT16,
}

_LARGEST_SIZE = 1 << 31
_SIZE_INPUTS = {"Pad", "Reshape", "Expand", "Tile", "Resize", "Split", "Squeeze", "Unsqueeze"}
_SIZE_ATTRIBUTES = {
    "axis",
    "blocksize",
    "dilations",
    "group",
    "kernel_shape",
    "num_outputs",
    "output_padding",
    "output_shape",
    "pads",
    "split",
    "strides",
}


def check_model(loaded: Loaded) -> None:
    """Refuse a model that is broken in itself.

    Raises:
        InputError: SN605 cyclic graph, SN606 a missing initializer or dangling input, SN607 NaN or
            infinite weights, SN608 an input of dynamic or unknown size, SN610 damaged tensors.
    """
    initializers = {t.name for t in loaded.proto.graph.initializer}
    if loaded.proto.graph.sparse_initializer:
        message = "the model holds sparse initializers"
        cure = "export the model with dense weights"
        raise InputError(Diagnostic("SN610", message, _where(loaded), cure))
    _check_weights(loaded)
    _check_sizes(loaded)
    _check_order(loaded, initializers)
    _check_inputs(loaded, initializers)


def _where(loaded: Loaded, node: str = "") -> str:
    return f'{loaded.name} node "{node}"' if node else loaded.name


def _check_weights(loaded: Loaded) -> None:
    found = []
    for owner, tensor in _tensors(loaded.proto.graph):
        try:
            count = math.prod(tensor.dims)
            if count < 0 or count > 1 << 40:
                raise ValueError(f"it claims {count} elements")
            array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
            message = f"tensor {tensor.name or owner} is damaged: {_first_line(error)}"
            cure = "export the model again"
            raise InputError(Diagnostic("SN610", message, _where(loaded, owner), cure)) from None
        if tensor.data_type in _FLOATING and not _sound(array):
            broken = int(np.count_nonzero(~np.isfinite(array)))
            message = f"{tensor.name or owner} holds NaN or infinite values ({broken})"
            cure = "check the training run (learning rate, loss) and export finite weights"
            found.append(Diagnostic("SN607", message, _where(loaded, owner), cure))
    if found:
        raise InputError(found)


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"unknown element type {error}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _sound(array: Array) -> bool:
    """Finite; a single infinite number may be the open bound of a Clip."""
    return bool(np.all(np.isfinite(array)) or (array.size == 1 and not np.any(np.isnan(array))))


def _tensors(graph: onnx.GraphProto) -> list[tuple[str, onnx.TensorProto]]:
    """All constants with the name of the first node that uses them."""
    users: dict[str, str] = {}
    for index, node in enumerate(graph.node):
        for name in node.input:
            users.setdefault(name, node.name or f"{node.op_type}_{index}")
    found = [(users.get(t.name, t.name), t) for t in graph.initializer]
    for index, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{index}"
        found.extend((name, a.t) for a in node.attribute if a.HasField("t"))
    return found


def _check_sizes(loaded: Loaded) -> None:
    """Sizes beyond any tensor's; the libraries behind abort the process on some of them."""
    constants = {
        t.name: numpy_helper.to_array(t)
        for t in loaded.proto.graph.initializer
        if t.data_type == onnx.TensorProto.INT64
    }
    for index, node in enumerate(loaded.proto.graph.node):
        sizes = [n for a in node.attribute if a.name in _SIZE_ATTRIBUTES for n in (*a.ints, a.i)]
        if node.op_type in _SIZE_INPUTS:
            for name in node.input[1:]:
                sizes.extend(constants.get(name, np.zeros(0, np.int64)).reshape(-1).tolist())
        if any(abs(n) > _LARGEST_SIZE for n in sizes):
            where = _where(loaded, node.name or f"{node.op_type}_{index}")
            largest = max(sizes, key=abs)
            message = f"{node.op_type} is given a size of {largest}; the file is damaged"
            raise InputError(Diagnostic("SN610", message, where, "export the model again"))


def _check_order(loaded: Loaded, initializers: set[str]) -> None:
    """Every tensor that is read is an input, a constant, or made by an earlier node."""
    graph = loaded.proto.graph
    known = initializers | {i.name for i in graph.input} | {""}
    made = {name for node in graph.node for name in node.output}
    for index, node in enumerate(graph.node):
        for name in node.input:
            if name not in known:
                _dangling(loaded, node.name or f"{node.op_type}_{index}", name, made)
        known.update(node.output)
    for output in graph.output:
        if output.name not in known:
            message = f"output {output.name} is not computed by any node"
            cure = "export the model again"
            raise InputError(Diagnostic("SN606", message, _where(loaded), cure))


def _dangling(loaded: Loaded, node: str, name: str, made: set[str]) -> None:
    if name in made:
        message = f"it reads {name}, which depends on the node itself or comes after it"
        diagnostic = Diagnostic(
            "SN605",
            f"the graph is cyclic or not in order: {message}",
            _where(loaded, node),
            "export the model again; ONNX graphs are acyclic and sorted",
        )
    else:
        diagnostic = Diagnostic(
            "SN606",
            f"it reads {name}, which is neither an input, nor an initializer, nor computed",
            _where(loaded, node),
            "export the model with its weights (export_params=True)",
        )
    raise InputError(diagnostic)


def _check_inputs(loaded: Loaded, initializers: set[str]) -> None:
    """Every size but the batch size must be known."""
    inputs = [i for i in loaded.proto.graph.input if i.name not in initializers]
    if not inputs:
        message = "the model has no input"
        raise InputError(Diagnostic("SN603", message, _where(loaded), "export the model again"))
    for declared in inputs:
        dims = declared.type.tensor_type.shape.dim
        if not declared.type.tensor_type.HasField("shape") or not dims:
            sizes, dynamic = "unknown", [0]
        else:
            sizes = "[" + ", ".join(str(d.dim_value or d.dim_param or "?") for d in dims) + "]"
            dynamic = [axis for axis, d in enumerate(dims) if axis and d.dim_value <= 0]
        if dynamic:
            message = f"input {declared.name} has the dynamic shape {sizes}; only the batch may be"
            cure = "export the model with a fixed height and width (only axis 0 dynamic)"
            raise InputError(Diagnostic("SN608", message, _where(loaded), cure))

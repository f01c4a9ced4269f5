"""The adapter to onnx, onnx-ir and onnxscript: from a parsed model to a plain graph.

All use of their transformations is here: inlining functions, raising the opset, folding constants
(shape computations among them), shape inference. Tensor names are kept, so that every tensor of
the result can be asked of onnxruntime in the original model.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import onnx
from onnx import inliner, numpy_helper, shape_inference, version_converter

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.folding import constant, evaluate
from snnc.frontend.graph import Graph, GraphInput
from snnc.frontend.loader import Loaded
from snnc.frontend.nodes import Node, module_scopes, read_node
from snnc.ir.tensors import Array, Shape

if TYPE_CHECKING:
    import onnx_ir

OLDEST_OPSET = 7
TARGET_OPSET = 21
FOLDING_BATCH = 3
"""The batch size a dynamic batch axis is given while constants are folded.

Not 1, so that a reshape that keeps the batch differs from one that fixes it to 1.
"""

_LARGEST_CONSTANT = 1 << 28
"""Elements of the largest constant that is computed at import."""

_SHAPE_KEEPING = {"Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold", "RequantShift"}
"""Quantisers of QONNX, Brevitas, FINN and PULP, which shape inference does not know."""

_CONTRIBUTED = {"QuantizeLinear", "DequantizeLinear"}
"""Operators that onnxruntime's quantiser takes from its own domain for 4 and 16 bits; ONNX has
them since opset 21, with the same meaning."""

_T = TypeVar("_T")


def named(loaded: Loaded) -> onnx.ModelProto:
    """A copy in which local functions are inlined and every node has a name of its own.

    Raises:
        InputError: SN612, a function cannot be inlined.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(loaded.proto)
    if copy.functions:
        copy = _stage(loaded, "inlining", lambda: inliner.inline_local_functions(loaded.proto))
    taken: set[str] = set()
    for index, node in enumerate(copy.graph.node):
        wanted = node.name or f"{node.op_type}_{index}"
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        node.name = name
        taken.add(name)
    return copy


def normalise(loaded: Loaded, proto: onnx.ModelProto) -> Graph:
    """The plain graph of a model whose nodes are `named`.

    Raises:
        InputError: SN611 an opset older than 7 or an operator set that cannot be raised, SN612 a
            step of onnx or onnxscript that failed.
    """
    scopes = {node.name: module_scopes(node) for node in proto.graph.node}
    with _quiet():
        work = _stage(loaded, "copy", lambda: _with_batch(proto))
        work = _raise_opset(loaded, work)
        work = _stage(loaded, "constant folding", lambda: _fold(work))
        work = _stage(loaded, "shape inference", lambda: _infer(work))
    return _stage(loaded, "reading the graph", lambda: _plain(loaded, work, scopes))


def batch_size(proto: onnx.ModelProto) -> int | None:
    """The batch size that the model's inputs fix; None where it is dynamic."""
    for declared in real_inputs(proto):
        dims = declared.type.tensor_type.shape.dim
        if dims and dims[0].dim_value > 0:
            return int(dims[0].dim_value)
    return None


def real_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Graph inputs that are not initializers listed as inputs (as IR version 3 does)."""
    initializers = {t.name for t in proto.graph.initializer}
    return [i for i in proto.graph.input if i.name not in initializers]


@contextmanager
def _quiet() -> Iterator[None]:
    """Onnxscript logs and warns about every node it leaves alone; none of it is for users."""
    logger = logging.getLogger("onnxscript")
    other = logging.getLogger("onnx_ir")
    levels = logger.level, other.level
    logger.setLevel(logging.CRITICAL)
    other.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(levels[0])
        other.setLevel(levels[1])


def _stage(loaded: Loaded, name: str, work: Callable[[], _T]) -> _T:
    try:
        return work()
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise InputError(
            Diagnostic(
                "SN612",
                f"{name} failed: {reason}",
                loaded.name,
                "check the file with onnx.checker, or export the model again",
            )
        ) from error


def _with_batch(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose batch axis is fixed, without stale shapes and doubled operators."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    batch = batch_size(proto) or FOLDING_BATCH
    for declared in real_inputs(copy):
        dim = declared.type.tensor_type.shape.dim[0]
        dim.Clear()
        dim.dim_value = batch
    kept = real_inputs(copy)  # an initializer that is also an input is not folded
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    for node in copy.graph.node:
        if node.domain == "com.microsoft" and node.op_type in _CONTRIBUTED:
            node.domain = ""
    copy.ir_version = max(copy.ir_version, 4)
    del copy.graph.value_info[:]
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    domains = {entry.domain for entry in copy.opset_import}
    for domain in sorted({n.domain for n in copy.graph.node} - domains - {"", "ai.onnx"}):
        copy.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    return copy


def _raise_opset(loaded: Loaded, proto: onnx.ModelProto) -> onnx.ModelProto:
    version = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), 0)
    if version >= TARGET_OPSET:
        return proto
    if version == 0:
        message = "the model uses no standard ONNX operators (ai.onnx)"
        cure = "export a neural network; classical models (trees, SVMs) cannot be converted"
        raise InputError(Diagnostic("SN611", message, loaded.name, cure))
    if version < OLDEST_OPSET:
        message = f"operator set {version} is older than {OLDEST_OPSET}"
        cure = f"export the model again with opset {TARGET_OPSET}"
        raise InputError(Diagnostic("SN611", message, loaded.name, cure))
    try:
        return version_converter.convert_version(proto, TARGET_OPSET)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        message = f"operator set {version} cannot be raised to {TARGET_OPSET}: {reason}"
        cure = f"export the model again with opset {TARGET_OPSET}"
        raise InputError(Diagnostic("SN611", message, loaded.name, cure)) from error


def _fold(proto: onnx.ModelProto) -> onnx.ModelProto:
    import onnx_ir
    from onnxscript import optimizer

    model = onnx_ir.from_proto(proto)
    optimizer.fold_constants(
        model,
        onnx_shape_inference=True,
        input_size_limit=_LARGEST_CONSTANT,
        output_size_limit=_LARGEST_CONSTANT,
        should_fold=_affordable,
    )
    return onnx_ir.to_proto(model)


def _affordable(node: onnx_ir.Node) -> bool:
    """Whether a node's result fits into memory; a few bytes of file can ask for terabytes."""
    if node.op_type not in ("ConstantOfShape", "Expand", "Tile"):
        return True
    wanted = node.inputs[-1].const_value if node.inputs and node.inputs[-1] is not None else None
    if wanted is None:
        return False
    return math.prod(int(n) for n in wanted.numpy().reshape(-1)) <= _LARGEST_CONSTANT


def _infer(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Shapes of all tensors; quantisers of other domains keep the shape of their input."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for node in copy.graph.node:
        if node.op_type in _SHAPE_KEEPING and node.domain:
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
            del node.input[1:]
    inferred = shape_inference.infer_shapes(copy, data_prop=True)
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(inferred.graph.value_info)
    for output, known in zip(proto.graph.output, inferred.graph.output, strict=True):
        output.CopyFrom(known)
    return proto


def _plain(loaded: Loaded, proto: onnx.ModelProto, scopes: Mapping[str, tuple[str, ...]]) -> Graph:
    """Plain data of a normalised model; module scopes by node name, for converters drop them."""
    graph = proto.graph
    constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    nodes = tuple(
        read_node(node, index, scopes.get(node.name, ())) for index, node in enumerate(graph.node)
    )
    kept = []
    for node in nodes:
        if node.op == "Constant" and not node.domain:
            constants[node.outputs[0]] = constant(node)
        elif not evaluate(proto, node, constants):
            kept.append(node)
    inputs = tuple(_input(declared) for declared in real_inputs(proto))
    outputs = tuple(output.name for output in graph.output)
    shapes = {v.name: _shape(v) for v in (*graph.value_info, *graph.output, *graph.input)}
    shapes.update({name: array.shape for name, array in constants.items()})
    batch = batch_size(proto) or FOLDING_BATCH
    return Graph(
        loaded.name, _live(kept, outputs), nodes, inputs, outputs, constants, shapes, batch
    )


def _live(nodes: list[Node], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    """The nodes that an output depends on."""
    wanted = set(outputs)
    live = []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            live.append(node)
            wanted.update(node.inputs)
    return tuple(reversed(live))


def _input(declared: onnx.ValueInfoProto) -> GraphInput:
    kind = declared.type.tensor_type.elem_type
    try:
        dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind))
    except (KeyError, ValueError):
        dtype = f"type {kind}"
    return GraphInput(declared.name, dtype, (_shape(declared) or (0,))[1:])


def _shape(info: onnx.ValueInfoProto) -> Shape:
    """The static shape; empty if a size is unknown."""
    sizes = tuple(int(d.dim_value) for d in info.type.tensor_type.shape.dim)
    return sizes if all(n > 0 for n in sizes) else ()

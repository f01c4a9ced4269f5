"""Elementwise parts of a graph as functions of one number, computed by onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.normalise import TARGET_OPSET
from snnc.frontend.runtime import Runner
from snnc.ir.tensors import Array

POINTWISE = frozenset(
    (
        *("Abs", "Add", "Ceil", "Clip", "Div", "Exp", "Floor", "Log", "Max", "Min", "Mul", "Neg"),
        *("Pow", "Reciprocal", "Relu", "Round", "Sign", "Sub", "Sum"),
        *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"),
        *("Cast", "CastLike", "Identity", "Where"),
    )
)
"""Operators that compute every element of their result from those in the same place."""

_FLOATS = frozenset({1, 10, 11, 16})
_IR_VERSION = 10
"""The file format that goes with `TARGET_OPSET`."""


@dataclass(frozen=True, slots=True)
class Region:
    """The nodes that compute functions of one tensor and constants, element by element.

    `several`: the constants among theirs that hold different numbers; `made`: what they compute.
    """

    source: str
    nodes: tuple[Node, ...]
    several: frozenset[str]

    @property
    def made(self) -> frozenset[str]:
        """The tensors that the nodes compute."""
        return frozenset(node.outputs[0] for node in self.nodes)

    def behind(self, tensors: frozenset[str]) -> frozenset[str]:
        """What of the region is computed from any of some tensors."""
        found: set[str] = set()
        for node in self.nodes:
            if any(name in tensors or name in found for name in node.inputs):
                found.add(node.outputs[0])
        return frozenset(found)

    def to(self, tensor: str) -> Region:
        """The part that a tensor is computed by."""
        wanted, kept = {tensor}, []
        for node in reversed(self.nodes):
            if node.outputs[0] in wanted:
                kept.append(node)
                wanted.update(node.inputs)
        return Region(self.source, tuple(reversed(kept)), self.several & wanted)


def region_of(graph: Graph, source: str, *, mixed: bool = False) -> Region:
    """All that is computed from a tensor and constants alone, element by element.

    Args:
        graph: Normalised.
        source: The tensor.
        mixed: Whether a constant may hold different numbers, for example one for each channel.
    """
    made, several = {source}, set[str]()
    nodes = []
    for node in graph.nodes:
        if not is_pointwise(node) or made.isdisjoint(node.inputs):
            continue
        constants = [name for name in node.inputs if name in graph.constants]
        others = {name for name in node.inputs if name} - set(constants)
        differing = {name for name in constants if not _is_one_number(graph.constants[name])}
        if others <= made and (mixed or not differing) and _same_shape(graph, source, node):
            nodes.append(node)
            several |= differing
            made.add(node.outputs[0])
    return Region(source, tuple(nodes), frozenset(several))


def is_pointwise(node: Node) -> bool:
    """Whether a node computes one tensor element by element."""
    wired = bool(node.inputs) and len(node.outputs) == 1
    return node.op in POINTWISE and not node.domain and wired


def number(array: Array) -> float:
    """The number that a constant holds, once or many times."""
    return float(array.reshape(-1)[0])


def _is_one_number(array: Array) -> bool:
    flat = array.reshape(-1)
    return bool(flat.size) and bool((flat == flat[0]).all())


def _same_shape(graph: Graph, source: str, node: Node) -> bool:
    shapes = [graph.shapes.get(name) for name in (source, node.outputs[0])]
    return not all(shapes) or shapes[0] == shapes[1]


def ancestors(graph: Graph, tensor: str, most: int) -> Iterator[str]:
    """The tensors that a tensor is computed from, element by element, itself first, nearest first.

    Args:
        graph: Normalised.
        tensor: Where to begin.
        most: Stop after so many.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    queue, seen = [tensor], {tensor}
    while queue and most:
        name = queue.pop(0)
        most -= 1
        yield name
        node = makers.get(name)
        if node is None or not is_pointwise(node):
            continue
        new = [n for n in node.inputs if n and n not in graph.constants and n not in seen]
        seen.update(new)
        queue.extend(new)


class Probe:
    """A region as a function of numbers.

    Args:
        graph: Holds its constants.
        region: Its constants hold one number each.
        wanted: The tensors to compute.

    Raises:
        InputError: SN613, onnxruntime cannot run it.
        ValueError, TypeError: a node has attributes that are none of ONNX.
    """

    def __init__(self, graph: Graph, region: Region, wanted: Sequence[str]) -> None:
        self.source = region.source
        self.wanted = [name for name in dict.fromkeys(wanted) if name != region.source]
        models = (_model(graph, region, dtype) for dtype in (np.float64, np.float32))
        self._exact, self._single = (Runner(model, self.wanted) for model in models)

    def exact(self, x: Array) -> dict[str, Array]:
        """The tensors for numbers (n,), computed in float64."""
        return self._run(self._exact, x.astype(np.float64))

    def single(self, x: Array) -> dict[str, Array]:
        """The tensors for numbers (n,), computed in float32."""
        with np.errstate(over="ignore"):  # a function that grows without end is none we look for
            return self._run(self._single, x.astype(np.float32))

    def _run(self, runner: Runner, x: Array) -> dict[str, Array]:
        found = runner.run(x)
        return {self.source: x, **{n: np.broadcast_to(a, x.shape) for n, a in found.items()}}


def _model(graph: Graph, region: Region, dtype: DTypeLike) -> onnx.ModelProto:
    """The region in one floating-point type; its input is a vector."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, constants = [], {}
    for node in region.nodes:
        attributes = dict(node.attributes)
        if node.op == "Cast" and attributes.get("to") in _FLOATS:
            attributes = {"to": kind}
        nodes.append(helper.make_node(node.op, node.inputs, node.outputs, node.name, **attributes))
        for name in node.inputs:
            if name in graph.constants:
                value = graph.constants[name].reshape(-1)[0]
                floating = value.dtype.kind not in "iub"
                constants[name] = np.asarray(value, dtype=dtype if floating else value.dtype)
    made = helper.make_graph(
        nodes,
        "probe",
        [helper.make_tensor_value_info(region.source, kind, ["N"])],
        [helper.make_empty_tensor_value_info(name) for name in region.made],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", TARGET_OPSET)
    return helper.make_model(made, opset_imports=[opset], ir_version=_IR_VERSION)

"""The normalised graph as plain data: what the lowering walks over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from snnc.frontend.nodes import Node
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, slots=True)
class GraphInput:
    """A graph input: its ONNX name, NumPy element type, and shape without the batch axis."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in topological order, with constants and static shapes (batch axis included).

    `nodes` leaves out nodes whose results are constants or that nothing uses; `all_nodes` is
    indexed by `Node.index`. `batch`: the size the batch axis was given for folding.
    """

    model: str
    nodes: tuple[Node, ...]
    all_nodes: tuple[Node, ...]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Array]
    shapes: Mapping[str, Shape]
    batch: int


def node_macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of one node per sample, from its static shapes; 0 if unknown."""
    if node.op not in _MACS:
        return 0
    rule, needed = _MACS[node.op]
    found = [graph.shapes.get(name) for name in (node.outputs[0], *node.inputs[:needed])]
    shapes = [shape for shape in found if shape]
    return rule(shapes) // graph.batch if len(shapes) == needed + 1 else 0


def _conv(shapes: list[Shape]) -> int:
    output, _, weight = shapes
    return math.prod(output) * math.prod(weight[1:])


def _conv_transpose(shapes: list[Shape]) -> int:
    _, data, weight = shapes
    return math.prod(data) * math.prod(weight[1:])


def _product(shapes: list[Shape]) -> int:
    output, left, _ = shapes
    return math.prod(output) * left[-1]


def _gemm(shapes: list[Shape]) -> int:
    output, _, weight = shapes
    return output[0] * math.prod(weight)


def _recurrent(shapes: list[Shape]) -> int:
    _, data, weight, recurrence = shapes
    return data[0] * data[1] * (math.prod(weight) + math.prod(recurrence))


_MACS: dict[str, tuple[Callable[[list[Shape]], int], int]] = {
    "Conv": (_conv, 2),
    "ConvTranspose": (_conv_transpose, 2),
    "Gemm": (_gemm, 2),
    "MatMul": (_product, 2),
    "RNN": (_recurrent, 3),
    "GRU": (_recurrent, 3),
    "LSTM": (_recurrent, 3),
}

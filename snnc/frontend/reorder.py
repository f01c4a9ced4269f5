"""Shape operators inside quantisers, moved in front of them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from snnc.frontend.graph import Graph
from snnc.frontend.links import ROUNDERS
from snnc.frontend.nodes import Node
from snnc.frontend.recognise import Wiring

_SHAPE_OPERATORS = {"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators that only move elements, so that they may change places with elementwise ones."""

_MOST_SWAPS = 1000
"""More than any network needs; what is left then is judged as it stands."""

_CLAMPS = {"Clip", "Max", "Min", "Relu"}


def with_shapes_in_front(graph: Graph, fixed: Set[int] = frozenset()) -> Graph:
    """The graph with `quantise, reshape, dequantise` as `reshape, quantise, dequantise`.

    The same for a clamp that a reshape separates from its quantiser. tf2onnx and quantisers of
    layer inputs write such graphs. Nodes change places only if their constants are single numbers
    and nothing else reads the tensor between the two. That tensor then holds other values than in
    the file.

    Args:
        graph: The graph.
        fixed: Indices of nodes that keep their places.
    """
    for _ in range(_MOST_SWAPS):
        pair = _first_pair(graph, fixed)
        if pair is None:
            break
        graph = _swapped(graph, *pair)
    return graph


def moved_clamps(graph: Graph, moved: Graph) -> frozenset[int]:
    """Indices of the clamps that read another tensor in the second graph than in the first."""
    before = {node.index: node.inputs for node in graph.nodes}
    return frozenset(
        node.index
        for node in moved.nodes
        if node.op in _CLAMPS and node.inputs != before.get(node.index)
    )


def _first_pair(graph: Graph, fixed: Set[int]) -> tuple[Node, Node] | None:
    """A node of a quantiser and the shape operator behind it."""
    if not any(node.op in ROUNDERS for node in graph.nodes):
        return None
    wiring = Wiring(graph)
    for node in graph.nodes:
        if node.index in fixed:
            continue
        if node.op in (*_CLAMPS, "QuantizeLinear") and _uniform(graph, node):
            shape = _only_reader(wiring, node)
            if shape is not None and _is_shape(graph, shape) and _leads_on(wiring, node, shape):
                return node, shape
    return None


def _leads_on(wiring: Wiring, node: Node, shape: Node) -> bool:
    """Whether a quantiser's rest comes behind the shape operator, perhaps behind more of them."""
    after: Node | None = shape
    while after is not None and _is_shape(wiring.graph, after):
        after = _only_reader(wiring, after)
    if node.op != "QuantizeLinear":
        while after is not None and wiring.link(after) is not None:
            after = _only_reader(wiring, after)
        return after is not None and after.op in ROUNDERS
    return after is not None and wiring.link(after) is not None


def _only_reader(wiring: Wiring, node: Node) -> Node | None:
    readers = wiring.read_by(node.outputs[0])
    return readers[0] if len(readers) == 1 else None


def _is_shape(graph: Graph, node: Node) -> bool:
    constants = all(name in graph.constants for name in node.inputs[1:] if name)
    return not node.domain and node.op in _SHAPE_OPERATORS and constants


def _uniform(graph: Graph, node: Node) -> bool:
    """Whether one input is computed and all others are single numbers."""
    constants = [graph.constants[name] for name in node.inputs if name in graph.constants]
    given = [name for name in node.inputs if name]
    single = all(constant.size == 1 and constant.ndim < 2 for constant in constants)
    return not node.domain and single and len(given) == len(constants) + 1


def _swapped(graph: Graph, node: Node, shape: Node) -> Graph:
    """The graph in which the shape operator stands in the node's place, and the node in its."""
    between, end = node.outputs[0], shape.outputs[0]
    data = next(name for name in node.inputs if name and name not in graph.constants)
    first = replace(shape, inputs=(data, *shape.inputs[1:]), outputs=(between,))
    inputs = tuple(between if name == data else name for name in node.inputs)
    second = replace(node, inputs=inputs, outputs=(end,))
    places = {node.index: first, shape.index: second}
    nodes = tuple(places.get(n.index, n) for n in graph.nodes)
    shapes = {name: size for name, size in graph.shapes.items() if name != between}
    if end in graph.shapes:
        shapes[between] = graph.shapes[end]
    return replace(graph, nodes=nodes, shapes=shapes)

"""Tails of the graph that are left to the host: Softmax, ArgMax and what follows them."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.operators import HOST_FOLLOWERS, HOST_OPERATORS


@dataclass(frozen=True, slots=True)
class Tail:
    """A graph output, the tensor it is computed from, and the operators between the two.

    `host` are operators in order; `nodes` their indices. Both are empty if the network computes
    the output itself.
    """

    output: str
    tensor: str
    host: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()


def host_tails(graph: Graph) -> list[Tail]:
    """The tail of every graph output, in the order of the outputs."""
    producers = {name: node for node in graph.nodes for name in node.outputs if name}
    on_host = _host_nodes(graph)
    return [_tail(output, producers, on_host, graph) for output in graph.outputs]


def _host_nodes(graph: Graph) -> set[int]:
    """Nodes that only lead to outputs through host operators, and begin at such a one."""
    consumers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            consumers.setdefault(name, []).append(node)
    ends: set[int] = set()  # nodes from which only followers lead on to the outputs
    for node in reversed(graph.nodes):
        users = [user for name in node.outputs for user in consumers.get(name, ())]
        if node.op in HOST_FOLLOWERS and all(user.index in ends for user in users):
            ends.add(node.index)
    chosen: set[int] = set()
    from_host: set[str] = set()
    for node in graph.nodes:
        users = [user for name in node.outputs for user in consumers.get(name, ())]
        begins = (
            node.op in HOST_OPERATORS
            or any(name in from_host for name in node.inputs)
            or _is_rows_for_softmax(node, users)
        )
        if node.index in ends and begins:
            chosen.add(node.index)
            from_host.update(node.outputs)
    return chosen


def _is_rows_for_softmax(node: Node, users: list[Node]) -> bool:
    """Raising an old Softmax puts a Flatten in front that joins the batch axis with others."""
    rows = node.op == "Flatten" and node.attributes.get("axis", 1) != 1
    return rows and bool(users) and all(user.op in ("Softmax", "LogSoftmax") for user in users)


def _tail(output: str, producers: dict[str, Node], on_host: set[int], graph: Graph) -> Tail:
    """Walk back from an output to the tensor that the network itself computes."""
    tensor, host, nodes = output, [], []
    while tensor in producers and producers[tensor].index in on_host:
        node = producers[tensor]
        host.append(node.op)
        nodes.append(node.index)
        computed = [name for name in node.inputs if name and name not in graph.constants]
        if not computed:
            break
        # ArrayFeatureExtractor(classes, index): of several inputs the computed one leads back.
        tensor = computed[0]
    return Tail(output, tensor, tuple(reversed(host)), tuple(nodes))

"""Tails of the graph that are left to the host: Softmax, ArgMax, quantisers of the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.operators import HOST_FOLLOWERS, HOST_OPERATORS
from snnc.frontend.recognise import Group


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


def host_tails(graph: Graph, groups: Mapping[int, Group]) -> list[Tail]:
    """The tail of every graph output, in the order of the outputs.

    Args:
        graph: With every quantised activation as one node.
        groups: What these nodes stand for.
    """
    producers = {name: node for node in graph.nodes for name in node.outputs if name}
    on_host = _host_nodes(graph, groups)
    tails = [_tail(output, producers, on_host, graph, groups) for output in graph.outputs]
    return [_before_quantiser(tail, tails, producers, graph, groups) for tail in tails]


def _host_nodes(graph: Graph, groups: Mapping[int, Group]) -> set[int]:
    """Nodes that only lead to outputs through host operators, and begin at such a one."""
    consumers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            consumers.setdefault(name, []).append(node)
    ends: set[int] = set()  # nodes from which only followers lead on to the outputs
    for node in reversed(graph.nodes):
        users = [user for name in node.outputs for user in consumers.get(name, ())]
        follows = node.op in HOST_FOLLOWERS or node.index in groups
        if follows and all(user.index in ends for user in users):
            ends.add(node.index)
    chosen: set[int] = set()
    from_host: set[str] = set()
    for node in graph.nodes:
        users = [user for name in node.outputs for user in consumers.get(name, ())]
        begins = (
            (node.op in HOST_OPERATORS and node.index not in groups)
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


def _tail(
    output: str,
    producers: Mapping[str, Node],
    on_host: set[int],
    graph: Graph,
    groups: Mapping[int, Group],
) -> Tail:
    """Walk back from an output to the tensor that the network itself computes."""
    tensor = output
    host: list[str] = []
    nodes: list[int] = []
    while tensor in producers and producers[tensor].index in on_host:
        node = producers[tensor]
        host.extend(reversed(_operators(node, groups)))
        nodes.append(node.index)
        computed = [name for name in node.inputs if name and name not in graph.constants]
        if not computed:
            break
        # ArrayFeatureExtractor(classes, index): of several inputs the computed one leads back.
        tensor = computed[0]
    return Tail(output, tensor, tuple(reversed(host)), tuple(nodes))


def _operators(node: Node, groups: Mapping[int, Group]) -> tuple[str, ...]:
    """The operators of the file that a node stands for."""
    group = groups.get(node.index)
    return (node.op,) if group is None else tuple(inner.op for inner in group.nodes)


def _before_quantiser(
    tail: Tail,
    tails: list[Tail],
    producers: Mapping[str, Node],
    graph: Graph,
    groups: Mapping[int, Group],
) -> Tail:
    """The tail with the quantiser in front of it, where that only writes the output.

    Rounding all outputs in the same way keeps their order, except that close ones become equal.
    A quantiser without negative levels is a layer's activation and stays in the network.
    """
    node = producers.get(tail.tensor)
    group = None if node is None else groups.get(node.index)
    if node is None or group is None:
        return tail
    on_host = {index for other in tails for index in other.nodes}
    readers = {n.index for n in graph.nodes if tail.tensor in n.inputs}
    staircase = group.staircase
    if readers - on_host or np.size(staircase.step) > 1 or staircase.lowest >= 0:
        return tail
    host = (*_operators(node, groups), *tail.host)
    return Tail(tail.output, group.source, host, (node.index, *tail.nodes))

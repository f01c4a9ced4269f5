"""Straight-through estimators: `x + (q - x)` is `q`, written so that gradients pass round q."""

from __future__ import annotations

from dataclasses import replace

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node


def without_estimators(graph: Graph) -> Graph:
    """The graph with `x + (q - x)` and `x - (x - q)` replaced by `q`.

    Bengio et al. 2013 (arXiv:1308.3432). PyTorch exports `(q - x).detach() + x` like that. The
    last node becomes an Identity of q; the inner difference goes where nothing else reads it.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    nodes = [_shortened(node, makers) for node in graph.nodes]
    if all(new is old for new, old in zip(nodes, graph.nodes, strict=True)):
        return graph
    shortened = {n.index for n, old in zip(nodes, graph.nodes, strict=True) if n is not old}
    inner = {
        makers[name].index
        for node in graph.nodes
        if node.index in shortened
        for name in node.inputs
        if name in makers and makers[name].op == "Sub"
    }
    read = {name for node in nodes for name in node.inputs} | set(graph.outputs)
    kept = [n for n in nodes if n.index not in inner or n.outputs[0] in read]
    return replace(graph, nodes=tuple(kept))


def _shortened(node: Node, makers: dict[str, Node]) -> Node:
    q = _estimated(node, makers)
    return node if q is None else replace(node, op="Identity", inputs=(q,))


def _estimated(node: Node, makers: dict[str, Node]) -> str | None:
    """The tensor q where the node is `x + (q - x)` or `x - (x - q)`, else None."""
    if node.domain or node.op not in ("Add", "Sub") or len(node.inputs) != 2:
        return None
    first, second = node.inputs
    pairs = [(first, second)] if node.op == "Sub" else [(first, second), (second, first)]
    for x, name in pairs:
        inner = makers.get(name)
        if inner is None or inner.op != "Sub" or inner.domain:
            continue
        q, subtracted = inner.inputs if node.op == "Add" else tuple(reversed(inner.inputs))
        if subtracted == x:
            return q
    return None

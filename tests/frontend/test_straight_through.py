"""Straight-through estimators are taken out of the graph, and nothing else."""

from __future__ import annotations

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.straight_through import without_estimators


def _graph(*lines: tuple[str, str, str]) -> Graph:
    """Nodes `(operator, inputs, output)`; the output of the last is the graph's."""
    nodes = tuple(
        Node(i, f"n{i}", op, "", tuple(inputs.split()), (output,))
        for i, (op, inputs, output) in enumerate(lines)
    )
    return Graph("", nodes, nodes, (), (lines[-1][2],), {}, {}, 1)


def _lines(graph: Graph) -> list[tuple[str, str, str]]:
    return [(n.op, " ".join(n.inputs), n.outputs[0]) for n in graph.nodes]


def test_sum_with_the_difference_is_the_estimate() -> None:
    for last in (("Add", "x d", "y"), ("Add", "d x", "y")):
        graph = _graph(("Round", "x", "q"), ("Sub", "q x", "d"), last)
        assert _lines(without_estimators(graph)) == [("Round", "x", "q"), ("Identity", "q", "y")]


def test_difference_with_the_difference_is_the_estimate() -> None:
    graph = _graph(("Round", "x", "q"), ("Sub", "x q", "d"), ("Sub", "x d", "y"))
    assert _lines(without_estimators(graph)) == [("Round", "x", "q"), ("Identity", "q", "y")]


def test_difference_that_something_else_reads_stays() -> None:
    graph = _graph(
        ("Round", "x", "q"), ("Sub", "q x", "d"), ("Add", "x d", "a"), ("Mul", "a d", "y")
    )
    kept = _lines(without_estimators(graph))
    assert kept[1:3] == [("Sub", "q x", "d"), ("Identity", "q", "a")]


def test_other_sums_and_differences_stay() -> None:
    for lines in (
        (("Round", "x", "q"), ("Sub", "x q", "d"), ("Add", "x d", "y")),
        (("Round", "x", "q"), ("Sub", "q x", "d"), ("Sub", "x d", "y")),
        (("Round", "x", "q"), ("Sub", "q z", "d"), ("Add", "x d", "y")),
        (("Round", "x", "q"), ("Add", "q x", "d"), ("Add", "x d", "y")),
    ):
        graph = _graph(*lines)
        assert without_estimators(graph) is graph

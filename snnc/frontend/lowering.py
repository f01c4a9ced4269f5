"""The walk over the graph: every node through its handler, refusals collected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from snnc.frontend import values as v
from snnc.frontend.builder import Builder
from snnc.frontend.call import Call, Operand
from snnc.frontend.graph import Graph, node_macs
from snnc.frontend.heads import make_heads
from snnc.frontend.host import host_tails
from snnc.frontend.nodes import Node
from snnc.frontend.operators import OPERATORS, REFUSED, refusal_of
from snnc.frontend.refusal import Refusal, refuse_large
from snnc.frontend.report import ConversionReport, RefusedNode
from snnc.frontend.values import Value
from snnc.ir import model as m
from snnc.ir.shapes import ShapeError

_MALFORMED = (ValueError, TypeError, IndexError, KeyError, ArithmeticError, MemoryError)
"""What a node with impossible attributes or constants makes a handler raise."""

_FLOATS = {"float32", "float64"}


@dataclass(slots=True)
class Lowered:
    """The result of the walk: a builder full of populations, the heads, and the report."""

    builder: Builder
    heads: tuple[m.Head, ...]
    report: ConversionReport


@dataclass(slots=True)
class _State:
    graph: Graph
    builder: Builder
    uses: Counter[str]
    repeated: set[str]
    values: dict[str, Operand] = field(default_factory=dict)
    tainted: set[str] = field(default_factory=set)
    refused: list[RefusedNode] = field(default_factory=list)
    unreached: int = 0
    convertible: int = 0
    macs: int = 0


def lower(graph: Graph) -> Lowered:
    """Lower a normalised graph; what cannot be converted is in the report, not raised."""
    tails = host_tails(graph)
    on_host = {index for tail in tails for index in tail.nodes}
    uses = Counter(name for n in graph.nodes if n.index not in on_host for name in set(n.inputs))
    uses.update(tail.tensor for tail in tails)
    repeated = {name for n in graph.nodes for name in n.inputs if n.inputs.count(name) > 1}
    state = _State(graph, Builder(graph.all_nodes), uses, repeated)
    state.values.update(graph.constants)
    notes: list[str] = []
    _declare_inputs(state)
    for node in graph.nodes:
        if node.index in on_host:
            state.convertible += 1
        else:
            _visit(state, node)
    heads: tuple[m.Head, ...] = ()
    if not state.refused:
        heads, dangling = make_heads(state.builder, state.values, tails, notes)
        state.refused.extend(dangling)
    total = sum(node_macs(graph, node) for node in graph.nodes)
    report = ConversionReport(
        graph.model,
        len(graph.nodes),
        state.convertible,
        tuple(state.refused),
        state.unreached,
        total,
        state.macs,
        tuple(notes),
    )
    return Lowered(state.builder, heads, report)


def _declare_inputs(state: _State) -> None:
    for declared in state.graph.inputs:
        if declared.dtype not in _FLOATS:
            state.refused.append(
                RefusedNode(
                    declared.name,
                    "Input",
                    f"its element type is {declared.dtype}",
                    "export the model with a float32 input",
                    "SN609",
                )
            )
        try:
            refuse_large(declared.shape)
        except Refusal as refusal:
            state.refused.append(
                RefusedNode(declared.name, "Input", refusal.reason, "use a smaller input")
            )
        value = state.builder.input(declared.name, "f32", declared.shape)
        state.values[declared.name] = value
        if declared.dtype not in _FLOATS:
            state.tainted.add(declared.name)


def _visit(state: _State, node: Node) -> None:
    inputs = [name for name in node.inputs if name]
    missing = [name for name in inputs if name not in state.values]
    tainted = any(name in state.tainted for name in inputs)
    if (node.domain or node.op not in OPERATORS) and not (missing and node.op not in REFUSED):
        reason, cure = refusal_of(node.op, node.domain)
        _refuse(state, node, Refusal(reason, cure))
        return
    if missing:
        state.unreached += 1
        _placeholders(state, node)
        return
    operands = tuple(state.values[name] if name else None for name in node.inputs)
    call = Call(node, operands, state.builder, state.graph.batch, lambda name: state.uses[name])
    try:
        result = OPERATORS[node.op](call)
    except (Refusal, ShapeError, *_MALFORMED) as error:
        refusal = error if isinstance(error, Refusal) else _as_refusal(error)
        if tainted:
            state.unreached += 1
            _placeholders(state, node)
        else:
            _refuse(state, node, refusal)
        return
    _keep(state, node, result if isinstance(result, tuple) else (result,))
    state.convertible += 1
    state.macs += node_macs(state.graph, node)


def _as_refusal(error: Exception) -> Refusal:
    if isinstance(error, ShapeError):
        return Refusal(str(error), "check the node's attributes and the shapes of its inputs")
    reason = f"its attributes or constants are malformed ({type(error).__name__}: {error})"
    return Refusal(reason)


def _keep(state: _State, node: Node, results: tuple[Value, ...]) -> None:
    for name, value in zip(node.outputs, results, strict=False):
        # Sums of sums with themselves must not double their terms each time.
        shared = state.uses[name] > 1 or (name in state.repeated and len(value.terms) > 1)
        if shared and not v.is_source(value) and not v.is_cheap(value):
            value = state.builder.materialise(value, name)
        state.values[name] = value


def _refuse(state: _State, node: Node, refusal: Refusal) -> None:
    state.refused.append(RefusedNode(node.name, node.operator, refusal.reason, refusal.cure))
    _placeholders(state, node)


def _placeholders(state: _State, node: Node) -> None:
    """Stand-ins for what a refused node computes, so that the nodes behind it are judged too."""
    for name in node.outputs:
        shape = state.graph.shapes.get(name)
        if name and shape and shape[0] == state.graph.batch and min(shape) > 0:
            state.values[name] = v.source_value(f"?{name}", shape[1:])
            state.tainted.add(name)

"""The walk over the graph: every node through its handler, refusals collected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from snnc.frontend import values as v
from snnc.frontend.builder import Builder
from snnc.frontend.call import Call, Operand
from snnc.frontend.graph import Graph, node_macs
from snnc.frontend.heads import make_heads
from snnc.frontend.host import Tail, host_tails
from snnc.frontend.lower_quantised import staircase
from snnc.frontend.nodes import Node
from snnc.frontend.operators import REFUSED, Handler, handler_of, refusal_of
from snnc.frontend.qonnx_staircase import tie_notes
from snnc.frontend.refusal import Refusal, refuse_large
from snnc.frontend.report import ConversionReport, RefusedNode
from snnc.frontend.rewrite import Rewritten, with_staircases
from snnc.frontend.surrogates import surrogate
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
    rewritten: Rewritten
    builder: Builder
    uses: Counter[str]
    repeated: set[str]
    values: dict[str, Operand] = field(default_factory=dict)
    tainted: set[str] = field(default_factory=set)
    refused: list[RefusedNode] = field(default_factory=list)
    stopped: set[int] = field(default_factory=set)
    unreached: set[int] = field(default_factory=set)
    convertible: int = 0


def lower(graph: Graph) -> Lowered:
    """Lower a normalised graph; what cannot be converted is in the report, not raised."""
    rewritten = with_staircases(graph)
    tails = host_tails(rewritten.graph, rewritten.groups)
    state = _state(graph, rewritten, tails)
    notes = list(tie_notes(graph.nodes, graph.constants))
    _declare_inputs(state)
    on_host = {index for tail in tails for index in tail.nodes}
    for node in rewritten.graph.nodes:
        if node.index in on_host:
            state.convertible += 1
        else:
            _visit(state, node)
    heads: tuple[m.Head, ...] = ()
    if not state.refused:
        heads, dangling = make_heads(state.builder, state.values, tails, notes)
        state.refused.extend(dangling)
    report = ConversionReport(
        graph.model,
        len(graph.nodes),
        state.convertible + rewritten.left_out,
        tuple(state.refused),
        len(state.unreached),
        *_macs(state),
        tuple(notes),
    )
    return Lowered(state.builder, heads, report)


def _state(graph: Graph, rewritten: Rewritten, tails: list[Tail]) -> _State:
    on_host = {index for tail in tails for index in tail.nodes}
    nodes = rewritten.graph.nodes
    uses = Counter(name for n in nodes if n.index not in on_host for name in set(n.inputs))
    uses.update(tail.tensor for tail in tails)
    repeated = {name for n in nodes for name in n.inputs if n.inputs.count(name) > 1}
    state = _State(rewritten.graph, rewritten, Builder(graph.all_nodes), uses, repeated)
    state.values.update(graph.constants)
    return state


def _macs(state: _State) -> tuple[int, int]:
    """Multiply-accumulates of the graph, and of those layers in it whose results can be used.

    A layer all of whose results run into refused nodes, before any other layer, is of no use.
    """
    useful = set(state.graph.outputs)
    total = convertible = 0
    for node in reversed(state.graph.nodes):
        macs = node_macs(state.graph, node)
        total += macs
        if node.index in state.stopped:
            continue
        leads_on = not useful.isdisjoint(node.outputs)
        convertible += macs if leads_on and node.index not in state.unreached else 0
        if leads_on or macs:
            useful.update(node.inputs)
    return total, convertible


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
    verdict = state.rewritten.refused.get(node.index)
    handler = None if verdict else _handler(state, node)
    if handler is None and not (missing and not verdict and node.op not in REFUSED):
        _refuse(state, node, verdict or Refusal(*refusal_of(node.op, node.domain)))
        return
    if missing or handler is None:
        _leave(state, node)
        return
    operands = tuple(state.values[name] if name else None for name in node.inputs)
    call = Call(node, operands, state.builder, state.graph.batch, lambda name: state.uses[name])
    try:
        result = handler(call)
    except (Refusal, ShapeError, *_MALFORMED) as error:
        if tainted or node.index in state.rewritten.waiting:
            _leave(state, node)
        else:
            _refuse(state, node, error if isinstance(error, Refusal) else _as_refusal(error))
        return
    _keep(state, node, result if isinstance(result, tuple) else (result,))
    state.convertible += 1


def _handler(state: _State, node: Node) -> Handler | None:
    timed = state.rewritten.surrogates.get(node.index)
    if timed is not None:
        return partial(surrogate, found=timed)
    group = state.rewritten.groups.get(node.index)
    return handler_of(node.op, node.domain) if group is None else partial(staircase, group=group)


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
    state.stopped.add(node.index)
    _placeholders(state, node)


def _leave(state: _State, node: Node) -> None:
    """Leave a node unjudged that depends on a refused one."""
    state.unreached.add(node.index)
    _placeholders(state, node)


def _placeholders(state: _State, node: Node) -> None:
    """Stand-ins for what a refused node computes, so that the nodes behind it are judged too."""
    for name in node.outputs:
        shape = state.graph.shapes.get(name)
        if name and shape and shape[0] == state.graph.batch and min(shape) > 0:
            state.values[name] = v.source_value(f"?{name}", shape[1:])
            state.tainted.add(name)

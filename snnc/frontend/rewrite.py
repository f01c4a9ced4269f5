"""The graph with every quantised activation, and every surrogate of spike times, as one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.recognise import Group, recognise
from snnc.frontend.refusal import Refusal
from snnc.frontend.reorder import moved_clamps, with_shapes_in_front
from snnc.frontend.staircase import Staircase
from snnc.frontend.straight_through import without_estimators
from snnc.frontend.surrogates import Replaced, Surrogate, with_surrogates

_KEEPS_VALUES = {"Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators whose results are values of their input, so on its staircase if it is on one."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A graph in which the last node of every group stands for the whole.

    That node reads the group's source; a group that changes nothing is an Identity. `groups`: by
    the index of that node. `refused` and `waiting`: see `Recognised`. `left_out`: how many nodes
    of the original graph others stand for. `surrogates`: as `groups`, what stands for spike times.
    """

    graph: Graph
    groups: Mapping[int, Group]
    refused: Mapping[int, Refusal]
    waiting: frozenset[int]
    left_out: int
    surrogates: Mapping[int, Surrogate]


def with_staircases(graph: Graph) -> Rewritten:
    """The graph with every quantised activation, and every surrogate of spike times, as one node.

    Equal quantisers of one tensor become one. A quantiser that reads values of the same staircase,
    as onnxruntime puts behind Flatten and MaxPool, changes nothing.
    """
    replaced = with_surrogates(without_estimators(graph))
    short = replaced.graph
    fixed: frozenset[int] = frozenset()
    while True:
        plain = with_shapes_in_front(short, fixed)
        rewritten = _rewritten(plain, len(graph.nodes), replaced)
        # A clamp that no quantiser took in makes a population, whose tensor must be the file's.
        kept = {node.index for node in rewritten.graph.nodes} - set(rewritten.groups)
        astray = moved_clamps(short, plain) & kept
        if not astray:
            return rewritten
        fixed |= astray


def _rewritten(plain: Graph, count: int, replaced: Replaced) -> Rewritten:
    """The graph with its quantised activations found.

    Args:
        plain: Its surrogates are one node each.
        count: Nodes of the original graph.
        replaced: What the surrogates are.
    """
    found = recognise(plain)
    groups = found.groups
    same = _repeated(plain, groups)
    standing = {group.last.index: _stand_in(group, same) for group in groups}
    dropped = _dropped(plain, groups)
    kept = tuple(standing.get(n.index, n) for n in plain.nodes if n.index not in dropped)
    making = {g.last.index: g for g in groups if g.output not in same}
    left_out = count - len(kept)
    refused = {**found.refused, **replaced.refused}
    short = replace(plain, nodes=kept)
    return Rewritten(short, making, refused, found.waiting, left_out, replaced.found)


def _stand_in(group: Group, same: Mapping[str, str]) -> Node:
    if group.output in same:
        return replace(
            group.last, op="Identity", domain="", inputs=(same[group.output],), attributes={}
        )
    return replace(group.last, inputs=(group.source,))


def _dropped(graph: Graph, groups: tuple[Group, ...]) -> set[int]:
    """Nodes of groups that only these groups use."""
    members = {node.index for group in groups for node in group.nodes}
    last = {group.last.index for group in groups}
    read = {group.source for group in groups} | set(graph.outputs)
    dropped: set[int] = set()
    for node in reversed(graph.nodes):
        if node.index in last or node.index in dropped:
            continue
        if node.index in members and not read.intersection(node.outputs):
            dropped.add(node.index)
        else:
            read.update(node.inputs)
    return dropped


def _repeated(graph: Graph, groups: tuple[Group, ...]) -> dict[str, str]:
    """The output of every group that changes nothing, and the tensor it equals."""
    makers = {name: node for node in graph.nodes for name in node.outputs if name}
    same: dict[str, str] = {}
    known: list[Group] = []
    on_staircase: dict[str, Staircase] = {}
    for group in groups:
        twin = next((k for k in known if k.source == group.source and _equal(k, group)), None)
        origin = _origin(group.source, makers, on_staircase)
        on_staircase[group.output] = group.staircase
        if twin is not None:
            same[group.output] = twin.output
        elif origin in on_staircase and _changes_nothing(group.staircase, on_staircase[origin]):
            same[group.output] = group.source
            on_staircase[group.output] = on_staircase[origin]
        else:
            known.append(group)
    return same


def _origin(tensor: str, makers: Mapping[str, Node], known: Mapping[str, Staircase]) -> str:
    """The tensor whose values these are, as far as operators only move or choose values."""
    while tensor not in known and tensor in makers:
        node = makers[tensor]
        if node.domain or node.op not in _KEEPS_VALUES or tensor != node.outputs[0]:
            break
        tensor = node.inputs[0]
    return tensor


def _equal(first: Group, second: Group) -> bool:
    a, b = first.staircase, second.staircase
    return (
        (a.levels, a.lowest, a.ties) == (b.levels, b.lowest, b.ties)
        and np.array_equal(a.step, b.step)
        and np.array_equal(a.shift, b.shift)
    )


def _changes_nothing(outer: Staircase, inner: Staircase) -> bool:
    """Whether a staircase leaves every level of another one, of the same step, where it is."""
    one_step = np.size(outer.step) == 1 and np.size(inner.step) == 1
    return bool(
        one_step
        and np.ravel(outer.step)[0] == np.ravel(inner.step)[0]
        and np.all((np.asarray(outer.shift) > 0.25) & (np.asarray(outer.shift) < 0.75))
        and outer.lowest <= inner.lowest
        and inner.levels <= outer.levels
    )

"""The search for quantised activations: every rounding node with the nodes that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import islice, takewhile

import numpy as np

from snnc.frontend.fit import Almost, Miss, fit, slopes
from snnc.frontend.graph import Graph
from snnc.frontend.links import ROUNDERS, Link, Rounder, link_of, rounder_of
from snnc.frontend.nodes import Node
from snnc.frontend.qonnx_rounder import quantiser_rounder
from snnc.frontend.refusal import Refusal
from snnc.frontend.staircase import Staircase

_REACH = 16
"""So many elementwise nodes on either side of a rounder are looked at."""


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that are a staircase of the tensor `source`; `output` is what they compute.

    `before` leads from the source to the rounder, `after` from there to the output.
    """

    source: str
    output: str
    staircase: Staircase
    before: tuple[Link, ...]
    rounder: Rounder
    after: tuple[Link, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes, the source's reader first."""
        return (
            *(link.node for link in self.before),
            self.rounder.node,
            *(link.node for link in self.after),
        )

    @property
    def last(self) -> Node:
        """The node that computes the output."""
        return self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Recognised:
    """The groups in graph order, and why other rounding nodes are none, by node index.

    `waiting`: nodes that lead to such a node only, and so wait for it to be mended.
    """

    groups: tuple[Group, ...]
    refused: Mapping[int, Refusal]
    waiting: frozenset[int] = frozenset()


class Wiring:
    """Who makes and who reads the tensors of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self.readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in dict.fromkeys(node.inputs):
                self.readers.setdefault(name, []).append(node)

    def read_by(self, tensor: str) -> list[Node]:
        """The nodes that read a tensor; none if it is an output, which nobody may take away."""
        return [] if tensor in self.graph.outputs else self.readers.get(tensor, [])

    def link(self, node: Node) -> Link | None:
        """The node as a link; None if it is none."""
        try:
            return link_of(self.graph, node)
        except Refusal:
            return None

    def above(self, tensor: str) -> Iterator[Link]:
        """The elementwise nodes that lead to a tensor, nearest first."""
        while tensor in self.makers:
            link = self.link(self.makers[tensor])
            if link is None or link.whole:
                return
            yield link
            tensor = link.data

    def alone_above(self, tensor: str) -> Iterator[Link]:
        """As `above`, as long as nothing else reads what they compute."""
        for link in self.above(tensor):
            if len(self.read_by(link.node.outputs[0])) != 1:
                return
            yield link

    def below(self, tensor: str) -> Iterator[Link]:
        """The elementwise nodes that a tensor leads to, as long as each is the only reader."""
        while len(readers := self.read_by(tensor)) == 1:
            link = self.link(readers[0])
            if link is None:
                return
            yield link
            tensor = readers[0].outputs[0]


def recognise(graph: Graph) -> Recognised:
    """All quantised activations of a graph.

    A group holds the fewest nodes that make a staircase, and the clamps on both sides of them (a
    Relu in front, say), which only cut its range.
    """
    wiring = Wiring(graph)
    found: list[Group] = []
    refused: dict[int, Refusal] = {}
    waiting: set[int] = set()
    for node in graph.nodes:
        quantiser = quantiser_rounder(graph, node)
        if quantiser is None and (node.op not in ROUNDERS or node.domain):
            continue
        try:
            known = {group.output for group in found}
            found.extend(_groups_of(wiring, quantiser or rounder_of(graph, node), known))
        except Refusal as refusal:
            if quantiser is None:  # else the node is a staircase by itself
                refused[node.index] = refusal
            waiting |= {link.node.index for link in wiring.alone_above(node.inputs[0])}
    needed = {node.index for group in found for node in group.nodes}
    found = [_with_clamps_above(wiring, group, needed) for group in found]
    taken = {node.index for group in found for node in group.nodes}
    order = {node.index: place for place, node in enumerate(graph.nodes)}
    groups = [_with_clamps_below(wiring, group, taken) for group in found]
    groups.sort(key=lambda group: order[group.last.index])
    return Recognised(tuple(groups), refused, frozenset(waiting))


def _groups_of(wiring: Wiring, rounder: Rounder, known: Set[str]) -> list[Group]:
    """The groups around one rounder: one for every way that leads on from it.

    Steps other than 1 come first: `round(x / s) * s` holds `round(x)` too, with a step of 1.

    Args:
        wiring: Of the graph.
        rounder: One of its rounding nodes.
        known: Outputs of groups in front of it, whose nodes it leaves to them.

    Raises:
        Refusal: it makes no staircase; what the best attempt lacks.
    """
    reached = takewhile(lambda link: link.node.outputs[0] not in known, wiring.above(rounder.data))
    above = tuple(islice(reached, _REACH))
    below = tuple(islice(wiring.below(rounder.node.outputs[0]), _REACH))
    result = _Search(wiring, above, rounder, unit=False).groups(())
    scaled_twice = slopes((*above, *rounder.before)) and slopes(below)
    if isinstance(result, Almost) and not scaled_twice:
        unit = _Search(wiring, above, rounder, unit=True).groups(())
        result = unit if not isinstance(unit, Almost) else _further(result, unit)
    if isinstance(result, Almost):
        integers = _integer_reader(wiring, rounder) if result.miss == Miss.STEP else None
        raise integers or Refusal(f"it is no uniform staircase: {result.reason}", result.cure)
    return result


@dataclass(frozen=True, slots=True)
class _Search:
    """The search around one rounder. `unit`: whether a step of exactly 1 counts."""

    wiring: Wiring
    above: tuple[Link, ...]
    rounder: Rounder
    unit: bool

    def groups(self, after: tuple[Link, ...]) -> list[Group] | Almost:
        """Groups that begin with `after`, one per branch; what the best attempt lacks if none."""
        tensor = (after[-1].node if after else self.rounder.node).outputs[0]
        here = self._best(after, tensor) if _in_floats(self.rounder, after) else _INTEGERS
        readers = self.wiring.read_by(tensor) if len(after) < _REACH else []
        links = [link_of(self.wiring.graph, reader) for reader in readers]
        found: list[Group] = []
        for link in [link for link in links if link] if all(links) else ():
            further = self.groups((*after, link))
            if isinstance(further, Almost):
                return [here] if isinstance(here, Group) else _further(here, further)
            found.extend(further)
        if isinstance(here, Almost):
            return found or here
        longer = len(found) == 1 and _score(found[0]) > _score(here)
        return found if longer else [here]

    def _best(self, after: tuple[Link, ...], output: str) -> Group | Almost:
        """The best choice of nodes in front of the rounder for these behind it."""
        found: list[Group] = []
        missed: Almost | None = None
        for count in range(len(self.above) + 1):
            before = tuple(reversed(self.above[:count]))
            staircase = fit(before, self.rounder, after, unit=self.unit)
            if isinstance(staircase, Almost):
                missed = _further(staircase, missed)
            else:
                source = before[0].data if before else self.rounder.data
                found.append(Group(source, output, staircase, before, self.rounder, after))
        return max(found, key=_score) if found else missed or _INTEGERS


def _score(group: Group) -> tuple[bool, int]:
    """Of several choices of nodes the one that rounds to the nearest, with the most scalings.

    What is left out is a linear operator beside the population, so every choice is exact; this
    one makes all spellings of a quantiser the same population.
    """
    scalings = sum(slopes((link,)) for link in (*group.before, *group.after))
    return bool(np.all(np.asarray(group.staircase.shift) == 0.5)), scalings


_INTEGERS = Almost(
    Miss.STEP,
    "its result stays an integer and is not scaled back to values",
    "put a DequantizeLinear behind it, or a Cast to float and a multiplication with the step",
)


def _in_floats(rounder: Rounder, after: tuple[Link, ...]) -> bool:
    """Whether the last of the nodes computes floating-point numbers."""
    floats = rounder.node.op != "QuantizeLinear"
    for link in after:
        if link.node.op in ("Cast", "DequantizeLinear"):
            floats = not link.whole
    return floats


def _further(first: Almost | None, second: Almost | None) -> Almost:
    """The attempt that came further; of two equal ones the second."""
    known = [almost for almost in (second, first) if almost is not None]
    return max(known, key=lambda almost: almost.miss)


def _integer_reader(wiring: Wiring, rounder: Rounder) -> Refusal | None:
    """The refusal of a QuantizeLinear whose integers are computed with."""
    if rounder.node.op != "QuantizeLinear":
        return None
    tensor = rounder.node.outputs[0]
    links = list(wiring.below(tensor))
    if any(link.node.op == "DequantizeLinear" for link in links):
        return None
    end = links[-1].node.outputs[0] if links else tensor
    for reader in wiring.read_by(end):
        if reader.op != "DequantizeLinear":
            return Refusal(
                f"its integers are used by {reader.operator}, not by DequantizeLinear only: the "
                "network computes with integers",
                "quantise in QDQ form (onnxruntime: quant_format=QuantFormat.QDQ), where every "
                "QuantizeLinear is followed by its DequantizeLinear",
            )
    return None


def _with_clamps_above(wiring: Wiring, group: Group, needed: set[int]) -> Group:
    """The group with the clamps in front of it that nothing else reads through."""
    before, best = group.before, group
    for link in islice(wiring.above(group.source), _REACH):
        readers = wiring.read_by(link.node.outputs[0])
        if not _passes(link) or link.node.index in needed or not readers:
            break
        if not all(r.index in needed or r.index in _indices(before) for r in readers):
            break
        before = (link, *before)
        staircase = fit(before, group.rounder, group.after)
        if link.clamps and isinstance(staircase, Staircase):
            best = replace(group, source=link.data, before=before, staircase=staircase)
    return best


def _with_clamps_below(wiring: Wiring, group: Group, taken: set[int]) -> Group:
    """The group with the clamps behind it, as long as these are its only readers."""
    after, best = group.after, group
    for link in islice(wiring.below(group.output), _REACH):
        if not _passes(link) or link.node.index in taken:
            break
        after = (*after, link)
        staircase = fit(group.before, group.rounder, after)
        if isinstance(staircase, Almost):
            break
        if link.clamps:
            best = replace(best, output=link.node.outputs[0], after=after, staircase=staircase)
    return best


def _indices(links: tuple[Link, ...]) -> set[int]:
    return {link.node.index for link in links}


def _passes(link: Link) -> bool:
    """Whether a link changes nothing but the range."""
    return bool(np.all(link.slope == 1.0) and np.all(link.offset == 0.0))

"""The search for surrogates of spike times: every logarithm with the nodes that belong to it.

A network trained for spike times has, in place of activations, the function that a TTFS neuron
computes: it takes the logarithm, makes a time of it, rounds, and decodes with an exponential
(Park and Yoon 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from snnc.diagnostics import InputError
from snnc.frontend.call import Call
from snnc.frontend.fit_surrogate import Almost, Miss, Stations, fit_surrogate
from snnc.frontend.graph import Graph
from snnc.frontend.nodes import Node
from snnc.frontend.pointwise import (
    Probe,
    Region,
    ancestors,
    is_pointwise,
    number,
    region_of,
)
from snnc.frontend.refusal import Refusal
from snnc.frontend.values import Value
from snnc.ir import model as m

_ROUNDERS = {"Ceil", "Floor", "Round"}
_EXPONENTIALS = {"Exp", "Pow"}

_REACH = 16
"""So many tensors in front of a logarithm are tried as the source."""

STAND_IN = "Surrogate"
"""The operator, of snnc's own domain, that stands for all nodes of a surrogate."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Nodes that are the surrogate of a spike time of the tensor `source`."""

    source: str
    output: str
    kernel: m.TTFS
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A graph in which one node stands for each surrogate, and for each part that is nearly one.

    Attributes:
        graph: Its stand-ins have the index of the last node they stand for.
        found: Surrogates by that index.
        refused: Why the others are none, by that index.
    """

    graph: Graph
    found: Mapping[int, Surrogate] = field(default_factory=dict)
    refused: Mapping[int, Refusal] = field(default_factory=dict)


def surrogate(call: Call, found: Surrogate) -> Value:
    """The population that a surrogate is; `call` is for the node that stands for it."""
    log = next(node for node in found.nodes if node.op == "Log")
    output = call.node.outputs[0]
    return call.builder.population(
        found.kernel, call.data(), output, call.node, inner=(log, *found.nodes)
    )


def kernel_notes(network: m.Network) -> tuple[str, ...]:
    """What is worth telling: the kernels that were taken over, if any."""
    told = []
    for population in network.populations:
        kernel = population.neuron
        if isinstance(kernel, m.TTFS):
            numbers = (
                f"{name} {getattr(kernel, name):.6g}" for name in ("tau", "delay", "threshold")
            )
            told.append(
                f"{population.name} ({', '.join(numbers)}, {kernel.steps} steps, {kernel.rounding})"
            )
    return (f"kernels of trained spike times: {'; '.join(told)}",) if told else ()


def with_surrogates(graph: Graph) -> Replaced:
    """The graph with every surrogate as one node."""
    replaced = Replaced(graph)
    for node in graph.nodes:
        gone = all(node is not kept for kept in replaced.graph.nodes)
        if node.op != "Log" or not is_pointwise(node) or gone:
            continue
        verdict = _Search(replaced.graph, node).verdict()
        if verdict is not None:
            replaced = _put(replaced, *verdict)
    return replaced


def _put(replaced: Replaced, part: Region, log: Node, kernel: m.TTFS | Refusal) -> Replaced:
    """The graph with a stand-in for the nodes of a region."""
    last = part.nodes[-1]
    output = last.outputs[0]
    stand_in = replace(last, inputs=(part.source,), attributes={})
    if isinstance(kernel, m.TTFS):
        stand_in = replace(stand_in, op=STAND_IN, domain="snnc")
    else:
        stand_in = replace(stand_in, op=log.op, name=log.name)
    members = {node.index for node in part.nodes}
    graph = replaced.graph
    nodes = [stand_in if n.index == last.index else n for n in graph.nodes]
    read = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.index in members and node is not stand_in and read.isdisjoint(node.outputs):
            continue
        kept.append(node)
        read.update(node.inputs)
    found, refused = dict(replaced.found), dict(replaced.refused)
    if isinstance(kernel, m.TTFS):
        found[last.index] = Surrogate(part.source, output, kernel, part.nodes)
    else:
        refused[last.index] = kernel
    return Replaced(replace(graph, nodes=tuple(reversed(kept))), found, refused)


_Verdict = tuple[Region, Node, m.TTFS | Refusal]


@dataclass(frozen=True, slots=True)
class _Search:
    """The search around one logarithm."""

    graph: Graph
    log: Node

    def verdict(self) -> _Verdict | None:
        """What it is a part of; None if nothing rounds and decodes behind it."""
        best: tuple[Almost, Region] | None = None
        for source in reversed(list(ancestors(self.graph, self.log.inputs[0], _REACH))):
            region = region_of(self.graph, source)
            outputs = self._outputs(region)
            if not outputs:
                continue
            for part, result in self._fits(region, outputs):
                if isinstance(result, m.TTFS):
                    return part, self.log, result
                if best is None or result.miss > best[0].miss:
                    best = result, part
        if best is not None:
            text = f"it begins the surrogate of a spike time, or nearly: {best[0].reason}"
            return best[1], self.log, Refusal(text, best[0].cure)
        return self._per_channel()

    def _outputs(self, region: Region) -> list[str]:
        """What of a region is behind the logarithm, a rounder and an exponential, last first."""
        stations = self._stations(region)
        if stations is None:
            return []
        behind = region.behind(frozenset({stations.decoded})) | {stations.decoded}
        return [n.outputs[0] for n in reversed(region.nodes) if n.outputs[0] in behind]

    def _stations(self, region: Region) -> Stations | None:
        log = self.log.outputs[0]
        if log not in region.made:
            return None
        timed = region.behind(frozenset({log}))
        rounder = next((n for n in region.nodes if n.op in _ROUNDERS and n.outputs[0] in timed), 0)
        if not isinstance(rounder, Node):
            return None
        whole = region.behind(frozenset({rounder.outputs[0]}))
        decoders = (n for n in region.nodes if n.op in _EXPONENTIALS and n.outputs[0] in whole)
        decoder = next(decoders, None)
        if decoder is None:
            return None
        return Stations(self.log.inputs[0], log, rounder.inputs[0], rounder.op, decoder.outputs[0])

    def _fits(self, region: Region, outputs: list[str]) -> list[tuple[Region, m.TTFS | Almost]]:
        """The outcome for each output, up to the first that fits."""
        stations = self._stations(region)
        assert stations is not None
        ways = (stations.inside, stations.log, stations.time, stations.decoded)
        try:
            probe = Probe(self.graph, region, [*outputs, *ways])
        except (InputError, ValueError, TypeError):  # what is malformed is said where it is lowered
            return []
        tried: list[tuple[Region, m.TTFS | Almost]] = []
        for output in outputs:
            part = region.to(output)
            numbers = [
                number(self.graph.constants[name])
                for node in part.nodes
                for name in node.inputs
                if name in self.graph.constants and self.graph.constants[name].dtype.kind == "f"
            ]
            try:
                result = fit_surrogate(probe, output, stations, numbers)
            except InputError:
                continue
            if isinstance(result, m.TTFS):
                result = self._read_inside(part) or result
            tried.append((part, result))
            if isinstance(result, m.TTFS):
                break
        return tried

    def _read_inside(self, part: Region) -> Almost | None:
        """Other nodes must not read what the part computes on its way, from the logarithm on."""
        log = self.log.outputs[0]
        inner = (part.behind(frozenset({log})) | {log}) - {part.nodes[-1].outputs[0]}
        members = {node.index for node in part.nodes}
        read = set(self.graph.outputs)
        read.update(*(n.inputs for n in self.graph.nodes if n.index not in members))
        found = sorted(inner & read)
        if not found:
            return None
        return Almost(
            Miss.READ,
            f"something else in the graph reads {found[0]}, which lies within it",
            "let other nodes, and outputs, read what the whole surrogate computes",
        )

    def _per_channel(self) -> _Verdict | None:
        """Refuses what would be a surrogate if its constants did not differ between channels."""
        region = region_of(self.graph, self.log.inputs[0], mixed=True)
        outputs = self._outputs(region)
        part = region.to(outputs[0]) if outputs else region
        if not outputs or not part.several:
            return None
        names = ", ".join(sorted(part.several))
        reason = (
            "it begins the surrogate of a spike time whose kernel differs from channel to channel: "
            f"{names} holds several numbers"
        )
        cure = "train one time constant, delay and threshold for each layer"
        return part, self.log, Refusal(reason, cure)

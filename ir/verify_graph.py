"""Invariants SN1xx: names, connections, heads and the types of all fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from snnc.ir import model as m
from snnc.ir.fields import write_field
from snnc.ir.hints import did_you_mean, field_types
from snnc.ir.latency import HOP, local_delay, starts_of
from snnc.ir.tensors import DTYPES
from snnc.ir.values import NAME
from snnc.ir.verify_base import SPIKING, STAGES, Finding, Invariant, place, sources


def _unique_names(network: m.Network) -> Iterator[Finding]:
    sources = [*(i.name for i in network.inputs), *(p.name for p in network.populations)]
    kinds = {"inputs and populations": sources, "heads": [h.name for h in network.heads]}
    for kind, names in kinds.items():
        for name, count in Counter(names).items():
            if count > 1:
                message = f"{count} {kind} carry the name {name}"
                yield message, f"network {network.name}", "rename all but one"


def _valid_names(network: m.Network) -> Iterator[Finding]:
    groups: dict[str, Iterable[str]] = {
        "input": (i.name for i in network.inputs),
        "population": (p.name for p in network.populations),
        "head": (h.name for h in network.heads),
        "tensor": network.tensors,
    }
    for kind, names in groups.items():
        for name in names:
            if not NAME.fullmatch(name):
                yield (
                    f"{name!r} is no legal name",
                    f"{kind} {name!r}",
                    "a name begins with a letter or _ and goes on with letters, digits, _ . or -",
                )


def _sources_exist(network: m.Network) -> Iterator[Finding]:
    known = sources(network)
    for population in network.populations:
        for incoming in population.incoming:
            if incoming.source not in known:
                message = f"the source {incoming.source} does not exist"
                yield message, place(population), did_you_mean(incoming.source, known)


def _sources_earlier(network: m.Network) -> Iterator[Finding]:
    known = sources(network)
    # With hop latency it is the delay as it acts that counts: see _latency.
    starts = isinstance(network.schedule, m.PIPELINED)
    seen = {i.name for i in network.inputs}
    for population in network.populations:
        for incoming in population.incoming:
            late = incoming.source in known and incoming.source not in seen
            if late and incoming.delay < 1 and not starts:
                yield (
                    f"the source {incoming.source} stands later in the network",
                    place(population),
                    "order the populations so that sources come first; a loop needs delay >= 1",
                )
        seen.add(population.name)


def _delays(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        for incoming in population.incoming:
            name = f"the connection from {incoming.source}"
            if incoming.delay < 0:
                message = f"{name} has the delay {incoming.delay}; a delay counts steps from 0"
                yield message, place(population), ""
            elif incoming.delay and network.stage == "ann":
                message = f"{name} has the delay {incoming.delay}; stage ann has no time"
                yield message, place(population), "remove the delay, or convert to spiking first"


def _latency(network: m.Network) -> Iterator[Finding]:
    schedule = network.schedule
    if not isinstance(schedule, m.PIPELINED):
        return
    wanted, found = len(network.populations), len(schedule.starts)
    if found != wanted:
        message = f"the schedule gives {found} starts for {wanted} populations"
        yield message, "schedule", "give one start per population, in their order"
        return
    if any(start < 0 for start in schedule.starts):
        yield f"a start is {min(schedule.starts)}; inputs start at 0", "schedule", ""
        return
    starts = starts_of(network) or {}
    seen = {i.name for i in network.inputs}
    for population in network.populations:
        for incoming in population.incoming:
            if incoming.source in starts:
                delay = local_delay(starts, population.name, incoming)
                if delay < (0 if incoming.source in seen else 1):
                    sent = starts[incoming.source] + HOP + incoming.delay
                    message = (
                        f"spikes of {incoming.source} arrive from step {sent} on, and the "
                        f"population starts at {starts[population.name]}: it would miss the first"
                    )
                    advice = "delay the connection, or run the pass add-latency"
                    yield message, place(population), advice
        seen.add(population.name)


def _field_types(network: m.Network) -> Iterator[Finding]:
    for node, where in _nodes(network):
        for name in field_types(type(node)):
            yield from _misfit(node, name, where)
    for population in network.populations:
        for name in ("name", "shape", "bias", "scale", "origin"):
            yield from _misfit(population, name, place(population))


def _misfit(node: object, name: str, where: str) -> Iterator[Finding]:
    """A finding if the field holds what its type does not allow."""
    try:
        write_field(node, name)
    except ValueError as error:
        yield str(error), where, ""


def _nodes(network: m.Network) -> Iterator[tuple[object, str]]:
    """All dataclasses that the text form prints as a call, each with its place."""
    for declared in network.inputs:
        yield declared.coding, f"input {declared.name}"
    for population in network.populations:
        where = place(population)
        yield population.neuron, where
        yield from ((op, where) for i in population.incoming for op in i.ops)
    for head in network.heads:
        yield head.readout, f"head {head.name}"
    if network.schedule is not None:
        yield network.schedule, "schedule"
    if network.exit is not None:
        yield network.exit, "exit"


def _has_incoming(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        if not population.incoming:
            message = "the population has no incoming connection"
            yield message, place(population), "connect it or remove it"


def _has_heads(network: m.Network) -> Iterator[Finding]:
    if not network.heads:
        yield "the network has no head", f"network {network.name}", "name an output population"


def _head_populations(network: m.Network) -> Iterator[Finding]:
    known = [p.name for p in network.populations]
    for head in network.heads:
        if head.population not in known:
            message = f"the head reads {head.population}, which is no population"
            yield message, f"head {head.name}", did_you_mean(head.population, known)


def _inputs(network: m.Network) -> Iterator[Finding]:
    if not network.inputs:
        yield "the network has no input", f"network {network.name}", "declare one"
    for declared in network.inputs:
        if declared.dtype not in DTYPES:
            message = f"unknown element type {declared.dtype!r} (known: {', '.join(DTYPES)})"
            yield message, f"input {declared.name}", did_you_mean(str(declared.dtype), DTYPES)


INVARIANTS = (
    Invariant("SN101", STAGES, "names are unique", _unique_names),
    Invariant("SN102", STAGES, "names are identifiers", _valid_names),
    Invariant("SN103", STAGES, "every source exists", _sources_exist),
    Invariant("SN104", STAGES, "sources stand before their users", _sources_earlier),
    Invariant("SN105", STAGES, "fields hold values of their types", _field_types),
    Invariant("SN106", STAGES, "every population has an incoming connection", _has_incoming),
    Invariant("SN107", STAGES, "there is a head", _has_heads),
    Invariant("SN108", STAGES, "heads read populations", _head_populations),
    Invariant("SN109", STAGES, "delays count steps from 0, and ann has none", _delays),
    Invariant("SN110", STAGES, "there is an input of a known element type", _inputs),
    Invariant("SN111", SPIKING, "no spike arrives before its reader starts", _latency),
)

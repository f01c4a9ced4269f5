"""The heads of a network: one for every output that it computes, in order of depth."""

from __future__ import annotations

from collections.abc import Mapping

from snnc.frontend import values as v
from snnc.frontend.builder import Builder
from snnc.frontend.call import Operand
from snnc.frontend.host import Tail
from snnc.frontend.naming import identifier
from snnc.frontend.report import RefusedNode
from snnc.frontend.values import Value
from snnc.ir import model as m


def make_heads(
    builder: Builder, values: Mapping[str, Operand], tails: list[Tail], notes: list[str]
) -> tuple[tuple[m.Head, ...], list[RefusedNode]]:
    """Heads for the graph's outputs, the deepest last, and the outputs that can have none.

    Outputs that the host computes from the same values make one head, which takes the name of the
    one that needs the fewest host operators; `notes` gains a line for what is left to the host.
    """
    refused = [
        RefusedNode(
            tail.output,
            "Output",
            "it does not depend on the network's input",
            "remove the output from the model",
        )
        for tail in tails
        if not isinstance(values.get(tail.tensor), Value)
    ]
    if refused:
        return (), refused
    depths = _depths(builder)
    heads: dict[str, m.Head] = {}
    for tail in sorted(tails, key=lambda tail: (_depth(values, tail, depths), len(tail.host))):
        value = values[tail.tensor]
        if isinstance(value, Value):
            _add_head(builder, value, tail, heads, notes)
    return tuple(heads.values()), []


def _add_head(
    builder: Builder, value: Value, tail: Tail, heads: dict[str, m.Head], notes: list[str]
) -> None:
    flat = builder.materialise(v.flush(value), tail.tensor)
    if flat.terms[0].source not in builder.made:  # an input that is an output too
        flat = builder.population(m.Identity(), flat, tail.tensor)
    population = flat.terms[0].source
    chain = ", ".join(tail.host)
    if population in heads:
        notes.append(
            f"output {tail.output} has no head of its own: it is {chain or 'the same'} "
            f"of head {heads[population].name}"
        )
        return
    if tail.host:
        notes.append(f"output {tail.output}: {chain} is left to the host")
    name = identifier(tail.output)
    taken = {head.name for head in heads.values()}
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    heads[population] = m.Head(unique, population, m.Logits(tail.host))


def _depths(builder: Builder) -> dict[str, int]:
    """For every population the number of populations on the longest way to it."""
    depths: dict[str, int] = {}
    for made in builder.made.values():
        sources = [depths.get(i.source, 0) for i in made.population.incoming]
        depths[made.population.name] = 1 + max(sources, default=0)
    return depths


def _depth(values: Mapping[str, Operand], tail: Tail, depths: dict[str, int]) -> int:
    value = values[tail.tensor]
    if not isinstance(value, Value):
        return 0
    depth = max(depths.get(term.source, 0) for term in value.terms)
    return depth if v.is_source(value) else depth + 1

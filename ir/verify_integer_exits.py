"""Invariants SN428 and SN429: exit policies in whole numbers fit the network and their tables."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.ir import model as m
from snnc.ir.answers import is_scaled
from snnc.ir.exits import NEVER
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.tensors import Array
from snnc.ir.verify_base import SPIKING, Finding, Invariant, parameter_values, tensor

_WHERE = "exit"
LARGEST_SHIFT = 62
"""Bits of a difference, which is an int64 of at least 0."""
LARGEST_ENTRY = 2**31 - 1
"""Of tables, so that sums of any number of classes fit int64."""


def _whole(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if not isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
        return
    name = KEYWORD_OF[type(policy)]
    if network.stage == "snn":
        message = f"{name} compares whole numbers, and read-outs of stage snn are none"
        yield message, _WHERE, f"use {name.removeprefix('integer_')}, or quantise the network"
    populations = {p.name: p for p in network.populations}
    # The last head, which answers in the end, compares whole numbers too.
    for head in network.heads:
        population = populations.get(head.population)
        answers = head.name in policy.heads or head == network.heads[-1]
        if answers and population is not None and not one_unit(network, head, population):
            message = f"head {head.name} counts one unit of different classes differently"
            yield message, _WHERE, "give its population one positive number as its scale"


def one_unit(network: m.Network, head: m.Head, population: m.Population) -> bool:
    """Whether the largest whole read-out of a head is the largest in units of the ANN, too."""
    if not is_scaled(population, head):
        return True
    scale = parameter_values(network, population.scale)
    return scale is None or bool(scale.size and scale.min() == scale.max() > 0)


def _ranges(network: m.Network) -> Iterator[Finding]:
    policy = network.exit
    if isinstance(policy, m.IntegerMargin):
        yield from _outside("limit", policy.limits, -1, NEVER)
    if isinstance(policy, m.IntegerConfidence):
        yield from _outside("limit", policy.limits, 0, NEVER)
        yield from _outside("shift", policy.shifts, 0, LARGEST_SHIFT)
        yield from _table(network, policy)


def _outside(name: str, values: tuple[int, ...], low: int, high: int) -> Iterator[Finding]:
    for value in values:
        if not low <= value <= high:
            yield f"a {name} of the exit is {value}, not within {low} to {high}", _WHERE, ""


def _table(network: m.Network, policy: m.IntegerConfidence) -> Iterator[Finding]:
    ref = tensor(network, policy.tables)
    if ref is None:
        return
    count = len(policy.heads)
    if len(ref.shape) != 2 or ref.shape[0] != count or ref.shape[1] < 2:
        message = f"the tables of the exit have shape {list(ref.shape)}"
        yield message, _WHERE, f"{count} rows are needed, one per head, of at least 2 columns"
    elif ref.dtype != "i64":
        yield f"the tables of the exit hold {ref.dtype}", _WHERE, "they hold whole numbers, i64"
    elif ref in network.store:
        for head, row in zip(policy.heads, network.store.get(ref), strict=True):
            fault = _fault(row)
            if fault:
                yield f"the table of head {head} {fault}", _WHERE, ""


def _fault(row: Array) -> str:
    """What keeps a row from being a table of falling weights; empty if nothing does."""
    if row[0] <= 0:
        return f"begins with {row[0]}; equal values must count"
    if row[-1] != 0:
        return f"ends with {row[-1]}, not 0: its last column stands for all larger differences"
    if (row[1:] > row[:-1]).any():
        return "rises: a larger difference must not count more"
    if row[0] > LARGEST_ENTRY:
        return f"begins with {row[0]}, above {LARGEST_ENTRY}"
    return ""


INVARIANTS = (
    Invariant("SN428", SPIKING, "integer exits compare whole numbers of one unit", _whole),
    Invariant("SN429", SPIKING, "numbers and tables of integer exits are in range", _ranges),
)

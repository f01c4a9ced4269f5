"""The verifier: a table of invariants, each with a stable code and the stages it holds in."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.ir import (
    verify_exits,
    verify_graph,
    verify_integer_exits,
    verify_neurons,
    verify_phases,
    verify_shapes,
    verify_tensors,
)
from snnc.ir.diagnostics import Diagnostic, InputError
from snnc.ir.verify_base import STAGES, Invariant

INVARIANTS: tuple[Invariant, ...] = (
    *verify_graph.INVARIANTS,
    *verify_shapes.INVARIANTS,
    *verify_tensors.INVARIANTS,
    *verify_neurons.INVARIANTS,
    *verify_phases.INVARIANTS,
    *verify_exits.INVARIANTS,
    *verify_integer_exits.INVARIANTS,
)


def verify(network: m.Network) -> list[Diagnostic]:
    """Everything that is wrong with a network, in the order of `INVARIANTS`; empty when valid.

    One broken invariant hides no other: all are checked, and a check that cannot even run on a
    network this broken is itself a finding (SN199), never an exception.
    """
    found: list[Diagnostic] = []
    for invariant in INVARIANTS:
        # An unknown stage (SN414) is judged by what holds everywhere.
        if network.stage in invariant.stages or invariant.stages == STAGES:
            found.extend(_guarded(invariant, network))
    return found


def check(network: m.Network) -> None:
    """Raise InputError with all findings of `verify`, if there are any."""
    found = verify(network)
    if found:
        raise InputError(found)


def _guarded(invariant: Invariant, network: m.Network) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    try:
        found.extend(invariant.diagnostics(network))
    except Exception as error:
        # A field of a wrong type can break any check in any way; what came before is kept.
        message = f'could not check "{invariant.summary}" ({invariant.code}): '
        message += f"{type(error).__name__}: {error}"
        where = f"network {network.name}"
        found.append(Diagnostic("SN199", message, where, "see the other findings first"))
    return found

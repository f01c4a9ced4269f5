"""The core map of a network for a target's options, made once and kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from snnc.backends.truenorth.checks import findings
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.decoded import decoded_findings
from snnc.backends.truenorth.exact_lower import lower_exactly
from snnc.backends.truenorth.legality import check_map
from snnc.backends.truenorth.lower import lower
from snnc.backends.truenorth.placement import placed
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.model import Network
from snnc.ir.print import to_text

if TYPE_CHECKING:
    from snnc.backends.truenorth.target import TrueNorthTarget

_KEPT = 2
_known: OrderedDict[tuple[str, str], CoreMap | tuple[Diagnostic, ...]] = OrderedDict()


def mapped(network: Network, target: TrueNorthTarget) -> CoreMap:
    """The placed core map.

    Raises:
        InputError: the network has none, see `reasons`.
    """
    found = _found(network, target)
    if isinstance(found, CoreMap):
        return found
    raise InputError(list(found))


def reasons(network: Network, target: TrueNorthTarget) -> list[Diagnostic]:
    """All reasons why a network has no core map; none if it has one."""
    found = _found(network, target)
    return [] if isinstance(found, CoreMap) else list(found)


def _found(network: Network, target: TrueNorthTarget) -> CoreMap | tuple[Diagnostic, ...]:
    key = to_text(network), repr(target)
    if key not in _known:
        _known[key] = _made(network, target)
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return _known[key]


def _made(network: Network, target: TrueNorthTarget) -> CoreMap | tuple[Diagnostic, ...]:
    wrong = findings(network)
    if wrong:
        return tuple(wrong)
    try:
        core_map = placed(_lowered(network, target), target.placement, target.seed)
    except InputError as error:
        return tuple(error.diagnostics)
    # Every map is judged by rules that know nothing of how it was made.
    faults = check_map(core_map) or decoded_findings(core_map, network)
    return tuple(faults) if faults else core_map


def _lowered(network: Network, target: TrueNorthTarget) -> CoreMap:
    """Exact partial sums are for networks that need them: they take many ticks a time step."""
    try:
        return lower(network)
    except InputError as error:
        beyond = {d.code for d in error.diagnostics} == {"SN594"}
        if target.partial_sums != "exact" or not beyond:
            raise
    return lower_exactly(network)

"""Core maps that do everything one tick later, for a simulator without spikes in the first tick."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.legality_base import place_of
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


def lateness(core_map: CoreMap) -> int:
    """By how many ticks files for NSCS are late: 1 if a pin's spike may be there in tick 0."""
    return int(bool((core_map.pin_delays == 0).any()))


def late_refusal(core_map: CoreMap) -> Diagnostic | None:
    """Why a map that has to be late cannot be; None where there is no reason."""
    m = core_map
    if not lateness(m):
        return None
    start = m.potentials.astype(np.int64)
    unbounded = (m.resets == 1) & ~m.saturates & (m.floors == 0)
    moves = (start >= m.thresholds) | (~unbounded & (start < -m.floors))
    far = np.abs(start - m.leaks) > m.spec.largest_potential
    bad = m.used & (moves | far)
    if not bad.any():
        return None
    core, neuron = (int(n) for n in np.argwhere(bad)[0])
    message = (
        "NSCS has no input spikes in the first tick, and the map cannot begin a tick later: an "
        "initial potential is at the threshold, below the floor, or at the end of the range"
    )
    return Diagnostic("SN577", message, place_of(m, core, neuron), "use the simulator of snnc")


def late_map(core_map: CoreMap) -> CoreMap:
    """The map whose tick t + 1 is tick t of this one, if it has to be late; else this one.

    The leak of the first tick, in which no spike is there, is taken off the initial potentials.

    Raises:
        InputError: SN577, see `late_refusal`.
    """
    if not lateness(core_map):
        return core_map
    if refusal := late_refusal(core_map):
        raise InputError(refusal)
    before: Array = core_map.potentials - core_map.leaks.astype(np.int32)
    return replace(core_map, potentials=np.where(core_map.used, before, core_map.potentials))

"""The spikes that a host sends to a core map, tick by tick, for files of other simulators."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.wiring import pin_links
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array


def host_packets(core_map: CoreMap, pins: Array, ticks: int) -> Array:
    """All arrivals within `ticks` ticks: int64 (K, 3) of tick, core and axon, in this order.

    Args:
        core_map: whose pins.
        pins: bool (steps, P), the spikes of one sample.
        ticks: of the run.

    Raises:
        InputError: SN577, the array does not fit.
    """
    count = len(core_map.pin_starts) - 1
    if pins.ndim != 2 or pins.shape[1] != count or pins.dtype != bool:
        message = f"the spikes are {pins.dtype} {pins.shape}, not bool (steps, {count})"
        raise InputError(Diagnostic("SN577", message, help="give the pins of one sample"))
    links = pin_links(core_map)
    steps, sources = np.nonzero(pins)
    starts, ends = core_map.pin_starts[sources], core_map.pin_starts[sources + 1]
    lengths = ends - starts
    # Entry numbers of all spikes: those of one pin follow each other.
    first = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    entries = first + np.arange(int(lengths.sum()))
    when = np.repeat(steps * core_map.ticks_per_step, lengths) + links.delays[entries]
    core, axon = np.divmod(links.axons[entries], core_map.spec.axons)
    arrivals = np.stack([when, core, axon], axis=1)[when < ticks]
    sorted_arrivals: Array = arrivals[np.lexsort((arrivals[:, 2], arrivals[:, 1], arrivals[:, 0]))]
    return sorted_arrivals

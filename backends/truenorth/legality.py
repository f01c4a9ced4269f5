"""What every core map must fulfil; checked after mapping, after placement and on load.

    SN565  array types and sizes, numbers that name something
    SN566  parameters within the chip's fields
    SN567  delays of 1 to 15 ticks
    SN568  one target per neuron, an axon of a core in use
    SN569  one driver per axon                    SN570  no axon and no crossbar bit in vain
    SN571  cores on the grid, one at a place, targets within reach of a packet
    SN572  one driver per output line
    SN573  balanced delays: all paths from a source to a layer are equally long
    SN574  replicas of a unit are equal
    SN575  splitters send on each spike of one axon
    SN576  potentials within what the chip holds, for a number of ticks
    SN582  no more cores than a chip has

That the decoded weights equal the network's needs the network: see `effective_weights`. A map is
deterministic by construction: the model has no stochastic thresholds, leaks or synapses.
"""

from __future__ import annotations

from snnc.backends.truenorth.bound import bound
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.legality_arrays import array_faults
from snnc.backends.truenorth.legality_base import place_of
from snnc.backends.truenorth.legality_cores import (
    axon_faults,
    delay_faults,
    mesh_faults,
    output_faults,
    parameter_faults,
    target_faults,
)
from snnc.backends.truenorth.legality_paths import path_faults, splitter_faults
from snnc.diagnostics import Diagnostic, InputError


def check_map(core_map: CoreMap, ticks: int | None = None) -> list[Diagnostic]:
    """All rules that need the map alone; empty where it is legal.

    Each fault names the first offender and counts the others. Rules about paths are checked where
    arrays, targets, delays and splitters are in order.

    Args:
        core_map: to be checked.
        ticks: of a run, for the bound of the potentials; None leaves it out.
    """
    faults = array_faults(core_map)
    if faults:
        return faults
    faults = [*target_faults(core_map), *output_faults(core_map)]
    wiring = [*faults, *delay_faults(core_map)]
    faults = [*parameter_faults(core_map), *wiring]
    if wiring:
        return faults
    axons = axon_faults(core_map)
    splitters = splitter_faults(core_map)
    faults += [*axons, *mesh_faults(core_map), *splitters]
    if not splitters and not any(fault.code == "SN569" for fault in axons):
        faults += _paths(core_map)
    if ticks is not None:
        faults += bound_faults(core_map, ticks)
    return faults


def _paths(core_map: CoreMap) -> list[Diagnostic]:
    try:
        return path_faults(core_map)
    except InputError as error:
        return list(error.diagnostics)


def bound_faults(core_map: CoreMap, ticks: int) -> list[Diagnostic]:
    """SN576: neurons whose potential could leave what the chip holds, whatever the spikes."""
    limit = core_map.spec.largest_potential
    found = bound(core_map, ticks)
    outside = found.outside(limit)
    count = int(outside.sum())
    if not count:
        return []
    core, neuron = divmod(int(outside.argmax()), core_map.spec.neurons)
    low, high = int(found.lowest[core, neuron]), int(found.highest[core, neuron])
    neurons = f"{count} neurons" if count > 1 else "1 neuron"
    message = (
        f"in {ticks} ticks the potential of {neurons} could leave +-{limit}; the first: "
        f"{low} to {high}"
    )
    cure = f"at most {safe_ticks(core_map, ticks)} ticks are safe whatever the spikes"
    return [Diagnostic("SN576", message, place_of(core_map, core, neuron), cure)]


def safe_ticks(core_map: CoreMap, most: int) -> int:
    """The most ticks, up to `most`, in which no potential can leave what the chip holds."""
    limit = core_map.spec.largest_potential
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if bound(core_map, middle).outside(limit).any():
            high = middle - 1
        else:
            low = middle
    return low

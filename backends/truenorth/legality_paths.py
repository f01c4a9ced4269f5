"""Rules 8, 10 and 11 of core maps: splitters copy, delays are balanced, replicas are equal."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.legality_base import CURE, broken, place_of
from snnc.backends.truenorth.paths import (
    SPLITTER,
    CoreInputs,
    Sources,
    core_inputs,
    find_origins,
    find_sources,
    splitter_axons,
)
from snnc.backends.truenorth.wiring import driven, reset_potentials
from snnc.diagnostics import Diagnostic
from snnc.ir.tensors import Array

_PARAMETERS = (
    "thresholds",
    "leaks",
    "floors",
    "resets",
    "saturates",
    "reset_exponents",
    "potentials",
    "strengths",
)


def splitter_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN575: a splitter that would not send on each spike of its one axon, and no other.

    The potential rises by 1 to the threshold of 1 and is 0 again, whether by a reset to 0 or by
    subtraction; it is never negative, so that floors do not matter.
    """
    m = core_map
    shape = m.kinds.shape
    own = m.used & (m.roles == SPLITTER)[:, None]
    axons, counts = (a.reshape(shape) for a in splitter_axons(m))
    places = np.where(own, axons, 0).reshape(-1)
    types = m.axon_types.reshape(-1)[places].reshape(shape)
    strengths = np.take_along_axis(m.strengths, types[..., None].astype(np.int64), axis=-1)[..., 0]
    undriven = driven(m).reshape(-1)[places].reshape(shape) == 0
    to_zero = (m.resets == 1) | ((m.resets == 0) & (reset_potentials(m) == 0))
    odd = (strengths != 1) | (m.thresholds != 1) | ~to_zero | (m.leaks != 0) | (m.potentials != 0)
    rules = (
        (counts != 1, "a splitter neuron does not have exactly one axon", counts),
        (undriven & (counts == 1), "the axon of a splitter neuron has no driver", None),
        (
            odd & (counts == 1),
            "a splitter neuron is not of strength 1, threshold 1, reset to 0, leak 0",
            None,
        ),
        (m.layer_of >= 0, "a splitter neuron stands for a unit", None),
    )
    return [d for bad, text, v in rules for d in broken(m, "SN575", own & bad, text, values=v)]


def path_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN573, unbalanced delays, and SN574, replicas that differ; of a map with legal splitters.

    Raises:
        InputError: SN575, see `find_origins`.
    """
    origins, sources = find_origins(core_map), find_sources(core_map)
    marks = _marks(core_map, sources)
    digests = np.zeros(core_map.kinds.shape, np.uint64)
    seen: list[Array] = []
    for inputs in core_inputs(core_map, origins):
        mixed = _mix(marks[inputs.nodes] * np.uint64(4096) + inputs.delays.astype(np.uint64))
        sums = inputs.weights.T.astype(np.int64).view(np.uint64) @ mixed
        digests[inputs.core, inputs.neurons] = sums
        seen.append(_delays_of_layers(core_map, inputs, sources))
    return [
        *_delay_faults(core_map, sources, np.concatenate(seen or [np.zeros((0, 5), np.int64)])),
        *_replica_faults(core_map, digests),
    ]


def _marks(core_map: CoreMap, sources: Sources) -> Array:
    """A number for each unit of each source; neurons of no layer have that of their role."""
    roles = np.repeat(core_map.roles.astype(np.int64), core_map.spec.neurons)
    pins = np.zeros(len(sources.of) - len(roles), np.int64)
    role = np.concatenate([roles, pins])
    known = ((sources.of + 1) << 32) + sources.units
    marks: Array = np.where(sources.of >= 0, known, role).astype(np.uint64)
    return marks


def _mix(numbers: Array) -> Array:
    """Spread whole numbers over 64 bits (the finaliser of SplitMix64, Steele et al. 2014).

    Sums of `weight * mix(unit, delay)` modulo 2**64 are equal where the weights of all units are;
    where they differ, by chance only.
    """
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def _delays_of_layers(core_map: CoreMap, inputs: CoreInputs, sources: Sources) -> Array:
    """Source, layer, delay, core and axon of all that reaches neurons of layers: (rows, 5)."""
    layers = core_map.layer_of[inputs.core, inputs.neurons]
    known = sources.of[inputs.nodes]
    rows = []
    for layer in np.unique(layers):
        some = np.flatnonzero((known >= 0) & inputs.bits[:, layers == layer].any(axis=1))
        same = [np.full(len(some), value, np.int64) for value in (layer, inputs.core)]
        columns = [known[some], same[0], inputs.delays[some], same[1], inputs.axons[some]]
        rows.append(np.stack(columns, axis=1))
    return np.concatenate(rows)


def _delay_faults(core_map: CoreMap, sources: Sources, rows: Array) -> list[Diagnostic]:
    """Rows of one source and layer must have one delay."""
    order = np.lexsort((rows[:, 4], rows[:, 3], rows[:, 1], rows[:, 0]))
    rows = rows[order]
    keys, firsts, places = np.unique(rows[:, :2], axis=0, return_index=True, return_inverse=True)
    wanted = rows[firsts, 2][places.reshape(-1)]
    bad = np.flatnonzero(rows[:, 2] != wanted)
    if not bad.size:
        return []
    source, layer, delay, core, axon = (int(n) for n in rows[bad[0]])
    pairs = len(np.unique(places.reshape(-1)[bad]))
    message = (
        f'spikes of "{sources.names[source]}" need {delay} ticks to '
        f'"{core_map.layers[layer].name}" on one path and {int(wanted[bad[0]])} on another '
        f"({len(bad)} axons, {pairs} of {len(keys)} connections)"
    )
    return [Diagnostic("SN573", message, f"core {core}, axon {axon}", CURE)]


def _replica_faults(core_map: CoreMap, digests: Array) -> list[Diagnostic]:
    m = core_map
    own = np.flatnonzero(m.layer_of.reshape(-1) >= 0)
    keys = m.layer_of.reshape(-1)[own].astype(np.int64) << 32 | m.unit_of.reshape(-1)[own]
    _, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    first = own[firsts][places]
    arrays = [(name, getattr(m, name)) for name in _PARAMETERS]
    for name, values in [*arrays, ("weights or delays", digests)]:
        flat = values.reshape(m.kinds.size, -1)
        differ = np.flatnonzero((flat[own] != flat[first]).any(axis=1))
        if differ.size:
            core, neuron = divmod(int(own[differ[0]]), m.spec.neurons)
            other = divmod(int(first[differ[0]]), m.spec.neurons)
            count = f"{differ.size} replicas" if differ.size > 1 else "1 replica"
            message = f"the {name} of {count} differ from those of the unit's first neuron"
            message += f", core {other[0]}, neuron {other[1]}"
            return [Diagnostic("SN574", message, place_of(m, core, neuron), CURE)]
    return []

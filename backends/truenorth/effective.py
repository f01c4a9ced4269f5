"""The integer weights that a core map spells: from each source to each layer, with the delay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.paths import (
    CoreInputs,
    Sources,
    core_inputs,
    find_origins,
    find_sources,
)
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveWeights:
    """What the spikes of a source add to the units of a layer.

    Attributes:
        matrix: `scipy.sparse.csr_array` of int64 (units of the layer, units of the source), without
            stored zeros. For pins that take negative spikes it has the sign of the spikes: it is
            the weight that a spike of -1 is multiplied by.
        delays: All total delays in ticks over splitters, ascending; one in a balanced map.
    """

    matrix: Any
    delays: tuple[int, ...]


def effective_weights(
    core_map: CoreMap, sizes: Mapping[str, int] | None = None
) -> dict[tuple[str, str, int], EffectiveWeights]:
    """The weights by (source, layer, sign); sources that reach nothing of a layer are left out.

    A source is a layer or the source of a group of pins; the sign is that of the group, 1 for
    layers. Axons driven by neurons of no layer (clocks, partial sums, gates) are left out. Of a
    unit's replicas the first counts: that they are equal is another rule (SN574).

    Args:
        core_map: of legal targets and splitters.
        sizes: units of layers; by default as many as the map's highest unit needs.

    Raises:
        InputError: SN575, splitters in a loop.
    """
    origins, sources = find_origins(core_map), find_sources(core_map)
    first = _first_neurons(core_map)
    parts: dict[tuple[int, int], list[Array]] = {}
    delays: dict[tuple[int, int], set[int]] = {}
    for inputs in core_inputs(core_map, origins):
        _collect(core_map, inputs, sources, first[inputs.core], parts, delays)
    shapes = _sizes(core_map, sizes or {})
    found = {}
    for source, layer in sorted(parts):
        sign = 1
        if source >= len(core_map.layers):
            sign = core_map.pins[source - len(core_map.layers)].sign
        shape = (shapes[layer], shapes[source])
        matrix = _matrix(parts.pop((source, layer)), shape, sign)
        key = (sources.names[source], core_map.layers[layer].name, sign)
        found[key] = EffectiveWeights(matrix, tuple(sorted(delays[source, layer])))
    return found


def _first_neurons(core_map: CoreMap) -> Array:
    """Which neurons are the first of their unit: bool (C, neurons)."""
    own = np.flatnonzero(core_map.layer_of.reshape(-1) >= 0)
    layers = core_map.layer_of.reshape(-1)[own].astype(np.int64)
    _, places = np.unique(layers << 32 | core_map.unit_of.reshape(-1)[own], return_index=True)
    first = np.zeros(core_map.layer_of.size, bool)
    first[own[places]] = True
    return first.reshape(core_map.layer_of.shape)


def _collect(
    core_map: CoreMap,
    inputs: CoreInputs,
    sources: Sources,
    first: Array,
    parts: dict[tuple[int, int], list[Array]],
    delays: dict[tuple[int, int], set[int]],
) -> None:
    """Add the entries (3, n) of a core: unit of the layer, unit of the source, weight, int32."""
    layers = core_map.layer_of[inputs.core, inputs.neurons]
    units = core_map.unit_of[inputs.core, inputs.neurons]
    of = sources.of[inputs.nodes]
    for layer in np.unique(layers):
        here = layers == layer
        reached = inputs.bits[:, here].any(axis=1)
        counted = here & first[inputs.neurons]
        for source in np.unique(of[reached & (of >= 0)]):
            some = reached & (of == source)
            key = (int(source), int(layer))
            delays.setdefault(key, set()).update(inputs.delays[some].tolist())
            weights = inputs.weights[np.ix_(some, counted)]
            rows, columns = np.nonzero(weights)
            entries = [
                units[counted][columns],
                sources.units[inputs.nodes[some]][rows],
                weights[rows, columns],
            ]
            parts.setdefault(key, []).append(np.stack(entries).astype(np.int32))


def _matrix(parts: list[Array], shape: tuple[int, int], sign: int) -> Any:
    from scipy.sparse import coo_array

    rows, columns, weights = np.concatenate(parts, axis=1)
    matrix = coo_array((sign * weights.astype(np.int64), (rows, columns)), shape=shape).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _sizes(core_map: CoreMap, given: Mapping[str, int]) -> list[int]:
    """The units of each source."""
    sizes = []
    for i, layer in enumerate(core_map.layers):
        highest = int(core_map.unit_of[core_map.layer_of == i].max(initial=-1))
        sizes.append(max(given.get(layer.name, 0), highest + 1))
    return sizes + [group.size for group in core_map.pins]

"""Whether the crossbars of a core map say what the network says: weights, delays and thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scipy import sparse

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.effective import EffectiveWeights, effective_weights
from snnc.backends.truenorth.layers import Layer, layers_of
from snnc.backends.truenorth.starts import Start, starts_in
from snnc.diagnostics import Diagnostic
from snnc.ir.latency import layer_local
from snnc.ir.model import Network

Way = tuple[str, str, int]
"""Source, layer, and sign of the spikes."""


def decoded_findings(core_map: CoreMap, network: Network) -> list[Diagnostic]:
    """Where a core map and its network differ, SN597; nothing where they agree.

    Of maps with exact partial sums thresholds alone are compared: their sums are no layers.
    """
    layers = layers_of(layer_local(network))
    known = [layer.name for layer in core_map.layers]
    if known != [layer.name for layer in layers]:
        return [_different("the map has other layers than the network", network.name)]
    found = [d for i, layer in enumerate(layers) for d in _thresholds(core_map, i, layer)]
    if core_map.ticks_per_step > 1:
        return found
    starts = starts_in(core_map, layers)
    found.extend(
        d for i, layer in enumerate(layers) for d in _starts(core_map, i, starts[layer.name])
    )
    sizes = {layer.name: layer.units for layer in layers}
    weights = effective_weights(core_map, sizes)
    ticks = {layer.name: layer.first_tick for layer in core_map.layers}
    for layer in layers:
        found.extend(_weights(layer, weights, ticks))
    return found


def _thresholds(core_map: CoreMap, index: int, layer: Layer) -> Iterator[Diagnostic]:
    own = core_map.layer_of == index
    units = core_map.unit_of[own]
    if layer.memoryless:
        wrong = core_map.leaks[own] != (layer.biases - layer.thresholds + 1)[units]
    else:
        wrong = core_map.thresholds[own] != layer.thresholds[units]
    if wrong.any():
        yield _different(f"{int(wrong.sum())} thresholds differ", layer.name)
    absent = layer.alive.copy()
    absent[units] = False
    if absent.any():
        yield _different(f"{int(absent.sum())} units have no neuron", layer.name)


def _starts(core_map: CoreMap, index: int, start: Start) -> Iterator[Diagnostic]:
    own = core_map.layer_of == index
    wrong = core_map.potentials[own] != start.potentials[core_map.unit_of[own]]
    if wrong.any():
        text = f"{int(wrong.sum())} initial potentials differ"
        yield _different(text, core_map.layers[index].name)


def _weights(
    layer: Layer, found: Mapping[Way, EffectiveWeights], ticks: Mapping[str, int]
) -> Iterator[Diagnostic]:
    for way, (matrix, delays) in _expected(layer, ticks).items():
        there = found.get(way)
        if there is None:
            if matrix.nnz:
                yield _different(f"no spike of {way[0]} arrives", layer.name)
            continue
        different = there.matrix != sparse.csr_array(matrix)
        if different.nnz:
            unit, source = (int(n[0]) for n in different.nonzero())
            text = (
                f"{different.nnz} weights from {way[0]} differ, first that of unit {source} to "
                f"unit {unit}"
            )
            yield _different(text, layer.name)
        if there.delays != delays:
            text = f"spikes of {way[0]} arrive after {there.delays} ticks instead of {delays}"
            yield _different(text, layer.name)


def _expected(
    layer: Layer, ticks: Mapping[str, int]
) -> dict[Way, tuple[sparse.csr_matrix, tuple[int, ...]]]:
    """The matrix of each way, and the ticks from its spikes to the layer's step."""
    found: dict[Way, tuple[sparse.csr_matrix, tuple[int, ...]]] = {}
    for key in layer.keys:
        source, sign, delay = key
        block = sparse.csr_matrix(layer.block(key) * sign)  # a negative spike times its weight
        if not block.nnz:
            continue
        wait = ticks[layer.name] - ticks.get(source, 0) + delay
        way = (source, layer.name, sign)
        if way in found:
            before, delays = found[way]
            found[way] = before + block, tuple(sorted({*delays, wait}))
        else:
            found[way] = block, (wait,)
    for matrix, _ in found.values():
        matrix.eliminate_zeros()
    return found


def _different(what: str, where: str) -> Diagnostic:
    text = f"the core map is none of this network: {what}"
    return Diagnostic("SN597", text, where, "compile again")

"""From a network of whole numbers to a core map with the same spikes.

Layers become corelets from the last to the first, because what reads a layer decides how many
copies of its spikes there must be. Then replicas are given out, latencies follow from the levels of
splitters, and every spike gets its way and its delay.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.truenorth.bias import clocked, with_clock
from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.backends.truenorth.codes_of_weights import Spelling, spell
from snnc.backends.truenorth.columns import layer_columns, output_lines, pin_signals
from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.draft import Draft, count_targets, drafted, least_columns
from snnc.backends.truenorth.layers import Layer, layers_of
from snnc.backends.truenorth.lower_layer import Block, gate_parameters, plain_parameters, tiles
from snnc.backends.truenorth.parts import Signals, Tile
from snnc.backends.truenorth.refusals import no_code, no_fit, too_early
from snnc.backends.truenorth.route import assemble
from snnc.backends.truenorth.starts import starts_of
from snnc.backends.truenorth.tiles import DoesNotFitError
from snnc.backends.truenorth.timing import timing_of
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.latency import layer_local
from snnc.ir.tensors import Array

_ROUNDS = 16


def lower(network: m.Network, spec: ChipSpec = TRUENORTH) -> CoreMap:
    """The core map of a network, its cores in the order of the layers on the mesh.

    Args:
        network: of stage fixed, one that `checks.check` finds nothing against.
        spec: the chip.

    Raises:
        InputError: weights have no axon code (SN593), a neuron reads more than a core has axons
            (SN594), or a potential would reach the threshold before the first input (SN595).
    """
    network = layer_local(network)
    layers = layers_of(network)
    gated = {layer.name: np.zeros(layer.units, bool) for layer in layers}
    for _ in range(_ROUNDS):
        draft = _draft(network, layers, gated, spec)
        timing = timing_of(draft, network)
        leaks = {layer.name: _leaks(layer, gated[layer.name]) for layer in layers}
        starts = starts_of(layers, timing.layers, leaks)
        for layer in layers:
            stuck = starts[layer.name].lost & (gated[layer.name] | layer.memoryless)
            if stuck.any():
                tick = timing.layers[layer.name]
                raise InputError(too_early(layer, int(np.argmax(stuck)), tick))
        if not any(start.lost.any() for start in starts.values()):
            return assemble(draft, network, timing, starts)
        gated = {name: gated[name] | start.lost for name, start in starts.items()}
    raise AssertionError("latencies do not come to rest")


def _leaks(layer: Layer, gated: Array) -> Array:
    """What each neuron's leak is, int64 (units,)."""
    if layer.memoryless:
        found: Array = layer.biases - layer.thresholds + 1
        return found
    return with_clock(layer, gated)[1] if gated.any() else layer.biases


def _draft(
    network: m.Network, layers: tuple[Layer, ...], gated: Mapping[str, Array], spec: ChipSpec
) -> Draft:
    """Tiles of all layers, for given neurons with a clocked bias."""
    signals = _numbered(network, layers, gated)
    lines = output_lines(network, signals)
    index = {(s.name, s.kind): i for i, s in enumerate(signals.stretches)}
    codes: dict[str, str] = {}
    groups: list[list[Tile]] = []
    targets = np.zeros(signals.total, np.int64)
    for layer in reversed(layers):
        block, spelling = _block(layer, gated[layer.name], signals, index, spec)
        own = slice(block.first, block.first + layer.units)
        least = least_columns(targets[own], lines[own])
        try:
            made = tiles(block, targets[own] + (lines[own] >= 0), least, spec)
        except DoesNotFitError as error:
            raise InputError(no_fit(layer, error, spec)) from error
        codes[layer.name] = _named(spelling)
        targets += count_targets(made, signals.total)
        groups.append(made)
    groups.insert(0, clocked(signals, spec))
    ordered = [tile for group in reversed(groups) for tile in group]
    return drafted(signals, ordered, lines, codes, spec)


def _numbered(network: m.Network, layers: tuple[Layer, ...], gated: Mapping[str, Array]) -> Signals:
    """A number for every spike train: pins, units of layers, clocks."""
    signals = pin_signals(network, layers)
    for layer in layers:
        signals.add(layer.name, "layer", layer.units)
    for layer in layers:
        if gated[layer.name].any():
            signals.add(layer.name, "clock", 1)
    return signals


def _block(
    layer: Layer,
    gated: Array,
    signals: Signals,
    index: Mapping[tuple[str, str], int],
    spec: ChipSpec,
) -> tuple[Block, Spelling]:
    """What a layer is made of; neurons with a clocked bias read one column more."""
    weights, leaks = layer.weights, layer.biases
    numbers, delays = layer_columns(layer, signals)
    if gated.any():
        clock = signals.find(layer.name, "clock")
        weights, leaks = with_clock(layer, gated)
        numbers = np.append(numbers, clock.start)
        delays = np.append(delays, 0)
    spelling = spell(weights, spec.largest_strength)
    if spelling is None:
        raise InputError(no_code(layer, spec))
    if layer.memoryless:
        values = gate_parameters(layer.thresholds, layer.biases)
    else:
        values = plain_parameters(layer.thresholds, leaks, layer.starts_at, layer.reset)
    stretch = signals.find(layer.name, "layer")
    pins = np.array([s.kind == "pins" for s in signals.stretches])
    block = Block(
        name=layer.name,
        stretch=index[layer.name, "layer"],
        first=stretch.start,
        role="compute",
        shape=layer.shape,
        spelling=spelling,
        signals=numbers,
        delays=delays,
        paid=~pins[signals.index_of()[numbers]],
        alive=layer.alive,
        parameters=values,
    )
    return block, spelling


def _named(spelling: Spelling) -> str:
    """A code in words: what the axon types are worth, and the axons of an input."""
    axons = spelling.axons[spelling.axons > 0]
    worth = " ".join(f"{b:+d}" for b in spelling.base)
    return f"{worth}; {axons.mean():.2f} axons an input" if len(axons) else worth

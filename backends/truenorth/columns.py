"""Numbers of spike trains: pins, what the columns of a layer read, and output lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.backends.truenorth.layers import Layer, sizes_of
from snnc.backends.truenorth.parts import Signals
from snnc.ir import model as m
from snnc.ir.tensors import Array


def pin_signals(network: m.Network, layers: Sequence[Layer]) -> Signals:
    """Signals of what the host sends, by source and sign, in the order of the network."""
    signals = Signals()
    keys = {(source, sign) for layer in layers for source, sign, _ in layer.keys}
    for name, size in sizes_of(network).items():
        for sign in (1, -1):
            if (name, sign) in keys:
                signals.add(name, "pins", size, sign)
    return signals


def output_lines(network: m.Network, signals: Signals) -> Array:
    """Output lines: a line for each unit that a head reads, in order of the populations."""
    lines = np.full(signals.total, -1, np.int64)
    read = {head.population for head in network.heads}
    count = 0
    for stretch in signals.stretches:
        if stretch.kind == "layer" and stretch.name in read:
            lines[stretch.start : stretch.start + stretch.size] = np.arange(stretch.size) + count
            count += stretch.size
    return lines


def layer_columns(layer: Layer, signals: Signals) -> tuple[Array, Array]:
    """The signal and the delay of each column of a layer's matrix."""
    pins = {(s.name, s.sign): s for s in signals.stretches if s.kind == "pins"}
    numbers, delays = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for source, sign, delay in layer.keys:
        stretch = pins.get((source, sign)) or signals.find(source, "layer")
        numbers.append(np.arange(stretch.start, stretch.start + stretch.size))
        delays.append(np.full(stretch.size, delay))
    return np.concatenate(numbers), np.concatenate(delays)

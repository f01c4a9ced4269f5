"""Biases: a leak that acts in every tick, from the first one on, and what to do before inputs come.

A layer's first input arrives `L` ticks after the start. A leak acts from tick 0 on, so the neuron
starts at `V0 - leak * L`: after `L` ticks its potential is `V0`. With a negative leak it starts
higher; where it would fire on its way down, the bias comes as spikes of a clock that starts with
the layer, and only the rest that is no multiple of the neuron's unit remains a (positive) leak.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.codes_of_weights import common_divisors
from snnc.backends.truenorth.layers import Layer
from snnc.backends.truenorth.lower_layer import plain_parameters
from snnc.backends.truenorth.parts import Signals, Tile
from snnc.ir.tensors import Array


def early(layer: Layer, first_tick: int, gated: Array) -> Array:
    """The units that would fire before their layer's first step, bool (units,).

    `gated`: those whose bias comes from a clock.
    """
    if first_tick == 0 or layer.memoryless:
        return np.zeros(layer.units, bool)
    empty = np.diff(layer.weights.indptr) == 0
    down = np.where(empty | gated, 0, np.maximum(-layer.biases, 0))
    highest = layer.starts_at + down * (first_tick - 1)
    found: Array = layer.alive & (highest >= layer.thresholds)
    return found


def with_clock(layer: Layer, gated: Array) -> tuple[sparse.csr_matrix, Array]:
    """The weights with a column for the clock, and the leaks that remain, int64 (units,)."""
    unit = common_divisors(layer.weights)
    steps = np.where(gated, layer.biases // unit, 0)
    column = sparse.csr_matrix((steps * unit)[:, None])
    joined = sparse.csr_matrix(sparse.hstack([layer.weights, column], format="csr"))
    joined.eliminate_zeros()
    joined.sort_indices()
    return joined, layer.biases - steps * unit


def clocked(signals: Signals, spec: ChipSpec) -> list[Tile]:
    """Cores of clocks: neurons without axons that fire in every tick from their first one on."""
    found = []
    clocks = [(i, s) for i, s in enumerate(signals.stretches) if s.kind == "clock"]
    for index, stretch in clocks:
        one = np.ones(1, np.int64)
        found.append(
            Tile(
                stretch=index,
                role="clock",
                corelet=f"{stretch.name}/clock",
                signals=np.array([stretch.start]),
                axon_signals=np.zeros(0, np.int64),
                axon_delays=np.zeros(0, np.int64),
                axon_types=np.zeros(0, np.uint8),
                bits=np.zeros((0, 1), bool),
                strengths=np.zeros((1, spec.types), np.int16),
                parameters=plain_parameters(one, one, 0 * one),
            )
        )
    return found

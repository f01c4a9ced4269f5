"""Clocked biases, for the few neurons that cannot have a leak from the first tick on: see `starts`.

A clock fires in every tick from its layer's first step on; a neuron hears it with the multiple of
its unit that its bias holds. Only the rest, which is not negative, remains a leak.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.clocks import clock_tile
from snnc.backends.truenorth.codes_of_weights import common_divisors
from snnc.backends.truenorth.layers import Layer
from snnc.backends.truenorth.parts import Signals, Tile
from snnc.ir.tensors import Array


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
    clocks = [(i, s) for i, s in enumerate(signals.stretches) if s.kind == "clock"]
    return [clock_tile(i, s, f"{s.name}/clock", 1, spec) for i, s in clocks]

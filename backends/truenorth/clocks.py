"""Clocks: neurons without axons that a leak makes fire, in every tick or once a period."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.lower_layer import plain_parameters
from snnc.backends.truenorth.parts import Stretch, Tile


def clock_tile(index: int, stretch: Stretch, corelet: str, period: int, spec: ChipSpec) -> Tile:
    """A core with one clock, which fires in tick 0 and every `period` ticks from then on.

    Args:
        index: of the stretch.
        stretch: of one signal, which the clock sends.
        corelet: path in the hierarchy.
        period: ticks.
        spec: the chip.
    """
    every, none = np.array([period]), np.zeros(0, np.int64)
    return Tile(
        stretch=index,
        role="clock",
        corelet=corelet,
        signals=np.array([stretch.start]),
        axon_signals=none,
        axon_delays=none,
        axon_types=none.astype(np.uint8),
        bits=np.zeros((0, 1), bool),
        strengths=np.zeros((1, spec.types), np.int16),
        parameters=plain_parameters(every, np.ones(1, np.int64), every - 1),
    )

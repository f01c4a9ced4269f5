"""The arithmetic of quantised activations: a value as a whole number of steps."""

from __future__ import annotations

import numpy as np

from snnc.ir.neurons import Ties
from snnc.ir.tensors import Array


def level(x: Array, step: Array, lowest: int, levels: int, shift: Array, ties: Ties) -> Array:
    """`clip(floor(x / step + shift), lowest, levels)`, or `round(x / step)` with ties to even.

    Args:
        x: Values of any shape, in a floating-point type; the result has the same.
        step: Broadcasts against `x`, above 0.
        lowest: The smallest level, 0 or less.
        levels: The largest level.
        shift: Broadcasts against `x`; with `ties="even"` it is 0.5 by meaning and not used.
        ties: How exact halves are rounded.

    Source: Bu et al. 2022, eq. 4 (floor with shift); Esser et al. 2020, eq. 1 (round).
    """
    scaled = x / step.astype(x.dtype, copy=False)
    if ties == "even":
        whole: Array = np.rint(scaled)
    else:
        whole = np.floor(scaled + shift.astype(x.dtype, copy=False))
    clipped: Array = np.clip(whole, lowest, levels)
    return clipped

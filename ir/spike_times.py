"""Values as spike times: the kernel of a TTFS population, encode, decode, and both in one.

All of it goes through two tables, one number per step of the fire window, which the simulator uses
as well. So the closed form below and a simulation agree spike time for spike time.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Array

Timed: TypeAlias = m.TTFS | m.SpikeTime
NO_SPIKE = -1
"""The spike time of a neuron that did not fire."""


def values(kernel: Timed) -> Array:
    """What a spike of each step is worth, (steps,) float64, falling.

    `x(t) = threshold * exp((delay - t) / tau)` (Park and Yoon 2021, eq. 3; `formulas` 6.5).
    """
    return _table(kernel, 0.0)


def thresholds(kernel: Timed) -> Array:
    """The threshold in each step, (steps,) float64, falling.

    `theta(t)` is the value of step t, or with `rounding="round"` that of step `t + 1/2`.
    """
    return _table(kernel, 0.5 if kernel.rounding == "round" else 0.0)


def encode(potential: Array, threshold: Array) -> Array:
    """The first step in which a potential reaches the threshold, int16, like `potential`.

    Args:
        potential: (N, *shape).
        threshold: (steps,), or (steps, C) with one column per channel, the first axis of `shape`.

    Returns:
        Steps from 0; `NO_SPIKE` where none is reached.
    """
    if threshold.ndim == 2 and threshold.shape[1] > 1:
        columns = [encode(potential[:, c], threshold[:, c]) for c in range(threshold.shape[1])]
        return np.stack(columns, axis=1)
    falling = threshold.reshape(len(threshold))
    times = np.full(potential.shape, NO_SPIKE, np.int16)
    reached = potential >= falling[-1]
    # The number of thresholds above the potential is the first step that is not. Most neurons
    # reach none, and the search is what takes time.
    rising = falling[::-1]
    times[reached] = len(falling) - np.searchsorted(rising, potential[reached], side="right")
    return times


def decode(times: Array, value: Array) -> Array:
    """What spikes are worth to their readers, like `times`; 0 where there is none.

    Args:
        times: Steps from 0, or `NO_SPIKE`.
        value: (steps,) by step.
    """
    worth: Array = np.append(value, value.dtype.type(0))[times]
    return worth


def surrogate(kernel: Timed, x: Array) -> Array:
    """Encode and decode in one (Park and Yoon 2021, section 3): the value that a spike carries.

    Computes in the dtype of `x`; a `SpikeTime` input keeps the sign.
    """
    table, worth = (t.astype(x.dtype) for t in (thresholds(kernel), values(kernel)))
    if isinstance(kernel, m.SpikeTime):
        return np.sign(x) * decode(encode(np.abs(x), table), worth)
    return decode(encode(x, table), worth)


def largest(kernel: Timed) -> float:
    """The largest value that a spike can carry (`formulas` 6.6, x_max)."""
    return float(values(kernel)[0])


def least(kernel: Timed) -> float:
    """The least potential that is sent at all: the last threshold."""
    return float(thresholds(kernel)[-1])


def _table(kernel: Timed, shift: float) -> Array:
    steps = np.arange(kernel.steps, dtype=np.float64)
    table: Array = kernel.threshold * np.exp((kernel.delay - steps - shift) / kernel.tau)
    return table

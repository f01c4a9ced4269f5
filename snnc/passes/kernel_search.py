"""The kernel of least squared error, by direct search over its two degrees of freedom.

A kernel of W steps says `x_max * exp(-t / tau)`: `x_max` is what it clips at, and with `tau` the
ratio of neighbouring values and, W being given, the least value. The error is a sum over ranges of
sorted values (`kernel_samples.Sorted`), cheap enough to look everywhere.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np

from snnc.ir.spike_times import Timed, largest
from snnc.passes.kernel_samples import Sorted

K = TypeVar("K", bound=Timed)
Point: TypeAlias = tuple[float, float]
"""`ln tau` and `ln x_max`."""

_POINTS = 16
_STARTS = 4
_ROUNDS = 8
_OFFSETS = (-2, -1, 0, 1, 2)
_GAIN = 1e-9
"""Of the mean square: below that an error is none."""


def shaped(kernel: K, tau: float, top: float) -> K:
    """The kernel with a time constant and a largest value, its threshold as it is.

    The delay is `tau * ln(x_max / threshold)` (Park and Yoon 2021, below eq. 9). Six digits are
    kept: more would only fill the network's text.
    """
    tau = float(f"{tau:.6g}")
    return replace(kernel, tau=tau, delay=float(f"{tau * math.log(top / kernel.threshold):.6g}"))


def searched(kernel: K, values: Sorted) -> K:
    """The kernel of `kernel`'s steps and rounding with the least error on `values`.

    A grid over `ln tau` and `ln x_max`, then ever finer ones around the best points. Never worse
    than `kernel` on these values.
    """
    ceiling = max(float(values.potential[-1]), largest(kernel))
    taus = [float(x) for x in np.log(np.geomspace(kernel.steps / 12, kernel.steps * 2, _POINTS))]
    tops = [float(x) for x in np.log(np.geomspace(ceiling / 16, ceiling, _POINTS))]
    start = (math.log(kernel.tau), math.log(largest(kernel)))
    points = [start, *((tau, top) for tau in taus for top in tops)]
    points.sort(key=lambda p: _error(kernel, values, p))
    widths = (taus[1] - taus[0], tops[1] - tops[0])
    ends = [_refined(kernel, values, p, widths) for p in points[:_STARTS]]
    best = min(ends, key=lambda p: _error(kernel, values, p))
    found = shaped(kernel, math.exp(best[0]), math.exp(best[1]))
    better = values.error(found) < values.error(kernel) - _GAIN * values.power
    return found if better else kernel


def _refined(kernel: K, values: Sorted, point: Point, widths: Point) -> Point:
    """The best point found around one, on ever finer grids: times that jump make no slope."""
    wide, high = widths
    for _ in range(_ROUNDS):
        wide, high = wide / 2, high / 2
        around = [(point[0] + i * wide, point[1] + j * high) for i in _OFFSETS for j in _OFFSETS]
        point = min((point, *around), key=lambda p: _error(kernel, values, p))
    return point


def _error(kernel: K, values: Sorted, point: Point) -> float:
    return values.error(shaped(kernel, math.exp(point[0]), math.exp(point[1])))

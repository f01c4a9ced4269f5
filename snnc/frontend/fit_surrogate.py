"""Which kernel of spike times an elementwise function encodes and decodes with.

The function is only asked for numbers, so that every spelling of it is the same: the levels that
it takes give the time constant and the window, the places of its edges the rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from snnc.frontend.pointwise import Probe
from snnc.ir import model as m
from snnc.ir import spike_times
from snnc.ir.neurons import Rounding
from snnc.ir.tensors import Array

MOST_STEPS = 4096
"""A function of more levels than this has no window."""

_SAME = 1e-5
"""Relative difference of two values that are one: some roundings of float32, in an exponent."""

_READ = 1e-6
"""Relative difference of a number from the constant of the graph that it is."""

_INSIDE = 0.25
"""So far before a whole time, in steps, both roundings give that time."""

_OFFSETS = (-0.49, -0.25, -0.01, 0.01, 0.25, 0.49)
"""Times that are compared, in steps from a whole one: on both sides of whole and half steps."""

_LARGE = (1e20, 1e25, 1e30)
"""Values that every function with a largest one answers with it."""


class Miss(IntEnum):
    """What a function lacks to be a surrogate, the earliest test that fails first."""

    TOP = 0
    TIMES = 1
    WINDOW = 2
    LEVELS = 3
    SILENCE = 4
    ROUNDING = 5
    LAST = 6
    READ = 7


@dataclass(frozen=True, slots=True)
class Almost:
    """A function that is no surrogate: what is missing and a cure."""

    miss: Miss
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Stations:
    """Tensors on the way: the logarithm's input and output, the rounder's input, the exponential.

    `rounder`: the operator that makes times whole.
    """

    inside: str
    log: str
    time: str
    rounder: str
    decoded: str


def fit_surrogate(
    probe: Probe, output: str, stations: Stations, constants: Sequence[float]
) -> m.TTFS | Almost:
    """The kernel with which `output` is what a spike of the source is worth.

    Its levels are `x_max * exp(-t / tau)` for t from 0 to `steps - 1`, with
    `x_max = threshold * exp(delay / tau)` (Park and Yoon 2021, eq. 3 to 5); delay and threshold
    are told apart where both are numbers that stand in the graph, else x_max is the threshold.

    Args:
        probe: Computes all tensors that are named here.
        output: The function's result.
        stations: Tensors on the way to it.
        constants: Numbers of the graph that tau, delay and threshold are looked for among.
    """
    top = probe.exact(np.array(_LARGE))
    highest = top[output].astype(np.float64)
    if not (np.all(np.isfinite(highest)) and highest[0] > 0 and _close(highest, highest[0])):
        return _NO_TOP
    largest = float(highest[0])
    slope = _slope(probe, stations, largest)
    if slope is None:
        return _NO_TIMES
    levels = _levels(probe, output, largest, slope)
    if isinstance(levels, Almost):
        return levels
    apart = _apart(levels)
    if len(apart) < 2:
        return _ONE_LEVEL
    tau = _snapped((len(apart) - 1) / math.log(largest / float(apart[-1])), constants)
    falling = largest * np.exp(-np.arange(len(apart)) / tau)
    if not _close(apart, falling) or abs(slope / tau - 1) > _SAME:
        return _not_geometric(slope, tau)
    if len(apart) < len(levels):
        return _NEITHER
    kernel = m.TTFS(tau, len(levels), 0.0, largest)
    loud = _silence(probe, output, kernel)
    if loud is not None:
        return loud
    rounding = _rounding(probe, output, kernel)
    if isinstance(rounding, Almost):
        return rounding
    threshold, delay = _named(probe, output, stations, constants, kernel, rounding)
    return m.TTFS(tau, len(levels), delay, threshold, rounding)


def _slope(probe: Probe, stations: Stations, largest: float) -> float | None:
    """How many steps later a value e times as small is sent, from times before rounding."""
    logs = np.linspace(0.0, 25.0, 201)
    times = probe.exact(largest * np.exp(-logs))[stations.time].astype(np.float64)
    with np.errstate(all="ignore"):
        slopes = np.diff(times) / np.diff(logs)
    rising = slopes[np.isfinite(slopes) & (np.abs(slopes) > 1e-9)][1:9]
    found = float(np.median(rising)) if rising.size else 0.0
    return found if found > 0 else None


def _levels(probe: Probe, output: str, largest: float, tau: float) -> Array | Almost:
    """The values of times 0, 1, ... as far as there are spikes, as float32 decides."""
    times = np.arange(MOST_STEPS + 1)
    x = largest * np.exp(-(times - _INSIDE) / tau)
    single, exact = probe.single(x)[output], probe.exact(x)[output].astype(np.float64)
    silent = ~(single > 0)
    steps = int(np.argmax(silent)) if silent.any() else 0
    tiny = np.finfo(np.float32).tiny
    if not silent.any() or (steps and single[steps - 1] < tiny):
        return _NO_WINDOW
    kept: Array = np.where(exact > 0, exact, single)[:steps]
    return kept


def _apart(levels: Array) -> Array:
    """The levels that differ, largest first."""
    lower = levels[1:] < levels[:-1] * (1 - _SAME)
    return np.concatenate([levels[:1], levels[1:][lower]])


def _silence(probe: Probe, output: str, kernel: m.TTFS) -> Almost | None:
    """What is too small, or negative, must not be sent."""
    largest, tau = kernel.threshold, kernel.tau
    small = largest * np.exp(-(kernel.steps + np.array([1.0, 3.0, 30.0])) / tau)
    x = np.array([*small, 0.0, -1e-3 * largest, -largest, -1e3 * largest])
    sent = probe.single(x)[output]
    loud = np.flatnonzero(sent != 0)
    if not loud.size:
        return None
    at = int(loud[0])
    return Almost(
        Miss.SILENCE,
        f"it sends {float(sent[at]):.4g} for {float(x[at]):.4g}, where there is no spike",
        "make values below the least one, and negative ones, 0: Where(t <= W - 1, decoded, 0)",
    )


def _rounding(probe: Probe, output: str, kernel: m.TTFS) -> Rounding | Almost:
    """Where the edges lie: at whole times (ceil) or at half ones (round)."""
    steps = np.repeat(np.arange(kernel.steps + 1), len(_OFFSETS))
    times = steps + np.tile(_OFFSETS, kernel.steps + 1)
    x = kernel.threshold * np.exp(-times / kernel.tau)
    sent = probe.single(x)[output].astype(np.float64)
    wrong: dict[Rounding, Array] = {}
    roundings: tuple[Rounding, ...] = ("ceil", "round")
    for rounding in roundings:
        table = m.TTFS(kernel.tau, kernel.steps, 0.0, kernel.threshold, rounding)
        expected = spike_times.surrogate(table, x)
        wrong[rounding] = np.abs(sent - expected) > _SAME * expected + 1e-30
        if not wrong[rounding].any():
            return rounding
    last = (steps >= kernel.steps - 1)[None]
    if any((~w | last).all() for w in wrong.values()):
        return Almost(
            Miss.LAST,
            "its mask cuts through the values of the last step, and sends some of them only",
            "mask by whole times, as in Where(t <= W - 1, decoded, 0)",
        )
    return _NEITHER


def _named(
    probe: Probe,
    output: str,
    stations: Stations,
    constants: Sequence[float],
    kernel: m.TTFS,
    rounding: Rounding,
) -> tuple[float, float]:
    """Threshold and delay: as encoding has them, else as decoding, else x_max and no delay."""
    tau, largest = kernel.tau, kernel.threshold
    middle = largest * math.exp(-(kernel.steps // 2 - _INSIDE) / tau)
    at = {name: float(a[0]) for name, a in probe.exact(np.array([middle])).items()}
    top = {name: float(a[0]) for name, a in probe.exact(np.array([_LARGE[0]])).items()}
    moved = {"Floor": 0.5, "Ceil": -0.5 if rounding == "round" else 0.0}.get(stations.rounder, 0.0)
    decoded, inside = top[stations.decoded], at[stations.inside]
    guesses = []
    if inside > 0:
        guesses.append((middle / inside, at[stations.time] - moved + tau * at[stations.log]))
    if decoded > 0:
        guesses.append((largest / decoded, tau * math.log(decoded)))
    for threshold, delay in guesses:
        first = _found(threshold, (1.0, *constants))
        second = 0.0 if abs(delay) <= _READ * tau else _found(delay, constants)
        if first is None or second is None or not first > 0:
            continue
        if abs(first * math.exp(second / tau) / largest - 1) <= _SAME:
            return first, second
    return largest, 0.0


def _found(value: float, constants: Sequence[float]) -> float | None:
    """The number that a value is: a constant or its negative, else the inverse of one."""
    finite = [c for c in constants if c and math.isfinite(1 / c)]
    for forms in (finite, [1 / c for c in finite]):
        near = [f for c in forms for f in (c, -c) if abs(f - value) <= _READ * abs(value)]
        if near:
            return min(near, key=lambda form: abs(form - value))
    return None


def _snapped(value: float, constants: Sequence[float]) -> float:
    found = _found(value, constants)
    return value if found is None else found


def _close(actual: Array, wanted: Array | float) -> bool:
    return bool(np.all(np.abs(actual - wanted) <= _SAME * wanted))


_NO_TOP = Almost(
    Miss.TOP,
    "it has no largest value: a spike cannot come before step 0",
    "clamp the times from below, Relu(delay - tau * Log(x / threshold)), before or behind rounding",
)
_NO_TIMES = Almost(
    Miss.TIMES,
    "its times do not grow as the logarithm of the value falls",
    "encode as delay - tau * Log(x / threshold)",
)
_NO_WINDOW = Almost(
    Miss.WINDOW,
    "it has no smallest value: nothing ends its window before the values leave the range of "
    "32-bit floats, so the number of its steps is not known",
    "send 0 behind the last step, as in Where(t <= W - 1, decoded, 0); or leave Relu in the graph "
    "and name the kernels in the model's metadata, key snnc.ttfs",
)


_ONE_LEVEL = Almost(
    Miss.WINDOW,
    "it has no more than one level, which says nothing about its time constant",
    "use a window of 2 steps or more",
)
_NEITHER = Almost(
    Miss.ROUNDING,
    "what it sends for a value is not that of the time rounded up, nor of the nearest one",
    "use Ceil, Round or Floor(t + 0.5) on the times, and decode exactly these with the delay and "
    "the threshold that encode",
)


def _not_geometric(slope: float, tau: float) -> Almost:
    return Almost(
        Miss.LEVELS,
        f"its times grow by {slope:.6g} for a value e times as small, and its levels fall by e in "
        f"{tau:.6g} steps; they must be the powers of one ratio, and the two numbers one",
        "decode with the time constant, delay and threshold that encode",
    )

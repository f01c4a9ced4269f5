"""Which staircase a rounding node makes together with the elementwise nodes around it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from snnc.frontend.links import Link, Rounder
from snnc.frontend.staircase import Staircase
from snnc.ir.neurons import Ties
from snnc.ir.tensors import Array

_SAME = 1e-6
"""Relative difference of two steps that are one: a few roundings of float32."""

_WHOLE = 1e-4
"""Distance from a whole number, in steps, of what is meant to be one."""

_FLOAT32 = 3e-7
"""The same as a share of the number: a few roundings of float32."""

_MOST_LEVELS = 2.0**31
"""A bound of more levels is an exporter's way to write none, such as the largest float32."""


class Miss(IntEnum):
    """What a group of nodes lacks to be a staircase, the earliest test that fails first."""

    STEP = 0
    SCALE = 1
    SIGN = 2
    CUT = 3
    WRAP = 4
    UPPER = 5
    LOWER = 6
    OFFSET = 7
    TIES = 8
    BOUNDS = 9
    CHANNELS = 10
    ZERO = 11


@dataclass(frozen=True, slots=True)
class Almost:
    """A group that is no staircase: what is missing and a cure."""

    miss: Miss
    reason: str
    cure: str


def fit(
    before: Sequence[Link], rounder: Rounder, after: Sequence[Link], *, unit: bool = True
) -> Staircase | Almost:
    """The staircase `after(round(before(x)))`, or what it lacks.

    The affine links compose to `b x + c` in front of the rounding and `a n + d` behind it. That
    is a staircase if `a b = 1` and `d / a` is whole: its step is `a`. All links are monotonic, so
    the clamps among them only cut it: at the values that it takes at minus and plus infinity.

    Args:
        before: From the source to the rounder.
        rounder: Its own links are added.
        after: From the rounder on.
        unit: Whether a step of exactly 1 counts.
    """
    slope, offset = _compose((*before, *rounder.before))
    step, rest = _compose((*rounder.after, *after))
    wrong = _scales(step, slope, unit) or _cuts((*rounder.after, *after))
    if wrong is not None:
        return wrong
    ends = _ends(before, rounder, after, step)
    if isinstance(ends, Almost):
        return ends
    moved = rest / step
    if not _is_whole(moved):
        return Almost(
            Miss.OFFSET,
            f"its levels are shifted by {_number(moved)} steps, so none of them is 0",
            "use a whole zero point: levels are whole multiples of the step",
        )
    shift = offset + np.round(moved)
    if rounder.rule != "floor":
        wrong = _rounding(rounder, offset, shift)
        if wrong is not None:
            return wrong
        shift = shift + 0.5
    levels = _levels(*ends)
    if isinstance(levels, Almost):
        return levels
    ties: Ties = "even" if rounder.rule == "even" else "up"
    return Staircase(step, levels[1], levels[0], _neat(shift), ties)


def slopes(links: Sequence[Link]) -> bool:
    """Whether any link scales."""
    return any(np.any(link.slope != 1.0) for link in links)


def _compose(links: Sequence[Link]) -> tuple[Array, Array]:
    """Slope and offset of links in order, the clamps left out."""
    slope, offset = np.ones(()), np.zeros(())
    with np.errstate(all="ignore"):  # what is not finite is no staircase
        for link in links:
            slope, offset = slope * link.slope, offset * link.slope + link.offset
    return slope, offset


def _scales(step: Array, slope: Array, unit: bool) -> Almost | None:
    one_sided = bool(np.all(step == 1.0) or np.all(slope == 1.0))
    if one_sided and not (unit and np.all(step == slope)):
        return Almost(
            Miss.STEP,
            "its input is not divided by a step that its result is multiplied by again",
            "quantise as step * round(clip(x / step)), or with QuantizeLinear and DequantizeLinear",
        )
    with np.errstate(all="ignore"):
        same = np.abs(step * slope - 1.0) <= _SAME
    if not np.all(same):
        inner = 1.0 / slope if np.all(slope != 0) else np.zeros(())
        return Almost(
            Miss.SCALE,
            f"it rounds in steps of {_number(inner)}, but a level is worth {_number(step)} behind "
            "it; the two must be equal",
            "divide and multiply by the same step (scale), or export the quantiser as "
            "QuantizeLinear and DequantizeLinear with one scale",
        )
    if np.any(step <= 0):
        return Almost(
            Miss.SIGN,
            f"its step {_number(step)} is negative, which reverses the direction of rounding",
            "use a positive step",
        )
    return None


def _cuts(after: Sequence[Link]) -> Almost | None:
    """A cast to integers changes what is no whole number."""
    for index, link in enumerate(after):
        slope, offset = _compose(after[:index])
        if link.whole and np.any((slope % 1 != 0) | (offset % 1 != 0)):
            return Almost(
                Miss.CUT,
                f"its levels are no whole numbers where {link.node.name} casts them to integers: "
                f"they are {_number(slope)} apart and moved by {_number(offset)}",
                "cast first, and scale then",
            )
    return None


def _rounding(rounder: Rounder, offset: Array, shift: Array) -> Almost | None:
    """Rounding to even cannot be moved by an odd number of steps; rounding up is no floor."""
    if rounder.rule == "ceil":
        return Almost(
            Miss.TIES,
            "it rounds up, so whole multiples of the step do not go to the level that starts there",
            "use Floor(x + 0.5), or Round",
        )
    if np.any(np.abs(shift) > _WHOLE):
        return Almost(
            Miss.OFFSET,
            f"its level 0 lies {_number(-shift)} steps from the input's 0: what is added before "
            "rounding (the zero point) is not what is subtracted behind it",
            "use the same zero point on both sides",
        )
    if not _is_whole(offset / 2):
        return Almost(
            Miss.TIES,
            f"it adds {_number(offset)} before it rounds halves to even, so they go to odd levels",
            "round first and add the zero point then, as QuantizeLinear does",
        )
    return None


def _ends(
    before: Sequence[Link], rounder: Rounder, after: Sequence[Link], step: Array
) -> tuple[Array, Array] | Almost:
    """The values at minus and plus infinity, in steps."""
    infinities = (np.full((), end, dtype=np.float32) for end in (-np.inf, np.inf))
    low, high = (_apply(before, rounder, after, x).astype(np.float64) / step for x in infinities)
    if np.any(np.isnan(low) | np.isnan(high)):
        return Almost(
            Miss.WRAP,
            "its integers leave the range of their element type on the way, and wrap around",
            "clamp them to that range first, or compute in float32 or int32",
        )
    for miss, side, bound in ((Miss.UPPER, "above", high), (Miss.LOWER, "below", low)):
        if not np.all(np.abs(bound) <= _MOST_LEVELS):
            return Almost(
                miss,
                f"it has no bound {side}, so the number of its levels is not known",
                "clamp it on both sides (Clip, or Relu and Min) before or behind the rounding",
            )
    return low, high


def _levels(low: Array, high: Array) -> tuple[int, int] | Almost:
    """The lowest and the highest level, if these are the same whole numbers in all channels."""
    for bound in (low, high):
        if not _is_whole(bound):
            return Almost(
                Miss.BOUNDS,
                f"it is cut at {_number(bound)} steps, so its last step is lower than the others",
                "clamp at a whole number of steps, or before the rounding",
            )
        if np.any(np.round(bound) != np.round(bound).flat[0]):
            return Almost(
                Miss.CHANNELS,
                f"its levels end at {_number(bound)} in different channels: their number differs",
                "use the same number of levels in all channels; the step may differ",
            )
    lowest, levels = (int(np.round(bound).flat[0]) for bound in (low, high))
    if not lowest <= 0 < levels:
        return Almost(
            Miss.ZERO,
            f"its levels run from {lowest} to {levels}: they must hold 0 and one above it",
            "clamp to a range that holds 0, as Relu does",
        )
    return lowest, levels


def _apply(before: Sequence[Link], rounder: Rounder, after: Sequence[Link], x: Array) -> Array:
    """The nodes' own arithmetic."""
    rules: dict[str, np.ufunc] = {"floor": np.floor, "even": np.rint, "ceil": np.ceil}
    round_ = rules[rounder.rule]
    with np.errstate(all="ignore"):
        inner = functools.reduce(_step, (*before, *rounder.before), x)
        whole: Array = functools.reduce(_step, (*rounder.after, *after), np.asarray(round_(inner)))
    return whole


def _step(x: Array, link: Link) -> Array:
    return np.asarray(link.apply(x))


def _is_whole(array: Array) -> bool:
    return bool(np.all(np.abs(array - np.round(array)) <= _WHOLE + _FLOAT32 * np.abs(array)))


def _neat(shift: Array) -> Array:
    """Multiples of one half exactly, where a shift is one to rounding errors."""
    halves = np.round(shift * 2) / 2
    return np.where(np.abs(shift - halves) <= _SAME, halves, shift)


def _number(array: Array) -> str:
    """A number for a message, or the range of several."""
    low, high = float(np.min(array)), float(np.max(array))
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"

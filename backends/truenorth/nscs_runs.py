"""Lists of whole numbers as NSCS writes them: numbers, and texts for runs and ranges.

`"VxN"` is N times V, `"a:b"` is a to b, `"a:step:b"` is a, a + step, ... up to b.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SHORTEST = 3
"""Shorter runs are written as numbers."""
_RUN = re.compile(r"(-?\d{1,10})x(\d{1,9})")
_RANGE = re.compile(r"(-?\d{1,10}):(?:(-?\d{1,10}):)?(-?\d{1,10})")


def to_runs(values: Sequence[int]) -> list[int | str]:
    """The shortest spelling that takes the longest run or range at each place."""
    found: list[int | str] = []
    at = 0
    while at < len(values):
        length, step = _progression(values, at)
        first, last = values[at], values[at + length - 1]
        if length < SHORTEST or step < 0:
            found.append(first)
            at += 1
            continue
        if step == 0:
            found.append(f"{first}x{length}")
        else:
            found.append(f"{first}:{last}" if step == 1 else f"{first}:{step}:{last}")
        at += length
    return found


def _progression(values: Sequence[int], at: int) -> tuple[int, int]:
    """How many numbers from here on have equal steps, and the step."""
    if at + 1 == len(values):
        return 1, 0
    step = values[at + 1] - values[at]
    end = at + 2
    while end < len(values) and values[end] - values[end - 1] == step:
        end += 1
    return end - at, step


def from_runs(entries: Iterable[object], size: int) -> list[int]:
    """The numbers that such a list stands for.

    Raises:
        ValueError: an entry is none of the forms, or there are not `size` numbers.
    """
    found: list[int] = []
    for entry in entries:
        if isinstance(entry, int) and not isinstance(entry, bool):
            found.append(entry)
        elif isinstance(entry, str):
            found += _expanded(entry, size)
        else:
            raise ValueError(f"{entry!r} is no number, run or range")
        if len(found) > size:
            break
    if len(found) != size:
        raise ValueError(f"a list has {'more' if len(found) > size else len(found)}, not {size}")
    return found


def _expanded(entry: str, size: int) -> Sequence[int]:
    if run := _RUN.fullmatch(entry):
        value, count = (int(n) for n in run.groups())
        return [value] * min(count, size + 1)
    if span := _RANGE.fullmatch(entry):
        first, step, last = int(span[1]), int(span[2] or 1), int(span[3])
        if step:
            return range(first, last + (1 if step > 0 else -1), step)[: size + 1]
    raise ValueError(f"{entry!r} is no number, run or range")

"""Wording shared by messages: nearest names and lists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_of(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, else all of them: to be put behind a message."""
    names = list(known)
    nearest = difflib.get_close_matches(name, names, n=1)
    if nearest:
        return f'; did you mean "{nearest[0]}"?'
    return f" (there are: {', '.join(names)})" if names else " (there are none)"


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as a percentage; a dash for None."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"

"""Names of the IR as C identifiers, and texts of the IR as C comments."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_PRINTABLE = re.compile(r"[^ -~]+")


class Idents:
    """Gives every name a part of an identifier of its own; a prefix keeps it from keywords."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, wish: str) -> str:
        """A part of an identifier like `wish` that nothing else has, whatever the case."""
        stem = _UNSAFE.sub("_", wish).strip("_")[:40] or "layer"
        found, number = stem, 1
        while found.lower() in self._given:
            number += 1
            found = f"{stem}_{number}"
        self._given.add(found.lower())
        return found


def comment(text: str) -> str:
    """A text that can stand inside a C comment: it neither ends nor opens one."""
    plain = _PRINTABLE.sub("?", text).replace("\\", "/").replace("??", "? ?")
    return plain.replace("*/", "* /").replace("/*", "/ *")


def string(text: str) -> str:
    """A C string literal of printable ASCII."""
    plain = _PRINTABLE.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("??", "?\\?") + '"'

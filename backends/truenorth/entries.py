"""Entries of JSON objects, read with their types checked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from snnc.diagnostics import Diagnostic, InputError


def parse_json(content: bytes, place: str, code: str = "SN580") -> Any:
    """The value of a JSON text, in which no key of an object comes twice.

    Raises:
        InputError: `code`.
    """
    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        message = f"it is no JSON of UTF-8 text ({error})"
        raise InputError(Diagnostic(code, message, place)) from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


@dataclass(frozen=True, slots=True)
class Entries:
    """A JSON object at a place; all methods raise InputError of `code` for other kinds."""

    place: str
    value: Any
    code: str

    def only(self, names: Iterable[str]) -> None:
        """It is an object of exactly these entries."""
        wanted = set(names)
        if not isinstance(self.value, dict) or set(self.value) != wanted:
            found = set(self.value) if isinstance(self.value, dict) else set()
            odd = ", ".join(sorted(wanted ^ found))
            self._fail(f"entries are missing or were added: {odd}")

    def text(self, name: str) -> str:
        """A text."""
        value = self._get(name)
        if not isinstance(value, str):
            self._fail(f"{name} is no text")
        return str(value)

    def number(self, name: str) -> int:
        """A whole number."""
        return self._whole(name, self._get(name))

    def pair(self, name: str) -> tuple[int, int]:
        """Two whole numbers."""
        value = self._get(name)
        if not isinstance(value, list) or len(value) != 2:
            self._fail(f"{name} is no pair")
        return self._whole(name, value[0]), self._whole(name, value[1])

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._get(name)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self._fail(f"{name} is no list of texts")
        return list(value)

    def inner(self, name: str) -> Entries:
        """An object within."""
        return Entries(f"{self.place}, {name}", self._get(name), self.code)

    def each(self, name: str) -> list[Entries]:
        """A list of objects within."""
        value = self._get(name)
        if not isinstance(value, list):
            self._fail(f"{name} is no list")
        return [Entries(f"{self.place}, {name} {i}", v, self.code) for i, v in enumerate(value)]

    def _get(self, name: str) -> Any:
        if not isinstance(self.value, dict) or name not in self.value:
            self._fail(f"there is no entry {name}")
        return self.value[name]

    def _whole(self, name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 31:
            self._fail(f"{name} is no whole number of 32 bits")
        return int(value)

    def _fail(self, reason: str) -> NoReturn:
        raise InputError(Diagnostic(self.code, f"the file cannot be used: {reason}", self.place))

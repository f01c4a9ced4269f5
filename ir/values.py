"""Values as written in text: words, numbers, strings, lists and calls, with their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from snnc.ir.model import Ref

Place: TypeAlias = tuple[int, int]
"""Line and column, both from 1; (0, 0) where there is none."""

NOWHERE: Place = (0, 0)
MAX_DIGITS = 18
"""Digits of a whole number in the text form; 64 bits hold them all."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: `none`, `true`, `subtract`, `inf`."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """`name(field=value, ...)` as written, before anybody asks what it means."""

    name: str
    arguments: tuple[Argument, ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Value:
    """One value as written."""

    data: int | float | str | Word | Ref | Call | tuple[Value, ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Argument:
    """`name=value` as written."""

    name: str
    value: Value
    place: Place = NOWHERE


Problem: TypeAlias = Literal["call", "field", "missing", "value"]


class FieldError(ValueError):
    """What is written does not fit the dataclass: unknown name, missing field or wrong value.

    `problem` says which of these, `place` where, `advice` what would be right.
    """

    def __init__(self, problem: Problem, message: str, place: Place, advice: str = "") -> None:
        super().__init__(message)
        self.problem: Problem = problem
        self.place = place
        self.advice = advice


def show(value: Value) -> str:
    """What a value is, for a message: `the word true`, `the number 3`, `a list of 2 values`."""
    data = value.data
    if isinstance(data, Word):
        return f"the word {data.text}"
    if isinstance(data, Ref):
        return f"the tensor @{data.name}"
    if isinstance(data, Call):
        return f"the call {data.name}(...)"
    if isinstance(data, str):
        return f"the string {shorten(quote(data))}"
    if isinstance(data, tuple):
        items = ", ".join(_show_item(item) for item in data[:6])
        return f"the list [{items}{', ...' if len(data) > 6 else ''}]"
    return f"the number {shorten(repr(data))}"


def _show_item(value: Value) -> str:
    return "[...]" if isinstance(value.data, tuple) else show(value).rpartition(" ")[2]


def shorten(text: str, limit: int = 60) -> str:
    """At most `limit` characters of a text, with `...` where something is left out."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


# ---- strings -----------------------------------------------------------------------------------

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG = {escape: plain for plain, escape in _SHORT.items()}
# Control characters, line separators, marks that reorder or hide text, and lone surrogates, which
# no UTF-8 file can hold. The list is fixed, so the text does not depend on Python's Unicode tables.
_UNSAFE = re.compile(
    '["\\\\\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff\\ud800-\\udfff]'
)
_ESCAPE = re.compile(r'\\(?:["\\nrt]|u\{([0-9a-fA-F]{1,6})\}|.)?', re.DOTALL)


def quote(text: str) -> str:
    r"""The text in double quotes; what cannot stand there as it is becomes `\n`, `\u{85}`, ..."""
    return f'"{_UNSAFE.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{{{ord(character):x}}}"


def unquote(text: str) -> str:
    """The string that `quote` made this of; ValueError names an unknown escape."""
    return _ESCAPE.sub(_unescape, text[1:-1])


def _unescape(match: re.Match[str]) -> str:
    if match[1] is not None and int(match[1], 16) <= 0x10FFFF:
        return chr(int(match[1], 16))
    if match[0] not in _LONG:
        raise ValueError(
            f'unknown escape {match[0]} in a string (known: \\" \\\\ \\n \\r \\t \\u{{hex}})'
        )
    return _LONG[match[0]]

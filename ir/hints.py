"""What the type hints of a dataclass say: its fields, the alternatives of a type, and its words."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from snnc.ir.model import KEYWORDS, Ref

KEYWORD_OF: dict[type, str] = {cls: name for name, cls in KEYWORDS.items()}
"""The printed name of every dataclass of the text form."""

NONE = type(None)


_FIELD_TYPES: dict[type, Mapping[str, Any]] = {}


def field_types(cls: type) -> Mapping[str, Any]:
    """The fields of a dataclass in printed order, each with its resolved type."""
    if cls not in _FIELD_TYPES:
        hints = get_type_hints(cls)
        found = {f.name: hints[f.name] for f in dataclasses.fields(cls)}
        _FIELD_TYPES[cls] = types.MappingProxyType(found)
    return _FIELD_TYPES[cls]


def required_fields(cls: type) -> tuple[str, ...]:
    """Names of the fields that have no default."""
    return tuple(
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )


def did_you_mean(word: str, accepted: Iterable[str]) -> str:
    """`did you mean "x"?`, or nothing where no accepted word is near."""
    near = difflib.get_close_matches(word, list(accepted), n=1)
    return f'did you mean "{near[0]}"?' if near else ""


def arms(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a type, None first so that the word `none` never becomes a string."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(sorted(get_args(hint), key=lambda arm: arm is not NONE))
    return (hint,)


def item_hints(args: tuple[Any, ...], count: int) -> tuple[Any, ...] | None:
    """The type of every item of a tuple; None where the number of items does not fit."""
    if len(args) == 2 and args[1] is Ellipsis:
        return (args[0],) * count
    return args if len(args) == count else None


_DESCRIPTIONS = {
    NONE: "none",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Ref: "a tensor (@name)",
}
_PLURALS = {int: "whole numbers", float: "numbers", str: "strings", bool: "true or false"}


def describe(hint: Any) -> str:
    """What a field of that type takes, for a message: `a whole number or none`."""
    ordered = sorted(arms(hint), key=lambda arm: arm is NONE)
    return " or ".join(_describe_arm(arm) for arm in ordered)


def _describe_arm(arm: Any) -> str:
    if get_origin(arm) is Literal:
        return " or ".join(str(a) for a in get_args(arm))
    if get_origin(arm) is tuple:
        args = get_args(arm)
        count = "" if args[-1] is Ellipsis else f"{len(args)} "
        return f"a list of {count}{_PLURALS.get(args[0], 'values')}"
    if arm in KEYWORD_OF:
        return f"{KEYWORD_OF[arm]}(...)"
    return _DESCRIPTIONS.get(arm, str(arm))

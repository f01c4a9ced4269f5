"""Between frozen dataclasses and the values of `name(field=value, ...)`, driven by the type hints.

The text form of the IR and the option strings of passes share this codec. A field's type says what
it takes: `int`, `float`, `bool`, `str`, `Literal`, `Ref`, `None`, tuples, unions and dataclasses
that have a keyword. Nothing is ever evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np

from snnc.ir.hints import (
    KEYWORD_OF,
    NONE,
    arms,
    describe,
    did_you_mean,
    field_types,
    item_hints,
    required_fields,
)
from snnc.ir.model import KEYWORDS, Ref
from snnc.ir.values import MAX_DIGITS, NAME, Call, FieldError, Value, Word, quote, show

T = TypeVar("T")


# ---- reading -----------------------------------------------------------------------------------

_NO_MATCH: Any = object()


def build_call(call: Call, extra: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
    """The dataclass instance that a call names, and the values of the `extra` fields it carries.

    `extra` gives name and type of arguments that belong to the surrounding entity (the bias of a
    population stands in the call of its neuron).

    Raises:
        FieldError: unknown call or field, missing field, wrong value.
    """
    cls = KEYWORDS.get(call.name)
    if cls is None:
        hint = did_you_mean(call.name, KEYWORDS)
        known = f"known: {', '.join(KEYWORDS)}"
        raise FieldError("call", f'unknown name "{call.name}"', call.place, hint or known)
    own = field_types(cls)
    values = read_arguments(call, {**own, **(extra or {})})
    rest = {name: value for name, value in values.items() if name not in own}
    fields = {name: value for name, value in values.items() if name in own}
    return construct(cls, fields, call), rest


def read_arguments(
    call: Call, hints: Mapping[str, Any], *, bare_strings: bool = False
) -> dict[str, Any]:
    """The typed values of a call's arguments; FieldError at the first that does not fit.

    `bare_strings`: a string may stand without quotes.
    """
    values: dict[str, Any] = {}
    for argument in call.arguments:
        name = argument.name
        if name not in hints:
            message = f'{call.name} has no field "{name}"'
            raise FieldError("field", message, argument.place, _accepted(name, hints))
        if name in values:
            message = f'{call.name} gives the field "{name}" twice'
            raise FieldError("field", message, argument.place)
        value = _read(argument.value, hints[name], bare_strings)
        if value is _NO_MATCH:
            raise FieldError(
                "value",
                f'field "{name}" of {call.name} takes {describe(hints[name])}, '
                f"found {show(argument.value)}",
                argument.value.place,
                _near_literal(argument.value, hints[name]),
            )
        values[name] = value
    return values


def construct(cls: type[T], values: Mapping[str, Any], call: Call) -> T:
    """The instance; FieldError where a required field is missing or the class refuses a value."""
    missing = [name for name in required_fields(cls) if name not in values]
    if missing:
        hints = field_types(cls)
        wanted = ", ".join(f'"{name}" ({describe(hints[name])})' for name in missing)
        noun = "field" if len(missing) == 1 else "fields"
        raise FieldError("missing", f"{call.name} lacks the {noun} {wanted}", call.place)
    try:
        return cls(**values)
    except ValueError as error:
        raise FieldError("value", f"{call.name}: {error}", call.place) from None


def _accepted(name: str, hints: Mapping[str, Any]) -> str:
    if not hints:
        return "it takes no fields"
    return f"{did_you_mean(name, hints)} accepted: {', '.join(hints)}".strip()


def _near_literal(value: Value, hint: Any) -> str:
    words = [str(a) for arm in arms(hint) if get_origin(arm) is Literal for a in get_args(arm)]
    written = value.data.text if isinstance(value.data, Word) else value.data
    return did_you_mean(written, words) if isinstance(written, str) else ""


def _read(value: Value, hint: Any, bare: bool) -> Any:
    """The value as the hint's type, or `_NO_MATCH`; FieldError for a broken nested call."""
    found = (_read_arm(value, arm, bare) for arm in arms(hint))
    return next((f for f in found if f is not _NO_MATCH), _NO_MATCH)


def _read_arm(value: Value, arm: Any, bare: bool) -> Any:
    data = value.data
    if arm in _READERS:
        return _READERS[arm](data, bare)
    if get_origin(arm) is Literal:
        written = data.text if isinstance(data, Word) else data
        fits = isinstance(data, (Word, int, str) if bare else (Word, int)) and written in get_args(
            arm
        )
        return written if fits else _NO_MATCH
    if get_origin(arm) is tuple:
        return _read_tuple(data, get_args(arm), bare) if isinstance(data, tuple) else _NO_MATCH
    if isinstance(data, Call) and KEYWORDS.get(data.name) is arm:
        return build_call(data)[0]
    return _NO_MATCH


def _read_tuple(items: tuple[Value, ...], args: tuple[Any, ...], bare: bool) -> Any:
    hints = item_hints(args, len(items))
    if hints is None:
        return _NO_MATCH
    found = tuple(_read(item, hint, bare) for item, hint in zip(items, hints, strict=True))
    return _NO_MATCH if any(f is _NO_MATCH for f in found) else found


def _read_none(data: Any, _bare: bool) -> Any:
    return None if data == Word("none") else _NO_MATCH


def _read_bool(data: Any, _bare: bool) -> Any:
    if isinstance(data, Word) and data.text in ("true", "false"):
        return data.text == "true"
    return _NO_MATCH


def _read_int(data: Any, _bare: bool) -> Any:
    return data if isinstance(data, int) else _NO_MATCH


def _read_float(data: Any, _bare: bool) -> Any:
    if isinstance(data, int):
        try:
            return float(data)
        except OverflowError:
            return _NO_MATCH
    if data == Word("inf"):
        return math.inf
    return data if isinstance(data, float) else _NO_MATCH


def _read_str(data: Any, bare: bool) -> Any:
    if bare and isinstance(data, Word):
        return data.text
    return data if isinstance(data, str) else _NO_MATCH


def _read_ref(data: Any, _bare: bool) -> Any:
    return data if isinstance(data, Ref) else _NO_MATCH


_READERS: dict[Any, Callable[[Any, bool], Any]] = {
    NONE: _read_none,
    bool: _read_bool,
    int: _read_int,
    float: _read_float,
    str: _read_str,
    Ref: _read_ref,
}


# ---- writing -----------------------------------------------------------------------------------


def write_call(instance: Any, extra: Iterable[tuple[str, str]] = ()) -> str:
    """`name(field=value, ...)` of an instance, with `extra` arguments (already text) at the end.

    Raises:
        ValueError: the class has no keyword, or a field holds what its type does not allow.
    """
    cls = type(instance)
    if cls not in KEYWORD_OF:
        raise ValueError(f"{cls.__name__} has no keyword in the text form")
    arguments = [f"{name}={write_field(instance, name)}" for name in field_types(cls)]
    arguments += [f"{name}={text}" for name, text in extra]
    return f"{KEYWORD_OF[cls]}({', '.join(arguments)})"


def write_field(instance: Any, name: str) -> str:
    """The text of one field's value; ValueError where it does not fit the field's type."""
    hint = field_types(type(instance))[name]
    value = getattr(instance, name)
    text = write_value(value, hint)
    if text is None:
        cls = type(instance)
        owner = KEYWORD_OF.get(cls, cls.__name__)
        raise ValueError(f'field "{name}" of {owner} takes {describe(hint)}, found {value!r}')
    return text


def write_value(value: Any, hint: Any) -> str | None:
    """The text of a value of that type; None where the value does not fit the type."""
    texts = (_write_arm(value, arm) for arm in arms(hint))
    return next((text for text in texts if text is not None), None)


def _write_arm(value: Any, arm: Any) -> str | None:
    if arm in _WRITERS:
        return _WRITERS[arm](value)
    if get_origin(arm) is Literal:
        fits = isinstance(value, (str, int)) and value in get_args(arm)
        return str(value) if fits else None
    if get_origin(arm) is tuple:
        return _write_tuple(value, get_args(arm)) if isinstance(value, tuple) else None
    return write_call(value) if arm in KEYWORD_OF and type(value) is arm else None


def _write_tuple(value: tuple[Any, ...], args: tuple[Any, ...]) -> str | None:
    hints = item_hints(args, len(value))
    if hints is None:
        return None
    texts = [write_value(item, hint) for item, hint in zip(value, hints, strict=True)]
    present = [text for text in texts if text is not None]
    return f"[{', '.join(present)}]" if len(present) == len(texts) else None


def _write_bool(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, (bool, np.bool_)) else None


def _write_int(value: Any) -> str | None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return str(int(value)) if whole and abs(int(value)) < 10**MAX_DIGITS else None


def _write_float(value: Any) -> str | None:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool):
        return None
    try:
        plain = float(value)
    except OverflowError:
        return None
    # NaN, and whole numbers that a float64 cannot hold, differ from themselves here.
    return repr(plain) if plain == value else None


def _write_ref(value: Any) -> str | None:
    return f"@{value.name}" if isinstance(value, Ref) and NAME.fullmatch(value.name) else None


_WRITERS: dict[Any, Callable[[Any], str | None]] = {
    NONE: lambda value: "none" if value is None else None,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: lambda value: quote(value) if isinstance(value, str) else None,
    Ref: _write_ref,
}

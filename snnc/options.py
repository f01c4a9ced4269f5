"""Option strings: `fold-batch-norm,normalize{percentile=99.9 per=channel}`, and back.

Passes, targets and codings take their options this way. A spec is a name and, in braces, options
separated by commas or spaces. A value is a number, `true`, `false`, `none`, a bare word, a string
in double quotes, or a list `[a, b]`. What an option takes is said by the type of the dataclass
field of its name (hyphens in a written name stand for underscores).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, NoReturn, TypeAlias, TypeVar

from snnc.diagnostics import Diagnostic, UsageError
from snnc.ir.fields import construct, read_arguments
from snnc.ir.hints import describe, did_you_mean, field_types
from snnc.ir.values import MAX_DIGITS, Argument, Call, FieldError, Value, Word, quote, unquote

T = TypeVar("T")
Options: TypeAlias = Mapping[str, Any]
Spec: TypeAlias = "tuple[str, dict[str, Any]]"

CODES = {
    "SN700": "An option string cannot be read. It is a list of names separated by commas, each "
    "with options in braces: fold-batch-norm,normalize{percentile=99.9}. A value with spaces, "
    "commas, braces or brackets needs double quotes; the shell needs single quotes around it all.",
    "SN701": "A name in an option string is unknown, for instance that of a pass. The message "
    "lists the known ones and the nearest.",
    "SN702": "A pass or target has no option of that name. The message lists the accepted options.",
    "SN703": "The value of an option does not fit: another type, not one of the accepted words, or "
    "out of range. The message says what the option takes.",
    "SN704": "A required option is missing.",
    "SN706": "An option is given twice; only one of the values could hold, so none is chosen.",
}
"""Code -> explanation, for `snnc explain`."""

_FIELD_CODES = {"call": "SN701", "field": "SN702", "missing": "SN704", "value": "SN703"}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_BARE = re.compile(r'[^\s,{}\[\]="]+')
_SPACE = re.compile(r"\s*")
_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_INT = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")
_FLOAT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?|-?inf")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_MAX_NESTING = 8


def parse_specs(text: str) -> list[Spec]:
    """The names and options of a string such as `a,b{x=1 y=two}`: `[("a", {}), ("b", {...})]`.

    Numbers become int or float, `true`, `false` and `none` their Python values, everything else
    a str, lists tuples. An empty string is an empty list.

    Raises:
        UsageError: SN700 with the column, SN706 for an option given twice.
    """
    return _Scanner(text).specs()


def build(cls: type[T], options: Options, name: str | None = None) -> T:
    """The dataclass with its fields set from options; fields that are not named keep defaults.

    `name`: what messages call it (default: the class's `name`, else the class's own).

    Raises:
        UsageError: SN702 to SN704, saying what is accepted.
    """
    shown = name or spec_name(cls)
    arguments = tuple(
        Argument(_field_name(cls, key), _value(value, 0)) for key, value in options.items()
    )
    call = Call(shown, arguments)
    try:
        values = read_arguments(call, field_types(cls), bare_strings=True)
        return construct(cls, values, call)
    except FieldError as error:
        message = str(error).replace("no field", "no option").replace("field", "option")
        advice = error.advice.replace("fields", "options")
        code = _FIELD_CODES[error.problem]
        raise UsageError(Diagnostic(code, message, f"options of {shown}", advice)) from None


def build_all(text: str, table: Mapping[str, type[T]], kind: str = "pass") -> list[T]:
    """One instance for every spec of an option string, its class looked up in `table`.

    Raises:
        UsageError: SN701 for a name that the table lacks, and what `parse_specs` and `build` raise.
    """
    return [build(look_up(name, table, kind), options, name) for name, options in parse_specs(text)]


def look_up(name: str, table: Mapping[str, T], kind: str = "pass") -> T:
    """The entry of a table; UsageError SN701 with the nearest and all known names if missing."""
    if name not in table:
        advice = f"{did_you_mean(name, table)} known: {', '.join(sorted(table))}".strip()
        raise UsageError(Diagnostic("SN701", f'there is no {kind} named "{name}"', "", advice))
    return table[name]


def spec_name(cls: type) -> str:
    """The name of a class in option strings: its attribute `name`, else its own."""
    name = getattr(cls, "name", None)
    return name if isinstance(name, str) else cls.__name__


def describe_options(cls: type) -> list[tuple[str, str, str]]:
    """Name, what it takes and default (as text, empty if required) of every option of a class."""
    hints = field_types(cls)
    return [(f.name, describe(hints[f.name]), _default_text(f)) for f in fields(cls)]


def _default_text(field: Any) -> str:
    if field.default is not MISSING:
        return _text(field.default)
    return "" if field.default_factory is MISSING else _text(field.default_factory())


def format_spec(instance: Any) -> str:
    """The spec that builds an equal instance: its name, and the options that differ from default.

    Raises:
        ValueError: an option holds what no option string can say.
    """
    changed = {}
    for field in fields(instance):
        value = getattr(instance, field.name)
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if default is MISSING or value != default or type(value) is not type(default):
            changed[field.name] = value
    return format_options(spec_name(type(instance)), changed)


def format_options(name: str, options: Options) -> str:
    """`name{key=value,...}`, or the name alone where there are no options."""
    listed = ",".join(f"{key}={_text(value)}" for key, value in options.items())
    return f"{name}{{{listed}}}" if listed else name


def format_specs(instances: Iterable[Any]) -> str:
    """The pipeline string of several instances."""
    return ",".join(format_spec(instance) for instance in instances)


def _text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{','.join(_text(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _is_bare(value) else quote(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == value:
        return repr(value)
    raise ValueError(f"an option cannot hold {value!r}")


def _is_bare(text: str) -> bool:
    """Whether a string reads back as itself without quotes."""
    return _BARE.fullmatch(text) is not None and quote(text) == f'"{text}"' and _plain(text) == text


def _field_name(cls: type, key: str) -> str:
    underscored = key.replace("-", "_")
    return underscored if underscored in field_types(cls) else key


def _value(plain: Any, depth: int) -> Value:
    """A Python value in the form that the codec reads."""
    if depth > _MAX_NESTING:
        raise UsageError(Diagnostic("SN703", "the value of an option is nested too deep"))
    if plain is None or isinstance(plain, bool):
        return Value(Word(str(plain).lower()))
    if isinstance(plain, (tuple, list)):
        return Value(tuple(_value(item, depth + 1) for item in plain))
    return Value(plain)


def _plain(text: str) -> int | float | bool | str | None:
    """What a bare word means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Scanner:
    """Reads one option string from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fail(self, expected: str) -> NoReturn:
        found = f'"{self.text[self.position]}"' if self.position < len(self.text) else "the end"
        where = f"{quote(self.text)}, column {self.position + 1}"
        advice = "a spec is written name{option=value,option=value}"
        raise UsageError(Diagnostic("SN700", f"found {found}, expected {expected}", where, advice))

    def take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match[0]

    def accept(self, symbol: str) -> bool:
        found = self.text.startswith(symbol, self.position)
        self.position += len(symbol) if found else 0
        return found

    def specs(self) -> list[Spec]:
        self.take(_SPACE)
        found: list[Spec] = []
        while self.position < len(self.text):
            found.append(self.spec())
            self.take(_SPACE)
            if self.accept(","):
                self.take(_SPACE)
                if self.position == len(self.text):
                    self.fail("a name")
            elif self.position < len(self.text):
                self.fail('"," or "{"')
        return found

    def spec(self) -> Spec:
        name = self.take(_NAME) or self.fail("a name")
        options: dict[str, Any] = {}
        if not self.accept("{"):
            return name, options
        self.take(_SPACE)
        while not self.accept("}"):
            start = self.position
            key = self.take(_NAME) or self.fail('the name of an option or "}"')
            if not self.accept("="):
                self.fail('"="')
            if key in options:
                where = f"{quote(self.text)}, column {start + 1}"
                message = f'the option "{key}" of {name} is given twice'
                raise UsageError(Diagnostic("SN706", message, where))
            options[key] = self.value(0)
            self.end_of_item("}")
        return name, options

    def value(self, depth: int) -> Any:
        if depth > _MAX_NESTING:
            self.fail("values that are nested less deep")
        string = self.take(_STRING)
        if string is not None:
            try:
                return unquote(string)
            except ValueError as error:
                self.fail(f"another string: {error}")
        if self.accept("["):
            return self.items(depth)
        bare = self.take(_BARE)
        return self.fail("a value") if bare is None else _plain(bare)

    def items(self, depth: int) -> tuple[Any, ...]:
        found: list[Any] = []
        self.take(_SPACE)
        while not self.accept("]"):
            found.append(self.value(depth + 1))
            self.end_of_item("]")
        return tuple(found)

    def end_of_item(self, closing: str) -> None:
        """Pass the separator after an item; the closing symbol is left for the caller."""
        separated = self.take(_SEPARATOR) is not None
        if not separated and not self.text.startswith(closing, self.position):
            self.fail(f'"," or "{closing}"')

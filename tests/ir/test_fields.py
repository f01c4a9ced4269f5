"""The codec between dataclasses and written values: what fits is kept, what does not is named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Optional

import numpy as np
import pytest

from snnc.ir import model as m
from snnc.ir.fields import build_call, construct, read_arguments, write_call, write_value
from snnc.ir.hints import describe, did_you_mean, field_types, required_fields
from snnc.ir.values import Argument, Call, FieldError, Value, Word

Pair = tuple[int, int]
Reset = Literal["subtract", "zero", "none"]

# A type, a written value, and what it is read as.
READ: list[tuple[Any, Any, Any]] = [
    (int, 3, 3),
    (float, 3, 3.0),
    (float, Word("inf"), math.inf),
    (bool, Word("true"), True),
    (bool, Word("false"), False),
    (str, "a", "a"),
    (type(None), Word("none"), None),
    (Optional[int], Word("none"), None),  # noqa: UP045
    (int | None, 4, 4),
    (str | None, Word("none"), None),
    (str | None, "none", "none"),
    (m.Ref, m.Ref("w"), m.Ref("w")),
    (m.Parameter, m.Ref("w"), m.Ref("w")),
    (m.Parameter, 2, 2.0),
    (Reset, Word("none"), "none"),
    (Literal[1, 2], 2, 2),
    (Pair, (Value(1), Value(2)), (1, 2)),
    (tuple[int, ...], (), ()),
    (tuple[str, ...], (Value("a"), Value("b")), ("a", "b")),
    (m.Readout, Call("membrane", ()), m.Membrane()),
]

# A type and a written value that it does not take.
REFUSED: list[tuple[Any, Any]] = [
    (int, 3.0),
    (int, Word("true")),
    (int, "3"),
    (float, Word("nan")),
    (float, 10**400),
    (bool, 1),
    (str, Word("bare")),
    (m.Ref, "w"),
    (m.Parameter, Word("none")),
    (Reset, Word("half")),
    (Reset, "zero"),
    (Literal[1, 2], 3),
    (Pair, (Value(1),)),
    (Pair, (Value(1), Value(2.0))),
    (Pair, 1),
    (tuple[str, ...], (Value(Word("a")),)),
    (m.Readout, Call("relu", ())),
    (m.Readout, Word("membrane")),
]


def read(hint: Any, data: Any, *, bare: bool = False) -> Any:
    call = Call("call", (Argument("x", Value(data, (3, 7))),))
    return read_arguments(call, {"x": hint}, bare_strings=bare)["x"]


@pytest.mark.parametrize(("hint", "data", "expected"), READ)
def test_a_value_is_read_as_its_type_says(hint: Any, data: Any, expected: Any) -> None:
    found = read(hint, data)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("hint", "data"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_at_its_place(hint: Any, data: Any) -> None:
    with pytest.raises(FieldError) as caught:
        read(hint, data)
    assert caught.value.problem == "value"
    assert caught.value.place == (3, 7)
    assert str(caught.value).startswith(f'field "x" of call takes {describe(hint)}, found ')


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int | None, "a whole number or none"),
        (m.Parameter, "a number or a tensor (@name)"),
        (Reset, "subtract or zero or none"),
        (Pair, "a list of 2 whole numbers"),
        (tuple[str, ...], "a list of strings"),
        (m.Readout, "logits(...) or membrane(...) or spike_count(...) or first_spike(...)"),
        (bool, "true or false"),
    ],
)
def test_types_are_described_in_words(hint: Any, text: str) -> None:
    assert describe(hint) == text


def test_bare_words_are_strings_only_where_that_is_asked_for() -> None:
    assert read(str, Word("word"), bare=True) == "word"
    assert read(str | None, Word("none"), bare=True) is None
    assert read(Reset, "zero", bare=True) == "zero"
    assert read(tuple[str, ...], (Value(Word("a")),), bare=True) == ("a",)


def test_fields_come_in_the_order_of_the_class() -> None:
    assert list(field_types(m.Conv2d)) == ["weight", "strides", "pads", "dilations", "groups"]
    assert required_fields(m.Conv2d) == ("weight",)


def test_extra_arguments_are_handed_back_and_do_not_reach_the_class() -> None:
    call = Call("relu", (Argument("bias", Value(m.Ref("b"))),))
    assert build_call(call, {"bias": m.Ref | None}) == (m.Relu(), {"bias": m.Ref("b")})
    with pytest.raises(FieldError) as caught:
        build_call(call)
    assert caught.value.problem == "field"
    assert caught.value.advice == "it takes no fields"


def test_an_unknown_call_names_the_nearest() -> None:
    with pytest.raises(FieldError) as caught:
        build_call(Call("con2d", ()))
    assert (caught.value.problem, caught.value.advice) == ("call", 'did you mean "conv2d"?')
    with pytest.raises(FieldError) as far:
        build_call(Call("xyzzy", ()))
    assert far.value.advice.startswith("known: dense, conv2d")


def test_all_missing_fields_are_named_together() -> None:
    with pytest.raises(FieldError, match=r'embed lacks the fields "axis" \(a whole number\), "off'):
        build_call(Call("embed", ()))


@dataclass(frozen=True)
class Fussy:
    """Refuses what its types would allow."""

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}; it must lie in (0, 1]")


def test_what_the_class_itself_refuses_is_a_field_error() -> None:
    call = Call("fussy", (), (2, 5))
    assert construct(Fussy, {"share": 1.0}, call) == Fussy(1.0)
    with pytest.raises(FieldError, match=r"fussy: share is 2\.0; it must lie in") as caught:
        construct(Fussy, {"share": 2.0}, call)
    assert (caught.value.problem, caught.value.place) == ("value", (2, 5))


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (1, float, "1.0"),
        (np.float32(0.5), float, "0.5"),
        (np.int64(3), int, "3"),
        (np.bool_(True), bool, "true"),
        (None, int | None, "none"),
        (("a", 'b"'), tuple[str, ...], '["a", "b\\""]'),
        (math.inf, float, "inf"),
        (m.Membrane(), m.Readout, "membrane(host=[])"),
    ],
)
def test_values_are_written_as_their_type_says(value: Any, hint: Any, text: str) -> None:
    assert write_value(value, hint) == text


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (math.nan, float),
        (2**53 + 1, float),
        (10**400, float),
        (10**18, int),
        (True, int),
        (True, float),
        (1, bool),
        (1.0, int),
        ("half", Reset),
        ([1, 2], Pair),
        ((1, 2, 3), Pair),
        (m.Ref("a b"), m.Ref),
        ("w", m.Ref),
        (m.Relu(), m.Readout),
        (["a"], str),
    ],
)
def test_values_that_do_not_fit_are_not_written(value: Any, hint: Any) -> None:
    assert write_value(value, hint) is None


def test_a_field_that_does_not_fit_is_named_when_written() -> None:
    with pytest.raises(ValueError, match='field "high" of clip takes a number or a tensor'):
        write_call(m.Clip("6"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Network has no keyword"):
        write_call(m.Network("n", "ann", (), (), ()))


def test_suggestions_are_given_for_near_words_only() -> None:
    assert did_you_mean("treshold", ["threshold", "reset"]) == 'did you mean "threshold"?'
    assert did_you_mean("xyz", ["threshold", "reset"]) == ""

"""Option strings: what is written is built and back; errors say what is accepted."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import fuzz

import snnc.options
from snnc.diagnostics import UsageError
from snnc.options import (
    CODES,
    build,
    build_all,
    describe_options,
    format_options,
    format_spec,
    format_specs,
    look_up,
    parse_specs,
)


@dataclass(frozen=True, slots=True)
class Normalize:
    name: ClassVar[str] = "normalize"
    percentile: float = 99.9
    per: Literal["channel", "layer", "none"] = "channel"
    top_k: int | None = None
    label: str | None = None
    layers: tuple[str, ...] = ()
    exact: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile is {self.percentile}; it must lie in (0, 100]")


@dataclass(frozen=True, slots=True)
class Import:
    name: ClassVar[str] = "import"
    model: str


TABLE: dict[str, type[Any]] = {"normalize": Normalize, "import": Import}


def refused(text: str) -> tuple[str, str, str]:
    with pytest.raises(UsageError) as caught:
        build_all(text, TABLE)
    (found,) = caught.value.diagnostics
    return found.code, found.message, found.help


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("", []),
        ("  ", []),
        ("fold-batch-norm", [("fold-batch-norm", {})]),
        (
            "fold-batch-norm,normalize{percentile=99.9}",
            [("fold-batch-norm", {}), ("normalize", {"percentile": 99.9})],
        ),
        (" a , b{x=1 y=two} ", [("a", {}), ("b", {"x": 1, "y": "two"})]),
        ("a{x=1,y=2}", [("a", {"x": 1, "y": 2})]),
        ("a{ x=1 , y=2 }", [("a", {"x": 1, "y": 2})]),
        ("a{}", [("a", {})]),
        ("a{x=true,y=false,z=none}", [("a", {"x": True, "y": False, "z": None})]),
        ('a{x="true",y="1",z="b c,}"}', [("a", {"x": "true", "y": "1", "z": "b c,}"})]),
        ("a{x=[1,2.5, b],y=[]}", [("a", {"x": (1, 2.5, "b"), "y": ()})]),
        ("a{x=[[1],[2]]}", [("a", {"x": ((1,), (2,))})]),
        ("a{x=1e-05,y=-3,z=.5,w=inf}", [("a", {"x": 1e-05, "y": -3, "z": 0.5, "w": math.inf})]),
        ("import{model=../models/a-b.onnx}", [("import", {"model": "../models/a-b.onnx"})]),
        ('a{x="\\"\\\\\\u{e9}"}', [("a", {"x": '"\\é'})]),
    ],
)
def test_option_strings_are_read(text: str, specs: list[Any]) -> None:
    assert parse_specs(text) == specs


@pytest.mark.parametrize(
    ("text", "code", "column", "words"),
    [
        ("a{", "SN700", 3, 'the name of an option or "}"'),
        ("a{x", "SN700", 4, 'found the end, expected "="'),
        ("a{x=", "SN700", 5, "expected a value"),
        ("a{x=1", "SN700", 6, 'expected "," or "}"'),
        ("a{x=[1", "SN700", 7, 'expected "," or "]"'),
        ("a{x=1}}", "SN700", 7, 'found "}", expected "," or "{"'),
        ("a b", "SN700", 3, 'found "b"'),
        ("a,,b", "SN700", 3, "expected a name"),
        ("a,", "SN700", 3, "expected a name"),
        ("{x=1}", "SN700", 1, "expected a name"),
        ('a{x="open}', "SN700", 5, "expected a value"),
        ('a{x="\\q"}', "SN700", 9, "unknown escape"),
        ("a{x=" + "[" * 30, "SN700", 14, "nested less deep"),
        ("a{x=1 y=2 x=3}", "SN706", 11, 'the option "x" of a is given twice'),
    ],
)
def test_an_unreadable_option_string_is_an_error_with_its_column(
    text: str, code: str, column: int, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_specs(text)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert found.where.endswith(f", column {column}")
    assert words in found.message


def test_options_become_the_fields_of_the_class() -> None:
    text = 'normalize{percentile=99 per=layer top-k=3 label=none layers=[a,"b c"] exact=true}'
    assert build_all(text, TABLE) == [Normalize(99.0, "layer", 3, None, ("a", "b c"), True)]


def test_options_may_come_from_python_too() -> None:
    made = build(Normalize, {"percentile": 99, "per": "none", "layers": ("a",), "exact": True})
    assert made == Normalize(99.0, "none", None, None, ("a",), True)


@pytest.mark.parametrize(
    ("text", "code", "message", "advice"),
    [
        ("normalise", "SN701", 'no pass named "normalise"', 'did you mean "normalize"?'),
        ("xyz", "SN701", 'no pass named "xyz"', "known: import, normalize"),
        ("normalize{percentil=9}", "SN702", 'no option "percentil"', 'did you mean "percentile"?'),
        ("normalize{zzz=9}", "SN702", 'no option "zzz"', "accepted: percentile, per, top_k"),
        ("normalize{percentile=high}", "SN703", "takes a number, found", ""),
        ("normalize{percentile=101}", "SN703", "it must lie in (0, 100]", ""),
        ("normalize{per=chanel}", "SN703", "channel or layer or none", 'did you mean "channel"?'),
        ("normalize{exact=1}", "SN703", "takes true or false, found the number 1", ""),
        ("normalize{top_k=1.5}", "SN703", "a whole number or none", ""),
        ("normalize{label=5}", "SN703", "takes a string or none, found the number 5", ""),
        ("normalize{layers=a}", "SN703", "a list of strings", ""),
        ("import", "SN704", 'import lacks the option "model" (a string)', ""),
    ],
)
def test_an_option_that_does_not_fit_is_an_error_that_says_what_would(
    text: str, code: str, message: str, advice: str
) -> None:
    found = refused(text)
    assert found[0] == code
    assert message in found[1]
    assert advice in found[2]


def test_an_option_written_twice_in_two_ways_is_refused() -> None:
    assert refused("normalize{top-k=1 top_k=2}")[0] == "SN702"


def test_a_table_may_be_of_something_else_than_passes() -> None:
    with pytest.raises(UsageError, match='there is no target named "lihi"'):
        look_up("lihi", {"loihi": 1}, "target")


def test_only_options_that_differ_from_their_default_are_written() -> None:
    assert format_spec(Normalize()) == "normalize"
    assert format_spec(Normalize(per="layer", top_k=2)) == "normalize{per=layer,top_k=2}"
    assert format_spec(Normalize(per="none")) == 'normalize{per="none"}'
    assert format_spec(Import("lenet.onnx")) == "import{model=lenet.onnx}"
    assert format_specs([Import("a b"), Normalize()]) == 'import{model="a b"},normalize'


def test_what_no_option_string_can_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="an option cannot hold nan"):
        format_options("a", {"x": math.nan})


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@fuzz(300)
@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), values, max_size=4))
def test_any_options_read_back_from_what_is_written(options: dict[str, Any]) -> None:
    assert parse_specs(format_options("name", options)) == [("name", options)]


@fuzz(150)
@given(
    st.builds(
        Normalize,
        percentile=st.floats(0.001, 100),
        per=st.sampled_from(("channel", "layer", "none")),
        top_k=st.none() | st.integers(0, 99),
        label=st.none() | st.text(),
        layers=st.lists(st.text(), max_size=3).map(tuple),
        exact=st.booleans(),
    ),
    st.text(),
)
def test_a_spec_builds_an_equal_instance(made: Normalize, model: str) -> None:
    assert build_all(format_specs([made, Import(model)]), TABLE) == [made, Import(model)]


@fuzz(300)
@given(st.text(alphabet='ab{}[]=, "\\1.-', max_size=20) | st.text())
def test_any_text_is_read_or_refused_with_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        build_all(text, {"a": Normalize})


def test_options_are_described_for_the_list_of_passes() -> None:
    assert describe_options(Import) == [("model", "a string", "")]
    assert describe_options(Normalize)[0] == ("percentile", "a number", "99.9")
    assert describe_options(Normalize)[2] == ("top_k", "a whole number or none", "none")


def test_replacing_a_field_changes_the_spec() -> None:
    assert format_spec(replace(Normalize(), percentile=99.0)) != format_spec(Normalize())


def test_codes_raised_and_codes_explained_are_the_same() -> None:
    source = Path(str(snnc.options.__file__)).read_text("utf-8")
    body, table = source.replace("CODES = {", "\0", 1).split("\0")
    table, rest = table.split("}\n", 1)
    assert set(re.findall(r"SN\d{3}", table)) == set(CODES)
    assert set(re.findall(r'"(SN\d{3})"', body + rest)) == set(CODES)

"""Errors of the text form: each has a code, a place, what was found and what was expected."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import fuzz, random_network

from snnc.ir import model as m
from snnc.ir.diagnostics import Diagnostic, InputError
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.tensors import TensorStore

TEXT = """snnc-ir 1
network "net" stage=snn {
  pass "import{model=lenet.onnx}"
  input image : f32[1,4,4] = direct()

  population conv : [2,2,2] = if(threshold=1.0, reset=subtract, bias=@b) from "/Conv", "/Relu"
    <- image via conv2d(weight=@w, strides=[1, 1]), scale(factor=0.5) delay=1
    <- image

  population fc : [3] = integrator()
    <- conv via flatten(), dense(weight=@d)

  head final on fc = membrane(host=["Softmax"])
  schedule = synchronous(steps=8)
  exit = margin(heads=["final"], alpha=8.0, temperatures=[1], thresholds=[inf], order=time)
}
tensor @b : f32[2] = sha256:0000000000000000000000000000000000000000000000000000000000000000
"""
GOLDEN = Path(__file__).parent.parent / "golden" / "lenet.snn"


def error(text: str) -> Diagnostic:
    with pytest.raises(InputError) as caught:
        parse(text, "net.snn")
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def broken(old: str, new: str) -> Diagnostic:
    assert TEXT.count(old) >= 1
    return error(TEXT.replace(old, new, 1))


def test_a_text_with_defaults_left_out_is_read() -> None:
    network = parse(TEXT)
    conv = network.population("conv")
    assert conv.neuron == m.IF(threshold=1.0)
    assert conv.incoming[0] == m.Incoming("image", (m.Conv2d(m.Ref("w")), m.Scale(0.5)), delay=1)
    assert conv.incoming[1] == m.Incoming("image")


# Every row: what is written, in place of what; code; line:column; words the message must hold.
CASES = [
    ("ir 1", "ir 2", "SN322", "1:9", "version 2"),
    ("snnc-ir", "snnc", "SN320", "1:1", 'found a name snnc, expected "snnc-ir"'),
    ('"net"', "net", "SN320", "2:9", "found a name net, expected a string"),
    ('"net"', '"net', "SN321", "2:9", "without its closing quote"),
    ('"net"', '"n\\qt"', "SN321", "2:9", "unknown escape \\q"),
    ("stage=snn", "stage=spike", "SN328", "2:21", "expected ann, snn or fixed"),
    (" {", "", "SN320", "3:3", 'found a name pass, expected "{"'),
    ("f32[1,4,4]", "f31[1,4,4]", "SN328", "4:17", 'unknown element type "f31"'),
    ("f32[1,4,4]", "f32[1,4,x]", "SN320", "4:25", "found a name x, expected a whole number"),
    ("f32[1,4,4]", "f32[1,4.5,4]", "SN320", "4:23", "found a number 4.5"),
    (
        "direct()",
        "direkt()",
        "SN323",
        "4:30",
        "expected direct, rounded, graded, poisson, events, spike_time or integer_spike_time",
    ),
    ("direct()", "relu()", "SN323", "4:30", '"relu" is not a coding'),
    ("conv :", "conv", "SN320", "6:19", 'found "[", expected ":"'),
    ("= if(", "= lif(", "SN323", "6:31", '"lif" is unknown as a neuron'),
    ("threshold", "treshold", "SN324", "6:34", 'if has no field "treshold"'),
    ("threshold=1.0", "threshold=true", "SN326", "6:44", "a number or a tensor (@name)"),
    ("threshold=1.0", "threshold=[1]", "SN326", "6:44", "found the list [1]"),
    ("threshold=1.0", 'threshold="1"', "SN326", "6:44", 'found the string "1"'),
    ("threshold=1.0", "threshold=1e999", "SN326", "6:44", "too large"),
    ("threshold=1.0", "threshold=relu()", "SN326", "6:44", "found the call relu(...)"),
    ("threshold=1.0", "reset=zero", "SN324", "6:46", 'gives the field "reset" twice'),
    ("reset=subtract", "reset=substract", "SN326", "6:55", "subtract or zero or none"),
    ("bias=@b", "bias=1.0", "SN326", "6:70", "takes a tensor (@name) or none"),
    ("bias=@b", "bias=@", "SN321", "6:70", "'@) from"),
    ('"/Relu"', "/Relu", "SN321", "6:88", "expected a string"),
    ("<- image via", "<- image by", "SN320", "7:14", '"via"'),
    ("conv2d", "conv3d", "SN323", "7:18", "conv_transpose2d"),
    ("weight=@w, ", "", "SN325", "7:18", 'conv2d lacks the field "weight" (a tensor (@name))'),
    ("weight=@w", "weight=w", "SN326", "7:32", "found the word w"),
    ("[1, 1]", "[1]", "SN326", "7:44", "a list of 2 whole numbers"),
    ("[1, 1]", "[1, 1.5]", "SN326", "7:44", "found the list [1, 1.5]"),
    ("[1, 1]", "[1 1]", "SN320", "7:47", 'expected "," or "]"'),
    ("[1, 1]", "[" * 12 + "]" * 12, "SN326", "7:51", "nested"),
    ("delay=1", "delay=1.5", "SN320", "7:77", "found a number 1.5, expected a whole number"),
    ("fc :", "conv :", "SN327", "10:14", 'the name "conv" is given twice (first in line 6)'),
    ("fc :", "image :", "SN327", "10:14", 'the name "image" is given twice (first in line 4)'),
    ('["Softmax"]', "[Softmax]", "SN326", "13:36", "a list of strings"),
    ("membrane(", "membrain(", "SN323", "13:22", "membrane, spike_count or first_spike"),
    ("steps=8", "steps=8.0", "SN326", "14:32", "takes a whole number, found the number 8.0"),
    ("steps=8", "steps=" + "9" * 30, "SN326", "14:32", "more than 18 digits"),
    ("steps=8", "", "SN325", "14:14", 'synchronous lacks the field "steps"'),
    ("exit =", "exits =", "SN320", "15:3", "found a name exits"),
    ("= margin", "= magin", "SN323", "15:10", '"magin" is unknown as an exit policy'),
    ("= margin", "= synchronous", "SN323", "15:10", "is not an exit policy, expected confidence"),
    ("alpha=8.0, ", "", "SN325", "15:10", 'margin lacks the field "alpha" (a number)'),
    ('heads=["final"]', "heads=[final]", "SN326", "15:23", "a list of strings"),
    ("thresholds=[inf]", "thresholds=[none]", "SN326", "15:74", "a list of numbers"),
    ("order=time", "order=space", "SN326", "15:87", "takes time or depth"),
    ("order=time", "budgets=[1.5]", "SN326", "15:89", "a list of whole numbers"),
    ("order=time", "repeats=[2]", "SN324", "15:81", 'margin has no field "repeats"'),
    ("}\ntensor", "tensor", "SN320", "16:1", '"}"'),
    ("tensor @b", "tensor b", "SN320", "17:8", "expected a tensor (@name)"),
    ("sha256:0", "sha256:", "SN320", "17:22", "64 hexadecimal digits"),
]


@pytest.mark.parametrize(("old", "new", "code", "place", "words"), CASES)
def test_an_error_has_code_place_and_what_was_expected(
    old: str, new: str, code: str, place: str, words: str
) -> None:
    found = broken(old, new)
    assert (found.code, found.where) == (code, f"net.snn:{place}")
    assert words in found.message


def test_near_misses_are_suggested() -> None:
    assert broken("threshold", "treshold").help.startswith('did you mean "threshold"?')
    assert broken("conv2d", "conv3d").help == 'did you mean "conv2d"?'
    assert broken("reset=subtract", "reset=substract").help == 'did you mean "subtract"?'
    assert "accepted: threshold, reset" in broken("threshold", "xyz").help


def test_a_second_head_or_tensor_of_one_name_is_refused() -> None:
    head = '  head final on fc = membrane(host=["Softmax"])\n'
    assert broken(head, head + head).message.endswith("(first in line 13)")
    tensor = TEXT.splitlines()[-1]
    assert error(f"{TEXT}{tensor}\n").where == "net.snn:18:8"


def test_the_end_of_the_file_is_named_with_its_place() -> None:
    for text, place in (("", "1:1"), ("snnc-ir 1\n", "1:10"), (TEXT[: TEXT.index("}\n")], "15:92")):
        found = error(text)
        assert found.message.startswith("found the end of the file, expected")
        assert found.where == f"net.snn:{place}"


def test_a_file_that_is_no_text_of_the_ir_is_told_how_one_begins() -> None:
    assert "snnc-ir 1" in error("hello").help


def test_comments_and_line_ends_do_not_matter() -> None:
    commented = TEXT.replace("\n", ' // min -0.41, "max" {\r\n')
    assert parse(commented) == parse(TEXT)


def test_a_comment_mark_inside_a_string_is_text() -> None:
    assert parse(TEXT.replace("/Conv", "//Conv")).population("conv").origin[0] == "//Conv"


def test_the_store_that_is_given_is_the_store_of_the_network() -> None:
    store = TensorStore()
    assert parse(TEXT, store=store).store is store


def test_only_input_errors_come_out_of_any_text() -> None:
    """Mutations of valid texts: cut, doubled, swapped or replaced pieces."""
    generator = random.Random(20)
    texts = [GOLDEN.read_text("utf-8"), TEXT, to_text(random_network(1, "snn", odd=True))]
    rejected = 0
    for _ in range(600):
        text = generator.choice(texts)
        for _ in range(generator.randint(1, 3)):
            text = _mutated(text, generator)
        try:
            parse(text)
        except InputError as caught:
            rejected += 1
            (diagnostic,) = caught.diagnostics
            assert "SN320" <= diagnostic.code <= "SN328"
            _, line, column = diagnostic.where.rsplit(":", 2)
            assert 1 <= int(line) <= text.count("\n") + 1
            assert int(column) >= 1
    assert 300 < rejected < 600


def _mutated(text: str, generator: random.Random) -> str:
    a, b = sorted(generator.randrange(len(text) + 1) for _ in "ab")
    b = min(b, a + generator.randint(0, 12))
    pieces = (
        "",
        "[",
        "]",
        "(",
        '"',
        "\\",
        "@",
        "none",
        "1e999",
        "-",
        "\x00",
        "é",
        "<-",
        "9" * 5000,
    )
    piece = generator.choice((*pieces, text[a:b] * 2))
    return text[:a] + piece + text[b:]


@fuzz(100)
@given(st.text())
def test_arbitrary_text_is_refused_with_one_diagnostic(text: str) -> None:
    assert error(text).code in ("SN320", "SN321", "SN326")


@fuzz(150)
@given(st.text(alphabet='[]()=,"@ \nabif1.e-{}<', max_size=40))
def test_arbitrary_text_in_place_of_a_call_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(InputError):
        parse(TEXT.replace("direct()", text))


def test_thousands_of_brackets_do_not_exhaust_the_stack() -> None:
    deep = "[" * 20_000 + "]" * 20_000
    assert broken("[1, 1]", deep).code == "SN326"
    calls = "a(b=" * 20_000 + "1" + ")" * 20_000
    assert broken("threshold=1.0", f"threshold={calls}").code == "SN326"

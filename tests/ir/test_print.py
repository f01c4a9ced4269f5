"""The canonical text form: a golden text, and round trips over hundreds of random networks."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from strategies import fuzz, networks, random_network

from snnc.ir import model as m
from snnc.ir.diagnostics import InputError
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.tensors import TensorRef
from snnc.ir.values import NAME, quote, unquote
from snnc.ir.verify import verify

GOLDEN = Path(__file__).parent.parent / "golden" / "lenet.snn"


def tiny(**changes: object) -> m.Network:
    population = m.Population("a", (2,), m.Relu(), incoming=(m.Incoming("x"),))
    network = m.Network(
        name="tiny",
        stage="ann",
        inputs=(m.Input("x", "f32", (2,)),),
        populations=(population,),
        heads=(m.Head("final", "a", m.Logits()),),
    )
    return replace(network, **changes)


def test_the_golden_text_prints_itself() -> None:
    text = GOLDEN.read_text("utf-8")
    assert to_text(parse(text, "lenet.snn")) == text


def test_the_golden_network_is_valid_but_for_its_absent_arrays() -> None:
    network = parse(GOLDEN.read_text("utf-8"))
    assert {d.code for d in verify(network)} == {"SN304"}


def test_the_golden_text_means_what_it_says() -> None:
    network = parse(GOLDEN.read_text("utf-8"))
    conv1 = network.population("conv1")
    assert conv1.shape == (6, 24, 24)
    assert conv1.neuron == m.IF(threshold=1.0, v_init=0.5)
    assert conv1.bias == m.Ref("conv1.bias")
    assert conv1.scale == m.Ref("conv1.scale")
    assert conv1.origin == ("/conv1/Conv", "/bn1/BatchNormalization", "/relu1/Relu")
    assert network.population("fc1").scale == 7.3125
    assert [type(op) for op in network.population("fc1").incoming[0].ops] == [
        m.AvgPool2d,
        m.Flatten,
        m.Dense,
    ]
    assert network.heads[-1] == m.Head("final", "fc2", m.Membrane(("Softmax",)))
    assert network.schedule == m.Synchronous(64)


@pytest.mark.parametrize("stage", get_args(m.Stage))
def test_parsing_the_text_of_a_network_gives_an_equal_network(stage: m.Stage) -> None:
    for seed in range(250):
        network = random_network(seed, stage, odd=True)
        text = to_text(network)
        again = parse(text, store=network.store)
        assert again == network, f"seed {seed}"
        assert to_text(again) == text, f"seed {seed}"


@fuzz(60)
@given(networks(odd=True))
def test_drawn_networks_round_trip_too(network: m.Network) -> None:
    assert parse(to_text(network)) == network


def test_a_round_trip_notices_a_changed_field() -> None:
    network = random_network(3, "snn")
    first = network.populations[0]
    changed = replace(
        network, populations=(replace(first, origin=("x",)), *network.populations[1:])
    )
    assert parse(to_text(changed)) != network


def test_every_keyword_is_a_legal_name() -> None:
    words = ["snnc-ir", "network", "stage", "pass", "input", "population", "from", "via", "delay"]
    words += ["head", "on", "schedule", "exit", "tensor", "none", "true", "inf", "f32", *m.KEYWORDS]
    for word in words:
        population = m.Population(word, (2,), m.Relu(), incoming=(m.Incoming("x"),))
        reader = m.Population("b", (2,), m.Relu(), incoming=(m.Incoming(word),))
        network = tiny(
            populations=(population, reader), heads=(m.Head(word, word, m.Logits((word,))),)
        )
        assert parse(to_text(network)) == network, word


def test_every_dataclass_of_the_text_form_has_a_keyword() -> None:
    families = (m.Neuron, m.Operator, m.Coding, m.Readout, m.Schedule, m.ExitPolicy)
    classes = {cls for family in families for cls in get_args(family) or (family,)}
    assert classes == set(m.KEYWORDS.values())


def test_keywords_are_names_and_distinct() -> None:
    assert all(NAME.fullmatch(word) for word in m.KEYWORDS)
    assert len(set(m.KEYWORDS.values())) == len(m.KEYWORDS)


def test_no_neuron_has_a_field_that_its_population_prints_in_the_same_call() -> None:
    for neuron in get_args(m.Neuron):
        assert not {"bias", "scale"} & {f.name for f in fields(neuron)}


def test_bias_and_scale_are_left_out_at_their_defaults() -> None:
    assert "population a : [2] = relu()\n" in to_text(tiny())


def test_bias_and_scale_trail_the_fields_of_the_neuron() -> None:
    first = replace(tiny().populations[0], bias=m.Ref("b"), scale=0.25, neuron=m.Clip(6.0))
    line = "population a : [2] = clip(high=6.0, bias=@b, scale=0.25)\n"
    assert line in to_text(tiny(populations=(first,)))


def test_numpy_scalars_print_as_plain_numbers() -> None:
    neuron = m.Clip(np.float32(0.5))  # type: ignore[arg-type]
    population = replace(tiny().populations[0], neuron=neuron, shape=(np.int64(2),))
    text = to_text(tiny(populations=(population,)))
    assert "population a : [2] = clip(high=0.5)\n" in text


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), -0.0, 5e-324, 1.7e308, 0.1])
def test_every_float_but_nan_round_trips(value: float) -> None:
    population = replace(tiny().populations[0], neuron=m.Clip(value))
    network = tiny(populations=(population,))
    assert parse(to_text(network)) == network


def test_what_the_text_cannot_say_is_an_error_and_not_another_text() -> None:
    first = tiny().populations[0]
    broken = [
        tiny(populations=(replace(first, neuron=m.Clip(float("nan"))),)),
        tiny(populations=(replace(first, name="a b"),)),
        tiny(populations=(replace(first, shape=(1.5,)),)),
        tiny(populations=(replace(first, scale=None),)),
        tiny(populations=(replace(first, neuron=object()),)),
        tiny(populations=(replace(first, neuron=m.MaxPool2d((2,))),)),  # type: ignore[arg-type]
        tiny(stage="a b"),
        tiny(inputs=(m.Input("x", "f16", (2,)),)),
        tiny(tensors={"t": TensorRef("f32", (1,), "abc")}),
        tiny(tensors={"a b": TensorRef("f32", (1,), "0" * 64)}),
    ]
    for network in broken:
        with pytest.raises(InputError) as caught:
            to_text(network)
        assert [d.code for d in caught.value.diagnostics] == ["SN330"]


@pytest.mark.parametrize(
    "text",
    ['"', "\\", "\\n", "a\nb\r\t", "\u2028\u200b\ufeff\x00\x7f\x85", "Ünï ☃ 𝄞", "\ud800\udc00", ""],
)
def test_quoted_strings_read_back_and_fit_a_line(text: str) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert len(quoted.splitlines()) == 1
    assert quoted.encode("utf-8")

"""Differences between networks: none between equals, each change named, tensors measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from strategies import fuzz, networks, random_network

from snnc.ir import model as m
from snnc.ir.diff import diff
from snnc.ir.fields import write_call


def network() -> m.Network:
    weight = m.Dense(m.Ref("w"))
    a = m.Population("a", (2,), m.IF(), bias=m.Ref("b"), incoming=(m.Incoming("x", (weight,)),))
    out = m.Population("out", (2,), m.Integrator(), incoming=(m.Incoming("a"),))
    made = m.Network(
        name="net",
        stage="snn",
        inputs=(m.Input("x", "f32", (3,)),),
        populations=(a, out),
        heads=(m.Head("final", "out", m.Membrane()),),
        schedule=m.Synchronous(8),
    )
    return made.with_arrays({"w": np.zeros((2, 3), np.float32), "b": np.array([1.0, 2.0])})


def edited(**changes: object) -> m.Network:
    one = network()
    first = replace(one.populations[0], **changes)
    return replace(one, populations=(first, *one.populations[1:]))


def test_equal_networks_have_no_difference() -> None:
    found = diff(network(), network())
    assert found.empty
    assert found.lines() == []
    assert found.as_dict() == {"equal": True, "changes": [], "tensors": []}


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (replace(network(), name="other"), ["~ name: net -> other"]),
        (replace(network(), passes=("a", "b")), ["~ passes: none -> a,b"]),
        (
            replace(network(), schedule=m.Synchronous(16)),
            ["~ schedule: synchronous(steps=8) -> synchronous(steps=16)"],
        ),
        (edited(neuron=m.IF(threshold=0.5)), ["~ population a if.threshold: 1.0 -> 0.5"]),
        (edited(scale=m.Ref("s")), ["~ population a scale: 1.0 -> @s"]),
        (edited(bias=None), ["~ population a bias: @b -> none"]),
        (edited(shape=(3,)), ["~ population a shape: [2] -> [3]"]),
        (edited(origin=("/c",)), ['~ population a origin: [] -> ["/c"]']),
        (
            edited(neuron=m.Relu()),
            [f"~ population a: {write_call(m.IF())} -> relu()"],
        ),
        (
            edited(incoming=(m.Incoming("x", (m.Dense(m.Ref("w")),), 2),)),
            [
                "- population a <- x via dense(weight=@w)",
                "+ population a <- x via dense(weight=@w) delay=2",
            ],
        ),
        (
            replace(network(), inputs=(m.Input("x", "u8", (4,), m.Poisson()),)),
            [
                "~ input x dtype: f32 -> u8",
                "~ input x shape: [3] -> [4]",
                "~ input x: direct() -> poisson(scale=1.0, seed=0)",
            ],
        ),
        (
            replace(network(), heads=(m.Head("final", "a", m.SpikeCount()),)),
            [
                "~ head final population: out -> a",
                "~ head final: membrane(host=[]) -> spike_count(host=[])",
            ],
        ),
        (
            replace(network(), populations=network().populations[::-1]),
            ["~ order of populations: a, out -> out, a"],
        ),
        (
            replace(network(), populations=network().populations[:1]),
            ["- population out: [2] = integrator(v_init=0.0)"],
        ),
    ],
)
def test_a_change_is_one_readable_line(changed: m.Network, lines: list[str]) -> None:
    assert diff(network(), changed).lines() == lines
    assert not diff(network(), changed).empty


def test_the_order_of_connections_counts() -> None:
    terms = (m.Incoming("x", (m.Dense(m.Ref("w")),)), m.Incoming("x", (m.Dense(m.Ref("v")),)))
    lines = diff(edited(incoming=terms), edited(incoming=terms[::-1])).lines()
    assert lines == ["~ order of connections of population a"]


def test_a_connection_that_stands_twice_differs_from_one_that_stands_once() -> None:
    term = m.Incoming("x", (m.Dense(m.Ref("w")),))
    assert diff(edited(incoming=(term,)), edited(incoming=(term, term))).lines() == [
        "+ population a <- x via dense(weight=@w)"
    ]


def test_added_and_removed_are_told_apart() -> None:
    less = replace(network(), populations=network().populations[:1])
    assert diff(less, network()).lines() == ["+ population out: [2] = integrator(v_init=0.0)"]


def test_the_largest_difference_of_a_tensor_is_measured() -> None:
    other = network().with_arrays({"b": np.array([1.25, 1.5])})
    found = diff(network(), other)
    assert found.changes == ()
    assert found.tensors[0].max_abs_difference == 0.5
    assert found.lines() == ["~ tensor @b: f64[2], largest difference 0.5"]


def test_unsigned_and_mixed_types_are_compared_as_numbers() -> None:
    one = network().with_arrays({"b": np.array([1, 2], np.uint8)})
    other = network().with_arrays({"b": np.array([2, 0], np.int8)})
    found = diff(one, other)
    assert found.tensors[0].max_abs_difference == 2.0
    assert found.lines() == ["~ tensor @b: u8[2] -> i8[2], largest difference 2"]


def test_tensors_of_another_shape_or_without_arrays_are_not_measured() -> None:
    other = network().with_arrays({"b": np.zeros(3)})
    assert diff(network(), other).lines() == ["~ tensor @b: f64[2] -> f64[3]"]
    other = network().with_arrays({"b": np.array([0.0, np.nan])})
    assert diff(network(), other).tensors[0].max_abs_difference is None
    absent = replace(network().with_arrays({"b": np.zeros(2)}), store=type(other.store)())
    assert diff(network(), absent).lines() == ["~ tensor @b: f64[2], other values"]


def test_added_and_removed_tensors_are_listed() -> None:
    more = network().with_arrays({"z": np.zeros(1, np.int8)})
    assert diff(network(), more).lines() == ["+ tensor @z: i8[1]"]
    assert diff(more, network()).lines() == ["- tensor @z: i8[1]"]


def test_the_difference_is_a_json_object() -> None:
    other = replace(network().with_arrays({"b": np.zeros(2)}), name="x")
    found = diff(network(), other).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["tensors"][0] == {
        "kind": "changed",
        "name": "b",
        "before": "f64[2]",
        "after": "f64[2]",
        "max_abs_difference": 2.0,
    }


@fuzz(40)
@given(networks(), networks())
def test_the_difference_is_empty_exactly_for_equal_networks(a: m.Network, b: m.Network) -> None:
    assert diff(a, a).empty
    assert diff(a, b).empty == (a == b)


def test_random_networks_differ_from_each_other() -> None:
    made = [random_network(seed, "snn", odd=True) for seed in range(25)]
    for a in made:
        for b in made:
            assert diff(a, b).empty == (a == b)

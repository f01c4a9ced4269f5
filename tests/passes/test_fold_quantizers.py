"""Folding quantisers keeps every value that a head reads, bit for bit in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import run_specs

from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context

POOL = m.MaxPool2d((2, 2), (2, 2))
SHAPE, POOLED = (4, 8, 8), (4, 4, 4)
Q = m.Quantized(0.25, 7)


class Net(nets.Builder):
    """conv `base`, whatever a test adds, and a dense read-out of its last population."""

    def base(self, neuron: m.Neuron) -> None:
        self.add("base", SHAPE, neuron, ("image", (self.conv("base", 4, 2),)), bias=(4,))

    def made(self, *heads: str) -> m.Network:
        last = self.populations[-1]
        size = int(np.prod(last.shape))
        ops = (m.Flatten(), self.dense("out", 5, size))
        self.add("out", (5,), m.Identity(), (last.name, ops), bias=(5,))
        return self.network(*heads, "out")


def folded(network: m.Network) -> m.Network:
    """The folded network, whose heads have the same values."""
    context = Context()
    after = run_specs(network, "fold-quantizers", context)
    x = nets.images(16).astype(np.float64)
    expected, found = evaluate(network, {"image": x}), evaluate(after, {"image": x})
    for old, new in zip(network.heads, after.heads, strict=True):
        np.testing.assert_array_equal(
            expected[old.population].reshape(16, -1), found[new.population].reshape(16, -1)
        )
    for population in after.populations:
        if population.name in expected:
            np.testing.assert_array_equal(expected[population.name], found[population.name])
    assert len(context.notes) >= len(network.populations) - len(after.populations)
    return after


def names(network: m.Network) -> list[str]:
    return [p.name for p in network.populations]


def test_a_quantiser_moves_through_max_pooling_into_the_relu():
    b = Net()
    b.base(m.Relu())
    b.add("pool", POOLED, POOL, ("base", ()))
    b.add("quant", POOLED, Q, ("pool", ()))
    after = folded(b.made())
    assert names(after) == ["quant.unpooled", "quant", "out"]
    assert after.population("quant.unpooled").neuron == Q
    assert after.population("quant.unpooled").origin == ("/base/Node", "/quant/Node")
    assert after.population("quant").neuron == POOL


def test_a_signed_quantiser_behind_a_relu_loses_its_negative_levels():
    b = Net()
    b.base(m.Relu())
    b.add("quant", SHAPE, m.Quantized(0.25, 7, -8), ("base", ()))
    after = folded(b.made())
    assert after.population("quant").neuron == Q


def test_a_clip_bounds_the_levels():
    b = Net()
    b.base(m.Clip(0.9))
    b.add("quant", SHAPE, Q, ("base", ()))
    assert folded(b.made()).population("quant").neuron == m.Quantized(0.25, 4)


def test_a_linear_value_in_front_of_pooling_becomes_the_quantiser():
    b = Net()
    b.base(m.Identity())
    b.add("pool", POOLED, POOL, ("base", ()))
    b.add("pool2", (4, 2, 2), POOL, ("pool", ()))
    b.add("quant", (4, 2, 2), m.Quantized(0.25, 3, -4), ("pool2", ()))
    after = folded(b.made())
    assert names(after) == ["quant.unpooled", "quant.unpooled.2", "quant", "out"]


def test_a_second_quantiser_of_the_same_levels_goes_away():
    b = Net()
    b.base(Q)
    b.add("pool", POOLED, POOL, ("base", ()))
    b.add("again", POOLED, m.Quantized(0.25, 15, -4), ("pool", ()))
    assert names(folded(b.made())) == ["base", "pool", "out"]


def test_a_quantiser_behind_a_flattening_goes_away_and_its_readers_flatten():
    b = Net()
    b.base(Q)
    b.add("again", (256,), Q, ("base", (m.Flatten(),)))
    b.add("other", (256,), m.Quantized(0.5, 3), ("base", (m.Flatten(),)))
    b.add("both", (256,), Q, ("again", ()), ("other", ()))
    after = folded(b.made())
    assert names(after) == ["base", "other", "both", "out"]
    assert after.population("both").incoming[0] == m.Incoming("base", (m.Flatten(),))


def test_a_narrower_second_quantiser_narrows_the_first():
    b = Net()
    b.base(m.Quantized(0.25, 15, -3))
    b.add("again", SHAPE, m.Quantized(0.25, 3), ("base", ()))
    after = folded(b.made())
    assert names(after) == ["again", "out"]
    assert after.population("again").neuron == m.Quantized(0.25, 3)


def test_two_quantisers_that_do_the_same_become_one():
    b = Net()
    conv = b.conv("shared", 4, 2)
    for name in ("left", "right"):
        b.add(name, SHAPE, Q, ("image", (conv,)))
    b.add("sum", SHAPE, m.Quantized(0.5, 3), ("left", ()), ("right", ()))
    after = folded(b.made())
    assert names(after) == ["left", "sum", "out"]
    assert [i.source for i in after.population("sum").incoming] == ["left", "left"]


def test_a_head_moves_to_what_has_the_same_value():
    b = Net()
    b.base(Q)
    b.add("again", SHAPE, Q, ("base", ()))
    after = folded(b.made("again"))
    assert [h.population for h in after.heads] == ["base", "out"]
    assert [h.name for h in after.heads] == ["again", "out"]


def _two_steps(b: Net) -> None:
    b.base(Q)
    b.add("quant", SHAPE, m.Quantized(0.375, 7), ("base", ()))


def _edge_shift(b: Net) -> None:
    b.base(Q)
    b.add("quant", SHAPE, m.Quantized(0.25, 7, shift=0.0), ("base", ()))


def _level_one_at_zero(b: Net) -> None:
    b.base(m.Relu())
    b.add("quant", SHAPE, m.Quantized(0.25, 7, shift=1.0), ("base", ()))


def _nothing_left_of_it(b: Net) -> None:
    b.base(m.Clip(0.1))
    b.add("quant", SHAPE, Q, ("base", ()))


def _shared(b: Net) -> None:
    b.base(m.Relu())
    b.add("quant", SHAPE, Q, ("base", ()))
    b.add("sum", SHAPE, Q, ("base", ()), ("quant", ()))


def _leaky(b: Net) -> None:
    b.base(m.LeakyRelu(0.5))
    b.add("quant", SHAPE, Q, ("base", ()))


def _channels_behind_a_view(b: Net) -> None:
    b.base(m.Relu())
    b.arrays["step"] = np.linspace(0.1, 0.5, 256).astype(np.float32)
    b.add("quant", (256,), m.Quantized(m.Ref("step"), 7), ("base", (m.Flatten(),)))


def _map_behind_pooling(b: Net) -> None:
    b.base(m.Relu())
    b.arrays["step"] = np.linspace(0.1, 0.5, 64).astype(np.float32).reshape(POOLED)
    b.add("pool", POOLED, POOL, ("base", ()))
    b.add("quant", POOLED, m.Quantized(m.Ref("step"), 7), ("pool", ()))


def _own_steps_behind_pooling(b: Net) -> None:
    """A maximum over neurons with steps of their own need not be a level of the one there."""
    b.arrays["step"] = (1 + np.arange(np.prod(SHAPE)).reshape(SHAPE) % 3).astype(np.float32) / 4
    b.base(m.Quantized(m.Ref("step"), 7))
    b.add("pool", SHAPE, m.MaxPool2d((3, 3), (1, 1), (1, 1, 1, 1)), ("base", ()))
    b.add("quant", SHAPE, m.Quantized(m.Ref("step"), 7), ("pool", ()))


def _with_bias(b: Net) -> None:
    b.base(m.Relu())
    b.add("quant", SHAPE, Q, ("base", ()), bias=(4,))


def _with_average(b: Net) -> None:
    b.base(m.Relu())
    b.add("quant", POOLED, Q, ("base", (m.AvgPool2d((2, 2), (2, 2)),)))


@pytest.mark.parametrize(
    "build",
    [
        _two_steps,
        _edge_shift,
        _level_one_at_zero,
        _nothing_left_of_it,
        _shared,
        _leaky,
        _channels_behind_a_view,
        _map_behind_pooling,
        _own_steps_behind_pooling,
        _with_bias,
        _with_average,
    ],
)
def test_what_would_not_be_exact_stays(build: Callable[[Net], None]):
    b = Net()
    build(b)
    network = b.made()
    after = folded(network)
    assert replace(after, passes=()) == network


def test_a_relu_that_a_head_reads_stays():
    b = Net()
    b.base(m.Relu())
    b.add("quant", SHAPE, Q, ("base", ()))
    network = b.made("base")
    assert names(folded(network)) == ["base", "quant", "out"]


def test_the_comparison_notices_another_step():
    b = Net()
    b.base(m.Relu())
    b.add("quant", SHAPE, Q, ("base", ()))
    network = b.made()
    populations = [
        replace(p, neuron=m.Quantized(0.26, 7)) if p.name == "quant" else p
        for p in network.populations
    ]
    x = {"image": nets.images(16).astype(np.float64)}
    before, after = (
        evaluate(n, x)["out"] for n in (network, network.with_populations(populations))
    )
    assert not np.array_equal(before, after)


def test_folding_twice_changes_nothing_more():
    once = run_specs(nets.quantised(), "fold-batch-norm,fuse-linear,max-pool,fold-quantizers")
    twice = run_specs(once, "fold-quantizers")
    assert replace(twice, passes=once.passes) == once
    assert names(once) == ["pixels", "quant1.unpooled", "quant1", "conv2", "sum", "out"]

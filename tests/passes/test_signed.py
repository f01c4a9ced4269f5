"""Populations with negative values: their range counts, and what reads them stays signed."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, logits, make_context, run_specs, units

from snnc.ir import model as m

SHAPE = (2, 8, 8)


def leaky(neuron: m.Neuron | None = None) -> m.Network:
    """A convolution whose first channel is always far below zero, and a read-out."""
    b = nets.Builder()
    b.add(
        "signed",
        (3, 8, 8),
        neuron or m.LeakyRelu(0.5),
        ("image", (b.conv("signed", 3, 2),)),
        bias=(3,),
    )
    b.add("out", (4,), m.Identity(), ("signed", (m.Flatten(), b.dense("out", 4, 192))))
    b.arrays["signed.bias"][0] = -40.0
    return b.network()


def pooled() -> m.Network:
    """Maxima of signed sums, averaged."""
    b = nets.Builder()
    b.add("sum", (3, 8, 8), m.Identity(), ("image", (b.conv("sum", 3, 2),)), bias=(3,))
    b.arrays["sum.bias"][0] = -40.0
    b.add("max", (3, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("sum", ()))
    pool = m.AvgPool2d((2, 2), (2, 2))
    b.add("out", (4,), m.Identity(), ("max", (pool, m.Flatten(), b.dense("out", 4, 12))))
    return b.network()


@pytest.mark.parametrize("per", ["channel", "layer"])
@pytest.mark.parametrize("method", ["max", "percentile", "mmse", "balance"])
def test_a_channel_that_is_always_negative_is_not_clipped(method, per):
    network = leaky()
    after = run_specs(network, f"normalize{{method={method},per={per}}}")
    x = make_context(network).calibration["image"]
    lowest = float(np.abs(ann_values(network, x)["signed"][:, 0]).max())
    scale = np.broadcast_to(units(after, after.population("signed")), (3, 8, 8))
    assert scale[0].min() > 0.5 * lowest


@pytest.mark.parametrize("method", ["max", "mmse", "balance"])
def test_read_outs_of_negative_channels_approach_the_ann(method):
    network = leaky()
    context = make_context(network, steps=256)
    after = run_specs(network, f"normalize{{method={method},steps=64}},to-spiking", context)
    x = context.calibration["image"][:16]
    wanted = ann_values(network, x)["out"]
    error = np.abs(logits(after, x, 256) - wanted).mean() / np.abs(wanted).mean()
    assert error < 0.02


def test_spiking_averages_of_signed_maxima_are_signed():
    network = pooled()
    context = make_context(network, steps=256)
    after = run_specs(network, "normalize{method=max},to-spiking{spiking_pools=true}", context)
    assert after.population("out.pool").neuron.negative_spikes == "retract"
    x = context.calibration["image"][:16]
    wanted = ann_values(network, x)["out"]
    error = np.abs(logits(after, x, 256) - wanted).mean() / np.abs(wanted).mean()
    assert error < 0.02


def test_a_spiking_pool_takes_no_name_that_is_taken():
    network = pooled()
    head = network.population("out")
    twin = replace(head, name="out.pool", origin=())
    both = replace(network, populations=(*network.populations, twin))
    both = replace(both, heads=(m.Head("other", "out.pool", m.Logits()), *both.heads))
    after = run_specs(both, "normalize,to-spiking{spiking_pools=true}", make_context(network))
    assert [p.name for p in after.populations] == [
        "sum",
        "max",
        "out.pool.2",
        "out",
        "out.pool.pool",
        "out.pool",
    ]


def test_an_unpooled_population_takes_no_name_that_is_taken():
    b = nets.Builder()
    pool = m.MaxPool2d((2, 2), (2, 2))
    b.add("max.unpooled", (3, 8, 8), m.Relu(), ("image", (b.conv("a", 3, 2),)))
    b.add("max", (3, 4, 4), pool, ("max.unpooled", (b.conv("b", 3, 3),)))
    b.add("out", (4,), m.Identity(), ("max", (m.Flatten(), b.dense("out", 4, 48))))
    after = run_specs(b.network(), "max-pool")
    assert [p.name for p in after.populations] == [
        "max.unpooled",
        "max.unpooled.2",
        "max",
        "out",
    ]


def test_heads_of_one_population_keep_their_own_host_operators():
    network = nets.plain()
    heads = (m.Head("logits", "out", m.Logits()), m.Head("p", "out", m.Logits(("Softmax",))))
    after = run_specs(replace(network, heads=heads), "normalize,to-spiking")
    assert [h.readout for h in after.heads] == [m.Membrane(), m.Membrane(("Softmax",))]

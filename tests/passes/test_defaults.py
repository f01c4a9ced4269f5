"""The pipeline that nobody chose fits the network and the target, and says why."""

from __future__ import annotations

from dataclasses import replace

import nets
import pytest
from pass_tools import make_context, run_specs

from snnc.backends import TARGETS
from snnc.backends.base import Limits
from snnc.ir import model as m
from snnc.passes import DEFAULT_PIPELINE
from snnc.passes.defaults import default_pipeline, kind_of_network

LIMITS = TARGETS["reference"].limits
PLAIN = replace(LIMITS, signed_spikes=False, spike_cap=False, gated_input=False)


def with_first(neuron: m.Neuron, first: str = "conv1") -> m.Network:
    network = nets.plain()
    populations = [replace(p, neuron=neuron) if p.name == first else p for p in network.populations]
    return network.with_populations(populations)


@pytest.mark.parametrize("name", nets.NETWORKS)
def test_a_network_without_quantisers_gets_the_default_pipeline(name):
    network = nets.NETWORKS[name]()
    assert kind_of_network(network) == "float"
    choice = default_pipeline(network, LIMITS)
    assert choice.spec == DEFAULT_PIPELINE
    assert "no activation of the network is quantised" in choice.reason


def test_a_quantised_network_is_mapped_without_loss_where_the_target_can():
    """The ReLU in front of the pooled quantiser does not count: it is folded."""
    network = nets.quantised()
    assert kind_of_network(network) == "quantised"
    choice = default_pipeline(network, LIMITS)
    assert choice.spec.endswith("fold-quantizers,map-quantized{mode=qffs}")
    assert "lossless" in choice.reason


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("signed_spikes", "signed spikes"),
        ("spike_cap", "a largest spike count"),
        ("gated_input", "input that ends"),
    ],
)
def test_a_target_that_lacks_something_gets_rates_and_the_reason_names_it(lacks, said):
    limits: Limits = replace(LIMITS, **{lacks: False})
    choice = default_pipeline(nets.quantised(), limits)
    assert choice.spec.endswith("fold-quantizers,map-quantized{mode=qcfs}")
    assert said in choice.reason
    everything = default_pipeline(nets.quantised(), PLAIN).reason
    assert "signed spikes and a largest spike count and input that ends" in everything


def test_negative_levels_on_a_target_without_signed_spikes_are_named():
    signed = with_first(m.Quantized(0.25, 3, -3))
    said = "the negative levels of conv1 need signed spikes in either mode"
    assert said in default_pipeline(signed, PLAIN).reason
    assert said not in default_pipeline(signed, LIMITS).reason
    assert said not in default_pipeline(with_first(m.Quantized(0.25, 3)), PLAIN).reason


@pytest.mark.parametrize("limits", [LIMITS, PLAIN])
@pytest.mark.parametrize("build", [nets.quantised, nets.mixed, nets.plain])
def test_every_choice_runs(build, limits):
    network = build()
    choice = default_pipeline(network, limits)
    made = run_specs(network, choice.spec, make_context(network, steps=8))
    assert made.stage == "snn"
    assert isinstance(made.schedule, m.Gated) == ("qffs" in choice.spec)


def test_a_mixed_network_is_requantised_first():
    network = nets.mixed()
    assert kind_of_network(network) == "mixed"
    choice = default_pipeline(network, LIMITS)
    assert choice.spec.endswith(
        "fold-quantizers,requantize{bits=3},calibrate-bias,map-quantized{mode=qffs}"
    )
    assert "conv1 and 1 more have no levels yet: requantize gives 3 bits" in choice.reason


@pytest.mark.parametrize(("levels", "bits"), [(1, 3), (4, 3), (15, 4), (16, 5), (255, 8), (999, 8)])
def test_the_bits_of_a_mixed_network_fit_its_widest_layer(levels, bits):
    choice = default_pipeline(with_first(m.Quantized(0.1, levels)), LIMITS)
    assert f"requantize{{bits={bits}}}" in choice.spec


def test_levels_of_an_input_that_the_host_rounds_do_not_count():
    b = nets.Builder()
    b.add("pixels", nets.IMAGE, m.Quantized(1 / 255, 255), ("image", ()))
    b.add("conv", (4, 8, 8), m.Relu(), ("pixels", (b.conv("conv", 4, 2),)), bias=(4,))
    b.add("out", (5,), m.Identity(), ("conv", (m.Flatten(), b.dense("out", 5, 256))))
    assert "requantize{bits=3}" in default_pipeline(b.network(), LIMITS).spec


def test_many_levels_and_few_steps_are_in_the_reason():
    wide = nets.plain()
    populations = [
        replace(p, neuron=m.Quantized(0.01, 255)) if wide.consumers(p.name) else p
        for p in wide.populations
    ]
    wide = wide.with_populations(populations)
    assert "requantize{bits=4,layers=all}" in default_pipeline(wide, LIMITS).reason
    assert "requantize" not in default_pipeline(nets.quantised(), LIMITS).reason
    few = default_pipeline(nets.quantised(), LIMITS, 7)
    assert few.spec == default_pipeline(nets.quantised(), LIMITS).spec
    assert "exact after more than 7 steps, and 7 were asked for" in few.reason
    assert "asked for" not in default_pipeline(nets.quantised(), LIMITS, 8).reason

"""What whole numbers cost: measured against the network of fractions, layer by layer."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.driver.samples import ArraySamples
from snnc.evaluation import quantisation
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.quantisation import QuantisationMeter, weight_error
from snnc.ir import model as m
from snnc.ir.interpret import network_macs
from snnc.passes.base import Context

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,fold-chains"


def pair(spec: str, name: str = "plain") -> tuple[m.Network, m.Network]:
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=16)
    before = run_specs(network, SPIKING, context)
    return before, run_specs(before, spec, Context(calibration=context.calibration))


@pytest.mark.parametrize("name", ["plain", "residual", "max_pool", "two_heads"])
def test_fewer_bits_cost_more_in_every_layer(name):
    before, fine = pair("quantize-weights{bits=8}", name)
    _, coarse = pair("quantize-weights{bits=3}", name)
    for population in fine.populations:
        few = weight_error(coarse, before, population.name)
        many = weight_error(fine, before, population.name)
        if isinstance(population.neuron, m.RunningMax2d):
            assert (few, many) == (None, None)
            continue
        assert 0 < many < 0.05
        assert few > 3 * many or few < 1e-3  # a layer of one weight is exact in any width


def test_layers_tell_how_many_counts_differ():
    before, after = pair("quantize-weights{bits=4}")
    x = nets.images(30, seed=7)
    meter = QuantisationMeter(after, before)
    trace, other = Simulator(after).run(x), Simulator(before).run(x)
    meter.compare(trace, x[:20], None)
    found = meter.result()
    assert found.samples == 20
    assert found.accuracy is None
    for layer in found.layers[:2]:
        counts, expected = trace.spike_counts[layer.name][:20], other.spike_counts[layer.name][:20]
        assert layer.unequal == pytest.approx((counts != expected).mean())
        assert layer.difference == pytest.approx(np.abs(counts - expected).mean() / 16)
        assert layer.rate == pytest.approx(expected.mean() / 16)
        assert layer.read_out_error is None
    logits, exact = trace.logits()[:20], other.logits()[:20]
    size = np.sqrt(((logits - exact) ** 2).sum() / (exact**2).sum())
    assert found.layers[-1].read_out_error == pytest.approx(size, rel=1e-4)
    same = (trace.predictions()[-1, :20] == other.predictions()[-1, :20]).mean()
    assert found.agreement == pytest.approx(same)


def test_a_network_against_itself_in_many_bits_costs_next_to_nothing():
    before, after = pair("quantize-weights{bits=16}")
    x = nets.images(20, seed=7)
    meter = QuantisationMeter(after, before)
    meter.compare(Simulator(after).run(x), x, np.zeros(20, np.int64))
    found = meter.result()
    assert found.agreement > 0.9  # the input has 8 bits
    assert abs(found.accuracy - found.float_accuracy) < 0.1
    assert all(layer.weight_error < 1e-3 for layer in found.layers)
    # Negative control: one weight that is off shows in its layer alone.
    name = next(
        op.weight.name for op in after.populations[1].incoming[0].ops if hasattr(op, "weight")
    )
    weight = after.array(m.Ref(name)).copy()
    weight[0] //= 2
    broken = after.with_arrays({name: weight})
    assert weight_error(broken, before, after.populations[1].name) > 0.05
    assert weight_error(broken, before, after.populations[0].name) < 1e-3


def test_an_evaluation_holds_it_for_networks_of_whole_numbers_only():
    before, after = pair("quantize-weights")
    x, labels = nets.images(24, seed=3), np.arange(24) % 5
    data = ArraySamples(x, labels)
    found = evaluate_network(after, data, fractions=before, layer_samples=10).as_dict()
    assert found["quantisation"]["samples"] == 10
    assert [row["name"] for row in found["quantisation"]["layers"]] == ["conv1", "conv2", "out"]
    assert found["exactness"] is None
    assert evaluate_network(before, data).quantisation is None


def test_a_large_network_is_compared_on_fewer_samples(monkeypatch):
    before, after = pair("quantize-weights")
    work = network_macs(before) * before.schedule.steps
    monkeypatch.setattr(quantisation, "FEWEST_SAMPLES", 4)
    for share, expected in ((100, 24), (9, 9), (2, 4)):
        monkeypatch.setattr(quantisation, "_WORK", share * work)
        assert quantisation.compared_samples(before, before.schedule.steps, 24) == expected
    found = evaluate_network(after, ArraySamples(nets.images(24), None), fractions=before, batch=3)
    assert found.quantisation.samples == 4
    assert found.layer_samples == 0  # no ANN was given

"""Heads that spike: their rates are the logits in units of the chosen percentile."""

from __future__ import annotations

from dataclasses import replace

import labelled_images
import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking"


def heads_of(network: m.Network) -> dict[str, m.Readout]:
    return {h.name: h.readout for h in network.heads}


def test_spike_counts_are_logits_rounded_to_thresholds():
    network, steps = nets.two_heads(), 64
    context = make_context(network, steps=steps)
    membrane = run_specs(network, SPIKING, context)
    spiking = run_specs(network, f"{SPIKING},spike-heads", context)
    x = nets.images(20, seed=5)
    potential = Simulator(membrane, dtype="float64").run(x).outputs
    found = Simulator(spiking, dtype="float64").run(x).outputs
    for head in network.heads:
        scale = float(spiking.population(head.population).scale)
        counts = found[head.name] / scale
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6)
        within = (potential[head.name] > 0) & (potential[head.name] < 0.9 * steps * scale)
        # Soft reset loses nothing: what was received is counted but for the last threshold,
        # unless a potential fell back after it had fired.
        error = np.abs(found[head.name] - potential[head.name])[within]
        assert np.median(error) <= scale


def test_a_spike_is_worth_the_percentile_of_the_trained_networks_logits():
    network = nets.two_heads()
    for percentile in (99.9, 95.0):
        context = make_context(network)
        spec = f"{SPIKING},spike-heads{{percentile={percentile}}}"
        after = run_specs(network, spec, context)
        values = evaluate(network, {"image": context.calibration["image"]})
        for head in network.heads:
            expected = np.percentile(values[head.population], percentile)
            population = after.population(head.population)
            assert population.scale == pytest.approx(expected, rel=1e-3)
            assert population.neuron.threshold == pytest.approx(population.scale, rel=1e-6)
            assert population.neuron.v_init == pytest.approx(population.scale / 2, rel=1e-6)


def test_other_populations_stay_as_they_were():
    network = nets.two_heads()
    context = make_context(network)
    before = run_specs(network, SPIKING, context)
    after = run_specs(network, f"{SPIKING},spike-heads", context)
    own = {h.population for h in network.heads}
    pairs = list(zip(before.populations, after.populations, strict=True))
    assert all(b == a for b, a in pairs if b.name not in own)
    assert all(b.incoming == a.incoming and b.bias == a.bias for b, a in pairs)


def test_single_heads_can_be_chosen_and_read_by_the_first_spike():
    network = nets.two_heads()
    context = make_context(network)
    first, last = (h.name for h in network.heads)
    after = run_specs(network, f"{SPIKING},spike-heads{{heads=[{first}]}}", context)
    assert heads_of(after) == {first: m.SpikeCount(), last: m.Membrane(("Relu",))}
    after = run_specs(network, f"{SPIKING},spike-heads{{read=first_spike}}", context)
    assert {type(r) for r in heads_of(after).values()} == {m.FirstSpike}


def test_heads_of_one_population_change_together():
    network = nets.two_heads()
    twin = m.Head("twin", network.heads[0].population, m.Logits())
    network = replace(network, heads=(twin, *network.heads))
    after = run_specs(network, f"{SPIKING},spike-heads{{heads=twin}}", make_context(network))
    kinds = [type(h.readout) for h in after.heads]
    assert kinds == [m.SpikeCount, m.SpikeCount, m.Membrane]


def test_inserted_heads_spike_without_statistics_of_theirs():
    network = labelled_images.bundled()
    samples = labelled_images.digits("train", 200)
    context = labelled_images.context_with(samples, network, steps=24)
    after = run_specs(network, f"insert-classifiers{{after=fc_5}},{SPIKING},spike-heads", context)
    test = labelled_images.digits("test", 60)
    outputs = Simulator(after).run(test.x).outputs
    for values in outputs.values():
        assert (values[-1].argmax(axis=1) == test.y).mean() > 0.85


def test_heads_that_spike_already_keep_their_neurons():
    network = nets.two_heads()
    context = make_context(network)
    once = run_specs(network, f"{SPIKING},spike-heads", context)
    twice = run_specs(network, f"{SPIKING},spike-heads,spike-heads", context)
    assert once.populations == twice.populations
    assert once.heads == twice.heads


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("spike-heads{percentile=0}", "SN721"),
        ("spike-heads{percentile=101}", "SN721"),
        ("spike-heads{percentile=0.01}", r"SN746.*percentile 0.01 "),
        ("spike-heads{heads=[nobody]}", "SN743"),
        ('set-exit{policy="fixed{step=2}"},spike-heads', "SN710"),
    ],
)
def test_bad_options_and_orders_are_refused(spec, code):
    network = nets.two_heads()
    with pytest.raises(InputError, match=code):
        run_specs(network, f"{SPIKING},{spec}", make_context(network))


def test_what_cannot_answer_by_spikes_is_refused():
    network = nets.plain()
    out = network.population("out")
    shifted = network.with_arrays({"low": np.full(out.shape, -1e6, np.float32)})
    shifted = shifted.with_populations([*shifted.populations[:-1], replace(out, bias=m.Ref("low"))])
    with pytest.raises(InputError, match=r"SN746.*percentile 99.9 .*not above 0"):
        run_specs(shifted, f"{SPIKING},spike-heads", make_context(shifted))
    lossless = labelled_images.bundled("quantised")
    context = labelled_images.context_with(labelled_images.digits("train", 20), lossless)
    pipeline = "fuse-linear,max-pool,fold-quantizers,map-quantized{mode=%s},spike-heads"
    with pytest.raises(InputError, match=r"SN746.*exact"):
        run_specs(lossless, pipeline % "qffs", context)
    assert run_specs(lossless, pipeline % "qcfs", context).stage == "snn"


def test_the_trained_network_and_samples_are_needed():
    network = nets.two_heads()
    spiking = run_specs(network, SPIKING, make_context(network))
    with pytest.raises(InputError, match="SN723"):
        run_specs(spiking, "spike-heads", make_context(network))
    with pytest.raises(InputError, match="SN705"):
        run_specs(network, "max-pool,to-spiking,spike-heads", Context())

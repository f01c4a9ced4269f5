"""From fractions to whole numbers: the same answers, everything within its width, proved."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends import TARGETS
from snnc.backends.reference.reach import potential_bounds, reach_of_coding
from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.latency import layer_local
from snnc.ir.verify import verify
from snnc.passes.base import Context
from snnc.passes.quantize_weights import QuantizeWeights

SPIKING = (
    "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking,calibrate-potential,fold-chains"
)
QUANTISED = "fold-batch-norm,fuse-linear,max-pool,fold-quantizers,map-quantized,fold-chains"
NAMES = ("plain", "residual", "depthwise", "concat", "max_pool", "two_heads")
LIMIT = 2**23 - 1


def pair(name: str, spec: str = "quantize-weights", steps: int = 32) -> tuple[m.Network, m.Network]:
    """A network of fractions and the one of whole numbers."""
    network = nets.NETWORKS[name]()
    context = make_context(network, steps=steps)
    before = run_specs(network, SPIKING, context)
    return before, run_specs(before, spec, Context(calibration=context.calibration))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spec",
    [
        "quantize-weights",
        "quantize-weights{target=loihi1}",
        "quantize-weights{bits=16}",
        "quantize-weights{target=c}",
        "quantize-weights{target=c,bits=16}",
    ],
)
def test_whole_numbers_answer_as_fractions_do(name, spec):
    before, after = pair(name, spec, 64)
    assert after.stage == "fixed"
    assert verify(after) == []
    x = nets.images(60, seed=9, shape=before.inputs[0].shape)
    expected, found = Simulator(before).run(x), Simulator(after).run(x)
    assert (expected.predictions()[-1] == found.predictions()[-1]).mean() > 0.9
    logits = expected.logits()
    assert np.abs(found.logits() - logits).mean() < 0.05 * np.abs(logits).mean()
    wrong = replace(after, schedule=m.Synchronous(8))
    assert np.abs(Simulator(wrong).run(x).logits() - logits).mean() > 1e-3


def test_more_bits_are_nearer():
    x = nets.images(40, seed=9)
    errors = []
    for bits in (3, 5, 8):
        before, after = pair("plain", f"quantize-weights{{bits={bits},input_bits={bits}}}")
        expected = Simulator(before).run(x).logits()
        errors.append(float(np.abs(Simulator(after).run(x).logits() - expected).mean()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_a_processor_has_32_bits_for_potentials_and_weights_of_8_or_16():
    x = nets.images(40, seed=9)
    errors = {}
    for bits in (8, 16):
        before, after = pair("plain", f"quantize-weights{{target=c,bits={bits},input_bits=12}}")
        drive = after.schedule.drive(after.schedule.steps)
        reach = {i.name: reach_of_coding(i, drive) for i in after.inputs}
        bounds = potential_bounds(after, reach, after.schedule.steps)
        assert all(b.potential.max() <= 2**31 - 1 for b in bounds.values())
        held = [p.name for p in after.populations if getattr(p.neuron, "saturation", None)]
        assert held == [] or bits == 16
        assert TARGETS["c"].check(after) == []
        weights = after.array(after.populations[1].incoming[0].ops[0].weight)
        assert 2 ** (bits - 2) < np.abs(weights.astype(int)).max() < 2 ** (bits - 1)
        expected = Simulator(before).run(x).logits()
        errors[bits] = float(np.abs(Simulator(after).run(x).logits() - expected).mean())
    assert errors[8] > 2 * errors[16]


def test_one_factor_a_layer_gives_one_threshold():
    network = nets.plain()
    context = make_context(network, steps=32)
    before = run_specs(network, SPIKING.replace("normalize", "normalize{per=layer}"), context)
    spec = "quantize-weights{per=layer}"
    after = run_specs(before, spec, Context(calibration=context.calibration))
    assert all(isinstance(p.neuron.threshold, float) for p in after.populations[:2])
    x = nets.images(40, seed=9)
    logits = Simulator(before).run(x).logits()
    error = np.abs(Simulator(after).run(x).logits() - logits).mean()
    assert error < 0.05 * np.abs(logits).mean()


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@pytest.mark.parametrize("name", NAMES)
def test_no_sum_leaves_24_bits_whatever_the_input(name, target):
    _, after = pair(name, f"quantize-weights{{target={target}}}")
    steps = after.schedule.steps
    reach = {i.name: reach_of_coding(i, steps) for i in after.inputs}
    for found, bounds in potential_bounds(after, reach, steps).items():
        assert bounds.current.max() <= LIMIT, found
        neuron = after.population(found).neuron
        held = getattr(neuron, "saturation", None)
        assert held in (None, LIMIT)
        if held is None:
            assert bounds.potential.max() <= LIMIT, found
    # The worst input, found by going up the weights of the first layer, does reach far.
    extreme = np.where(nets.images(4, seed=1) > 0, 1e9, 0.0).astype(np.float32)
    trace = Simulator(after).run(
        extreme,
        record_membrane=[
            p.name for p in after.populations if isinstance(p.neuron, m.IF | m.Integrator)
        ],
    )
    assert all(np.abs(v).max() <= LIMIT for v in trace.membrane_traces.values())


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_weights_thresholds_and_biases_have_the_widths_of_the_chip(target):
    for name in NAMES:
        _, after = pair(name, f"quantize-weights{{target={target}}}")
        for population in after.populations:
            for incoming in population.incoming:
                for op in incoming.ops:
                    if isinstance(op, m.Conv2d | m.Dense):
                        weight = after.array(op.weight)
                        assert weight.dtype == np.int8
                        assert np.abs(weight).max() <= 127
                    if isinstance(op, m.Scale):
                        assert np.log2(op.factor) in range(1, 24)
            if not isinstance(population.neuron, m.IF):
                continue
            parameter = population.neuron.threshold
            values = after.array(parameter) if isinstance(parameter, m.Ref) else [parameter]
            distinct = np.unique(values)
            assert len(distinct) <= 8
            if target == "loihi1":
                assert all(
                    any(int(v) == (int(v) >> k) << k and int(v) >> k <= 255 for k in range(8))
                    for v in distinct
                )


def test_membrane_saturates_where_the_proof_fails_and_a_note_says_so():
    network = nets.plain()
    context = make_context(network, steps=32)
    before = run_specs(network, SPIKING, context)
    told = Context(calibration=context.calibration)
    after = run_specs(replace(before, schedule=m.Synchronous(4000)), "quantize-weights", told)
    held = [p.name for p in after.populations if getattr(p.neuron, "saturation", None)]
    assert "conv1" in held
    assert any("saturate" in note and "conv1" in note for note in told.notes)
    _, short = pair("plain", steps=4)
    assert not any(getattr(p.neuron, "saturation", None) for p in short.populations)


def test_graded_input_sends_the_levels_of_the_calibration_range():
    before, after = pair("plain")
    coding = after.inputs[0].coding
    samples = nets.images(64)
    assert isinstance(coding, m.Graded)
    signed = samples.min() < 0
    assert (coding.levels, coding.lowest) == ((127, -127) if signed else (255, 0))
    assert coding.step == pytest.approx(np.abs(samples).max() / coding.levels)
    assert before.inputs[0].coding == m.Direct()


def test_an_input_that_the_host_rounds_keeps_its_steps():
    network = nets.QUANTISED["quantised"]()
    spec = QUANTISED
    before = run_specs(network, spec, make_context(network, steps=24))
    rounded = replace(before, inputs=(replace(before.inputs[0], coding=m.Rounded(0.25, 7, -7)),))
    after = run_specs(rounded, "quantize-weights", Context())
    assert after.inputs[0].coding == m.Graded(0.25, 7, -7)


def test_quantised_networks_keep_their_caps_window_and_signs():
    network = nets.QUANTISED["quantised"]()
    context = make_context(network, steps=24)
    before = run_specs(network, QUANTISED, context)
    after = run_specs(before, "quantize-weights", Context(calibration=context.calibration))
    assert after.schedule == before.schedule
    for was, now in zip(before.populations, after.populations, strict=True):
        if isinstance(was.neuron, m.IF):
            fields = ("negative_spikes", "max_spikes", "min_spikes", "reset")
            assert all(getattr(was.neuron, f) == getattr(now.neuron, f) for f in fields)
    x = nets.images(50, seed=4, shape=before.inputs[0].shape)
    same = Simulator(before).run(x).predictions()[-1] == Simulator(after).run(x).predictions()[-1]
    assert same.mean() > 0.9


def test_latency_after_quantisation_changes_nothing():
    before, after = pair("residual")
    late = run_specs(after, "add-latency", Context())
    x = nets.images(10, seed=4)
    expected, found = Simulator(after).run(x), Simulator(late).run(x)
    for name in expected.spike_counts:
        np.testing.assert_array_equal(expected.spike_counts[name], found.spike_counts[name])
    assert layer_local(late).schedule == before.schedule


def refused(network: m.Network, code: str, **options: object) -> str:
    context = Context(calibration={"image": nets.images(8)})
    with pytest.raises(InputError, match=code) as caught:
        QuantizeWeights(**options).run(network, context)
    return str(caught.value)


def test_what_has_no_form_in_whole_numbers_is_refused_by_name():
    before, _ = pair("plain")
    first = before.populations[0]
    for change, what in (({"leak": 0.9}, "leaks"), ({"negative_spikes": "leaky"}, "leaky ReLU")):
        odd = replace(first, neuron=replace(first.neuron, **change))
        network = before.with_populations((odd, *before.populations[1:]))
        assert "population conv1" in refused(network, "SN761")
        assert what in refused(network, "SN761")
    strong = replace(first, neuron=replace(first.neuron, threshold=1e-9))
    assert "conv1" in refused(before.with_populations((strong, *before.populations[1:])), "SN762")


@pytest.mark.parametrize(
    "options", [{"bits": 1}, {"bits": 17}, {"thresholds": -1}, {"input_bits": 1}, {"events": -1}]
)
def test_options_out_of_range_are_refused(options):
    before, _ = pair("plain")
    assert next(iter(options)) in refused(before, "SN721", **options)


def test_weights_that_would_all_become_nothing_are_refused_and_coarse_ones_noted():
    before, _ = pair("plain", steps=16)
    first = before.populations[0]
    deaf = replace(first, neuron=replace(first.neuron, threshold=1e9))
    network = before.with_populations((deaf, *before.populations[1:]))
    assert "all weights into conv1" in refused(network, "SN766")
    context = Context(calibration={"image": nets.images(8)})
    QuantizeWeights(input_bits=14).run(before, context)
    assert any("conv1 uses about" in note for note in context.notes)
    context = Context(calibration={"image": nets.images(8)})
    QuantizeWeights().run(before, context)
    assert not any("uses about" in note for note in context.notes)


def test_a_threshold_of_one_neuron_that_would_be_0_is_refused():
    before, _ = pair("plain")
    first = before.populations[0]
    values = np.ones(first.shape, np.float32)
    values[0, 0, 0] = 1e-9
    tiny = replace(first, neuron=replace(first.neuron, threshold=m.Ref("tiny")))
    network = before.with_arrays({"tiny": values})
    network = network.with_populations((tiny, *network.populations[1:]))
    assert "conv1" in refused(network, "SN762")


def test_an_analog_input_needs_calibration_data():
    before, _ = pair("plain")
    with pytest.raises(InputError, match="SN705"):
        QuantizeWeights().run(before, Context())
    silent = Context(calibration={"image": np.zeros((4, 2, 8, 8), np.float32)})
    with pytest.raises(InputError, match="SN764"):
        QuantizeWeights().run(before, silent)


def test_events_are_bound_to_what_the_network_was_made_for():
    network = nets.plain()
    context = make_context(network, steps=16)
    spec = SPIKING.replace("to-spiking", "to-spiking{coding=events}")
    before = run_specs(network, spec, context)
    after = run_specs(before, "quantize-weights{events=3}", Context())
    assert after.inputs[0].coding == m.Events(3)
    frames = np.zeros((16, 2, *network.inputs[0].shape), np.int32)
    frames[0] = 3
    Simulator(after).run(frames)
    declared = replace(before, inputs=(replace(before.inputs[0], coding=m.Events(5)),))
    assert run_specs(declared, "quantize-weights", Context()).inputs[0].coding == m.Events(5)
    assert run_specs(before, "quantize-weights", Context()).inputs[0].coding == m.Events(1)
    frames[1, 0] = -4
    with pytest.raises(InputError, match="SN514"):
        Simulator(after).run(frames)

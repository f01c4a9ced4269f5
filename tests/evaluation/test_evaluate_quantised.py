"""Evaluation of networks that come to rest: settling, exactness, the division by driven steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import quantised_examples as examples

from snnc.backends.reference.simulator import Simulator
from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import UsageError
from snnc.driver.samples import ArraySamples, open_inputs
from snnc.evaluation.comparing import mean_values
from snnc.evaluation.diagnosis import collapsed, diagnose
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.inputs import coded_input, wanted_steps
from snnc.evaluation.reference import InterpretedAnn
from snnc.evaluation.result import Evaluation
from snnc.ir import model as m
from snnc.ir.interpret import evaluate

COUNT = 40


def samples() -> ArraySamples:
    x = examples.images(COUNT)
    labels = InterpretedAnn(examples.network()).logits(x, "fc").argmax(axis=1)
    return ArraySamples(x, labels.astype(np.int64))


def measured(snn: m.Network, **options: Any) -> Evaluation:
    ann = InterpretedAnn(examples.network())
    return evaluate_network(snn, samples(), ann=ann, **options)


def test_a_lossless_network_gives_the_prediction_and_the_values_of_its_ann() -> None:
    found = measured(examples.spiking(examples.network()))
    assert found.agreement == found.snn_accuracy == found.ann_accuracy == 1.0
    assert found.exactness is not None
    assert found.exactness.unequal == 0
    assert [layer.unequal for layer in found.layers] == [0, 0, 0, None]
    for layer in found.layers:
        assert layer.relative_error == pytest.approx(0.0, abs=1e-6)
        assert layer.clipped in (0.0, None)
        assert layer.errors is None or layer.errors.own == pytest.approx(0.0, abs=1e-6)
        assert layer.errors is None or layer.errors.inherited == pytest.approx(0.0, abs=1e-6)


def test_mean_steps_are_those_until_samples_settled() -> None:
    snn = examples.spiking(examples.network())
    settled = Simulator(snn).run(samples().x).settled
    assert settled is not None
    found = measured(snn, batch=7)
    assert found.settled is not None
    assert found.mean_steps == pytest.approx(settled.mean())
    assert found.settled.largest == settled.max()
    assert found.settled.unsettled == 0
    assert sum(count for _, count in found.settled.histogram) == COUNT
    assert found.mean_steps < found.steps == len(found.accuracy_by_step)


def test_more_steps_than_needed_change_nothing_but_their_number() -> None:
    snn = examples.spiking(examples.network())
    few, many = measured(snn), measured(snn, steps=200)
    assert few.settled == many.settled
    assert few.spikes_per_sample == many.spikes_per_sample
    assert few.updates_per_sample == many.updates_per_sample
    assert few.exactness == many.exactness
    assert [a.mean_rate for a in few.layers] == [a.mean_rate for a in many.layers]


@pytest.mark.parametrize(("steps", "word"), [(2, "fewer than the window of 3"), (3, "after 3")])
def test_a_run_that_ended_too_early_says_for_how_many_samples(steps: int, word: str) -> None:
    found = measured(examples.spiking(examples.network(), steps=steps))
    assert found.settled is not None
    said = f"{found.settled.unsettled} of {COUNT} samples had not come to rest"
    assert any(said in note and word in note for note in found.notes)
    assert found.settled.unsettled > 0
    assert found.exactness is not None
    assert found.exactness.unsettled == found.settled.unsettled


def test_networks_without_gated_input_have_no_settling_step() -> None:
    found = measured(examples.spiking(examples.network(), mode="qcfs", steps=16))
    assert found.settled is None
    assert found.exactness is None
    assert found.mean_steps == 16.0
    assert all(layer.unequal is None for layer in found.layers)


def test_rates_of_a_quantised_network_have_no_error_on_its_own_grid() -> None:
    """The first layer gets a constant input, so at T = levels it counts the ANN's integers."""
    found = measured(examples.spiking(examples.network(), mode="qcfs", steps=3))
    first = found.layers[0].errors
    assert first is not None
    assert first.own == pytest.approx(0.0, abs=1e-6)
    later = found.layers[2].errors
    assert later is not None
    assert later.own > 1e-3


def test_a_wrong_weight_shows_as_inexact() -> None:
    wrong = examples.perturbed(examples.spiking(examples.network()), "first.weight", 0.3)
    found = measured(wrong)
    assert found.exactness is not None
    assert found.exactness.unexplained > 0
    assert (found.layers[0].unequal or 0) > 0


def test_mean_values_are_per_driven_step() -> None:
    ann = examples.network()
    snn = examples.spiking(ann)
    x = examples.images(5)
    values = mean_values(snn, Simulator(snn).run(x, steps=90), x)
    expected = evaluate(ann, {"image": x})
    for population in snn.populations:
        scale = population.scale
        assert isinstance(scale, float)
        np.testing.assert_allclose(
            values[population.name] * scale, expected[population.name], atol=1e-5
        )


def test_a_rounded_input_stands_for_its_rounded_value() -> None:
    snn = examples.spiking(examples.network())
    coding = m.Rounded(0.25, 3)
    coded = replace(snn, inputs=(replace(snn.inputs[0], coding=coding),))
    x = np.array([0.1, 0.13, 0.6, 0.9, 5.0], dtype=np.float32)
    np.testing.assert_allclose(coded_input(coded, x), [0.0, 0.25, 0.5, 0.75, 0.75])
    np.testing.assert_array_equal(coded_input(snn, x), x)


def test_float64_is_closer_to_the_ann_than_float32() -> None:
    snn = examples.spiking(examples.network())
    single, double = measured(snn, dtype="float32"), measured(snn)
    assert single.exactness is not None
    assert double.exactness is not None
    assert (single.exactness.precision, double.exactness.precision) == ("float32", "float64")
    assert double.exactness.readout_difference < single.exactness.readout_difference


def test_a_requantised_network_is_compared_with_its_own_integers() -> None:
    float_ann = examples.continuous()
    quantised = InterpretedAnn(examples.network())
    snn = examples.spiking(examples.network())
    found = evaluate_network(snn, samples(), ann=InterpretedAnn(float_ann), quantised=quantised)
    assert found.exactness is not None
    assert found.exactness.unequal == 0
    assert (found.layers[0].relative_error or 0) > 0.05
    assert found.layers[0].errors is not None
    assert found.layers[0].errors.main_cause in ("quantisation", "clipping")


def test_advice_for_a_quantised_network_is_about_quantised_networks() -> None:
    ann = examples.network()
    unsettled = measured(examples.spiking(ann, steps=1))
    assert collapsed(unsettled)
    assert "before the spikes came to rest" in str(diagnose(unsettled))
    rates = measured(examples.spiking(ann, mode="qcfs", steps=2))
    assert rates.levels == 3
    assert "map-quantized{mode=qffs}" in str(diagnose(rates))


def test_an_input_rounded_at_exact_halves_is_rounded_as_the_ann_does() -> None:
    ann = examples.network()
    entry = m.Population(
        "coded", examples.SHAPE, m.Quantized(0.1, 9), incoming=(m.Incoming("image"),)
    )
    reading = [
        replace(p, incoming=tuple(replace(i, source="coded") for i in p.incoming))
        if p.name == "first"
        else p
        for p in ann.populations
    ]
    ann = ann.with_populations((entry, *reading))
    snn = examples.spiking(ann)
    assert isinstance(snn.inputs[0].coding, m.Rounded)
    x = (np.rint(20 * examples.images(60)) / 20).astype(np.float32)
    for dtype in ("float32", "float64"):
        found = evaluate_network(snn, ArraySamples(x), ann=InterpretedAnn(ann), dtype=dtype)
        assert found.exactness is not None
        assert found.exactness.equal
        assert found.agreement == 1.0


def test_events_end_with_the_window_and_the_run_goes_on() -> None:
    ann = examples.network()
    snn = examples.spiking(ann)
    snn = replace(snn, inputs=tuple(replace(i, coding=m.Events()) for i in snn.inputs))
    x = examples.images(12)
    frames = np.repeat(x[None], 3, axis=0)
    data = open_inputs(snn, frames, Preprocessing())
    found = evaluate_network(snn, data, ann=InterpretedAnn(ann))
    assert found.steps == snn.schedule.steps > 3  # type: ignore[union-attr]
    assert found.settled is not None
    assert found.settled.unsettled == 0
    assert found.exactness is not None
    assert found.exactness.equal
    assert not any("compiled for" in note for note in found.notes)


def test_empty_frames_behind_the_window_do_not_thin_what_the_ann_is_given() -> None:
    ann = examples.network()
    snn = examples.spiking(ann)
    snn = replace(snn, inputs=tuple(replace(i, coding=m.Events()) for i in snn.inputs))
    assert isinstance(snn.schedule, m.Gated)
    frames = np.repeat(examples.images(12)[None], snn.schedule.steps, axis=0)
    frames[snn.schedule.window :] = 0
    found = evaluate_network(
        snn, open_inputs(snn, frames, Preprocessing()), ann=InterpretedAnn(ann)
    )
    assert found.exactness is not None
    assert found.exactness.unequal == 0
    assert found.agreement == 1.0


def test_a_relu_that_the_host_computes_is_no_error_of_the_output() -> None:
    """Its population integrates what lies in front of the ReLU."""
    plain = examples.network()
    below = plain.with_arrays({"fc.bias": plain.array(m.Ref("fc.bias")) - np.float32(1.8)})
    ann = below.with_populations(
        replace(p, neuron=m.Relu()) if p.name == "fc" else p for p in below.populations
    )
    snn = examples.spiking(ann)
    assert snn.heads[0].readout == m.Membrane(("Relu",))
    x = examples.images(COUNT)
    logits = InterpretedAnn(ann).logits(x, "fc")
    assert (logits == 0).all(axis=1).any(), "no sample ties at zero"
    assert (logits > 0).any()
    found = evaluate_network(snn, ArraySamples(x), ann=InterpretedAnn(ann))
    assert found.agreement == 1.0
    assert found.layers[-1].relative_error == pytest.approx(0.0, abs=1e-4)
    assert found.exactness is not None
    assert found.exactness.equal
    assert found.exactness.readout_difference < 1e-5


def test_analog_inputs_are_counted_in_the_steps_in_which_they_act() -> None:
    found = measured(examples.spiking(examples.network()))
    by_name = {entry["name"]: entry["picojoules"] for entry in found.energy_estimates}
    once, every_step = by_name["45nm-cmos"], by_name["45nm-cmos-every-step"]
    analog = 36 * 3 * 2 * 9  # multiply-accumulates of the first convolution
    assert found.mean_steps > 3
    assert every_step - once == pytest.approx((3 - 1) * analog * 4.6)


def test_more_steps_than_events_are_fine_behind_the_window_only() -> None:
    snn = examples.spiking(examples.network())
    snn = replace(snn, inputs=tuple(replace(i, coding=m.Events()) for i in snn.inputs))
    frames = np.repeat(examples.images(2)[None], 2, axis=0)
    with pytest.raises(UsageError, match="SN942"):
        open_inputs(snn, frames, Preprocessing(), steps=3)
    assert wanted_steps(snn, open_inputs(snn, frames, Preprocessing(), steps=2), 2) == 2

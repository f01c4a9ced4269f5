"""Requantising rounds activations with the least error, and bias correction repairs the means."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, largest_error, make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes import QUANTISED_PREPARATION
from snnc.passes.base import Context
from snnc.passes.split_leaky import split_leaky

PREPARED = QUANTISED_PREPARATION


def neurons(network: m.Network) -> dict[str, m.Neuron]:
    return {p.name: p.neuron for p in network.populations}


def error(network: m.Network, found: m.Network, head: str = "out") -> float:
    """Mean distance of a read-out from the network's on images that nothing was fitted to."""
    x = {"image": nets.images(200, seed=77)}
    return float(np.abs(evaluate(network, x)[head] - evaluate(found, x)[head]).mean())


@pytest.mark.parametrize("name", [n for n in nets.NETWORKS if n != "leaky"])
def test_everything_that_has_to_spike_gets_levels(name):
    network = nets.NETWORKS[name]()
    specs = f"{PREPARED},requantize{{bits=3}}"
    after = run_specs(network, specs, make_context(network))
    before = run_specs(network, PREPARED, make_context(network))
    heads = {h.population for h in after.heads}
    for population in after.populations:
        was, neuron = before.population(population.name).neuron, population.neuron
        if population.name in heads:
            assert neuron == was
        elif isinstance(was, m.Relu | m.Clip):
            assert (neuron.levels, neuron.lowest, neuron.shift) == (7, 0, 0.5)
        elif isinstance(was, m.Identity):
            assert (neuron.levels, neuron.lowest) == (7, -7)
        else:
            assert neuron == was
    assert run_specs(after, "map-quantized", Context(steps_given=False)).stage == "snn"


def test_the_step_has_the_least_squared_error_of_all():
    network = nets.plain()
    context = make_context(network, count=64)
    after = run_specs(network, f"{PREPARED},requantize{{bits=2 per=layer}}", context)
    step = after.population("conv1").neuron.step
    y = evaluate(network, context.calibration)["conv1"].astype(np.float64)

    def squared(candidate: float) -> float:
        rounded = candidate * np.clip(np.floor(y / candidate + 0.5), 0, 3)
        return float(((y - rounded) ** 2).mean())

    candidates = np.linspace(0.02, 1.0, 200) * float(y.max()) / 3
    assert squared(step) <= 1.02 * min(squared(c) for c in candidates)
    assert squared(step) < 0.8 * squared(float(y.max()) / 3)


def test_a_step_per_channel_is_at_least_as_close_as_one_per_layer():
    network = nets.plain(1)
    found = {}
    for per in ("channel", "layer"):
        spec = f"{PREPARED},requantize{{bits=2 per={per}}}"
        after = run_specs(network, spec, make_context(network))
        shape = (
            np.shape(after.array(after.population("conv1").neuron.step)) if per != "layer" else ()
        )
        assert shape == ((6,) if per == "channel" else ())
        x = {"image": nets.images(64)}
        found[per] = ((evaluate(network, x)["conv1"] - evaluate(after, x)["conv1"]) ** 2).mean()
    assert found["channel"] < found["layer"]


def test_more_bits_are_closer():
    network = nets.residual(1)
    errors = [
        error(
            network, run_specs(network, f"{PREPARED},requantize{{bits={b}}}", make_context(network))
        )
        for b in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.05 * errors[0]


@pytest.mark.parametrize("method", ["mmse", "percentile", "max"])
def test_methods_choose_the_largest_level(method):
    network = nets.plain()
    context = make_context(network)
    spec = f"{PREPARED},requantize{{method={method} per=layer percentile=90.0}}"
    step = run_specs(network, spec, context).population("conv1").neuron.step
    statistics = context.statistics["conv1"]
    largest = float(statistics.maximum.max())
    if method == "max":
        assert step * 15 == pytest.approx(largest, rel=1e-6)
    elif method == "percentile":
        assert step * 15 == pytest.approx(statistics.layer_percentile(90.0), rel=1e-6)
    else:
        assert 0.3 * largest < step * 15 < largest


def test_a_clip_bounds_the_largest_level():
    network = nets.depthwise()
    after = run_specs(network, f"{PREPARED},requantize{{method=max}}", make_context(network))
    neuron = after.population("dw").neuron
    step = after.array(neuron.step) if isinstance(neuron.step, m.Ref) else np.asarray(neuron.step)
    assert (step * 15 <= 0.5 + 1e-6).all()


def test_quantised_layers_stay_unless_all_are_asked_for():
    b = nets.Builder()
    b.add("pixels", nets.IMAGE, m.Quantized(1 / 255, 255), ("image", ()))
    wide = m.Quantized(0.01, 255)
    b.add("conv1", (4, 8, 8), wide, ("pixels", (b.conv("conv1", 4, 2),)), bias=(4,))
    signed = m.Quantized(0.02, 127, -128)
    b.add("conv2", (4, 8, 8), signed, ("conv1", (b.conv("conv2", 4, 4),)), bias=(4,))
    narrow = m.Quantized(0.02, 127, -127)
    b.add("conv3", (4, 8, 8), narrow, ("conv2", (b.conv("conv3", 4, 4),)), bias=(4,))
    b.add("conv4", (4, 8, 8), m.Quantized(0.3, 3), ("conv3", (b.conv("conv4", 4, 4),)), bias=(4,))
    b.add("out", (5,), m.Identity(), ("conv4", (m.Flatten(), b.dense("out", 5, 256))))
    network = b.network()
    context = make_context(network)
    assert neurons(run_specs(network, "requantize{bits=4}", context)) == neurons(network)
    assert any("quantised already" in note for note in context.notes)
    found = neurons(run_specs(network, "requantize{bits=4 layers=all}", make_context(network)))
    assert found["pixels"] == m.Quantized(1 / 255, 255)
    assert (found["conv1"].lowest, found["conv1"].levels) == (0, 15)
    assert (found["conv2"].lowest, found["conv2"].levels) == (-8, 7)
    assert (found["conv3"].lowest, found["conv3"].levels) == (-7, 7)
    assert found["conv4"] == m.Quantized(0.3, 3)


def test_it_says_that_the_function_changed():
    context = make_context(nets.plain())
    run_specs(nets.plain(), f"{PREPARED},requantize", context)
    assert any("CHANGED the network: 2 activations" in note for note in context.notes)


def test_without_calibration_data_the_error_says_so():
    with pytest.raises(InputError, match=r"SN705.*pass requantize needs"):
        run_specs(nets.plain(), f"{PREPARED},requantize", Context())


@pytest.mark.parametrize("option", ["bits=0", "bits=9", "percentile=0.0", "percentile=101.0"])
def test_an_option_out_of_range_is_an_error(option):
    with pytest.raises(InputError, match="SN721"):
        run_specs(nets.plain(), f"{PREPARED},requantize{{{option}}}")


# ---- leaky ReLU ------------------------------------------------------------------------------


def test_a_leaky_relu_is_the_difference_of_two_relus():
    network = nets.leaky()
    split = split_leaky(network, Context(), "requantize")
    x = nets.images(8)
    assert [p.name for p in split.populations] == [
        "conv1.positive",
        "conv1.negative",
        "conv2.positive",
        "conv2.negative",
        "out",
    ]
    assert not any(isinstance(p.neuron, m.LeakyRelu) for p in split.populations)
    assert largest_error(ann_values(network, x), ann_values(split, x)) < 1e-6


def test_heads_and_pools_read_the_whole_leaky_value():
    b = nets.Builder()
    b.add("conv", (4, 8, 8), m.LeakyRelu(0.5), ("image", (b.conv("conv", 4, 2),)), bias=(4,))
    b.add("pool", (4, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("conv", ()))
    b.add("out", (5,), m.Identity(), ("pool", (m.Flatten(), b.dense("out", 5, 64))))
    network = b.network("conv", "out")
    split = split_leaky(network, Context(), "requantize")
    x = nets.images(8)
    assert largest_error(ann_values(network, x), ann_values(split, x)) < 1e-6
    after = run_specs(network, f"{PREPARED},requantize{{bits=8}}", make_context(network))
    assert error(network, after) < 0.05


def test_a_requantised_leaky_network_is_close_and_converts():
    network = nets.leaky(3)
    context = replace(make_context(network), steps_given=False)
    after = run_specs(network, f"{PREPARED},requantize{{bits=6}},calibrate-bias", context)
    scale = np.abs(evaluate(network, {"image": nets.images(200, seed=77)})["out"]).mean()
    assert error(network, after) < 0.05 * scale
    assert any("two ReLUs" in note for note in context.notes)
    spiking = run_specs(after, "map-quantized", context)
    x = nets.images(20)
    found = Simulator(spiking, dtype="float64").run(x).logits()
    np.testing.assert_allclose(found, evaluate(after, {"image": x.astype(float)})["out"], atol=1e-4)


# ---- bias correction -------------------------------------------------------------------------


def _channel_means(network: m.Network, x: dict[str, np.ndarray]) -> np.ndarray:
    return evaluate(network, x, keep=["out"])["out"].mean(axis=0)


@pytest.mark.parametrize("name", ["plain", "residual", "concat", "max_pool", "upsampling"])
def test_bias_correction_gives_the_outputs_the_means_of_the_trained_network(name):
    network = nets.NETWORKS[name](2)
    context = make_context(network, count=128)
    x = dict(context.calibration)
    rounded = run_specs(network, f"{PREPARED},requantize{{bits=2}}", make_context(network, 128))
    corrected = run_specs(network, f"{PREPARED},requantize{{bits=2}},calibrate-bias", context)
    goal = _channel_means(network, x)
    before, after = (np.abs(_channel_means(n, x) - goal).max() for n in (rounded, corrected))
    assert after < 1e-4 * max(1.0, float(np.abs(goal).max()))
    assert before > 10 * after
    assert error(network, corrected) < error(network, rounded)


def test_bias_correction_at_stage_ann_survives_the_lossless_mapping():
    network = nets.plain(2)
    context = replace(make_context(network, count=128), steps_given=False)
    rounded = run_specs(network, f"{PREPARED},requantize{{bits=2}},calibrate-bias", context)
    spiking = run_specs(rounded, "map-quantized", context)
    x = nets.images(20)
    trace = Simulator(spiking, dtype="float64").run(x)
    expected = evaluate(rounded, {"image": x.astype(np.float64)})["out"]
    np.testing.assert_allclose(trace.logits(), expected, atol=1e-5)


def test_a_population_that_reads_only_the_input_keeps_its_bias():
    network = nets.plain()
    after = run_specs(network, f"{PREPARED},requantize,calibrate-bias", make_context(network))
    for name, same in (("conv1", True), ("conv2", False)):
        old, new = network.array(m.Ref(f"{name}.bias")), after.array(m.Ref(f"{name}.bias"))
        assert np.array_equal(old, new) == same


def test_bias_correction_needs_a_requantised_network():
    network = nets.plain()
    with pytest.raises(InputError, match=r"SN723.*requantised"):
        run_specs(network, f"{PREPARED},calibrate-bias", make_context(network))


def test_bias_correction_leaves_a_network_alone_that_requantize_left_alone():
    network = run_specs(nets.quantised(), PREPARED)
    context = make_context(network)
    after = run_specs(network, "requantize,calibrate-bias", context)
    assert replace(after, passes=()) == replace(network, passes=())
    assert any("nothing to correct" in note for note in context.notes)


def test_rates_of_a_requantised_network_are_compared_with_the_trained_one():
    """The reference is the last network before requantize, also after map-quantized."""
    network = nets.plain()
    context = make_context(network, steps=4)
    specs = f"{PREPARED},requantize{{bits=2}},map-quantized{{mode=qcfs}},calibrate-potential"
    run_specs(network, specs, context)
    assert context.approximated
    assert isinstance(context.reference.population("conv1").neuron, m.Relu)


def test_requantising_twice_keeps_the_first_reference():
    network = nets.plain()
    context = make_context(network)
    run_specs(network, f"{PREPARED},requantize{{bits=6}},requantize{{bits=2 layers=all}}", context)
    assert isinstance(context.reference.population("conv1").neuron, m.Relu)


def test_statistics_in_ann_units_fit_normalised_networks():
    """Requantising in normalised units gives the same function as in ANN units."""
    network = nets.plain()
    x = nets.images(16)
    plain, normalised = (
        run_specs(network, f"{PREPARED}{middle},requantize{{bits=3}}", make_context(network))
        for middle in ("", ",normalize")
    )
    assert largest_error(ann_values(plain, x), ann_values(normalised, x)) < 1e-4


def test_a_silent_layer_gets_a_step():
    network = nets.plain()
    context = make_context(network)
    statistics = ActivationStatistics("conv1")
    statistics.update(np.zeros((4, 6, 8, 8), np.float32))
    context.statistics = {**context.statistics, "conv1": statistics}
    after = run_specs(network, f"{PREPARED},requantize", context)
    assert after.population("conv1").neuron.step == pytest.approx(1 / 15)

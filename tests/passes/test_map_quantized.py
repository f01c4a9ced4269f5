"""Quantised activations become neurons that climb the same staircase."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes import QUANTISED_PREPARATION
from snnc.passes.base import Context

QFFS = f"{QUANTISED_PREPARATION},map-quantized{{mode=qffs}}"
QCFS = f"{QUANTISED_PREPARATION},map-quantized{{mode=qcfs}}"
SHAPE = (4, 8, 8)


def free() -> Context:
    """A context in which nobody asked for a number of steps."""
    return Context(steps=32, steps_given=False)


def small(*neurons: m.Neuron, **arrays: np.ndarray) -> m.Network:
    """One convolution after another with these neurons, and a dense read-out."""
    b = nets.Builder()
    b.arrays.update({name: array.astype(np.float32) for name, array in arrays.items()})
    source, channels = "image", 2
    for index, neuron in enumerate(neurons, start=1):
        name = f"conv{index}"
        b.add(name, SHAPE, neuron, (source, (b.conv(name, 4, channels),)), bias=(4,))
        source, channels = name, 4
    b.add("out", (5,), m.Identity(), (source, (m.Flatten(), b.dense("out", 5, 256))), bias=(5,))
    return b.network()


def test_lossless_neurons_take_spikes_back_and_stop_at_their_levels():
    """The threshold is the window times the step, for all widths; the window is the widest."""
    network = small(m.Quantized(0.5, 3), m.Quantized(0.25, 7, -8, 0.25))
    after = run_specs(network, QFFS, free())
    assert after.population("conv1").neuron == m.IF(
        4.0, v_init=2.0, negative_spikes="retract", max_spikes=3, min_spikes=0
    )
    assert after.population("conv2").neuron == m.IF(
        2.0, v_init=0.5, negative_spikes="retract", max_spikes=7, min_spikes=-8
    )
    assert after.schedule == m.Gated(2 * (8 + 3) + 8, 8)
    assert [p.scale for p in after.populations] == [4.0, 2.0, 1.0]
    assert after.stage == "snn"


def test_rate_neurons_have_their_largest_value_as_threshold():
    network = small(m.Quantized(0.5, 4), m.Quantized(0.25, 7, -8, 0.25))
    after = run_specs(network, QCFS, Context(steps=12))
    assert after.population("conv1").neuron == m.IF(2.0, v_init=1.0)
    assert after.population("conv2").neuron == m.IF(2.0, v_init=0.5, negative_spikes="retract")
    assert after.schedule == m.Synchronous(12)
    assert [p.scale for p in after.populations] == [2.0, 2.0, 1.0]


def test_connections_carry_the_amplitude_of_their_source_and_weights_and_biases_stay():
    network = small(m.Quantized(0.5, 3), m.Quantized(0.25, 3))
    after = run_specs(network, QFFS, free())
    for name, factor in (("conv1", None), ("conv2", 1.5), ("out", 0.75)):
        scales = [op for op in after.population(name).incoming[0].ops if isinstance(op, m.Scale)]
        assert scales == ([] if factor is None else [m.Scale(factor)])
        for part in ("weight", "bias"):
            ours, theirs = (n.tensors[f"{name}.{part}"].sha256 for n in (after, network))
            assert ours == theirs


def test_names_and_origins_are_kept():
    network = small(m.Quantized(0.5, 3))
    after = run_specs(network, QFFS, free())
    assert [(p.name, p.origin) for p in after.populations] == [
        (p.name, p.origin) for p in network.populations
    ]


def test_steps_and_shifts_per_channel_become_thresholds_and_starts_per_channel():
    step, shift = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.0, 0.25, 1.0])
    network = small(m.Quantized(m.Ref("step"), 3, 0, m.Ref("shift")), step=step, shift=shift)
    after = run_specs(network, QFFS, free())
    neuron = after.population("conv1").neuron
    np.testing.assert_allclose(after.array(neuron.threshold), 3 * step, rtol=1e-6)
    np.testing.assert_allclose(after.array(neuron.v_init), 3 * step * shift, rtol=1e-6)
    np.testing.assert_allclose(after.array(after.population("conv1").scale), 3 * step, rtol=1e-6)


def test_a_shift_that_varies_in_space_makes_a_start_per_neuron():
    step = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    shift = np.random.default_rng(0).uniform(0, 1, SHAPE).astype(np.float32)
    network = small(m.Quantized(m.Ref("step"), 3, 0, m.Ref("shift")), step=step, shift=shift)
    after = run_specs(network, QFFS, free())
    neuron = after.population("conv1").neuron
    assert after.array(neuron.threshold).shape == (4,)
    expected = 3 * step[:, None, None] * shift
    np.testing.assert_allclose(after.array(neuron.v_init), expected, rtol=1e-6)


def test_what_heads_read():
    b = nets.Builder()
    b.add("conv", SHAPE, m.Quantized(0.5, 3), ("image", (b.conv("conv", 4, 2),)))
    for name, neuron in (
        ("linear", m.Identity()),
        ("relu", m.Relu()),
        ("levels", m.Quantized(0.5, 7, -7)),
    ):
        b.add(name, (5,), neuron, ("conv", (m.Flatten(), b.dense(name, 5, 256))), bias=(5,))
    network = b.network("conv", "linear", "relu", "levels")
    after = run_specs(network, QFFS, free())
    assert [h.readout for h in after.heads] == [
        m.SpikeCount(),
        m.Membrane(),
        m.Membrane(("Relu",)),
        m.SpikeCount(),
    ]
    assert isinstance(after.population("relu").neuron, m.Integrator)
    x = nets.images(10)
    trace = Simulator(after, dtype="float64").run(x)
    values = evaluate(network, {"image": x.astype(np.float64)})
    for head in ("conv", "linear", "levels"):
        expected = values[head].reshape(10, -1)
        np.testing.assert_allclose(trace.logits(head), expected, atol=1e-5)
    np.testing.assert_allclose(np.maximum(trace.logits("relu"), 0), values["relu"], atol=1e-5)


def test_max_pooling_compares_counts_and_keeps_the_units_of_its_source():
    after = run_specs(nets.quantised(), QFFS, free())
    pool, source = after.population("quant1"), after.population("quant1.unpooled")
    assert isinstance(pool.neuron, m.RunningMax2d)
    assert pool.incoming == (m.Incoming("quant1.unpooled"),)
    assert pool.scale == source.scale == 7 * 0.25


# ---- inputs ----------------------------------------------------------------------------------


def test_a_quantised_input_is_rounded_by_the_host():
    """Its 15 levels do not widen the window."""
    context = free()
    after = run_specs(nets.quantised(), QFFS, context)
    assert after.inputs[0].coding == m.Rounded(1 / 16, 15)
    assert "pixels" not in [p.name for p in after.populations]
    assert after.population("quant1.unpooled").incoming[0].source == "image"
    assert after.schedule.window == 7
    assert any("rounds the input image" in note for note in context.notes)


def _inputs(build: str) -> m.Network:
    b = nets.Builder()
    quantiser = m.Quantized(1 / 16, 15, ties="even")
    ops: tuple[m.Operator, ...] = ()
    shape: tuple[int, ...] = nets.IMAGE
    if build == "view":
        ops, shape = (m.Transpose((0, 2, 1)),), (2, 8, 8)
    if build == "channels":
        b.arrays["step"] = np.array([0.1, 0.2], np.float32)
        quantiser = m.Quantized(m.Ref("step"), 15)
    b.add("pixels", shape, quantiser, ("image", ops), bias=(2,) if build == "bias" else None)
    conv = b.conv("conv", 4, 2)
    raw = [("image", (conv,))] if build == "raw" else []
    b.add("conv", SHAPE, m.Quantized(0.5, 3), ("pixels", (conv,)), *raw)
    if build == "pool":
        b.add("pool", (2, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("pixels", ()))
    heads = {"head": ["pixels"], "pool": ["pool"]}.get(build, [])
    b.add("out", (5,), m.Identity(), ("conv", (m.Flatten(), b.dense("out", 5, 256))))
    return b.network(*heads, "out")


def test_a_view_of_the_input_moves_into_the_readers():
    after = run_specs(_inputs("view"), QFFS, free())
    assert after.inputs[0].coding == m.Rounded(1 / 16, 15, ties="even")
    assert after.population("conv").incoming[0].ops[0] == m.Transpose((0, 2, 1))


@pytest.mark.parametrize("build", ["raw", "channels", "bias", "head", "pool"])
def test_a_quantised_input_that_the_host_cannot_round_spikes_and_is_exact(build):
    network = _inputs(build)
    after = run_specs(network, QFFS, free())
    assert after.inputs[0].coding == m.Direct()
    assert isinstance(after.population("pixels").neuron, m.IF)
    x = nets.images(10)
    trace = Simulator(after, dtype="float64").run(x)
    expected = evaluate(network, {"image": x.astype(np.float64)})["out"]
    np.testing.assert_allclose(trace.logits("out"), expected, atol=1e-5)
    assert (trace.settled >= 0).all()


# ---- steps and notes -------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "told"), [("exact", False), ("gate", True)])
def test_it_says_that_a_gate_is_no_exact_maximum(mode, told):
    context = free()
    spec = f"max-pool{{mode={mode}}},fold-quantizers,map-quantized"
    run_specs(nets.quantised(), spec, context)
    assert any("counts behind it are not exact" in note for note in context.notes) == told


def test_the_steps_of_a_lossless_network_are_a_bound():
    network = small(m.Quantized(0.5, 3))
    assert run_specs(network, QFFS, free()).schedule == m.Gated(18, 3)
    assert run_specs(network, QFFS, Context(steps=9)).schedule == m.Gated(9, 3)
    option = QFFS.replace("mode=qffs", "mode=qffs,steps=11")
    assert run_specs(network, option, Context(steps=9)).schedule == m.Gated(11, 3)


def test_too_few_steps_are_said_aloud():
    for steps, told in ((3, True), (4, False)):
        context = Context(steps=steps)
        run_specs(small(m.Quantized(0.5, 3)), QFFS, context)
        assert any("before the network can settle" in note for note in context.notes) == told


def test_ties_to_even_are_said_aloud():
    context = free()
    run_specs(small(m.Quantized(0.5, 3, ties="even"), m.Quantized(0.5, 3)), QFFS, context)
    assert sum("exact halves to the even level" in note for note in context.notes) == 1


@pytest.mark.parametrize(("lowest", "told"), [(-8, True), (-7, False), (0, False)])
def test_ends_that_a_rate_cannot_enforce_are_said_aloud(lowest, told):
    context = Context(steps=8)
    run_specs(small(m.Quantized(0.5, 7, lowest)), QCFS, context)
    assert any("not symmetric around 0" in note for note in context.notes) == told


# ---- refusals --------------------------------------------------------------------------------


def test_every_activation_without_levels_is_named_with_a_cure():
    with pytest.raises(InputError, match="SN730") as caught:
        run_specs(nets.mixed(), QFFS, free())
    found = caught.value.diagnostics
    assert [d.where for d in found] == ["/conv1/Node", "/hidden/Node"]
    assert all("requantize{bits=4}" in d.help for d in found)


def test_a_linear_value_between_layers_is_refused_until_it_is_inlined():
    network = small(m.Identity(), m.Quantized(0.5, 3))
    with pytest.raises(InputError, match=r"SN730.*conv1 is Identity") as caught:
        run_specs(network, "max-pool,map-quantized", free())
    assert "fuse-linear" in caught.value.diagnostics[0].help
    assert run_specs(network, QFFS, free()).stage == "snn"


@pytest.mark.parametrize("shape", [SHAPE, (4,)])
def test_max_pooling_needs_one_step_a_channel(shape):
    b = nets.Builder()
    b.arrays["step"] = np.linspace(0.1, 0.5, int(np.prod(shape))).reshape(shape).astype(np.float32)
    quantiser = m.Quantized(m.Ref("step"), 3)
    b.add("conv", SHAPE, quantiser, ("image", (b.conv("conv", 4, 2),)))
    b.add("pool", (4, 4, 4), m.MaxPool2d((2, 2), (2, 2)), ("conv", ()))
    b.add("out", (5,), m.Identity(), ("pool", (m.Flatten(), b.dense("out", 5, 64))))
    if shape == (4,):
        assert run_specs(b.network(), QFFS, free()).stage == "snn"
        return
    with pytest.raises(InputError, match=r"SN733.*pool reads neurons whose steps differ"):
        run_specs(b.network(), QFFS, free())


@pytest.mark.parametrize("name", ["normalize", "to-spiking"])
def test_passes_for_continuous_activations_name_map_quantized(name):
    with pytest.raises(InputError, match=r"SN731.*pixels is quantised, as are 3 more") as caught:
        run_specs(nets.quantised(), f"{QUANTISED_PREPARATION},{name}", Context())
    assert "map-quantized" in caught.value.diagnostics[0].help


@pytest.mark.parametrize("name", ["calibrate-bias", "calibrate-potential"])
def test_an_exact_network_cannot_be_calibrated(name):
    network = small(m.Quantized(0.5, 3))
    with pytest.raises(InputError, match=f"SN732.*{name} would break") as caught:
        run_specs(network, f"{QFFS},{name}", make_context(network))
    assert "calibrate-bias before" in caught.value.diagnostics[0].help


def test_a_negative_number_of_steps_is_an_error():
    with pytest.raises(InputError, match="SN721"):
        run_specs(small(m.Quantized(0.5, 3)), "map-quantized{steps=-1}", free())


# ---- rates and calibration -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["calibrate-bias", "calibrate-potential"])
def test_calibration_brings_the_rates_of_a_quantised_network_closer(name):
    network = small(m.Quantized(0.3, 4), m.Quantized(0.3, 4), m.Quantized(0.3, 4))
    context = make_context(network, 128, 4)
    x = context.calibration["image"]
    values = evaluate(network, {"image": x.astype(np.float64)})
    error = {}
    for calibration in ("", f",{name}"):
        spiking = run_specs(network, QCFS + calibration, make_context(network, 128, 4))
        trace = Simulator(spiking, dtype="float64").run(x)
        error[calibration] = sum(
            float(
                np.abs(trace.spike_counts[p].mean(axis=0) * 1.2 / 4 - values[p].mean(axis=0)).mean()
            )
            for p in ("conv1", "conv2", "conv3")
        )
    assert error[f",{name}"] < error[""]


def test_units_of_an_earlier_pass_are_kept():
    """Requantised activations in normalised units: counts and read-outs stay in ANN units."""
    network = nets.plain()
    context = replace(make_context(network), steps_given=False)
    specs = "fold-batch-norm,fuse-linear,max-pool,normalize,requantize,map-quantized"
    after = run_specs(network, specs, context)
    before = run_specs(network, specs.rsplit(",", 1)[0], make_context(network))
    x = nets.images(10)
    values = evaluate(before, {"image": x.astype(np.float64)})
    trace = Simulator(after, dtype="float64").run(x)
    np.testing.assert_allclose(trace.logits(), values["out"], atol=1e-5)
    step = before.array(before.population("conv1").neuron.step)
    units = before.array(before.population("conv1").scale)
    window = after.schedule.window
    scale = after.array(after.population("conv1").scale)
    np.testing.assert_allclose(scale, window * step * units, rtol=1e-6)

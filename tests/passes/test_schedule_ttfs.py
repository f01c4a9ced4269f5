"""Windows, kernels, rails and read-outs of networks of spike times."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
from pass_tools import ann_values, make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.spike_times import largest, surrogate
from snnc.passes.base import Context

FINE = "schedule-ttfs{window=240,tau=30}"
"""Spike times 3.3 % apart, from 1 to e^-8: what rounding loses stays below it."""


def timed(network: m.Network, specs: str, context: Context | None = None) -> m.Network:
    return run_specs(network, specs, context or make_context(network))


def logits(network: m.Network, x: np.ndarray) -> np.ndarray:
    return Simulator(network).run(x).logits()


def error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).mean() / np.abs(wanted).mean())


@pytest.mark.parametrize(
    ("build", "tolerance"),
    [
        (nets.plain, 0.03),
        (nets.residual, 0.03),
        (nets.concat, 0.04),
        (nets.max_pool, 0.04),
        (nets.leaky, 0.05),
        (nets.depthwise, 0.03),
        (nets.upsampling, 0.02),
    ],
)
def test_logits_are_those_of_the_ann_to_the_precision_of_the_kernels(build, tolerance):
    network = build()
    context = make_context(network)
    pipeline = "fold-batch-norm,fuse-linear,max-pool"
    if build is nets.max_pool:
        network = without_input_pool()
        context = make_context(network, 24)
    after = timed(network, f"{pipeline},normalize{{method=max,per=layer}},{FINE}", context)
    x = context.calibration["image"][:8]
    wanted = ann_values(network, x)["out"]
    assert error(logits(after, x), wanted) < tolerance
    # One row of weights left out is seen.
    assert error(logits(without_a_row(after), x), wanted) > 2 * tolerance


def without_a_row(network: m.Network) -> m.Network:
    """The first output's weights are 0."""
    (op,) = [o for o in network.population("out").incoming[0].ops if isinstance(o, m.Dense)]
    weight = network.array(op.weight).copy()
    weight[0] = 0
    out = replace(
        network.population("out"),
        incoming=tuple(
            replace(
                i,
                ops=tuple(m.Dense(m.Ref("less")) if isinstance(o, m.Dense) else o for o in i.ops),
            )
            for i in network.population("out").incoming
        ),
    )
    populations = [out if p.name == "out" else p for p in network.populations]
    return network.with_arrays({"less": weight}).with_populations(populations)


def without_input_pool() -> m.Network:
    """Max pooling behind a ReLU and in front of one."""
    b = nets.Builder()
    pool = m.MaxPool2d((3, 3), (2, 2), pads=(1, 1, 1, 1))
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("pool1", (6, 4, 4), pool, ("conv1", ()))
    b.add("conv2", (8, 4, 4), m.Relu(), ("pool1", (b.conv("conv2", 8, 6),)), bias=(8,))
    b.add("out", (5,), m.Identity(), ("conv2", (m.Flatten(), b.dense("out", 5, 128))), bias=(5,))
    return b.network()


def test_the_window_is_the_asked_one_or_the_number_of_steps_compiled_for():
    network = nets.plain()
    context = make_context(network, steps=24)
    assert timed(network, "normalize,schedule-ttfs", context).schedule.window == 24
    after = timed(network, "normalize,schedule-ttfs{window=12}")
    assert after.schedule == m.Phased(36, 12, (0, 12, 24), (12, 24, 36))
    assert after.population("conv1").neuron == m.TTFS(3.0, 12)
    assert isinstance(after.population("out").neuron, m.Integrator)


def test_the_window_of_a_trained_network_is_that_of_its_kernels():
    after = timed(trained(), "schedule-ttfs")
    assert after.schedule.window == 20
    assert after.population("conv1").neuron == m.TTFS(5.0, 20, 1.0, 2.0)


def trained() -> m.Network:
    network = nets.plain()
    kernels = {"conv1": m.TTFS(5.0, 20, 1.0, 2.0), "conv2": m.TTFS(4.0, 16)}
    return network.with_populations(
        [replace(p, neuron=kernels.get(p.name, p.neuron)) for p in network.populations]
    )


def test_tau_and_rounding_are_those_of_every_kernel_and_of_the_input():
    after = timed(nets.plain(), "normalize,schedule-ttfs{window=16,tau=5,rounding=ceil}")
    kernels = [p.neuron for p in after.populations[:2]] + [after.inputs[0].coding]
    assert {(k.tau, k.steps, k.rounding) for k in kernels} == {(5.0, 16, "ceil")}
    x = nets.images(8)
    said = surrogate(after.population("conv1").neuron, x.astype(np.float64))
    assert (said <= x + 1e-12).all()  # the next spike time is never above the value


def test_the_largest_input_is_the_earliest_spike():
    network = nets.plain()
    context = make_context(network)
    context.calibration = {"image": 3 * context.calibration["image"]}
    after = timed(network, "schedule-ttfs", context)
    peak = float(np.abs(context.calibration["image"]).max())
    assert largest(after.inputs[0].coding) == pytest.approx(peak)


def test_without_samples_the_largest_input_is_1_and_the_report_says_so():
    context = Context()
    after = timed(nets.plain(), "schedule-ttfs", context)
    assert largest(after.inputs[0].coding) == 1.0
    assert any("takes 1 as the largest value of input image" in n for n in context.notes)


def test_analog_input_saves_a_window_and_loses_nothing_of_the_input():
    network = nets.plain()
    context = make_context(network)
    spikes = timed(network, "normalize,schedule-ttfs{window=16}", context)
    analog = timed(network, "normalize,schedule-ttfs{window=16,input=analog}", context)
    assert isinstance(analog.inputs[0].coding, m.Direct)
    assert spikes.schedule.steps - analog.schedule.steps == 16
    x = context.calibration["image"][:8]
    wanted = ann_values(network, x)["out"]
    assert error(logits(analog, x), wanted) < error(logits(spikes, x), wanted)


def test_branches_are_equalised_by_whole_windows():
    after = timed(nets.residual(), "fold-batch-norm,fuse-linear,normalize,schedule-ttfs{window=8}")
    assert any(i.delay for p in after.populations for i in p.incoming)
    fires = dict.fromkeys((i.name for i in after.inputs), 0)
    fires.update(zip((p.name for p in after.populations), after.schedule.fires, strict=True))
    begins = after.schedule.integrates
    for population, begin in zip(after.populations, begins, strict=True):
        assert {fires[i.source] + i.delay for i in population.incoming} == {begin}
        assert all(i.delay % 8 == 0 for i in population.incoming)


def test_early_firing_takes_less_time_and_costs_accuracy():
    network = nets.plain()
    context = make_context(network)
    late = timed(network, "normalize,schedule-ttfs{window=16}", context)
    early = timed(network, "normalize,schedule-ttfs{window=16,early_fire=14}", context)
    assert early.schedule == m.Phased(20, 16, (0, 2, 4), (2, 4, 20))
    assert early.schedule.steps < late.schedule.steps
    x = context.calibration["image"][:8]
    wanted = ann_values(network, x)["out"]
    assert error(logits(late, x), wanted) < error(logits(early, x), wanted)


def test_a_network_with_phases_is_scheduled_anew_and_keeps_its_kernels():
    first = timed(nets.plain(), "normalize,schedule-ttfs{window=16,tau=3}")
    again = run_specs(first, "schedule-ttfs{window=24,early_fire=4}", Context())
    assert again.schedule.window == 24
    assert [p.neuron for p in again.populations] == [p.neuron for p in first.populations]
    assert again.inputs == first.inputs
    shorter = run_specs(first, "schedule-ttfs{window=10}", Context())
    assert shorter.population("conv1").neuron == m.TTFS(3.0, 10)
    assert shorter.inputs[0].coding.steps == 10
    same = run_specs(first, "schedule-ttfs", Context())
    assert same.schedule == first.schedule


@pytest.mark.parametrize("option", ["tau=5", "rounding=ceil", "input=analog", "read=first_spike"])
def test_options_that_come_too_late_are_refused(option):
    first = timed(nets.plain(), "normalize,schedule-ttfs{window=16}")
    with pytest.raises(InputError, match=r"SN721.*comes too late"):
        run_specs(first, f"schedule-ttfs{{{option}}}", Context())


@pytest.mark.parametrize(
    ("option", "accepted"),
    [
        ("window=-1", "0 or more"),
        ("window=8,early_fire=8", "0 to window - 1"),
        ("early_fire=-1", "0 to window - 1"),
        ("tau=-1", "0 or more"),
        ("tau=0.4", "above 32/80"),
        ("prune=101", "0 to 100 points"),
        ("prune=-1", "0 to 100 points"),
    ],
)
def test_options_out_of_range_are_refused(option, accepted):
    with pytest.raises(InputError, match=f"SN721.*{accepted}"):
        timed(nets.plain(), f"schedule-ttfs{{{option}}}")


def test_quantised_activations_are_refused():
    with pytest.raises(InputError, match=r"SN731.*schedule-ttfs"):
        timed(nets.quantised(), "schedule-ttfs")


def test_pruning_needs_labels():
    with pytest.raises(InputError, match=r"SN705.*prune"):
        timed(nets.plain(), "schedule-ttfs{prune=1}")


def test_clips_below_1_become_the_largest_value_of_their_kernel():
    after = timed(nets.depthwise(), "normalize{per=layer},schedule-ttfs")
    network = timed(nets.depthwise(), "normalize{per=layer}")
    high = network.population("dw").neuron.high
    assert largest(after.population("dw").neuron) == pytest.approx(min(1.0, high))
    assert largest(after.population("conv1").neuron) == 1.0


def test_a_clip_that_differs_between_channels_is_refused():
    network = nets.depthwise().with_arrays({"highs": np.linspace(0.2, 0.7, 6, dtype=np.float32)})
    network = network.with_populations(
        [
            replace(p, neuron=m.Clip(m.Ref("highs"))) if p.name == "dw" else p
            for p in network.populations
        ]
    )
    with pytest.raises(InputError, match=r"SN770.*dw.*one kernel"):
        timed(network, "schedule-ttfs")


def pooled(neuron: m.Neuron, *more: str) -> m.Network:
    """A maximum of one population, or of the sum of several."""
    b = nets.Builder()
    b.add("signed", (3, 8, 8), neuron, ("image", (b.conv("signed", 3, 2),)), bias=(3,))
    b.add("other", (3, 8, 8), m.Relu(), ("image", (b.conv("other", 3, 2),)))
    sources = [("signed", ()), *((name, ()) for name in more)]
    b.add("max", (3, 4, 4), m.MaxPool2d((2, 2), (2, 2)), *sources)
    b.add("out", (4,), m.Identity(), ("max", (m.Flatten(), b.dense("out", 4, 48))))
    return b.network()


@pytest.mark.parametrize("neuron", [m.Identity(), m.LeakyRelu(0.1)])
def test_a_maximum_of_values_of_both_signs_is_refused(neuron):
    with pytest.raises(InputError, match=r"SN770.*max.*negative values"):
        timed(pooled(neuron), "schedule-ttfs")


def test_a_maximum_of_a_sum_and_of_the_input_is_refused():
    with pytest.raises(InputError, match=r"SN770.*maximum of a sum"):
        timed(pooled(m.Relu(), "other"), "schedule-ttfs")
    with pytest.raises(InputError, match=r"SN770.*no population as it is"):
        timed(nets.max_pool(), "schedule-ttfs")


def test_signed_populations_become_two_rails():
    after = timed(nets.leaky(), "normalize,schedule-ttfs")
    names = [p.name for p in after.populations]
    assert names == ["conv1.positive", "conv1.negative", "conv2.positive", "conv2.negative", "out"]


def hidden_head(neuron: m.Neuron) -> m.Network:
    """A head on a population that another one reads."""
    b = nets.Builder()
    b.add("hidden", (6,), neuron, ("image", (m.Flatten(), b.dense("hidden", 6, 128))), bias=(6,))
    b.add("out", (5,), m.Identity(), ("hidden", (b.dense("out", 5, 6),)), bias=(5,))
    return b.network("hidden", "out")


@pytest.mark.parametrize("neuron", [m.Identity(), m.Relu(), m.LeakyRelu(0.2)])
def test_heads_on_hidden_populations_read_all_of_their_values(neuron):
    network = hidden_head(neuron)
    context = make_context(network)
    after = timed(network, f"normalize{{method=max,per=layer}},{FINE}", context)
    x = context.calibration["image"][:8]
    trace, wanted = Simulator(after).run(x), ann_values(network, x)
    hidden = wanted["hidden"]
    found = trace.logits("hidden")
    found = np.maximum(found, 0) if isinstance(neuron, m.Relu) else found
    assert error(found, hidden) < 0.04
    assert error(trace.logits("out"), wanted["out"]) < 0.05
    assert after.heads[0].readout.host[:1] == (("Relu",) if isinstance(neuron, m.Relu) else ())


def test_two_heads_on_one_hidden_population_share_its_twin():
    network = hidden_head(m.Relu())
    heads = (m.Head("again", "hidden", m.Logits(("Softmax",))), *network.heads)
    after = timed(replace(network, heads=heads), "normalize,schedule-ttfs")
    assert [h.population for h in after.heads] == ["hidden.read", "hidden.read", "out"]
    assert after.heads[0].readout == m.Membrane(("Relu", "Softmax"))


def test_clipped_outputs_are_read_by_their_first_spikes():
    network = hidden_head(m.Clip(1.0))
    after = timed(network, "normalize{per=layer},schedule-ttfs")
    assert isinstance(after.heads[0].readout, m.FirstSpike)
    assert after.heads[0].population == "hidden"


def test_first_spikes_of_outputs_answer_as_the_ann_does():
    network = nets.plain()
    context = make_context(network)
    after = timed(
        network, "normalize{method=max},schedule-ttfs{window=120,tau=20,read=first_spike}"
    )
    assert isinstance(after.heads[-1].readout, m.FirstSpike)
    x = context.calibration["image"]
    outputs = ann_values(network, x)["out"]
    top = np.sort(outputs, axis=1)
    clear = (top[:, -1] > 0.05) & (top[:, -1] - top[:, -2] > 0.1 * top[:, -1])
    assert clear.sum() >= 20
    answers = Simulator(after).run(x).predictions()[-1]
    assert (answers == outputs.argmax(axis=1))[clear].all()
    # Outputs are not normalised: their kernel starts with the largest of them.
    assert largest(after.population("out").neuron) == pytest.approx(outputs.max(), rel=1e-4)


def test_first_spikes_without_samples_and_in_units_of_their_own_are_noted():
    context = Context()
    timed(nets.plain(), "schedule-ttfs{read=first_spike}", context)
    assert any("takes 1 as the largest value of out" in n for n in context.notes)
    network = hidden_head(m.Clip(5.0))
    context = make_context(network)
    timed(network, "normalize,schedule-ttfs", context)
    assert any("scales of their own" in n for n in context.notes)


def test_one_output_is_read_by_its_potential_whatever_is_asked():
    b = nets.Builder()
    b.add("hidden", (6,), m.Relu(), ("image", (m.Flatten(), b.dense("hidden", 6, 128))), bias=(6,))
    b.add("out", (1,), m.Identity(), ("hidden", (b.dense("out", 1, 6),)), bias=(1,))
    after = timed(b.network(), "normalize,schedule-ttfs{read=first_spike}")
    assert after.heads[0].readout == m.Membrane()

"""Spiking networks approach their ANN: the rate error falls as one over the steps."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from pass_tools import ann_values, logits, make_context, run_specs

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m

PREPARED = "fold-batch-norm,fuse-linear,max-pool,normalize{method=max}"


def _errors(name: str, specs: str, steps: tuple[int, ...]) -> tuple[list[float], float]:
    """Mean absolute error of the last head at several steps, and agreement at the last."""
    network = nets.NETWORKS[name](2)
    x = nets.images(400, seed=9)
    spiking = run_specs(network, specs, make_context(network, steps=max(steps)))
    head = spiking.heads[-1]
    expected = ann_values(network, x)[head.population]
    trace = Simulator(spiking, dtype="float64").run(x)
    host = head.readout.host
    errors = []
    for step in steps:
        found = trace.logits(step=step)
        found = np.maximum(found, 0) if host[:1] == ("Relu",) else found
        errors.append(float(np.abs(found - expected).mean()))
    return errors, float((found.argmax(1) == expected.argmax(1)).mean())


@pytest.mark.parametrize("name", nets.NETWORKS)
def test_error_falls_as_one_over_steps_and_answers_agree(name):
    errors, agreement = _errors(name, f"{PREPARED},to-spiking", (16, 64, 256))
    assert errors[1] < errors[0] / 2
    assert errors[2] < errors[0] / 6
    # The signed neuron of a leaky ReLU keeps up to one spike of either sign too many.
    assert agreement >= (0.95 if name == "leaky" else 0.99)


@pytest.mark.parametrize("name", ["plain", "residual", "max_pool"])
def test_signed_spikes_are_closer_at_few_steps(name):
    plain, _ = _errors(name, f"{PREPARED},to-spiking", (8,))
    signed, _ = _errors(name, f"{PREPARED},to-spiking{{signed=true}}", (8,))
    assert signed[0] <= plain[0]


@pytest.mark.parametrize(
    "option", ["spiking_pools=true", "coding=poisson", "v_init=0.0", "v_init=0.5 steps=256"]
)
def test_every_option_still_approaches_the_ann(option):
    errors, agreement = _errors("plain", f"{PREPARED},to-spiking{{{option}}}", (16, 256))
    assert errors[1] < errors[0] / 3
    assert agreement >= 0.9


def test_hard_reset_is_worse_than_soft_reset():
    soft, _ = _errors("plain", f"{PREPARED},to-spiking", (256,))
    hard, _ = _errors("plain", f"{PREPARED},to-spiking{{reset=zero}}", (256,))
    assert hard[0] > 3 * soft[0]


def test_a_changed_threshold_breaks_the_agreement():
    network = nets.plain(2)
    spiking = run_specs(network, f"{PREPARED},to-spiking", make_context(network, steps=256))
    populations = [
        m.Population(
            p.name,
            p.shape,
            m.IF(threshold=1.1, v_init=0.5) if p.name == "conv1" else p.neuron,
            p.bias,
            p.scale,
            p.origin,
            p.incoming,
        )
        for p in spiking.populations
    ]
    x = nets.images(50, seed=9)
    expected = ann_values(network, x)["out"]
    right = np.abs(logits(spiking, x) - expected).mean()
    wrong = np.abs(logits(spiking.with_populations(populations), x) - expected).mean()
    assert wrong > 3 * right


def test_outputs_become_integrators_and_a_final_relu_goes_to_the_host():
    spiking = run_specs(nets.two_heads(), f"{PREPARED},to-spiking")
    assert [h.readout for h in spiking.heads] == [m.Membrane(), m.Membrane(("Relu",))]
    assert all(
        isinstance(spiking.population(h.population).neuron, m.Integrator) for h in spiking.heads
    )


def test_a_head_that_others_read_counts_spikes_in_ann_units():
    b = nets.Builder()
    b.add("conv1", (6, 8, 8), m.Relu(), ("image", (b.conv("conv1", 6, 2),)), bias=(6,))
    b.add("out", (5,), m.Identity(), ("conv1", (m.Flatten(), b.dense("out", 5, 384))))
    network = b.network("conv1", "out")
    spiking = run_specs(network, f"{PREPARED},to-spiking{{steps=256}}")
    assert spiking.heads[0].readout == m.SpikeCount()
    x = nets.images(10)
    found = Simulator(spiking, dtype="float64").run(x).logits("conv1")
    expected = ann_values(network, x)["conv1"].reshape(10, -1)
    assert np.abs(found - expected).mean() < 0.01 * np.abs(expected).mean()


def test_neurons_of_each_activation():
    def neuron(name: str, population: str, options: str = "") -> m.Neuron:
        spiking = run_specs(nets.NETWORKS[name](), f"{PREPARED},to-spiking{options}")
        return spiking.population(population).neuron

    assert neuron("plain", "conv1") == m.IF(1.0, "subtract", 0.5)
    assert neuron("plain", "conv1", "{signed=true}") == m.IF(
        1.0, "subtract", 0.5, negative_spikes="retract", min_spikes=0
    )
    assert neuron("leaky", "conv1") == m.IF(1.0, v_init=0.5, negative_spikes="leaky", slope=0.1)
    assert neuron("max_pool", "pool0.unpooled") == m.IF(1.0, v_init=0.5, negative_spikes="retract")
    assert isinstance(neuron("max_pool", "pool1"), m.RunningMax2d)


def test_spiking_pools_are_populations_and_said_aloud():
    network = nets.plain()
    context = make_context(network)
    spiking = run_specs(network, f"{PREPARED},to-spiking{{spiking_pools=true}}", context)
    assert isinstance(spiking.population("conv2.pool").neuron, m.IF)
    assert any("average pooling of conv2 spike" in note for note in context.notes)


def test_a_clip_below_one_spike_per_step_is_refused_with_a_cure():
    with pytest.raises(InputError, match=r"SN722.*dw is clipped at 0.5") as caught:
        run_specs(nets.depthwise(), "max-pool,to-spiking")
    assert "normalize" in caught.value.diagnostics[0].help


@pytest.mark.parametrize("option", ["leak=0.0", "leak=1.5", "steps=-2"])
def test_an_option_out_of_range_is_an_error(option):
    with pytest.raises(InputError, match="SN721"):
        run_specs(nets.plain(), f"max-pool,to-spiking{{{option}}}")

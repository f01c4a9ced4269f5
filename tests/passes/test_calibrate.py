"""Calibration brings mean rates to mean activations, layer by layer."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from pass_tools import ann_values, logits, make_context, run_specs, units

from snnc.backends.reference.simulator import Simulator
from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.passes import layerwise
from snnc.passes.base import Context
from snnc.passes.layerwise import affordable_samples

SPIKING = "fold-batch-norm,fuse-linear,max-pool,normalize,to-spiking"


def _errors(name: str, calibration: str, steps: int = 4) -> dict[str, float]:
    """Mean |mean rate - mean activation| of every spiking population on the calibration set."""
    network = nets.NETWORKS[name](4)
    context = make_context(network, steps=steps)
    spiking = run_specs(network, SPIKING + calibration, context)
    trace = Simulator(spiking).run(context.calibration["image"])
    expected = ann_values(network, context.calibration["image"])
    errors = {}
    for population in spiking.populations:
        if isinstance(population.neuron, m.IF) and population.name in expected:
            rate = trace.spike_counts[population.name].mean(axis=0) / steps
            goal = expected[population.name].mean(axis=0) / units(spiking, population)
            errors[population.name] = float(np.abs(rate - goal).mean())
    return errors


@pytest.mark.parametrize("name", ["plain", "residual", "concat", "max_pool", "depthwise"])
@pytest.mark.parametrize("calibration", ["calibrate-potential", "calibrate-bias"])
def test_calibration_brings_mean_rates_closer(name, calibration):
    before = _errors(name, "")
    after = _errors(name, f",{calibration}")
    assert sum(after.values()) < sum(before.values())


def test_potential_calibration_brings_the_output_closer_on_new_images():
    network = nets.plain(4)
    x = nets.images(200, seed=77)
    expected = ann_values(network, x)["out"]
    error = {}
    for calibration in ("", ",calibrate-potential"):
        spiking = run_specs(network, SPIKING + calibration, make_context(network, 128, 4))
        error[calibration] = np.abs(logits(spiking, x) - expected).mean()
    assert error[",calibrate-potential"] < error[""]


def test_potentials_are_per_neuron_and_biases_per_channel():
    context = make_context(nets.plain(), steps=4)
    potential = run_specs(nets.plain(), f"{SPIKING},calibrate-potential", context)
    neuron = potential.population("conv1").neuron
    assert potential.array(neuron.v_init).shape == (6, 8, 8)
    bias = run_specs(nets.plain(), f"{SPIKING},calibrate-bias", context)
    assert bias.array(bias.population("conv1").bias).shape == (6,)
    assert bias.population("conv1").neuron == m.IF(1.0, v_init=0.5)


def test_calibration_is_deterministic():
    results = [
        run_specs(nets.plain(), f"{SPIKING},calibrate-potential", make_context(nets.plain()))
        for _ in range(2)
    ]
    assert results[0] == results[1]


def test_without_the_trained_network_calibration_refuses():
    spiking = run_specs(nets.plain(), SPIKING)
    context = make_context(nets.plain())
    with pytest.raises(InputError, match="SN723"):
        run_specs(spiking, "calibrate-bias", context)


def test_without_calibration_data_the_error_names_the_pass():
    prepared = run_specs(nets.plain(), "max-pool")
    with pytest.raises(InputError, match=r"SN705.*calibrate-potential"):
        run_specs(prepared, "to-spiking,calibrate-potential", Context(steps=4))


@pytest.mark.parametrize("option", ["samples=0", "iterations=0"])
def test_an_option_out_of_range_is_an_error(option):
    with pytest.raises(InputError, match="SN721"):
        run_specs(nets.plain(), f"{SPIKING},calibrate-bias{{{option}}}")


def test_memory_bounds_the_number_of_samples():
    small, large = nets.plain(), nets.plain()
    assert affordable_samples(small, 16, 256) == 256
    assert affordable_samples(large, 10_000_000, 256) == 8


def test_poisson_spikes_do_not_depend_on_how_samples_are_cut(monkeypatch):
    """Every sample draws by its number in the calibration set, not in its part."""
    specs = f"{SPIKING}{{coding=poisson}},calibrate-potential{{samples=24}}"
    whole = run_specs(nets.plain(), specs)
    monkeypatch.setattr(layerwise, "_ELEMENTS_AT_ONCE", 1 << 15)
    assert run_specs(nets.plain(), specs).tensors == whole.tensors

"""Normalisation changes units, never the function."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from pass_tools import ann_values, largest_error, make_context, run_specs, units

from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context

PREPARED = "fold-batch-norm,fuse-linear,max-pool"
OPTIONS = (
    "normalize",
    "normalize{percentile=95.0}",
    "normalize{per=layer}",
    "normalize{method=max}",
    "normalize{method=max per=layer}",
    "normalize{method=mmse steps=8}",
    "normalize{method=mmse steps=8 per=layer}",
    "normalize{method=balance steps=8}",
    "normalize{method=balance steps=8 per=layer factor=0.7}",
)


@pytest.mark.parametrize("specs", OPTIONS)
@pytest.mark.parametrize("name", nets.NETWORKS)
def test_normalised_values_times_scale_are_the_old_values(name, specs):
    network = run_specs(nets.NETWORKS[name](5), PREPARED)
    x = nets.images(4)
    normalised = run_specs(network, specs)
    assert largest_error(ann_values(network, x), ann_values(normalised, x)) < 1e-5


def test_a_wrong_scale_is_noticed():
    network = run_specs(nets.plain(), PREPARED)
    normalised = run_specs(network, "normalize")
    scale = normalised.population("conv1").scale
    wrong = normalised.with_arrays({scale.name: normalised.array(scale) * 1.01})
    x = nets.images(4)
    assert largest_error(ann_values(network, x), ann_values(wrong, x)) > 1e-3


def _rates(specs: str, name: str = "plain") -> dict[str, np.ndarray]:
    network = run_specs(nets.NETWORKS[name](5), PREPARED)
    context = make_context(network)
    normalised = run_specs(network, specs, context)
    return evaluate(normalised, context.calibration)


def test_max_makes_the_largest_activation_of_every_channel_one():
    values = _rates("normalize{method=max}")["conv1"]
    np.testing.assert_allclose(values.max(axis=(0, 2, 3)), 1.0, rtol=1e-5)


def test_max_per_layer_makes_the_largest_activation_of_the_layer_one():
    values = _rates("normalize{method=max per=layer}")["conv1"]
    np.testing.assert_allclose(values.max(), 1.0, rtol=1e-5)
    assert values.max(axis=(0, 2, 3)).min() < 0.95


def test_percentile_leaves_that_share_of_activations_below_one():
    values = _rates("normalize{percentile=95.0}")["conv1"]
    shares = (values <= 1).mean(axis=(0, 2, 3))
    # A channel that is active less often than that has the smallest scale allowed instead.
    rare = (values > 0).mean(axis=(0, 2, 3)) < 0.05
    np.testing.assert_allclose(shares[~rare], 0.95, atol=0.005)
    assert (~rare).any()


def test_mmse_beats_max_in_the_error_it_minimises():
    def error(values: np.ndarray, units: np.ndarray) -> float:
        coded = np.floor(np.clip(values * 4, 0, 4) + 0.5) / 4
        return float(np.mean(((values - coded) * units) ** 2))

    errors = {}
    for method in ("max", "mmse"):
        network = run_specs(nets.plain(5), PREPARED)
        context = make_context(network)
        normalised = run_specs(network, f"normalize{{method={method} steps=4}}", context)
        values = evaluate(normalised, context.calibration)["conv2"]
        errors[method] = error(values, units(normalised, normalised.population("conv2")))
    assert errors["mmse"] < errors["max"]


def test_outputs_keep_ann_units_and_pools_their_sources():
    network = run_specs(nets.max_pool(), f"{PREPARED},normalize")
    assert network.population("out").scale == 1.0
    source, pool = network.population("conv1"), network.population("pool1")
    np.testing.assert_array_equal(units(network, source), units(network, pool))


def test_a_clip_never_lies_below_one_spike_per_step():
    network = run_specs(nets.depthwise(), f"{PREPARED},normalize")
    for name in ("conv1", "dw", "pw"):
        high = network.population(name).neuron.high
        bound = network.array(high) if isinstance(high, m.Ref) else np.asarray(high)
        assert bound.min() >= 1 - 1e-6
    # dw reaches its clip of 0.5, so its scale is the clip
    assert np.isclose(units(network, network.population("dw")).max(), 0.5)


def test_a_silent_channel_does_not_explode():
    network = nets.plain()
    weight = network.array(m.Ref("conv1.weight")).copy()
    bias = network.array(m.Ref("conv1.bias")).copy()
    weight[0], bias[0] = 0, -1
    silent = network.with_arrays({"conv1.weight": weight, "conv1.bias": bias})
    scale = units(run_specs(silent, "normalize"), silent.population("conv1"))
    normalised = run_specs(silent, "normalize")
    scale = units(normalised, normalised.population("conv1")).ravel()
    assert scale[0] == pytest.approx(1e-3 * scale.max(), rel=1e-5)


def test_normalising_twice_is_normalising_once():
    network = run_specs(nets.plain(), PREPARED)
    context = make_context(network)
    once = run_specs(network, "normalize", context)
    twice = run_specs(once, "normalize", context)
    for name in ("conv1", "conv2"):
        first, second = once.population(name), twice.population(name)
        np.testing.assert_allclose(units(once, first), units(twice, second), rtol=1e-5)


def test_without_calibration_data_the_error_says_what_to_pass():
    network = run_specs(nets.plain(), PREPARED)
    with pytest.raises(InputError, match=r"SN705.*normalize needs calibration data") as caught:
        run_specs(network, "normalize", Context())
    assert "--calibration" in caught.value.diagnostics[0].help


@pytest.mark.parametrize("option", ["percentile=0.0", "percentile=101.0", "steps=-1", "factor=0.0"])
def test_an_option_out_of_range_is_an_error(option):
    network = run_specs(nets.plain(), PREPARED)
    with pytest.raises(InputError, match="SN721"):
        run_specs(network, f"normalize{{{option}}}")

"""`--check-passes` on quantised networks: levels, limits and counts, and what must be found."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest
import quantised_examples as examples

from snnc.data.statistics import ActivationStatistics
from snnc.diagnostics import InputError
from snnc.driver.checks import CheckPasses
from snnc.driver.pipeline import build_pipeline
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline


def check_of(ann: m.Network) -> CheckPasses:
    return CheckPasses(InterpretedAnn(ann), examples.images(24, seed=1))


def checked(ann: m.Network, after: m.Network, spec: str = "map-quantized") -> CheckPasses:
    check = check_of(ann)
    check(2, spec, ann, after)
    return check


def test_an_unchanged_network_passes_level_by_level() -> None:
    ann = examples.network()
    found = checked(ann, ann, "fold-batch-norm").results[0]
    assert (found.measure, found.layers, found.at_edge) == ("values", 4, 0)
    assert found.worst_difference < 1e-6


def single(bias: float) -> m.Network:
    """One staircase with steps of 1 that reads three values."""
    population = m.Population(
        "p", (3,), m.Quantized(1.0, 3), bias=m.Ref("b"), incoming=(m.Incoming("x"),)
    )
    entry, head = m.Input("x", "f32", (3,)), m.Head("h", "p", m.Logits())
    arrays = {"b": np.full(3, bias)}
    return m.Network("n", "ann", (entry,), (population,), (head,)).with_arrays(arrays)


def test_a_value_at_a_rounding_edge_may_be_a_level_off() -> None:
    x = np.array([[0.2, 1.50001, 2.7]], dtype=np.float32)
    check = CheckPasses(InterpretedAnn(single(0.0)), x)
    check(1, "fuse-linear", single(0.0), single(-2e-5))
    assert check.results[0].at_edge == 1
    with pytest.raises(InputError, match="layer p differs from interpreter by more than a level"):
        check(1, "fuse-linear", single(0.0), single(-0.02))


@pytest.mark.parametrize("layer", ["first", "second"])
def test_a_changed_weight_is_found_in_its_layer(layer: str) -> None:
    ann = examples.network()
    wrong = examples.perturbed(ann, f"{layer}.weight", 0.1)
    with pytest.raises(InputError, match=f"SN930.*after pass fuse-linear layer {layer} differs"):
        checked(ann, wrong, "fuse-linear")


def test_a_shift_of_all_values_is_found_though_each_is_one_level_off() -> None:
    ann = examples.network()
    wrong = examples.with_neuron(ann, ("first",), shift=0.0)
    with pytest.raises(InputError, match="layer first differs"):
        checked(ann, wrong, "fold-quantizers")


@pytest.mark.parametrize("mode", ["qffs", "qcfs"])
def test_a_relu_output_that_the_host_computes_passes(mode: str) -> None:
    plain = examples.network()
    ann = plain.with_populations(
        replace(p, neuron=m.Relu()) if p.name == "fc" else p for p in plain.populations
    )
    snn = examples.spiking(ann, mode=mode)
    assert snn.heads[0].readout == m.Membrane(("Relu",))
    assert checked(ann, snn).results[0].worst_difference < 1e-5
    with pytest.raises(InputError, match=r"SN930.*layer fc"):
        checked(ann, examples.perturbed(snn, "fc.bias", 5.0))


def test_a_lossless_network_passes_in_its_limit_and_in_its_counts() -> None:
    ann = examples.network()
    limit, counts = checked(ann, examples.spiking(ann)).results
    assert (limit.measure, limit.layers) == ("limit", 4)
    assert limit.worst_difference < 1e-5
    assert (counts.measure, counts.layers) == ("counts", 3)
    assert counts.worst_difference == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_spikes": 2}, "would come to rest wrongly"),
        ({"max_spikes": 4}, "would come to rest wrongly"),
        ({"min_spikes": -1, "max_spikes": 3}, "would come to rest wrongly"),
        ({"v_init": 0.0}, "would come to rest wrongly"),
        ({"threshold": 1.3}, "would come to rest wrongly"),
    ],
)
def test_a_wrong_neuron_is_found_in_its_limit(change: dict[str, object], words: str) -> None:
    ann = examples.network()
    wrong = examples.with_neuron(examples.spiking(ann), ("first",), **change)
    with pytest.raises(InputError, match=f"layer first {words}"):
        checked(ann, wrong)


def test_a_wrong_weight_is_found_in_its_limit() -> None:
    ann = examples.network()
    wrong = examples.perturbed(examples.spiking(ann), "second.weight", 0.1)
    with pytest.raises(InputError, match="layer second would come to rest wrongly"):
        checked(ann, wrong)


def test_neurons_that_cannot_take_spikes_back_are_found_in_simulation() -> None:
    ann = examples.with_neuron(examples.network(), ("second",), lowest=0)
    plain = {"negative_spikes": "none", "min_spikes": None}
    wrong = examples.with_neuron(examples.spiking(ann), ("second",), **plain)
    with pytest.raises(InputError, match=r"layer second has .* of its spike counts, at rest"):
        checked(ann, wrong)


def test_a_run_too_short_to_come_to_rest_is_judged_by_its_rates() -> None:
    ann = examples.network()
    measures = [c.measure for c in checked(ann, examples.spiking(ann, steps=2)).results]
    assert measures == ["limit", "rates"]


@pytest.mark.parametrize("steps", [2, 4, 32])
def test_rates_go_to_the_value_before_rounding(steps: int) -> None:
    ann = examples.network()
    limit, rates = checked(ann, examples.spiking(ann, mode="qcfs", steps=steps)).results
    assert (limit.measure, rates.measure) == ("limit", "rates")
    assert limit.worst_difference < 1e-5


@pytest.mark.parametrize("layer", ["first", "second", "fc"])
def test_a_wrong_weight_among_rates_is_found_at_two_steps(layer: str) -> None:
    ann = examples.network()
    rates = examples.spiking(ann, mode="qcfs", steps=2)
    wrong = examples.perturbed(rates, f"{layer}.weight", 0.05, index=5)
    with pytest.raises(InputError, match=f"layer {layer} would differ even after infinitely"):
        checked(ann, wrong)


def requantised(ann: m.Network, check: CheckPasses, specs: str) -> m.Network:
    x = examples.images(24, seed=1)
    statistics = {p.name: ActivationStatistics() for p in ann.populations}
    for name, values in evaluate(ann, {"image": x}).items():
        statistics[name].update(values)
    context = Context(statistics=statistics, calibration={"image": x}, steps_given=False)
    return run_pipeline(ann, build_pipeline(specs), context, [check])


SPECS = "max-pool,requantize{bits=4},calibrate-bias,map-quantized"


def test_a_requantised_network_is_the_reference_of_what_follows() -> None:
    ann = examples.continuous()
    check = check_of(ann)
    requantised(ann, check, SPECS)
    assert [c.measure for c in check.results] == [
        "values",
        "rounded",
        "rounded",
        "limit",
        "counts",
    ]
    assert 1e-3 < check.results[1].worst_difference < check.results[1].band
    assert check.results[3].worst_difference < 1e-5
    assert check.results[4].worst_difference == 0.0


def test_a_wrong_weight_behind_requantize_is_found_at_full_precision() -> None:
    ann = examples.continuous()
    check = check_of(ann)
    snn = requantised(ann, check, SPECS)
    wrong = examples.perturbed(snn, "first.weight", 0.05)
    with pytest.raises(InputError, match="layer first would come to rest wrongly"):
        check(5, "worse", snn, wrong)


def test_steps_far_from_the_activations_are_found_after_requantize() -> None:
    ann = examples.continuous()
    coarse = ann.with_populations(
        replace(p, neuron=m.Quantized(0.01, 3)) if isinstance(p.neuron, m.Relu) else p
        for p in ann.populations
    )
    with pytest.raises(InputError, match="layer first differs on average"):
        checked(ann, coarse, "requantize{bits=2}")


def test_the_branches_of_a_leaky_relu_count_with_their_coarseness() -> None:
    """They have names of their own, so nothing of the ANN stands beside them."""
    builder = nets.Builder(seed=2, shape=(12,))
    leaky = m.LeakyRelu(0.5)
    builder.add("leaky", (10,), leaky, ("image", (builder.dense("leaky", 10, 12),)))
    builder.add("fc", (3,), m.Identity(), ("leaky", (builder.dense("fc", 3, 10),)))
    ann = builder.network("fc")
    x = np.random.default_rng(0).normal(size=(24, 12)).astype(np.float32)
    check = CheckPasses(InterpretedAnn(ann), x)
    passes = build_pipeline("requantize{bits=1,method=max,per=layer}")
    run_pipeline(ann, passes, Context(calibration={"image": x}), (check,))
    found = check.results[-1]
    assert found.measure == "rounded"
    assert 0.25 < found.worst_difference < found.band


def test_an_input_that_the_host_rounds_at_exact_halves_passes() -> None:
    """It is rounded in the precision of the samples, as the ANN's quantiser of the input does."""
    plain = examples.network()
    coded = m.Population(
        "coded", examples.SHAPE, m.Quantized(0.1, 9), incoming=(m.Incoming("image"),)
    )
    first = replace(plain.population("first"), bias=None)
    reading = replace(first, incoming=(replace(first.incoming[0], source="coded"),))
    ann = plain.with_populations((coded, reading, *plain.populations[1:]))
    snn = examples.spiking(ann)
    assert isinstance(snn.inputs[0].coding, m.Rounded)
    x = (np.rint(20 * examples.images(60)) / 20).astype(np.float32)
    check = CheckPasses(InterpretedAnn(ann), x)
    check(2, "map-quantized", ann, snn)
    assert [found.measure for found in check.results] == ["limit", "counts"]
    assert check.results[-1].worst_difference == 0.0

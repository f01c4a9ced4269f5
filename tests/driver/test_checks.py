"""The check after every pass: silent on equal networks, precise on a changed one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nets
import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver.checks import CheckPasses
from snnc.driver.differences import quantisation_step
from snnc.driver.measures import ANN_BAND, LIMIT_BAND
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.passes import PASSES
from snnc.passes.base import Context


def network() -> m.Network:
    builder = nets.Builder(seed=6, shape=(2, 6, 6))
    first = builder.conv("first", 3, 2)
    builder.add("first", (3, 6, 6), m.Relu(), ("image", (first,)), bias=(3,))
    second = builder.conv("second", 3, 3)
    builder.add("second", (3, 6, 6), m.Relu(), ("first", (second,)))
    dense = builder.dense("fc", 4, 108)
    builder.add("fc", (4,), m.Identity(), ("second", (m.Flatten(), dense)))
    return builder.network("fc")


def check_of(ann: m.Network) -> CheckPasses:
    x = np.random.default_rng(0).random((20, 2, 6, 6), dtype=np.float32)
    return CheckPasses(InterpretedAnn(ann), x)


def perturbed(ann: m.Network, tensor: str, by: float) -> m.Network:
    changed = ann.array(m.Ref(tensor)).copy()
    changed.flat[0] += by
    return ann.with_arrays({tensor: changed})


def test_an_unchanged_network_passes_and_is_recorded() -> None:
    ann = network()
    check = check_of(ann)
    check(1, "fold-batch-norm", ann, ann)
    assert check.results[0].layers == 3
    assert check.results[0].worst_difference < 1e-6
    assert check.results[0].band == ANN_BAND


def test_a_changed_weight_is_found_in_its_layer_not_behind_it() -> None:
    ann = network()
    with pytest.raises(InputError, match=r"SN930.*layer second") as caught:
        check_of(ann)(2, "fuse-linear", ann, perturbed(ann, "second.weight", 0.05))
    diagnostic = caught.value.diagnostics[0]
    assert "/second/Node" in diagnostic.where
    assert "after pass fuse-linear" in diagnostic.where


def test_a_change_below_the_band_is_accepted() -> None:
    ann = network()
    check_of(ann)(1, "p", ann, perturbed(ann, "first.weight", 1e-6))


def test_units_are_taken_into_account() -> None:
    ann = network()
    doubled = tuple(replace(p, scale=2.0) if p.name == "first" else p for p in ann.populations)
    with pytest.raises(InputError, match="layer first"):
        check_of(ann)(1, "normalize", ann, replace(ann, populations=doubled))


def spiking(ann: m.Network, steps: int) -> m.Network:
    from snnc.data.statistics import ActivationStatistics
    from snnc.ir.interpret import evaluate

    x = np.random.default_rng(0).random((20, 2, 6, 6), dtype=np.float32)
    statistics = {name: ActivationStatistics() for name in ("first", "second", "fc")}
    for name, values in evaluate(ann, {"image": x}).items():
        statistics[name].update(values)
    context = Context(statistics=statistics, calibration={"image": x}, steps=steps)
    after = PASSES["normalize"](method="max").run(ann, context)  # type: ignore[call-arg]
    return PASSES["to-spiking"]().run(after, context)


def test_a_spiking_network_passes_in_its_limit_and_in_simulation() -> None:
    ann = network()
    check = check_of(ann)
    check(3, "to-spiking", ann, spiking(ann, 32))
    limit, simulated = check.results
    assert (limit.measure, simulated.measure) == ("limit", "rates")
    assert limit.worst_difference < 1e-5 < limit.band == LIMIT_BAND
    assert 1e-3 < simulated.worst_difference < simulated.band


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_few_steps_are_no_fault(steps: int) -> None:
    ann = network()
    check_of(ann)(3, "to-spiking", ann, spiking(ann, steps))


@pytest.mark.parametrize("steps", [1, 32])
@pytest.mark.parametrize("layer", ["first", "second", "fc"])
def test_a_wrong_weight_of_a_spiking_network_is_found_at_any_number_of_steps(
    steps: int, layer: str
) -> None:
    ann = network()
    snn = spiking(ann, steps)
    weight = next(name for name in snn.tensors if name.startswith(f"{layer}.weight"))
    wrong = perturbed(snn, weight, 0.05)
    with pytest.raises(InputError, match=f"SN930.*layer {layer} would differ"):
        check_of(ann)(4, "worse", snn, wrong)


def with_neuron(snn: m.Network, layer: str, **changes: Any) -> m.Network:
    return snn.with_populations(
        replace(p, neuron=replace(p.neuron, **changes)) if p.name == layer else p
        for p in snn.populations
    )


def test_a_wrong_threshold_is_found() -> None:
    ann = network()
    snn = spiking(ann, 4)
    with pytest.raises(InputError, match="layer second would differ"):
        check_of(ann)(4, "worse", snn, with_neuron(snn, "second", threshold=1.1))


def test_what_only_time_shows_is_found_in_simulation() -> None:
    ann = network()
    snn = spiking(ann, 32)
    with pytest.raises(InputError, match=r"layer first differs on average.*in simulation"):
        check_of(ann)(4, "worse", snn, with_neuron(snn, "first", v_init=40.0))


def test_hard_reset_is_judged_in_simulation_only() -> None:
    ann = network()
    snn = spiking(ann, 64)
    check = check_of(ann)
    hard = with_neuron(with_neuron(snn, "first", reset="zero"), "second", reset="zero")
    check(4, "to-spiking", ann, hard)
    assert [result.layers for result in check.results] == [1, 3]


def test_a_bias_that_calibration_moved_is_no_fault_but_a_wrong_one_is() -> None:
    ann = network()
    snn = spiking(ann, 32)
    bias = snn.population("first").bias
    assert isinstance(bias, m.Ref)
    moved = perturbed(snn, bias.name, 0.05)
    with pytest.raises(InputError, match="layer first would differ"):
        check_of(ann)(4, "worse", snn, moved)
    calibrated = replace(moved, passes=(*moved.passes, "calibrate-bias"))
    check_of(ann)(4, "calibrate-bias", snn, calibrated)
    far = perturbed(calibrated, bias.name, 5.0)
    with pytest.raises(InputError, match="layer first differs on average"):
        check_of(ann)(4, "calibrate-bias", snn, far)


def test_a_sparse_layer_has_a_wider_band_and_more_steps_a_narrower_one() -> None:
    unit = np.asarray(1.0)
    dense, sparse = np.full((2, 4), 0.5), np.eye(2, 4) * 0.1
    assert quantisation_step(unit, dense, 8) == pytest.approx(0.25)
    assert quantisation_step(unit, sparse, 8) > 10 * quantisation_step(unit, dense, 8)
    assert quantisation_step(unit, dense, 16) == pytest.approx(0.125)


def test_an_input_of_events_is_checked_with_a_rate_code() -> None:
    ann = network()
    snn = spiking(ann, 32)
    events = replace(snn, inputs=tuple(replace(i, coding=m.Events()) for i in snn.inputs))
    check = check_of(ann)
    check(3, "to-spiking", ann, events)
    assert check.results[1].layers == 3

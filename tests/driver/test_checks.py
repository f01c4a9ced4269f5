"""The check after every pass: silent on equal networks, precise on a changed one."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.driver.checks import ANN_BAND, CheckPasses, band_of
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


def test_a_spiking_network_passes_within_its_wider_band_and_fails_beyond() -> None:
    ann = network()
    snn = spiking(ann, 32)
    check = check_of(ann)
    check(3, "to-spiking", ann, snn)
    assert check.results[0].stage == "snn"
    assert check.results[0].band == band_of(snn) > ANN_BAND
    thresholds = tuple(
        replace(p, neuron=replace(p.neuron, threshold=2.0)) if p.name == "second" else p
        for p in snn.populations
    )
    with pytest.raises(InputError, match="layer second differs on average"):
        check_of(ann)(4, "worse", snn, replace(snn, populations=thresholds))


def test_the_band_narrows_with_the_number_of_steps() -> None:
    ann = network()
    assert band_of(spiking(ann, 128)) < band_of(spiking(ann, 8))

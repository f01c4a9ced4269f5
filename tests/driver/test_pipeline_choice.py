"""Which pipeline a network gets by default, what the report says of it, and what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import quantised_examples as examples

import snnc
from snnc.backends import TARGETS
from snnc.backends.reference.target import ReferenceTarget
from snnc.diagnostics import InputError, UsageError
from snnc.driver.compiled import Compiled
from snnc.driver.optimising import optimise
from snnc.driver.pipeline import candidate_pipelines
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m
from snnc.ir.storage import save
from snnc.passes import CANDIDATE_PIPELINES

LIMITS = ReferenceTarget().limits


def stored(network: m.Network, folder: Path, name: str = "net") -> Path:
    place = folder / f"{name}.snn"
    save(network, place)
    return place


@pytest.fixture
def quantised(tmp_path: Path) -> Path:
    return stored(examples.network(), tmp_path, "quantised")


@pytest.fixture
def floating(tmp_path: Path) -> Path:
    return stored(examples.continuous(), tmp_path, "floating")


def mapping(compiled: Compiled) -> str:
    return next(spec for spec in compiled.network.passes if spec.startswith("map-quantized"))


def test_a_quantised_network_becomes_lossless_without_calibration(quantised: Path) -> None:
    compiled = snnc.compile(quantised)
    assert isinstance(compiled.network.schedule, m.Gated)
    choice = compiled.report["choice"]
    assert "mode=qffs" in choice["spec"]
    assert "lossless mapping" in choice["reason"]
    assert compiled.report["window"] == compiled.network.schedule.window == 3
    assert compiled.report["steps"] == compiled.steps == compiled.network.schedule.steps
    assert compiled.steps > 3 + 4


def test_steps_bound_the_schedule_where_they_are_given(quantised: Path) -> None:
    compiled = snnc.compile(quantised, steps=9)
    assert compiled.network.schedule == m.Gated(9, 3)


@pytest.mark.parametrize("lacking", ["signed_spikes", "spike_cap", "gated_input"])
def test_a_target_that_lacks_something_gets_rates(
    quantised: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    weak = ReferenceTarget(name="weak", limits=replace(LIMITS, **{lacking: False}))
    monkeypatch.setitem(TARGETS, "weak", weak)
    compiled = snnc.compile(quantised, target="weak")
    assert "mode=qcfs" in mapping(compiled)
    assert compiled.network.schedule == m.Synchronous(32)
    assert "does not have" in compiled.report["choice"]["reason"]
    assert compiled.report["window"] is None


def test_a_network_of_relus_gets_the_pipeline_it_always_had(floating: Path) -> None:
    compiled = snnc.compile(floating, calibration=examples.images(50))
    assert compiled.network.schedule == m.Synchronous(32)
    assert compiled.network.passes[-1] == "calibrate-potential"
    assert "no activation" in compiled.report["choice"]["reason"]


def test_a_pipeline_that_was_given_is_no_choice(quantised: Path) -> None:
    compiled = snnc.compile(quantised, passes="max-pool,map-quantized{mode=qcfs}", steps=7)
    assert compiled.report["choice"] is None
    assert compiled.network.schedule == m.Synchronous(7)


def test_choice_and_window_stand_in_report_and_manifest(quantised: Path, tmp_path: Path) -> None:
    place = snnc.compile(quantised).save(tmp_path / "out")
    for name in ("report.json", "manifest.json"):
        content = json.loads((place / name).read_text())
        assert "mode=qffs" in content["choice"]["spec"], name
        assert content["window"] == 3, name


def test_a_quantised_network_needs_no_second_network_for_its_integers(
    quantised: Path, tmp_path: Path
) -> None:
    compiled = snnc.compile(quantised)
    assert compiled.quantised is None
    place = compiled.save(tmp_path / "out")
    assert not (place / "quantised.snn").exists()
    found = snnc.load(place).evaluate(examples.images(30), exact=True)
    assert found.exactness is not None
    assert (found.exactness.unequal, found.exactness.samples) == (0, 30)
    assert found.exactness.precision == "float64"


def test_a_requantised_network_keeps_the_network_it_settles_to(
    floating: Path, tmp_path: Path
) -> None:
    passes = "max-pool,requantize{bits=3},map-quantized"
    compiled = snnc.compile(floating, calibration=examples.images(60), passes=passes)
    assert compiled.quantised is not None
    place = compiled.save(tmp_path / "out")
    loaded = snnc.load(place)
    assert loaded.quantised == compiled.quantised
    found = loaded.evaluate(examples.images(300, seed=2), exact=True)
    assert found.exactness is not None
    assert found.exactness.equal
    assert found.exactness.samples == found.layer_samples == 300
    assert (found.layers[0].relative_error or 0) > 1e-3  # that one is against the float network


def test_the_check_of_integers_notices_a_changed_network(quantised: Path) -> None:
    compiled = snnc.compile(quantised)
    wrong = replace(compiled, network=examples.perturbed(compiled.network, "first.weight", 0.2))
    found = wrong.evaluate(examples.images(30), exact=True).exactness
    assert found is not None
    assert not found.equal


def test_exactness_is_refused_where_it_means_nothing(quantised: Path, tmp_path: Path) -> None:
    x = examples.images(5)
    rates = snnc.compile(quantised, passes="max-pool,map-quantized{mode=qcfs}")
    with pytest.raises(InputError, match=r"SN944.*does not come to rest"):
        rates.evaluate(x, exact=True)
    compiled = snnc.compile(quantised)
    lone = snnc.load(stored(compiled.network, tmp_path))
    with pytest.raises(InputError, match=r"SN944.*no network of stage ann"):
        lone.evaluate(x, exact=True)
    other = replace(compiled, ann=examples.continuous())
    with pytest.raises(InputError, match=r"SN944.*has no spikes that count"):
        other.evaluate(x, exact=True)
    with pytest.raises(UsageError, match=r"SN936.*float64"):
        compiled.evaluate(x, exact=True, dtype="float32")


def test_a_run_in_float64_differs_from_float32_in_rounding_only(quantised: Path) -> None:
    compiled = snnc.compile(quantised)
    x = examples.images(6)
    single = compiled.run(x)
    double = compiled.run(x.astype(np.float64), dtype="float64")
    np.testing.assert_array_equal(single.spike_counts["first"], double.spike_counts["first"])
    np.testing.assert_allclose(single.logits(), double.logits(), rtol=1e-4, atol=1e-5)


def test_opt_chooses_as_compile_does_and_says_so(quantised: Path) -> None:
    network, notes = optimise(quantised)
    assert isinstance(network.schedule, m.Gated)
    assert any("map-quantized{mode=qffs}: " in note for note in notes)
    assert network.passes == snnc.compile(quantised).network.passes


def test_opt_has_no_default_for_a_network_that_spikes_already(tmp_path: Path) -> None:
    place = stored(examples.spiking(examples.network()), tmp_path)
    with pytest.raises(UsageError, match=r"SN936.*no default pipeline"):
        optimise(place)


def test_auto_tries_what_fits_network_and_target() -> None:
    ann = examples.network()
    weak = replace(LIMITS, signed_spikes=False)
    assert candidate_pipelines(examples.continuous(), LIMITS) == CANDIDATE_PIPELINES
    assert set(candidate_pipelines(ann, LIMITS)) == {"qffs", "qcfs, potential", "qcfs"}
    assert set(candidate_pipelines(ann, weak)) == {"qcfs, potential", "qcfs"}
    fine = candidate_pipelines(examples.network(levels=255), LIMITS)
    assert "requantize{bits=4,layers=all}" in fine["4 bits"]
    mixed = ann.with_populations(
        replace(p, neuron=m.Relu()) if p.name == "first" else p for p in ann.populations
    )
    found = candidate_pipelines(mixed, LIMITS)
    assert set(found) == {"qffs", "qcfs"}
    assert all("requantize" in spec for spec in found.values())
    assert "mode=qcfs" in found["qcfs"]
    assert set(candidate_pipelines(mixed, weak)) == {"qcfs"}


def test_auto_finds_the_fewest_steps_of_a_network_that_comes_to_rest(quantised: Path) -> None:
    x = examples.images(400, seed=3)
    labels = InterpretedAnn(examples.network()).logits(x, "fc").argmax(axis=1)
    compiled = snnc.compile(quantised, calibration=(x, labels), auto=True, max_drop=0.0)
    search = compiled.report["auto"]
    assert search["chosen"]["accuracy"] == 1.0
    lossless = next(t for t in search["trials"] if t["name"] == "qffs")
    assert lossless["within"]
    held_out = (x[1::2], labels[1::2])
    curve = snnc.compile(quantised, steps=40).evaluate(held_out).accuracy_by_step
    steps = lossless["steps"]
    assert all(accuracy == 1.0 for accuracy in curve[steps - 1 :])
    assert steps == 1 or curve[steps - 2] < 1.0

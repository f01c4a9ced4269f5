"""Exit policies in a compilation: fitted or given, and executed as reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import exit_networks
import numpy as np
import pytest
import quantised_examples
from exit_networks import STEPS, Data, compiled
from program_tools import edit_manifest

import snnc
from snnc.diagnostics import InputError
from snnc.driver.exits import PERIOD, SAME_DATA, choosing, halves, labels_of
from snnc.driver.product import program_files
from snnc.driver.samples import ArraySamples, Subset
from snnc.exits.recorded import Recorded
from snnc.ir import model as m
from snnc.ir.storage import save
from snnc.options import parse_specs
from snnc.program import load_program, read_golden

POLICIES = ["confidence", "margin", "entropy", "patience", "fixed", "bayes"]


@pytest.mark.parametrize("policy", [*POLICIES, "confidence{order=depth}", "margin{heads=[last]}"])
def test_the_report_says_what_the_simulator_does(net: Path, data: Data, policy: str) -> None:
    """Mean steps, accuracy and heads of the samples that chose the threshold, to the last one."""
    result = compiled(net, data, policy, max_drop=2.0)
    held = slice(PERIOD - 1, None, PERIOD)
    x, labels = data[0][held], data[1][held]
    found = result.run(x).exits
    full = result.run(x, exits=False)
    said = result.report["exit"]["choosing"]
    names = [head.name for head in result.network.heads]
    assert said["samples"] == len(x)
    assert said["mean_steps"] == pytest.approx(found.step.mean(), abs=1e-12)
    assert said["accuracy"] == (found.answer == labels).mean()
    assert said["heads"] == {n: (found.head == i).mean() for i, n in enumerate(names)}
    if policy != "bayes":  # its full length is the fused answer after the last step
        assert said["accuracy_full"] == (full.predictions()[-1] == labels).mean()
    assert said["accuracy"] >= said["accuracy_full"] - 0.02


def test_another_threshold_would_not_do_what_the_report_says(net: Path, data: Data) -> None:
    result = compiled(net, data, "margin{heads=[last]}", max_drop=2.0)
    policy = replace(result.network.exit, thresholds=(1.5 * result.network.exit.thresholds[0],))
    other = replace(result, network=replace(result.network, exit=policy))
    x = data[0][PERIOD - 1 :: PERIOD]
    assert other.run(x).exits.step.mean() > result.report["exit"]["choosing"]["mean_steps"]


def test_a_fit_stands_in_the_network_and_says_how_it_was_asked_for(net: Path, data: Data) -> None:
    result = compiled(net, data, "patience{heads=[last]}", max_drop=1.5)
    assert isinstance(result.network.exit, m.Patience)
    assert parse_specs(result.network.passes[-1]) == [
        ("fit-exit", {"policy": "patience{heads=[last]}", "max_drop": 1.5})
    ]
    record = result.report["exit"]
    assert record["fitted"]
    assert record["text"].startswith('patience(heads=["last"]')
    assert (record["policy"], record["max_drop"]) == ("patience", 1.5)
    assert record["data"] == {"data": "", "samples": 240}
    assert json.loads(json.dumps(result.report, allow_nan=False)) == result.report


def test_nothing_may_be_lost_by_default(net: Path, data: Data) -> None:
    assert compiled(net, data, "fixed").report["exit"]["max_drop"] == 0.0


def test_a_policy_that_is_given_in_full_needs_no_labels(net: Path, data: Data) -> None:
    result = compiled(net, data[0], "confidence{threshold=0.6,heads=[fc2.head,last]}")
    assert result.network.exit == m.Confidence(
        heads=("fc2.head", "last"),
        alpha=float(STEPS),
        temperatures=(1.0, 1.0),
        thresholds=(0.6, 0.6),
    )
    assert result.network.passes[-1].startswith("set-exit{")
    assert result.report["exit"] == {
        "fitted": False,
        "policy": "confidence",
        "text": 'confidence(heads=["fc2.head", "last"], first_step=1, last_step=none, order=time, '
        "budgets=[], alpha=16.0, temperatures=[1.0, 1.0], thresholds=[0.6, 0.6])",
    }
    with_labels = compiled(net, data, "confidence{threshold=0.6,heads=[fc2.head,last]}")
    assert with_labels.network == result.network


def test_no_exit_leaves_everything_as_it_was(net: Path, data: Data) -> None:
    result = snnc.compile(net, calibration=data, steps=4)
    assert result.network.exit is None
    assert result.report["exit"] is None
    assert result.run(data[0][:3]).exits is None


def test_fitting_on_the_calibration_data_is_noted(net: Path, data: Data) -> None:
    alone = compiled(net, data, "fixed")
    assert SAME_DATA in alone.report["notes"]
    other = exit_networks.labelled(exit_networks.network(), samples=100, seed=1)
    apart = compiled(net, data[0], "fixed", exit_data=other)
    assert SAME_DATA not in apart.report["notes"]
    assert apart.report["exit"]["data"]["samples"] == 100
    assert apart.report["calibration"]["samples"] == 240


def test_bayes_makes_heads_spike_where_they_read_membranes(net: Path, data: Data) -> None:
    result = compiled(net, data, "bayes")
    assert {type(head.readout) for head in result.network.heads} == {m.SpikeCount}
    names = [spec.partition("{")[0] for spec in result.network.passes]
    assert names[-2:] == ["spike-heads", "fit-exit"]
    own = "normalize,to-spiking,spike-heads{percentile=99.0}"
    again = compiled(net, data, "bayes", passes=own, max_drop=10.0)
    assert again.network.passes[-2] == "spike-heads{percentile=99.0}"
    assert sum("spike-heads" in spec for spec in again.network.passes) == 1


def test_bayes_takes_a_pipeline_whose_input_does_not_end(tmp_path: Path) -> None:
    ann = quantised_examples.network()
    save(ann, tmp_path / "quantised.snn")
    x = np.random.default_rng(0).random((160, *quantised_examples.SHAPE), dtype=np.float32)
    labels = np.arange(160) % quantised_examples.CLASSES
    options: dict[str, Any] = {"classifiers": "first", "max_drop": 20.0}
    result = compiled(tmp_path / "quantised.snn", (x, labels), "bayes", **options)
    assert isinstance(result.network.schedule, m.Synchronous)
    assert any(spec.startswith("map-quantized{mode=qcfs") for spec in result.network.passes)
    assert "--exit bayes needs input in every time step" in result.report["choice"]["reason"]
    other = compiled(tmp_path / "quantised.snn", (x, labels), "fixed", steps=None)
    assert isinstance(other.network.schedule, m.Gated)


def test_a_search_for_steps_comes_before_the_fit(net: Path, data: Data) -> None:
    result = compiled(net, data, "margin", steps=None, auto=True, max_drop=8.0, max_steps=16)
    assert result.report["auto"]["max_drop"] == 8.0
    assert result.report["exit"]["max_drop"] == 8.0
    assert result.network.schedule.steps == result.report["auto"]["chosen"]["steps"]
    assert result.network.exit is not None


def test_golden_data_is_made_with_exits_and_loads_again(
    net: Path, data: Data, tmp_path: Path
) -> None:
    result = compiled(net, data, "margin")
    place = result.save(tmp_path / "out")
    loaded = snnc.load(place)
    assert loaded.network == result.network
    golden = read_golden(load_program(place))
    trace = loaded.run(dict(golden.inputs))
    assert sorted(golden.exits) == ["answer", "head", "step"]
    for name, values in golden.exits.items():
        np.testing.assert_array_equal(values, getattr(trace.exits, name))
    for name, counts in golden.spike_counts.items():
        np.testing.assert_array_equal(counts, trace.spike_counts[name])
    full = loaded.run(dict(golden.inputs), exits=False)
    assert any((full.spike_counts[n] != c).any() for n, c in golden.spike_counts.items())
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["exit"]["policy"] == "margin"
    assert manifest["exit"]["text"] == result.report["exit"]["text"]


def test_programs_from_before_there_were_exits_load(net: Path, data: Data, tmp_path: Path) -> None:
    place = snnc.compile(net, calibration=data, steps=4).save(tmp_path / "out")
    edit_manifest(place, lambda manifest: manifest.pop("exit"))
    assert snnc.load(place).network.exit is None
    assert read_golden(load_program(place)).exits == {}


@pytest.mark.parametrize("policy", ["confidence", "bayes"])
def test_the_same_data_gives_the_same_files(net: Path, data: Data, policy: str) -> None:
    first, second = (program_files(compiled(net, data, policy)) for _ in range(2))
    assert first == second


def test_check_passes_knows_what_spiking_heads_can_say(
    net: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spikes without a sign say nothing of negative logits; a wrong scale is found nevertheless."""
    from snnc.passes.spike_heads import SpikeHeads

    result = compiled(net, data, "bayes", steps=32, check_passes=True, max_drop=5.0)
    checked = {(c["spec"], c["measure"]) for c in result.report["checks"]}
    assert {("spike-heads", "limit"), ("spike-heads", "rates")} <= checked
    right = SpikeHeads.run

    def wrong(self: SpikeHeads, network: m.Network, context: Any) -> m.Network:
        made = right(self, network, context)
        return made.with_populations(
            replace(p, scale=1.1 * p.scale) if p.name == "last" else p for p in made.populations
        )

    monkeypatch.setattr(SpikeHeads, "run", wrong)
    with pytest.raises(InputError, match=r"SN930.*spike-heads layer last"):
        compiled(net, data, "bayes", steps=32, check_passes=True, max_drop=5.0)


def test_checks_after_an_exit_run_the_full_length(net: Path, data: Data) -> None:
    result = compiled(net, data, "fixed{step=1}", check_passes=True)
    assert result.report["checks"][-1]["spec"].startswith("set-exit")


@pytest.mark.parametrize("part", [True, False])
def test_labels_are_found_without_an_attribute(part: bool, data: Data) -> None:
    samples = ArraySamples(*data)
    wanted = data[1][1::2] if part else data[1][0::2]
    found = labels_of(Subset(samples, held_out=part))
    assert found is not None
    np.testing.assert_array_equal(found, wanted)
    assert labels_of(Subset(ArraySamples(data[0]), held_out=part)) is None


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("ordered", [False, True])
def test_both_parts_have_every_class(classes: int, ordered: bool) -> None:
    """Also where labels go round, so that even samples are of other classes than odd ones."""
    labels = np.arange(10 * classes) % classes
    held = choosing(np.sort(labels) if ordered else labels)
    for part in (held, ~held):
        assert len(np.unique((np.sort(labels) if ordered else labels)[part])) == classes
    assert held.sum() == (~held).sum()


def test_every_second_sample_chooses_where_that_is_fair() -> None:
    labels = np.random.default_rng(0).integers(0, 3, 60)
    np.testing.assert_array_equal(np.flatnonzero(choosing(labels)), np.arange(1, 60, 2))
    rare = labels.copy()
    rare[7] = 3  # alone in its class
    held = choosing(rare)
    assert abs(held.sum() - 30) <= 2
    assert all(len(np.unique(rare[part])) >= 3 for part in (held, ~held))


def test_recordings_are_split_like_their_labels() -> None:
    labels = np.arange(40) % 4
    outputs = {"last": np.arange(40.0)[None, :, None]}
    for known, held in ((labels, choosing(labels)), (None, np.arange(40) % PERIOD == PERIOD - 1)):
        parts = halves(Recorded(outputs, known))
        for part, mask in zip(parts, (~held, held), strict=True):
            np.testing.assert_array_equal(part.outputs["last"][0, :, 0], np.flatnonzero(mask))
            if known is not None:
                assert part.labels is not None
                assert len(np.unique(part.labels)) == 4

"""Networks whose input is coded as events, through the command line and from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.cli import main
from snnc.data.events import encode_events
from snnc.program import load_program, read_golden

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
IMAGES = EXAMPLES / "images.npz"
PASSES = (
    "fold-batch-norm,fuse-linear,max-pool,normalize{method=mmse},to-spiking{coding=events},"
    "calibrate-potential"
)
STEPS = 16


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("events") / "out"
    options = ("--calibration", f"{IMAGES}:train[:100]", "--divide", 255, "--steps", STEPS)
    command = ("compile", EXAMPLES / "model.onnx", "-o", place, *options, "--passes", PASSES, "-q")
    assert main([str(a) for a in (*command, "--check-passes")]) == 0
    return place


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("events") / "events.npz"
    with np.load(IMAGES) as archive:
        x, y = archive["x_test"][:60].astype(np.float64) / 255, archive["y_test"][:60]
    coded = encode_events(x.reshape(60, 1, 28, 28), STEPS).astype(np.int8)
    np.savez_compressed(place, events_test=coded, y_test=y)
    return place


def test_a_program_for_events_carries_golden_events(compiled: Path) -> None:
    golden = read_golden(load_program(compiled))
    given = golden.inputs["input"]
    assert given.shape == (STEPS, 4, 1, 28, 28)
    np.testing.assert_array_equal(given, np.rint(given))
    trace = snnc.load(compiled).run(given)
    for name, counts in golden.spike_counts.items():
        np.testing.assert_array_equal(trace.spike_counts[name], counts)


def test_run_classifies_events(cli: Any, compiled: Path, events: Path) -> None:
    outcome = cli("run", compiled, "--inputs", f"{events}:test", "--batch", 25, "--json")
    assert outcome.code == 0
    assert outcome.json["samples"] == 60
    assert outcome.json["steps"] == STEPS
    assert outcome.json["accuracy"] > 0.9


def test_eval_compares_with_the_ann_on_the_mean_of_the_events(
    cli: Any, compiled: Path, events: Path
) -> None:
    outcome = cli("eval", compiled, "--data", f"{events}:test[:50]", "--json", "--batch", 20)
    assert outcome.code == 0
    found = outcome.json
    assert found["samples"] == 50
    assert min(found["ann_accuracy"], found["snn_accuracy"], found["agreement"]) > 0.9
    assert all(layer["correlation"] > 0.9 for layer in found["layers"])
    assert "events are taken as they are; preprocessing is for samples only" in found["notes"]
    assert "the ANN is given the mean of the events over the time steps" in found["notes"]


def test_fewer_steps_take_the_first_events_and_more_are_refused(
    cli: Any, compiled: Path, events: Path
) -> None:
    outcome = cli("eval", compiled, "--data", f"{events}:test", "--steps", 5, "--json")
    assert outcome.json["steps"] == len(outcome.json["accuracy_by_step"]) == 5
    outcome = cli("run", compiled, "--inputs", f"{events}:test", "--steps", STEPS + 1)
    assert outcome.code == 2
    assert "error[SN942]: 17 time steps were asked for, but the events have 16" in outcome.err


def test_events_of_another_length_run_with_a_note(
    cli: Any, compiled: Path, events: Path, tmp_path: Path
) -> None:
    with np.load(events) as archive:
        np.save(tmp_path / "short.npy", archive["events_test"][:10])
    outcome = cli("run", compiled, "--inputs", "short.npy")
    assert outcome.code == 0
    assert "60 samples, 10 time steps" in outcome.out
    assert "the events have 10 time steps; the network was compiled for 16" in outcome.err


def test_images_are_no_events(cli: Any, compiled: Path) -> None:
    outcome = cli("run", compiled, "--inputs", f"{IMAGES}:test[:5]")
    assert outcome.code == 1
    assert "error[SN805]: there is no array events_test" in outcome.err


def test_labels_of_events_are_checked(cli: Any, compiled: Path, events: Path) -> None:
    with np.load(events) as archive:
        np.savez("wrong.npz", events=archive["events_test"], y=archive["y_test"] + 5)
    outcome = cli("eval", compiled, "--data", "wrong.npz")
    assert outcome.code == 1
    assert "error[SN926]" in outcome.err

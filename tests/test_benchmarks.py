"""The benchmark scripts run and print what their READMEs say, on small parts of the data."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from benchmark_runs import ROOT, rows, run
from lava_tools import needs_lava

from snnc.data.preprocessing import Preprocessing
from snnc.driver.samples import open_samples
from snnc.evaluation.evaluate import evaluate_network
from snnc.evaluation.reference import InterpretedAnn
from snnc.frontend.importer import import_model
from snnc.ir import model as m
from snnc.options import build_all
from snnc.passes import PASSES
from snnc.passes.base import Context
from snnc.passes.manager import run_pipeline


def test_accuracy_prints_a_row_per_model_and_number_of_steps(shared):
    done = run("accuracy.py", "--images", "100", "--models", "mnist_mlp", data=shared)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^\| mnist_mlp \| 8 \| (9\d|100)\.\d\d \| (9\d|100)\.\d\d \|", done.stdout, re.MULTILINE
    )


def test_fixed_point_compares_whole_numbers_with_fractions(shared):
    done = run("fixed_point.py", "--images", "60", "--models", "mnist_mlp", data=shared)
    assert done.returncode == 0, done.stderr
    (row,) = rows(done.stdout, "mnist_mlp")
    assert float(row["fractions %"]) > 90
    assert abs(float(row["lost"])) <= 5
    assert float(row["agreement %"]) >= 95


def test_normalization_prints_a_row_per_variant(shared):
    done = run("normalization.py", "mnist_mlp", "--images", "20", "--steps", "2", data=shared)
    assert done.returncode == 0, done.stderr
    assert "MMSE, potential (default)" in done.stdout
    assert "hard reset" in done.stdout


def test_foreign_table_tells_imported_from_refused(shared):
    folder = shared / "models" / "foreign" / "torch27_dynamo_mnist_external"
    done = run("foreign_table.py", str(folder), data=shared)
    assert done.returncode == 0, done.stderr
    assert "1 files: 1 imported" in done.stdout


def test_quantised_prints_both_modes_at_each_step_from_one_simulation(shared):
    arguments = ["--models", "mnist_cnn_qcfs_L4", "--images", "40", "--steps", "1", "8"]
    done = run("quantised.py", *arguments, data=shared)
    assert done.returncode == 0, done.stderr
    found = [row for row in rows(done.stdout, "mnist_cnn_qcfs_L4") if "T" in row]
    assert [(row["mode"], row["T"]) for row in found] == [
        ("qffs", "1"),
        ("qffs", "8"),
        ("qcfs", "1"),
        ("qcfs", "8"),
    ]
    settled = found[1]
    assert settled["agreement %"] == "100.00"
    assert found[0]["at rest %"] == "0.00"
    assert found[2]["at rest %"] == ""
    spikes = [float(row["spikes/image"].replace(",", "")) for row in found]
    assert 0 < spikes[0] < spikes[1]
    assert 0 < spikes[2] < spikes[3]


def test_quantised_says_after_how_many_steps_images_are_at_rest(shared):
    arguments = [
        "--models",
        "mnist_cnn_lsq2_float",
        "--images",
        "20",
        "--modes",
        "qffs",
        "--steps",
        "32",
    ]
    done = run("quantised.py", *arguments, data=shared)
    assert done.returncode == 0, done.stderr
    row = rows(done.stdout, "mnist_cnn_lsq2_float")[-1]
    assert row["not at rest"] == "0"
    assert 3 <= float(row["median step of rest"]) <= int(row["largest"]) <= 12


def test_lossless_finds_no_count_that_differs(shared):
    done = run("lossless.py", "--models", "mnist_cnn_lsq2_qcdq", "--images", "20", data=shared)
    assert done.returncode == 0, done.stdout + done.stderr
    mapping, program = rows(done.stdout, "mnist_cnn_lsq2_qcdq")
    assert (mapping["compared with"], mapping["in"]) == ("interpreter", "float64")
    assert (program["compared with"], program["in"]) == ("onnxruntime", "float32")
    for row in (mapping, program):
        assert int(row["counts"].replace(",", "")) > 100_000
        assert row["not at rest"] == row["unexplained"] == row["other answers"] == "0"
    assert mapping["unequal"] == "0"
    assert float(mapping["logits differ by"]) < 1e-14


@pytest.fixture
def lossless(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("lossless")


def verdict(lossless: ModuleType, change) -> bool:
    """What lossless.py says of the bundled network whose spiking form was changed."""
    folder = ROOT / "examples" / "mnist"
    ann = lossless.in_double(import_model(folder / "quantised.onnx", gate=False).network)
    passes = build_all(lossless.pipeline("qffs"), PASSES)
    spiking = change(run_pipeline(ann, passes, Context(steps=64)))
    found = evaluate_network(
        spiking,
        open_samples(
            f"{folder / 'images.npz'}:test[:20]", (1, 28, 28), Preprocessing(divide=255.0)
        ),
        ann=InterpretedAnn(ann),
        dtype="float64",
        layer_samples=20,
    ).as_dict()
    return lossless.holds(found, exact=True, furthest=lossless.FURTHEST)


def with_neurons(network: m.Network, **changes: object) -> m.Network:
    populations = (
        replace(p, neuron=replace(p.neuron, **changes)) if isinstance(p.neuron, m.IF) else p
        for p in network.populations
    )
    return network.with_populations(populations)


def with_weight_of_second_layer(network: m.Network, factor: float) -> m.Network:
    name = next(n for n in network.tensors if n.startswith("conv_2.0") and n.endswith("weight"))
    weight = network.array(m.Ref(name)).copy()
    weight.flat[np.abs(weight).argmax()] *= factor
    return network.with_arrays({name: weight})


def test_the_check_for_losses_holds_on_the_bundled_network(lossless):
    assert verdict(lossless, lambda network: network)


@pytest.mark.parametrize(
    "change",
    [
        lambda network: with_weight_of_second_layer(network, 1.05),
        lambda network: with_neurons(network, negative_spikes="none", min_spikes=None),
        lambda network: with_neurons(network, max_spikes=None),
        lambda network: replace(network, schedule=m.Gated(4, 3)),
    ],
    ids=["weight", "no negative spikes", "no cap", "too few steps"],
)
def test_the_check_for_losses_fails_where_the_network_is_changed(lossless, change):
    assert not verdict(lossless, change)


def test_requantize_prints_a_row_per_correction_and_mode(shared):
    done = run("requantize.py", "--images", "50", "--bits", "3", data=shared)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout, "3")
    assert [(row["correction"], row["mode"]) for row in found] == [
        ("none", "qffs"),
        ("none", "qcfs"),
        ("bias", "qffs"),
        ("bias", "qcfs"),
    ]
    assert all(float(row["T=16"]) > 80 for row in found)
    assert float(found[0]["at rest"]) > 90


@needs_lava
def test_lava_equality_compares_every_spike(shared):
    done = run("lava_equality.py", "mnist_cnn_qcfs_L4", "--images", "2", "--fast", data=shared)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = rows(done.stdout, "mnist_cnn_qcfs_L4")
    assert (row["images"], row["first difference"]) == ("2", "none")
    assert int(row["spikes compared"].replace(",", "")) > 5_000


@pytest.mark.parametrize(
    "script",
    [
        "accuracy.py",
        "normalization.py mnist_mlp",
        "quantised.py",
        "lossless.py",
        "requantize.py",
        "dynamic_confidence.py",
        "bayesian_fusion.py",
        "exit_speed.py",
        "lava_equality.py",
    ],
)
def test_without_the_data_the_scripts_say_what_to_set(script):
    done = run(*script.split(), data=None)
    assert done.returncode == 1
    assert "SNNC_DATA" in done.stderr

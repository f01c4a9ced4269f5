"""The benchmark scripts on exits run, measure what they say, and fail where a bound is missed."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from benchmark_runs import ROOT, rows, run

import snnc
from snnc.ir import model as m

EXAMPLE = ROOT / "examples" / "mnist"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module(request.param)


def test_dynamic_confidence_compares_with_full_and_best_fixed_length(shared) -> None:
    arguments = ["--models", "mnist_cnn_qcfs_L4", "--modes", "qcfs", "--images", "100"]
    done = run("dynamic_confidence.py", *arguments, data=shared)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout, "mnist_cnn_qcfs_L4")
    assert [(row["rule"], row["fitted on"]) for row in found] == [
        ("searched", "test[:100]"),
        ("alpha = T", "test[:100]"),
        ("searched", "train[:100]"),
    ]
    for row in found:
        steps = float(row["with exits"].split()[0])
        assert row["full steps"] == "30.00"
        assert 1 <= steps < 30
        assert row["fewer than full"] == f"{100 * (1 - steps / 30):.0f} %"
        assert row["fewer than T*"] == f"{100 * (1 - steps / int(row['T*'])):.0f} %"
        full, exits = (float(n) for n in row["spikes/neuron: full, exits"].split(", "))
        assert 0 < exits < full
    assert "| CIFAR-10 VGG-16 QCFS | 92.41 | 92.50 | 30 | 12.69 | 58 % |" in done.stdout


@pytest.mark.parametrize("script", ["dynamic_confidence"], indirect=True)
@pytest.mark.parametrize(
    ("mode", "changes", "missed"),
    [
        ("qcfs", {}, False),
        ("qcfs", {"steps": 6.1}, True),
        ("qcfs", {"t_star": 4}, True),
        ("qcfs", {"accuracy": 99.59}, True),
        ("qffs", {"steps_full": 5.0, "t_star": 2}, False),
        ("qffs", {"steps_full": 3.9}, True),
    ],
)
def test_a_row_that_misses_a_bound_is_found(
    script: ModuleType, mode: str, changes: dict[str, float], missed: bool
) -> None:
    """80 and 30 percent fewer steps, 25 percent of the settling step, 0.1 points."""
    row = {
        "ann": 99.7,
        "accuracy": 99.6,
        "accuracy_full": 99.7,
        "steps": 3.0,
        "steps_full": 30.0,
        "t_star": 5,
        "t_star_accuracy": 99.7,
        "spikes": 1.0,
        "spikes_full": 9.0,
        "rule": "",
    }
    assert script._misses("mnist_cnn_qcfs_L4", mode, script.Row(**{**row, **changes})) is missed


def test_bayesian_fusion_compares_the_fused_heads_with_the_last_alone(shared) -> None:
    arguments = ["--models", "mnist_multi_exit", "--images", "300", "--steps", "6"]
    done = run("bayesian_fusion.py", *arguments, data=shared)
    assert done.returncode == 0, done.stderr
    alone, fused = (
        rows(done.stdout, name) for name in ("logits alone", "logits_ic1 + logits_ic2 + logits")
    )
    assert float(alone[0]["6"]) > 90
    assert float(fused[0]["3"]) > float(alone[0]["3"])
    assert alone[1]["fewer"] == "0 %"
    step, base = int(fused[1]["first step"]), int(alone[1]["first step"])
    assert fused[1]["fewer"] == f"{100 * (1 - step / base):.0f} %"
    spikes = [float(row["uJ, SpikeSim estimate"]) for row in (alone[1], fused[1])]
    assert spikes[1] / step > spikes[0] / base, "internal classifiers cost energy"


@pytest.mark.parametrize("script", ["bayesian_fusion"], indirect=True)
def test_a_network_with_fewer_heads_lacks_what_only_the_others_need(script: ModuleType) -> None:
    compiled = snnc.compile(
        EXAMPLE / "multi_exit.onnx",
        calibration=f"{EXAMPLE / 'images.npz'}:train[:50]",
        preprocessing=snnc.Preprocessing(divide=255.0),
        steps=4,
    )
    network = compiled.network
    last = script._only(network, ["logits"])
    gone = {p.name for p in network.populations} - {p.name for p in last.populations}
    first, second, _ = (head.population for head in network.heads)
    assert {first, second} < gone
    assert [p.name for p in script._only(network, [h.name for h in network.heads]).populations] == [
        p.name for p in network.populations
    ]


@pytest.mark.parametrize("script", ["spikesim"], indirect=True)
def test_the_energy_of_a_step_is_that_of_its_crossbars(script: ModuleType) -> None:
    """By hand: a kernel of 9 cells, 8 * 19.64 + 4.64 + 4 * 1.274 + 8 * (...) + 397."""
    array = 9 * 1.76423 + 8 * (2.03084 + 0.094245)
    cycle = 157.12 + 4.64 + 5.096 + 8 * array + 8 * 16 * 1.15e-6 + 8 * 0.2 + 397.0
    assert script.cycle_picojoules(9) == pytest.approx(cycle, rel=1e-12)
    weight = m.Ref("w")
    conv = m.Population(
        "c",
        (65, 4, 4),
        m.Relu(),
        incoming=(m.Incoming("x", (m.Conv2d(weight, pads=(1, 1, 1, 1)),)),),
    )
    network = m.Network(
        name="n",
        stage="ann",
        inputs=(m.Input("x", "f32", (3, 4, 4)),),
        populations=(conv,),
        heads=(m.Head("c", "c", m.Logits()),),
    ).with_arrays({"w": np.zeros((65, 3, 3, 3), np.float32)})
    assert script.step_picojoules(network) == pytest.approx(2 * 16 * cycle, rel=1e-12)


def test_exit_speed_halves_the_steps_and_compares_times(shared) -> None:
    arguments = ["--models", "mnist_cnn_qcfs_L4", "--images", "60", "--rounds", "1"]
    done = run("exit_speed.py", *arguments, data=shared)
    found = rows(done.stdout, "mnist_cnn_qcfs_L4")
    assert [row["timed"] for row in found] == ["simulator", "snnc eval"]
    for row in found:
        assert float(row["mean steps"]) <= 15
        assert 0 < float(row["ratio"].split()[0]) < 2

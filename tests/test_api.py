"""The public calls, as a user of the library sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.diagnostics import InputError, UsageError

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
DIVIDE = snnc.Preprocessing(divide=255.0)


@pytest.fixture(scope="module")
def compiled() -> snnc.Compiled:
    return snnc.compile(MODEL, calibration=f"{IMAGES}:train[:100]", preprocessing=DIVIDE, steps=8)


def test_importing_snnc_loads_nothing_heavy() -> None:
    code = "import sys, snnc; print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv)))"
    heavy = ["numpy", "onnx", "onnxruntime", "rich", "typer", "scipy", "lark"]
    command = [sys.executable, "-c", code, *heavy]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_unknown_attributes_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'complie'"):
        snnc.complie  # noqa: B018
    assert set(snnc.__all__) <= set(dir(snnc))


def test_compile_save_load_and_evaluate_agree(compiled: snnc.Compiled, tmp_path: Path) -> None:
    place = compiled.save(tmp_path / "out")
    loaded = snnc.load(place)
    assert loaded.network == compiled.network
    assert loaded.preprocessing == DIVIDE
    assert loaded.steps == 8
    data = f"{IMAGES}:test[:50]"
    direct = compiled.evaluate(data)
    again = snnc.evaluate(place, data)
    assert direct.snn_accuracy == again.snn_accuracy
    assert direct.spikes_per_sample == again.spikes_per_sample
    assert direct.ann_accuracy == again.ann_accuracy


def test_golden_data_is_what_the_simulator_gives(compiled: snnc.Compiled, tmp_path: Path) -> None:
    from snnc.program import load_program, read_golden

    golden = read_golden(load_program(compiled.save(tmp_path / "out")))
    trace = snnc.load(tmp_path / "out").run(dict(golden.inputs))
    assert golden.spike_counts.keys() == trace.spike_counts.keys()
    for name, counts in golden.spike_counts.items():
        np.testing.assert_array_equal(counts, trace.spike_counts[name])


def test_arrays_are_taken_as_they_are(compiled: snnc.Compiled) -> None:
    with np.load(IMAGES) as data:
        x = (data["x_test"][:50, None] / 255.0).astype(np.float32)
        y = data["y_test"][:50].astype(np.int64)
    found = compiled.evaluate((x, y))
    assert found.snn_accuracy == compiled.evaluate(f"{IMAGES}:test[:50]").snn_accuracy
    assert compiled.run(x[:3]).steps == 8
    calibrated = snnc.compile(MODEL, calibration=x, steps=4)
    assert calibrated.report["calibration"] == {"data": "", "samples": 50}


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((4, 1, 28, 28), np.uint8), np.zeros(4, np.int64)),
        (np.zeros((4, 28, 28), np.float32), np.zeros(4, np.int64)),
        (np.zeros((4, 1, 28, 28), np.float32), np.zeros(3, np.int64)),
        (np.zeros((4, 1, 28, 28), np.float32), np.zeros(4)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    compiled: snnc.Compiled, x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.raises(InputError, match="SN940"):
        compiled.evaluate((x, y))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="SN938"):
        snnc.compile(MODEL, steps=0)
    with pytest.raises(UsageError, match="SN936"):
        snnc.compile(MODEL, auto=True, passes="to-spiking")


def test_an_onnx_file_cannot_be_loaded_as_a_program() -> None:
    with pytest.raises(UsageError, match="compile it first"):
        snnc.load(MODEL)


@pytest.mark.parametrize(
    ("samples", "more"),
    [
        (20, ()),
        (60, ("--classifiers", "auto,count=1", "--exit", "bayes", "--max-drop", "10")),
    ],
)
def test_compiling_gives_the_same_bytes_under_any_hash_seed(
    tmp_path: Path, samples: int, more: tuple[str, ...]
) -> None:
    for seed in ("0", "1"):
        subprocess.run(
            [
                sys.executable, "-m", "snnc", "-q", "compile", str(MODEL), "-o", f"out{seed}",
                "--calibration", f"{IMAGES}:train[:{samples}]", "--divide", "255",
                "--steps", "4", *more,
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )  # fmt: skip
    files = sorted(p.relative_to(tmp_path / "out0") for p in (tmp_path / "out0").rglob("*"))
    assert files
    for file in files:
        first, second = tmp_path / "out0" / file, tmp_path / "out1" / file
        if first.is_file():
            assert first.read_bytes() == second.read_bytes(), file


def test_a_network_of_stage_ann_can_be_compiled(compiled: snnc.Compiled, tmp_path: Path) -> None:
    place = compiled.save(tmp_path / "out")
    again = snnc.compile(
        place / "ann.snn", calibration=f"{IMAGES}:train[:100]", preprocessing=DIVIDE, steps=8
    )
    assert again.network.stage == "snn"
    assert [p.name for p in again.network.populations] == [
        p.name for p in compiled.network.populations
    ]
    with pytest.raises(InputError, match="SN933"):
        snnc.compile(place / "network.snn")


def test_a_network_that_was_stopped_at_stage_ann_is_not_evaluated(tmp_path: Path) -> None:
    stopped = snnc.compile(MODEL, passes="fold-batch-norm,max-pool", stop_after="fold-batch-norm")
    assert stopped.network.passes[-1] == "fold-batch-norm"
    with pytest.raises(InputError, match="SN933"):
        snnc.evaluate(stopped, f"{IMAGES}:test[:5]")
    with pytest.raises(InputError, match="SN933"):
        snnc.evaluate(stopped.save(tmp_path / "out"), f"{IMAGES}:test[:5]")


def test_options_for_compiling_do_not_fit_a_compiled_network(compiled: snnc.Compiled) -> None:
    with pytest.raises(UsageError, match=r"SN936.*seed"):
        snnc.evaluate(compiled, f"{IMAGES}:test[:5]", seed=0)

"""What happens to input that must be rejected: the message, the exit code, nothing left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
CALIBRATED = ("--calibration", f"{IMAGES}:train[:20]", "--divide", 255, "--steps", 2)


def compile_with(cli: Any, *arguments: object, model: object = MODEL) -> Any:
    return cli("compile", model, "-o", "out", *arguments)


def test_a_file_that_is_no_onnx_model_is_rejected(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    outcome = compile_with(cli, model="text.onnx")
    assert outcome.code == 1
    assert "not an ONNX file" in outcome.err
    assert outcome.out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["text.onnx"]


def test_a_truncated_model_is_rejected(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(MODEL.read_bytes()[:200_000])
    outcome = compile_with(cli, model="half.onnx")
    assert outcome.code == 1
    assert "error[SN6" in outcome.err


def test_a_missing_file_is_a_usage_error(cli: Any) -> None:
    outcome = compile_with(cli, model="nowhere.onnx")
    assert outcome.code == 2
    assert "error[SN920]: nowhere.onnx does not exist" in outcome.err


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("wrong_shape", 1, "20x20"),
        ("wrong_dtype", 1, "error[SN8"),
        ("empty", 1, "no sample"),
    ],
)
def test_calibration_data_that_does_not_fit_is_rejected(
    cli: Any, images: dict[str, Path], name: str, code: int, message: str
) -> None:
    outcome = compile_with(cli, "--calibration", images[name], "--divide", 255)
    assert outcome.code == code
    assert message in outcome.err
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["label_too_large", "label_negative"])
def test_a_label_outside_the_classes_is_rejected(
    cli: Any, images: dict[str, Path], program: Path, name: str
) -> None:
    outcome = cli("eval", program, "--data", images[name])
    assert outcome.code == 1
    assert "label" in outcome.err
    assert "SN926" in outcome.err or "SN8" in outcome.err


@pytest.mark.parametrize("command", [("eval", "--data"), ("run", "--inputs")])
def test_data_of_another_shape_is_rejected(
    cli: Any, images: dict[str, Path], program: Path, command: tuple[str, str]
) -> None:
    outcome = cli(command[0], program, command[1], images["wrong_shape"])
    assert outcome.code == 1
    assert "20x20" in outcome.err


def test_a_pipeline_that_needs_calibration_says_what_to_pass(cli: Any) -> None:
    outcome = compile_with(cli)
    assert outcome.code == 1
    assert "needs calibration data" in outcome.err
    assert "--calibration" in outcome.err


def test_a_pipeline_without_such_passes_needs_no_calibration(cli: Any) -> None:
    outcome = compile_with(cli, "--passes", "fold-batch-norm,max-pool,to-spiking")
    assert outcome.code == 0
    assert Path("out/manifest.json").exists()


def test_a_folder_of_another_tool_is_not_overwritten_without_force(
    cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    outcome = compile_with(cli, *CALIBRATED)
    assert outcome.code == 2
    assert "thesis.tex" in outcome.err
    assert "--force" in outcome.err
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"
    assert compile_with(cli, *CALIBRATED, "--force").code == 0
    assert (tmp_path / "out" / "manifest.json").exists()


def test_a_program_directory_of_ours_is_replaced(cli: Any) -> None:
    assert compile_with(cli, *CALIBRATED).code == 0
    assert compile_with(cli, *CALIBRATED).code == 0


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EDQUOT, "Disk quota exceeded"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_a_full_or_read_only_disk_is_reported_and_leaves_nothing(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    original = Path.write_bytes

    def refuse(self: Path, data: bytes) -> int:
        if self.name == "report.json":  # other files lie there by then
            raise OSError(number, os.strerror(number), str(self))
        return original(self, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    outcome = compile_with(cli, *CALIBRATED)
    assert outcome.code == 2
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_an_output_below_a_file_is_refused(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = cli("compile", MODEL, "-o", "file/out", *CALIBRATED)
    assert outcome.code == 2
    assert "error[SN9" in outcome.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_folder_is_refused(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    outcome = cli("compile", MODEL, "-o", "locked/out", *CALIBRATED)
    assert outcome.code == 2
    assert "error[SN9" in outcome.err


def test_a_damaged_program_is_not_run(cli: Any, tmp_path: Path, program: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(program, copy)
    text = (copy / "network.snn").read_text()
    (copy / "network.snn").write_text(text.replace("steps=8", "steps=9"))
    outcome = cli("run", copy, "--inputs", f"{IMAGES}:test[:5]")
    assert outcome.code == 1
    assert "error[SN907]" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compil",), "Did you mean 'compile'?"),
        (("eval", "x", "--dta", "y"), "--dta"),
        (("compile", MODEL), "-o DIR"),
        (("compile", MODEL, "-o", "out", "--passes", "normalise"), 'did you mean "normalize"?'),
        (("compile", MODEL, "-o", "out", "--target", "referense"), 'did you mean "reference"?'),
        (("compile", MODEL, "-o", "out", "--steps", "0"), "at least 1"),
        (("compile", MODEL, "-o", "out", "--mean", "a,b"), "--mean"),
        (("compile", MODEL, "-o", "out", "--layout", "HWC"), "NCHW"),
        (("compile", MODEL, "-o", "out", "--auto", "--steps", "4"), "--auto"),
        (("compile", MODEL, "-o", "out", "--max-drop", "1"), "--auto"),
        (("compile", MODEL, "-o", "out", "--stop-after", "normalise"), "normalize"),
        (("compile", MODEL, "-o", "out", "--print-ir-after", "normalise"), "normalize"),
        (("explain", "SN99"), "there is no diagnostic"),
        (("passes", "to-spikin"), "to-spiking"),
        (("targets", "loihi9"), "there is no target"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    cli: Any, arguments: tuple[object, ...], message: str
) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""
    assert not Path("out").exists()


def test_an_auto_search_without_labels_is_refused(cli: Any, images: dict[str, Path]) -> None:
    outcome = compile_with(cli, "--auto", "--calibration", images["unlabelled"], "--divide", 255)
    assert outcome.code == 1
    assert "error[SN928]" in outcome.err


def test_an_auto_search_that_finds_nothing_says_so(cli: Any) -> None:
    data = ("--calibration", f"{IMAGES}:train[:300]", "--divide", 255)
    outcome = compile_with(cli, "--auto", "--max-steps", 1, "--max-drop", 0, *data)
    assert outcome.code == 1
    assert "error[SN929]" in outcome.err
    assert "tried" in outcome.err


def test_errors_are_a_json_object_on_stdout_when_asked_for(cli: Any) -> None:
    outcome = compile_with(cli, "--json", model="nowhere.onnx")
    assert outcome.code == 2
    assert outcome.json["schema_version"] == 1
    assert outcome.json["error"][0]["code"] == "SN920"


def test_options_for_compiling_are_refused_for_a_compiled_program(cli: Any, program: Path) -> None:
    outcome = cli("eval", program, "--data", f"{IMAGES}:test[:5]", "--passes", "to-spiking")
    assert outcome.code == 2
    assert "passes" in outcome.err


def test_a_network_of_stage_ann_cannot_run(cli: Any, program: Path) -> None:
    outcome = cli("run", program / "ann.snn", "--inputs", f"{IMAGES}:test[:5]")
    assert outcome.code == 1
    assert "error[SN933]" in outcome.err

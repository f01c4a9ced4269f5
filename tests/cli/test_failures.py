"""Bugs of ours, interruption, and what the operating system refuses."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from snnc.cli.console import Settings
from snnc.cli.failures import as_snnc_error, report_failure, write_crash_folder
from snnc.passes.normalize import Normalize

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
COMPILE = ("compile", MODEL, "-o", "out", "--calibration", f"{IMAGES}:train[:20]", "--divide", 255)


def fail(*_: object) -> None:
    raise ZeroDivisionError("a bug that nobody foresaw")


def test_a_bug_in_a_pass_leaves_a_crash_folder_with_the_network_before_it(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Normalize.run
    monkeypatch.setattr(Normalize, "run", fail)
    outcome = cli(*COMPILE)
    assert outcome.code == 3
    assert outcome.err.count("\n") == 1
    assert "snnc-crash" in outcome.err
    assert "Traceback" not in outcome.err
    folder = Path("snnc-crash")
    trace = (folder / "traceback.txt").read_text()
    assert "ZeroDivisionError: a bug that nobody foresaw" in trace
    command = (folder / "command.txt").read_text()
    assert command.startswith("snnc compile ")
    assert "snnc opt snnc-crash/before.snn --passes 'normalize" in command
    again = cli(*shlex.split(command.splitlines()[1])[1:])
    assert again.code == 3  # the second command repeats the failure
    monkeypatch.setattr(Normalize, "run", original)
    assert cli(*shlex.split(command.splitlines()[1])[1:]).code == 0
    assert not Path("out").exists()


def test_a_crash_folder_is_never_overwritten(tmp_path: Path) -> None:
    first = write_crash_folder(ValueError("one"), ["a"], tmp_path)
    second = write_crash_folder(ValueError("two"), ["b"], tmp_path)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("snnc-crash", "snnc-crash-2")
    assert "one" in (first / "traceback.txt").read_text()


def test_a_bug_gives_json_when_asked_for(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnc.codes.all_codes", fail)
    outcome = cli("--json", "explain")
    assert outcome.code == 3
    assert outcome.json["error"][0]["code"] == "SN935"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.npz"), "SN920"),
        (PermissionError(13, "Permission denied", "out"), "SN921"),
        (OSError(28, "No space left on device"), "SN921"),
        (MemoryError(), "SN937"),
        (ModuleNotFoundError("No module named 'lava'", name="lava"), "SN939"),
    ],
)
def test_what_the_system_refuses_is_a_usage_error(error: Exception, code: str) -> None:
    known = as_snnc_error(error)
    assert known is not None
    assert known.exit_code == 2
    assert known.diagnostics[0].code == code


def test_an_unforeseen_error_is_not_mistaken_for_a_usage_error() -> None:
    assert as_snnc_error(ValueError("x")) is None
    assert as_snnc_error(ModuleNotFoundError("x", name="snnc.nowhere")) is None


def test_interruption_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(KeyboardInterrupt(), [], Settings()) == 130
    assert capsys.readouterr().err.startswith("interrupted")


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("snnc.driver.plan.run_passes", COMPILE),
        ("snnc.driver.product.golden_of", COMPILE),
        ("snnc.program_write._swap", COMPILE),
        (
            "snnc.evaluation.evaluate._Measured.count",
            ("eval", MODEL, "--data", f"{IMAGES}:test[:20]", *COMPILE[4:], "--plot", "plots"),
        ),
    ],
)
def test_ctrl_c_in_the_middle_leaves_nothing_half_written(
    cli: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    arguments: tuple[object, ...],
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupt)
    outcome = cli(*arguments)
    assert outcome.code == 130
    assert outcome.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_real_interrupt_signal_ends_an_evaluation_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snnc", "eval", MODEL, "--data", f"{IMAGES}:test"]
    options = ["--calibration", f"{IMAGES}:train[:50]", "--divide", 255, "--steps", 4096]
    process = subprocess.Popen(
        [str(part) for part in (*command, *options)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(4)  # into the simulation, which would take minutes
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []

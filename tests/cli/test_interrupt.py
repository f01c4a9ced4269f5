"""Ctrl-C and a full disk in a process of its own: nothing half-written stays, and the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mnist"
MODEL = EXAMPLES / "model.onnx"
IMAGES = EXAMPLES / "images.npz"
PREPARED = ("--calibration", f"{IMAGES}:train", "--divide", "255", "--steps", "2000")
MARK = "marker: simulating"
# The command as it is, but it says on stderr when it is in the middle of its work.
SAYING = """
import sys
from snnc.backends.reference.session import Session
plain = Session.advance
def advance(self, steps):
    print("marker: simulating", file=sys.stderr, flush=True)
    return plain(self, steps)
Session.advance = advance
from snnc.cli import main
sys.exit(main(sys.argv[1:]))
"""


def start(folder: Path, code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Send Ctrl-C once the simulator runs; exit code, stdout, stderr."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip() == MARK:
            break
    else:
        pytest.fail("the process ended before it simulated")
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.replace(f"{MARK}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", MODEL, "-o", "out/below", *PREPARED),
        ("eval", MODEL, "--data", f"{IMAGES}:test", "--plot", "plots", *PREPARED),
        ("compile", MODEL, "-o", "out", "--json", *PREPARED),
    ],
    ids=["compile", "eval", "json"],
)
def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path, arguments: tuple[object, ...]) -> None:
    code, out, err = interrupted(start(tmp_path, SAYING, *arguments))
    assert code == 130
    assert err.strip().endswith("interrupted; nothing half-written was left behind")
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_the_program_that_was_there(tmp_path: Path, program: Path) -> None:
    import shutil

    shutil.copytree(program, tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    process = start(tmp_path, SAYING, "compile", MODEL, "-o", "out", *PREPARED)
    assert interrupted(process)[0] == 130
    after = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    assert after == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_ctrl_c_while_packages_are_loaded_shows_no_traceback(tmp_path: Path) -> None:
    code = (
        "import builtins, sys\n"
        "from snnc.cli import main\n"
        "plain = builtins.__import__\n"
        "def interrupt(name, *rest):\n"
        "    if name == 'snnc.cli.app':\n"
        "        raise KeyboardInterrupt\n"
        "    return plain(name, *rest)\n"
        "builtins.__import__ = interrupt\n"
        "sys.exit(main(['targets']))\n"
    )
    process = start(tmp_path, code)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted; nothing half-written was left behind\n"


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
from snnc.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_file_system_that_refuses_more_bytes_leaves_nothing(tmp_path: Path) -> None:
    options = ("--calibration", f"{IMAGES}:train[:20]", "--divide", 255, "--steps", 2)
    process = start(tmp_path, LIMITED, "compile", MODEL, "-o", "out", *options)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "error[SN90" in err
    assert "File too large" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
@pytest.mark.parametrize("json", [(), ("--json",)])
def test_a_full_disk_behind_stdout_is_said_on_stderr(tmp_path: Path, json: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "snnc", "inspect", str(MODEL), *json]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr

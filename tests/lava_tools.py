"""Lava programs in tests: writing them, running them, and looking for what they left behind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from loihi_networks import inputs_for

from snnc.backends.loihi.emit import emit
from snnc.ir import model as m

ROOT = Path(__file__).resolve().parent
HAVE_LAVA = importlib.util.find_spec("lava") is not None
needs_lava = pytest.mark.skipif(not HAVE_LAVA, reason="lava-nc is installed on Python 3.10 only")
SHARED = Path("/dev/shm")
LINUX = sys.platform == "linux"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, object]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def write(network: m.Network, folder: Path, samples: int = 3) -> Path:
    """The network's program in a new folder."""
    for name, content in emit(network, inputs_for(network, samples)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(folder / "program.py"), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )


def run(folder: Path, *arguments: object, timeout: float = 60) -> Done:
    process = start(folder, *arguments)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        raise
    return Done(process.returncode, out, err)


def run_many(jobs: Sequence[tuple[Path, list[str]]]) -> list[Done]:
    """Many programs with one import of Lava; see `lava_farm`."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "lava_farm.py")],
        input=json.dumps([[str(folder), arguments] for folder, arguments in jobs]),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Done(*each) for each in json.loads(done.stdout)]


def segments() -> set[str]:
    """Shared memory that is there now."""
    return {path.name for path in SHARED.glob("psm_*")} if SHARED.is_dir() else set()


def processes_of(folder: Path) -> list[int]:
    """Processes whose command line names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def segments_of(pids: Sequence[int]) -> set[str]:
    """Shared memory that processes hold."""
    found = set()
    for pid in pids:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue
        found |= {part for line in maps.splitlines() for part in line.split("/") if "psm_" in part}
    return found


def gone_soon(folder: Path, seconds: float = 8) -> bool:
    """Whether no process of a program is left after a while."""
    end = time.monotonic() + seconds
    while processes_of(folder):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

"""Starting a Lava program as a process of its own, and ending it without leaving anything behind.

snnc never imports Lava: it needs Python 3.10, changes how processes are started, and hangs where a
process model fails. The program gets a session of its own, so that all its processes can be ended
at once, and a pipe as standard input: when that closes, because snnc ended for whatever reason, the
program ends itself.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import FrameType
from typing import IO

from snnc.diagnostics import Diagnostic, InputError, UsageError

PYTHON_VARIABLE = "SNNC_LAVA_PYTHON"
GRACE = 5.0
"""Seconds in which a program may end by itself before it is killed."""

SHOWN_LINES = 12
_SHARED = Path("/dev/shm")
_SEGMENT = re.compile(r"/dev/shm/(psm_[0-9a-f]+)")


def lava_command(script: Path) -> list[str]:
    """How to start a Lava program here: this Python, the one named by SNNC_LAVA_PYTHON, or uv.

    Raises:
        UsageError: SN543, no Python with Lava can be found.
    """
    if _has_lava():
        return [sys.executable, str(script)]
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            text = f"{PYTHON_VARIABLE} names {named}, which is no program"
            raise UsageError(Diagnostic("SN543", text, help="name a Python 3.10 that has lava-nc"))
        return [found, str(script)]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "run", "--quiet", "--script", str(script)]
    text = "no Python with Lava was found: it needs Python 3.10 and the package lava-nc"
    cure = (
        f"install uv (`pip install uv`), which fetches both, or set {PYTHON_VARIABLE} to a "
        "Python 3.10 in which `pip install lava-nc==0.10.0` was done"
    )
    raise UsageError(Diagnostic("SN543", text, help=cure))


def _has_lava() -> bool:
    """Whether this Python has Lava, not just another package of its name."""
    spec = importlib.util.find_spec("lava")  # of "lava.magma" it would import lava
    places = [] if spec is None else spec.submodule_search_locations or []
    return any((Path(place) / "magma").is_dir() for place in places)


def run_program(script: Path, arguments: Sequence[str], time_limit: float | None) -> None:
    """Run a Lava program to its end.

    Args:
        script: its program.py.
        arguments: for its command line.
        time_limit: seconds after which it is ended; None waits.

    Raises:
        UsageError: SN543.
        InputError: SN544, the program failed or took too long; its last lines are shown.
        KeyboardInterrupt: the user, or a SIGTERM, ended the run; the program is ended first.
    """
    command = [*lava_command(script), *arguments, "--stop-with-stdin"]
    with TemporaryFile() as errors, TemporaryDirectory(prefix="snnc-lava-") as empty, _terminable():
        process = _start(command, errors, _environment(script.parent, empty))
        try:
            code = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            text = f"the Lava program was ended after {time_limit:g} seconds"
            cure = "allow more with --time-limit, or run fewer samples"
            raise InputError(Diagnostic("SN544", text, str(script), cure)) from None
        finally:
            end(process)
        if code != 0:
            raise _failure(script, code, _last_lines(errors))


def _environment(folder: Path, empty: str) -> dict[str, str]:
    """Variables of a program: what runs is its text, not bytecode that lies about from before.

    Python then looks for the bytecode of all packages in an empty folder, which takes seconds, so
    only where there is some beside the program.
    """
    found = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return {**found, "PYTHONPYCACHEPREFIX": empty} if (folder / "__pycache__").exists() else found


def _start(
    command: Sequence[str], errors: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own.

    Raises:
        UsageError: SN543, it cannot be executed.
    """
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        text = f"{command[0]} cannot be executed: {error.strerror}"
        cure = f"let {PYTHON_VARIABLE} name a Python 3.10 that has lava-nc"
        raise UsageError(Diagnostic("SN543", text, help=cure)) from error


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program with all processes of its session, and free what they shared."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    segments = _segments_of(process.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name in segments:
        with contextlib.suppress(OSError):
            (_SHARED / name).unlink()


def _segments_of(session: int) -> set[str]:
    """Names of the shared memory that processes of a session hold; Linux only."""
    found: set[str] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(folder.name)) == session:
                found.update(_SEGMENT.findall((folder / "maps").read_text(errors="replace")))
    return found


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM raise KeyboardInterrupt meanwhile, so that the program is ended, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _failure(script: Path, code: int, lines: list[str]) -> InputError:
    told = "\n".join(lines) or "(it said nothing)"
    text = f"the Lava program failed with exit code {code}:\n{told}"
    cure = "`python program.py --check` in its folder, with Python 3.10 and Lava, tells more"
    return InputError(Diagnostic("SN544", text, str(script), cure))


def _last_lines(stream: IO[bytes]) -> list[str]:
    stream.seek(0)
    return stream.read().decode(errors="replace").rstrip().splitlines()[-SHOWN_LINES:]

"""Run a command in the project's virtual environment, making the environment first if need be.

    python3 tools/environment.py [--python WHICH] [--describe] [-- COMMAND ...]

Needs nothing but a Python 3.8 or newer with its standard library. `make` calls it in front of
every command, so nobody has to think of the environment:

- `.venv` is made with Python 3.10 where one is found (Lava exists for 3.10 only), else with the
  newest Python from 3.10 on. Looked through: PATH, pyenv's versions, uv.
- `--python` takes a version (`3.13`, `python3.13`), another command, a path, or `newest`; the
  environment is then `.venv-3.13`, so that several stand beside each other.
- It is made again when the packaging part of pyproject.toml has changed or the checkout has moved.
  When nothing has changed, no network is used.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)
LAVA = (3, 10)
PROBE = """
import sys, sysconfig
import ensurepip, venv
final = sys.version_info.releaselevel == "final"
usual = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(sys.executable, *sys.version_info[:3], int(final and usual), sep="\\n")
"""


class Interpreter(NamedTuple):
    """A Python that runs and can make environments; `usual`: a released CPython."""

    path: str
    version: tuple[int, int, int]
    usual: bool

    @property
    def text(self) -> str:
        """The version as people write it."""
        return ".".join(str(part) for part in self.version)


def fail(message: str) -> NoReturn:
    """Say what is wrong and leave with exit code 2."""
    sys.exit(f"snnc set-up: {message}")


def say(message: str) -> None:
    """One line to the person waiting; the result of the command goes to stdout, this does not."""
    print(f"snnc set-up: {message}", file=sys.stderr, flush=True)


# ---- finding an interpreter ------------------------------------------------------------------


def probe(command: str) -> Interpreter | None:
    """What `command` is, or None where it does not run (a pyenv shim without its version, say)."""
    try:
        done = subprocess.run(
            [command, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        path, major, minor, micro, usual = done.stdout.split("\n")[:5]
        return Interpreter(path, (int(major), int(minor), int(micro)), usual == "1")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def on_path() -> Iterator[str]:
    """Every `python3.N` and `python3` in the folders of PATH, in the order of PATH."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for name in names:
            if re.fullmatch(r"python3(\.\d+)?(\.exe)?", name):
                yield os.path.join(folder, name)


def of_pyenv() -> Iterator[str]:
    """Every Python 3 among pyenv's versions, newest first."""
    roots = [os.environ.get("PYENV_ROOT"), os.path.join(os.path.expanduser("~"), ".pyenv")]
    for root in dict.fromkeys(root for root in roots if root):
        versions = sorted(Path(root, "versions").glob("3.*"), key=numbers, reverse=True)
        yield from (str(folder / "bin" / "python") for folder in versions)


def numbers(path: Path) -> tuple[int, ...]:
    """The numbers in a folder's name, so that 3.10 stands after 3.9."""
    return tuple(int(part) for part in re.findall(r"\d+", path.name))


def of_uv() -> Iterator[str]:
    """The Python 3.10 that uv has installed, and its newest; uv is asked to download nothing."""
    uv = shutil.which("uv")
    if uv is None:
        return
    only_its_own = {"UV_PYTHON_PREFERENCE": "only-managed", "UV_PYTHON_DOWNLOADS": "never"}
    for request in ("3.10", ">=3.10"):
        try:
            done = subprocess.run(
                [uv, "python", "find", "--system", request],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                env={**os.environ, **only_its_own},
            )
        except (OSError, subprocess.SubprocessError):
            return
        if done.returncode == 0 and done.stdout.strip():
            yield done.stdout.strip()


def installed() -> Iterator[Interpreter]:
    """Every Python found on this machine that runs, each once."""
    seen = set()
    for command in (*on_path(), *of_pyenv(), *of_uv(), sys.executable):
        found = probe(command)
        if found is not None and found.path not in seen:
            seen.add(found.path)
            yield found


def newest(found: Iterable[Interpreter]) -> Interpreter:
    """The newest released CPython from 3.10 on; leaves if there is none."""
    everything = list(found)
    fitting = [one for one in everything if one.usual and one.version >= OLDEST]
    if not fitting:
        had = ", ".join(sorted(f"{one.text} ({one.path})" for one in everything)) or "none"
        fail(
            "no Python 3.10 or newer was found on PATH, among pyenv's versions or through uv\n"
            f"  found: {had}\n"
            "  help: install Python 3.10 (it also runs Lava) or newer, or name one: "
            "make test PYTHON=/path/to/python"
        )
    return max(fitting, key=lambda one: one.version)


def default_python(found: Iterable[Interpreter]) -> Interpreter:
    """Python 3.10 if there is one, else the newest from 3.10 on; leaves if there is none."""
    others = []
    for interpreter in found:
        if interpreter.version[:2] == LAVA and interpreter.usual:
            return interpreter
        others.append(interpreter)
    return newest(others)


def chosen_python(which: str) -> Interpreter:
    """The interpreter a person asked for; leaves with what is wrong if it cannot be used."""
    if which == "newest":
        return newest(installed())
    version = re.fullmatch(r"(?:python)?(3\.\d+(?:\.\d+)?)", which)
    if version:
        wanted = tuple(int(part) for part in version[1].split("."))
        fitting = [one for one in installed() if one.version[: len(wanted)] == wanted]
        found = max(fitting, key=lambda one: one.version, default=None)
        missing = f"no Python {version[1]} was found on PATH, among pyenv's versions or through uv"
    else:
        found = probe(which)
        missing = f"{which!r} is no Python that runs and can make environments (venv, ensurepip)"
    if found is None:
        fail(missing)
    if found.version < OLDEST:
        fail(f"Python {found.text} ({found.path}) is too old; snnc needs Python 3.10 or newer")
    return found


# ---- the environment -------------------------------------------------------------------------


def packaging_digest(text: str) -> str:
    """Digest of what pyproject.toml says to pip; settings of linters and tests do not count."""
    parts = re.split(r"(?m)^(?=\[)", text)
    kept = [p for p in parts if not p.startswith("[tool.") or p.startswith("[tool.setuptools")]
    return hashlib.sha256("".join(kept).encode()).hexdigest()


def python_of(venv: Path) -> Path:
    """The interpreter inside an environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_of(venv: Path) -> dict[str, Any]:
    """What the environment was made from; empty if it is not whole."""
    try:
        stamp = json.loads((venv / "snnc-stamp.json").read_text())
    except (OSError, ValueError):
        return {}
    return stamp if python_of(venv).exists() else {}


def expected_stamp(stamp: dict[str, Any]) -> dict[str, Any]:
    """The stamp that an environment of that Python would get today."""
    digest = packaging_digest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {**stamp, "root": str(ROOT), "packaging": digest}


def ensure(which: str | None) -> Path:
    """The environment's folder, made or brought up to date if need be."""
    if which is None:
        venv = ROOT / ".venv"
        stamp = stamp_of(venv)
        if stamp and stamp == expected_stamp(stamp):
            return venv
        interpreter = default_python(installed())
    else:
        interpreter = chosen_python(which)
        venv = ROOT / ".venv-{}.{}".format(*interpreter.version)
    wanted = expected_stamp({"python": interpreter.path, "version": interpreter.text})
    if stamp_of(venv) != wanted:
        make(venv, interpreter, wanted)
    return venv


def make(venv: Path, interpreter: Interpreter, stamp: dict[str, Any]) -> None:
    """Make the environment, or bring it up to date, and install snnc with its test tools."""
    say(f"making {venv.name} with Python {interpreter.text} ({interpreter.path}), once")
    if interpreter.version[:2] != LAVA:
        say("no Lava for this Python (it exists for 3.10 only): what runs on Lava is skipped")
    before = stamp_of(venv)
    if before:
        (venv / "snnc-stamp.json").unlink()
    if before.get("python") != interpreter.path or before.get("version") != interpreter.text:
        quietly([interpreter.path, "-I", "-m", "venv", "--clear", str(venv)])
    python = str(python_of(venv))
    quietly([python, "-I", "-m", "pip", "install", "--no-input", "-e", f"{ROOT}[test]"])
    (venv / "snnc-stamp.json").write_text(json.dumps(stamp, indent=2) + "\n")
    say(f"{venv.name} is ready")


def quietly(command: list[str]) -> None:
    """Run a command of the set-up; its output is shown only if it fails, and then we leave."""
    done = subprocess.run(
        command,
        cwd=str(ROOT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        fail(
            f"this command failed with exit code {done.returncode}: {' '.join(command)}\n"
            "  help: the first set-up needs pip's package index; see pip's output above"
        )


def run_in(venv: Path, command: list[str]) -> NoReturn:
    """Replace this process by the command, with the environment's programs first on PATH."""
    programs = str(python_of(venv).parent)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    environment["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    environment["VIRTUAL_ENV"] = str(venv)
    os.execvpe(command[0], command, environment)


def main() -> None:
    """Parse the command line, see to the environment, run the command."""
    parser = argparse.ArgumentParser(description="Run a command in the project's environment.")
    parser.add_argument("--python", help="version, command, path or 'newest'; default: 3.10")
    parser.add_argument(
        "--describe", action="store_true", help="print the Python that would be taken; make nothing"
    )
    parser.add_argument("command", nargs="*", help="after --: what to run")
    arguments = parser.parse_args()
    which = arguments.python or None
    if arguments.describe:
        found = chosen_python(which) if which else default_python(installed())
        print(found.text, found.path)
        return
    venv = ensure(which)
    if arguments.command:
        run_in(venv, arguments.command)


if __name__ == "__main__":
    main()

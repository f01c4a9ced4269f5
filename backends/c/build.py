"""Building the library of a C program for this processor, once: kept in a cache by content."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from snnc.backends.c.emit import LIBRARY
from snnc.diagnostics import Diagnostic, InputError

COMPILERS = ("cc", "gcc", "clang")
"""What is tried where the variable CC names no compiler."""

FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared")

_SHOWN_LINES = 6
_TIME_LIMIT = 600.0


def find_compiler() -> str | None:
    """The path of the system's C compiler; None where there is none."""
    wished = os.environ.get("CC", "").split()
    for name in (*wished[:1], *COMPILERS):
        found = shutil.which(name)
        if found is not None:
            return found
    return None


def built_library(
    files: Mapping[str, bytes], compiler: str, *, optimise: str = "-O3", cache: Path | None = None
) -> Path:
    """The shared library of a program, built if it is not in the cache yet.

    Args:
        files: the sources, by name.
        compiler: path of a C compiler that takes GCC's options.
        optimise: level of optimisation.
        cache: folder for libraries; None takes the user's.

    Returns:
        Where the library lies. The name of its folder is a digest of sources, compiler, options and
        processor.

    Raises:
        InputError: SN560, the compiler refused the program.
    """
    flags = (*(optimise if flag == "-O3" else flag for flag in FLAGS), *_native(compiler))
    folder = (cache or cache_folder()) / _digest(files, compiler, flags)
    library = folder / ("program.dll" if sys.platform == "win32" else "program.so")
    if library.is_file():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="snnc-c-", dir=folder) as scratch:
        place = Path(scratch)
        for name, content in files.items():
            if "/" not in name:
                (place / name).write_bytes(content)
        command = [compiler, *flags, "-o", "library", *LIBRARY, "-lm"]
        done = _run(command, place)
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()[:_SHOWN_LINES]
            text = f"{compiler} ended with {done.returncode}: " + " | ".join(lines)
            cure = "name another compiler with the variable CC, or run on the reference simulator"
            raise InputError(Diagnostic("SN560", text, help=cure))
        os.replace(place / "library", library)
    return library


def _run(command: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        text = f"{command[0]} cannot build the program: {error}"
        raise InputError(Diagnostic("SN560", text)) from error


def cache_folder() -> Path:
    """The user's folder for built libraries; a folder of this process where that is not writable.

    `SNNC_CACHE` names another one.
    """
    base = os.environ.get("SNNC_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "snnc" / "c"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return _own_folder()
    return folder if os.access(folder, os.W_OK) else _own_folder()


@lru_cache(maxsize=1)
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="snnc-c-"))


@lru_cache(maxsize=4)
def _version(compiler: str) -> str:
    try:
        done = subprocess.run(
            [compiler, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


@lru_cache(maxsize=4)
def _native(compiler: str) -> tuple[str, ...]:
    """The option that lets the compiler use all of this processor, where it knows one."""
    for option in ("-march=native", "-mcpu=native"):
        command = [compiler, option, "-E", "-x", "c", os.devnull]
        try:
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ()
        if done.returncode == 0:
            return (option,)
    return ()


def _digest(files: Mapping[str, bytes], compiler: str, flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for text in (compiler, _version(compiler), *flags, platform.machine(), _processor()):
        digest.update(text.encode() + b"\0")
    for name in sorted(files):
        if "/" not in name:
            digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _processor() -> str:
    """What tells processors apart: a library for one need not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    known = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(known)))

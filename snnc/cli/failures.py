"""From an exception to an exit code: what is printed, and the crash folder for our own bugs."""

from __future__ import annotations

import errno
import platform
import shlex
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from snnc.cli import EXIT_INTERRUPTED, INTERRUPTED
from snnc.cli.console import Settings, print_json, stderr
from snnc.diagnostics import Diagnostic, SnncError, UsageError

EXIT_BUG = 3
DATA_OPTIONS = ("--calibration", "--divide", "--mean", "--std", "--layout", "--steps", "--seed")
REPORTED_PACKAGES = ("snnc", "numpy", "onnx", "onnxruntime", "onnx-ir", "onnxscript", "scipy")


def report_failure(error: BaseException, arguments: Sequence[str], settings: Settings) -> int:
    """Tell the user what went wrong and return the exit code that says so."""
    if isinstance(error, KeyboardInterrupt):
        stderr().print(INTERRUPTED)
        return EXIT_INTERRUPTED
    known = as_snnc_error(error)
    if known is not None:
        _show(known.diagnostics, settings)
        return known.exit_code
    bug = _bug(error, write_crash_folder(error, arguments))
    stderr().print(f"error[{bug.code}]: {bug.message}; {bug.help}", soft_wrap=True)
    if settings.json:
        print_json({"error": [bug.as_dict()]})
    return EXIT_BUG


def as_snnc_error(error: BaseException) -> SnncError | None:
    """The error with its diagnostics, also for what the operating system refused; else None."""
    if isinstance(error, SnncError):
        return error
    if isinstance(error, MemoryError):
        text = f"not enough memory: {error}".rstrip(": ")
        return UsageError(Diagnostic("SN937", text, help="use a smaller --batch or fewer samples"))
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(_system_refusal(error))
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and not missing.startswith("snnc"):
        text = f"the package {missing} is not installed"
        return UsageError(Diagnostic("SN939", text, help=f"pip install {missing}"))
    return None


def _system_refusal(error: OSError) -> Diagnostic:
    path = str(error.filename2 or error.filename or "the result")
    reason = error.strerror or "refused by the operating system"
    if error.errno in (errno.ENOENT, errno.EISDIR):
        return Diagnostic("SN920", f"cannot read {path}: {reason}", where=path)
    cure = "free some space, or choose another place with -o"
    return Diagnostic("SN921", f"cannot write {path}: {reason}", where=path, help=cure)


def say(diagnostics: Sequence[Diagnostic], settings: Settings) -> None:
    """Diagnostics on stderr."""
    console = stderr()
    for diagnostic in diagnostics:
        console.print(str(diagnostic), soft_wrap=True)
        if settings.verbose and diagnostic.code:
            console.print(f"  `snnc explain {diagnostic.code}` says more", soft_wrap=True)


def _show(diagnostics: Sequence[Diagnostic], settings: Settings) -> None:
    say(diagnostics, settings)
    if settings.json:
        with suppress(OSError):  # where stdout is what failed, stderr has said so
            print_json({"error": [d.as_dict() for d in diagnostics]})


def _bug(error: BaseException, folder: Path | None) -> Diagnostic:
    text = f"snnc failed: {type(error).__name__}: {_first_line(error)}"
    if folder is None:
        return Diagnostic("SN935", text, help="the folder snnc-crash could not be written here")
    cure = f"please report it with the folder {folder} (traceback, command, versions)"
    return Diagnostic("SN935", text, where=str(folder / "traceback.txt"), help=cure)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else "no message"


def write_crash_folder(
    error: BaseException, arguments: Sequence[str], parent: Path | None = None
) -> Path | None:
    """Write `snnc-crash` (or `snnc-crash-2`, ...) below `parent`; None if that is impossible.

    It holds the traceback, the command line that repeats it, versions, and `before.snn` with the
    network before the pass that failed, where the failure was in a pass.
    """
    try:
        folder = _fresh_folder(parent or Path.cwd())
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        (folder / "traceback.txt").write_text(trace, encoding="utf-8")
        lines = [f"snnc {shlex.join(arguments)}", *_network_before(error, folder, arguments)]
        (folder / "command.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "versions.txt").write_text(_versions(), encoding="utf-8")
    except OSError:
        return None
    return folder


def _fresh_folder(parent: Path) -> Path:
    number = 1
    while True:
        folder = parent / ("snnc-crash" if number == 1 else f"snnc-crash-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        return folder


def _network_before(error: BaseException, folder: Path, arguments: Sequence[str]) -> list[str]:
    """Save the network that the failing pass was given; the command that repeats the pass."""
    from snnc.driver.pipeline import PassCrashError

    if not isinstance(error, PassCrashError):
        return []
    from snnc.ir.storage import save

    try:
        save(error.network, folder / "before.snn")
    except Exception as second:
        return [f"# the network before pass {error.spec} could not be saved: {second}"]
    repeat = ["snnc", "opt", f"{folder.name}/before.snn", "--passes", error.spec, "-o", "-"]
    if error.network.stage == "ann":
        repeat.extend(_data_options(arguments))
    return [shlex.join(repeat)]


def _data_options(arguments: Sequence[str]) -> list[str]:
    """The options about data and randomness of a command line, which its passes depended on."""
    found: list[str] = []
    for index, argument in enumerate(arguments):
        name, equals, _ = argument.partition("=")
        if name in DATA_OPTIONS:
            found.extend(arguments[index : index + (1 if equals else 2)])
    return found


def _versions() -> str:
    lines = [f"python {sys.version.split()[0]} on {platform.platform()}"]
    lines.extend(f"{package} {_version(package)}" for package in REPORTED_PACKAGES)
    return "\n".join(lines) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

"""What a program directory looks like: its manifest, the names of its files, their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snnc.diagnostics import Diagnostic, InputError, UsageError

SCHEMA_VERSION = 1
FORMAT = "snnc-program"
MANIFEST = "manifest.json"
NETWORK = "network.snn"

_IGNORED_FILES = frozenset((".DS_Store", "Thumbs.db", "desktop.ini"))
_IGNORED_FOLDERS = frozenset(("__pycache__", "build"))  # what running a program leaves there
_RESERVED = frozenset('<>:"|?*\\')  # not allowed in names on every system
_COMPILE_AGAIN = "compile the model again"


def read_manifest(root: Path) -> dict[str, Any]:
    """The manifest of a directory; the files it names are not looked at.

    Raises:
        UsageError: SN905, there is none.
        InputError: SN906, it is damaged or of another version.
    """
    path = root / MANIFEST
    try:
        text = path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"there is no program in {root}: {MANIFEST} is missing"
        cure = "name a directory that `snnc compile -o DIR` wrote"
        raise UsageError(Diagnostic("SN905", message, help=cure)) from error
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise UsageError(Diagnostic("SN905", message, help="look at its permissions")) from error
    except UnicodeDecodeError as error:
        raise unusable_manifest(root, "it is not UTF-8 text") from error
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unusable_manifest(root, f"it is not JSON ({error})") from error
    return _checked_manifest(root, manifest)


def _checked_manifest(root: Path, manifest: object) -> dict[str, Any]:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise unusable_manifest(root, f'it has no entry "format": "{FORMAT}"')
    version = manifest.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        writer = manifest.get("snnc_version", "an unknown version")
        reason = f"its schema version is {version}, this snnc reads {SCHEMA_VERSION}"
        raise unusable_manifest(root, f"{reason} (it was written by snnc {writer})")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_entry(entry) for entry in files.values()):
        raise unusable_manifest(root, "its list of files is damaged")
    return manifest


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"sha256", "size"}
        and isinstance(entry["sha256"], str)
        and isinstance(entry["size"], int)
    )


def describe(data: bytes) -> dict[str, Any]:
    """The manifest's entry about a file of these bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def check_name(name: str, root: Path) -> None:
    """Refuse names that lead out of the directory or mean different things on different systems.

    Raises:
        InputError: SN908.
    """
    parts = name.split("/")
    odd = any(part in ("", ".", "..") or part != part.strip(" ") for part in parts)
    forbidden = any(c in _RESERVED or ord(c) < 32 or ord(c) == 127 for c in name)
    if odd or forbidden or name == MANIFEST:
        message = f"{name!r} is no name of a file inside a program directory"
        cure = "names are relative, with / between folders and no . or .. among them"
        raise InputError(Diagnostic("SN908", message, where=str(root), help=cure))


def files_in(root: Path) -> Iterator[str]:
    """Names of all that lies in a directory and is no folder; leftovers of the system left out."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.name in _IGNORED_FILES or _IGNORED_FOLDERS & set(inside.parts[:-1]):
            continue
        if path.is_symlink() or not path.is_dir():
            yield inside.as_posix()


def changed(root: Path, what: str) -> InputError:
    """The error about a program whose files are not those that were written."""
    message = f"the program is not as it was written: {what}"
    cure = f"{_COMPILE_AGAIN}, and keep files of your own outside the directory"
    return InputError(Diagnostic("SN907", message, where=str(root), help=cure))


def unusable_manifest(root: Path, reason: str) -> InputError:
    """The error about a manifest that is damaged, foreign or of another version."""
    message = f"the manifest cannot be used: {reason}"
    return InputError(Diagnostic("SN906", message, where=str(root / MANIFEST), help=_COMPILE_AGAIN))

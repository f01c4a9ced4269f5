"""Writing a program directory all at once: either it is there as a whole, or nothing changed."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.program_files import FORMAT, MANIFEST, SCHEMA_VERSION, check_name, describe, files_in

_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST)


def write_program(
    directory: str | Path,
    *,
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    force: bool = False,
) -> Path:
    """Write a program directory: `files` by their names and a manifest with their digests.

    Everything is written beside the directory first and renamed then; after an error or Ctrl-C
    the directory is what it was before, and no temporary folder is left. The same arguments give
    the same bytes. Missing parent folders are made.

    Args:
        directory: where the program goes; a program of snnc there is replaced.
        files: contents by name; folders are separated by `/`.
        manifest: JSON values for the manifest; `format`, `schema_version`, `snnc_version` and
            `files` are added.
        force: replace the directory also if it holds files that snnc did not write.

    Returns:
        The directory.

    Raises:
        UsageError: SN900 a file is in the way, SN901 the place cannot be written, SN902 the disk
            is full, SN903 the directory is not snnc's, SN904 it may never be replaced.
        InputError: SN908, a name would lead out of the directory.
        ValueError: `manifest` has an entry that is added here.
    """
    target = Path(os.path.realpath(directory))
    contents = {**files, MANIFEST: manifest_bytes(files, manifest, target)}
    with _system_errors(Path(directory)):
        _check_target(target, force)
        missing = [p for p in (target.parent, *target.parent.parents) if not p.exists()]
        token = secrets.token_hex(4)
        new, old = (target.parent / f".snnc-{token}.{kind}" for kind in ("new", "old"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _fill(new, contents)
            _swap(new, target, old)
        except BaseException:  # Ctrl-C too
            shutil.rmtree(new, ignore_errors=True)
            for parent in missing:
                with suppress(OSError):
                    parent.rmdir()
            raise
    return Path(directory)


def check_directory(directory: str | Path, *, force: bool = False) -> None:
    """Refuse a directory that `write_program` would refuse, before the work is done.

    Raises:
        UsageError: SN900 a file is in the way, SN901 the place cannot be written, SN903 the
            directory is not snnc's, SN904 it may never be replaced.
    """
    target = Path(os.path.realpath(directory))
    with _system_errors(Path(directory)):
        _check_target(target, force)
        above = next(p for p in target.parents if p.exists())
        if not above.is_dir():
            raise _file_in_the_way(Path(directory))
        if not os.access(above, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))


def manifest_bytes(files: Mapping[str, bytes], manifest: Mapping[str, Any], root: Path) -> bytes:
    """The manifest's text, with sorted keys, so that equal programs have equal bytes."""
    names = sorted(files)
    for name in names:
        check_name(name, root)
        above = [str(p) for p in PurePosixPath(name).parents]
        if set(above) & set(names):
            message = f"{name!r} lies in a folder that has the name of another file"
            raise InputError(Diagnostic("SN908", message, where=str(root)))
    own: dict[str, Any] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "snnc_version": metadata.version("snnc"),
        "files": {name: describe(files[name]) for name in names},
    }
    clash = sorted(set(own) & set(manifest))
    if clash:
        raise ValueError(f"manifest entries {clash} are added by write_program")
    text = json.dumps({**manifest, **own}, sort_keys=True, indent=2, allow_nan=False)
    return f"{text}\n".encode()


def _check_target(target: Path, force: bool) -> None:
    """Refuse to replace what is not ours to replace."""
    if not target.exists():
        return
    if not target.is_dir():
        raise _file_in_the_way(target)
    if target in _never_replaced():
        message = f"{target} is the current or home directory or contains it"
        raise UsageError(Diagnostic("SN904", message, help="name a sub-folder, such as out/"))
    strangers = _files_not_ours(target)
    if strangers and not force:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        message = f"{target} holds files that snnc did not write: {strangers[0]}{more}"
        cure = "choose another directory, or pass --force to replace it with all that is in it"
        raise UsageError(Diagnostic("SN903", message, help=cure))


def _never_replaced() -> set[Path]:
    places: list[Path] = []
    with suppress(OSError):
        places.append(Path.cwd().resolve())
    with suppress(OSError, RuntimeError):
        places.append(Path.home().resolve())
    return {path for place in places for path in (place, *place.parents)}


def _files_not_ours(root: Path) -> list[str]:
    """Names of files that the manifest of a program of snnc (of any version) does not account for.

    Without such a manifest these are all files.
    """
    names = list(files_in(root))
    try:
        manifest = json.loads((root / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return names
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return names
    written = manifest.get("files")
    known = set(written) if isinstance(written, dict) else set()
    return [name for name in names if name not in known and name != MANIFEST]


def _fill(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name in sorted(contents):
        path = folder.joinpath(*PurePosixPath(name).parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[name])


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put `new` in the place of `target`; undo on failure, delete what was there on success."""
    # Each step is judged by what is there, not by flags: Ctrl-C may come right after a rename.
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        if old.exists() and target.exists():
            _delete(old, target)


def _delete(old: Path, target: Path) -> None:
    try:
        shutil.rmtree(old)
    except OSError as error:
        message = f"{target} was written, but what was there before is left over in {old}"
        cure = f"delete it by hand ({error.strerror or error})"
        raise UsageError(Diagnostic("SN901", message, help=cure)) from error
    except BaseException:  # Ctrl-C: finish first
        shutil.rmtree(old, ignore_errors=True)
        raise


@contextmanager
def _system_errors(directory: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one clear message."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            message = f"{directory} cannot be written: {reason}; nothing was left there"
            cure = "free some space, or choose another disk"
            raise UsageError(Diagnostic("SN902", message, help=cure)) from error
        if error.errno in _IN_THE_WAY:
            raise _file_in_the_way(directory) from error
        message = f"{directory} cannot be written: {reason}; what was there before is unchanged"
        cure = "choose a directory that you may write to"
        raise UsageError(Diagnostic("SN901", message, help=cure)) from error


def _file_in_the_way(directory: Path) -> UsageError:
    message = f"{directory} cannot be made: a file of that name, or of a folder above it, exists"
    return UsageError(Diagnostic("SN900", message, help="choose another directory"))

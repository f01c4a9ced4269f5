"""Writing single result files: whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from snnc.diagnostics import Diagnostic, UsageError


def check_writable(path: Path) -> None:
    """Refuse a result file that could not be written later, before the work is done.

    Raises:
        UsageError: SN921, its folder is missing or locked, or it is a folder itself.
    """
    place = Path(os.path.realpath(path))
    reason = _obstacle(place)
    if reason is not None:
        text = f"cannot write {path}: {os.strerror(reason)}"
        cure = "make the folder first, or choose another place"
        raise UsageError(Diagnostic("SN921", text, where=str(path), help=cure))


def check_folder(path: Path) -> None:
    """Refuse a folder for result files that is none and cannot become one, before the work is done.

    Raises:
        UsageError: SN921.
    """
    place = Path(os.path.realpath(path))
    while not place.exists():
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK):
        return
    reason = os.strerror(errno.EACCES if place.is_dir() else errno.ENOTDIR)
    text, cure = f"cannot write into {path}: {reason}", "choose another place"
    raise UsageError(Diagnostic("SN921", text, where=str(path), help=cure))


def _obstacle(place: Path) -> int | None:
    if place.is_dir():
        return errno.EISDIR
    if not place.parent.is_dir():
        return errno.ENOTDIR if place.parent.exists() else errno.ENOENT
    written = place.parent if place.is_file() or not place.exists() else place
    return None if os.access(written, os.W_OK) else errno.EACCES


def write_atomic(path: Path, data: bytes) -> None:
    """Write through a temporary sibling and rename; an interrupted write leaves nothing.

    A link is followed. What is no file (a device, a pipe) is written to as it is.

    Raises:
        UsageError: SN921, as `check_writable`.
        OSError: the file system refuses.
    """
    check_writable(path)
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        with place.open("wb") as stream:
            stream.write(data)
        return
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(0o644)
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

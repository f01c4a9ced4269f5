"""The program directory: what `compile` writes, and the checks with which it is read again.

    out/  manifest.json   schema and snnc version, where the program came from, digest of every file
          network.snn     the final network, and its tensors beside it
          golden/         inputs and the reference simulator's answer to them
          ...             the target's files, report.json

No file is ever unpickled or executed by reading a program.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import UsageError
from snnc.ir.model import Network
from snnc.program_files import (
    FORMAT,
    MANIFEST,
    NETWORK,
    SCHEMA_VERSION,
    changed,
    check_name,
    describe,
    files_in,
    read_manifest,
    unusable_manifest,
)
from snnc.program_golden import Golden, golden_files, read_golden
from snnc.program_write import check_directory, write_program

__all__ = [
    "FORMAT",
    "MANIFEST",
    "NETWORK",
    "SCHEMA_VERSION",
    "Golden",
    "Program",
    "check_directory",
    "golden_files",
    "load_program",
    "read_golden",
    "write_program",
]


@dataclass(frozen=True, slots=True)
class Program:
    """A program directory whose every file was checked against the manifest by `load_program`."""

    directory: Path
    manifest: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, with `/` between folders, in order."""
        return tuple(sorted(self.manifest["files"]))

    def path(self, name: str) -> Path:
        """Where a file of the program lies; KeyError if it has none of that name."""
        if name not in self.manifest["files"]:
            raise KeyError(name)
        return self.directory.joinpath(*PurePosixPath(name).parts)

    def read(self, name: str) -> bytes:
        """The bytes of a file, checked once more; KeyError if there is none of that name.

        Raises:
            InputError: SN907, it changed since the program was loaded.
        """
        path = self.path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise changed(self.directory, f"{name} cannot be read: {error.strerror}") from error
        if describe(data) != self.manifest["files"][name]:
            raise changed(self.directory, f"{name} changed while it was in use")
        return data

    def network(self) -> Network:
        """The program's network.

        Raises:
            InputError: it is missing, or the text or a tensor is damaged.
        """
        from snnc.ir.storage import load  # the parser is slow to import

        if NETWORK not in self.manifest["files"]:
            raise changed(self.directory, f"{NETWORK} is missing from the manifest")
        return load(self.path(NETWORK))

    def preprocessing(self) -> Preprocessing:
        """What is done to samples before the program sees them (`preprocessing` in the manifest).

        Raises:
            InputError: SN906, the entry is no preprocessing.
        """
        entry = self.manifest.get("preprocessing", {})
        if not isinstance(entry, dict):
            raise unusable_manifest(self.directory, "its preprocessing is no object")
        try:
            return Preprocessing.from_dict(entry)
        except UsageError as error:
            raise unusable_manifest(self.directory, str(error.diagnostics[0].message)) from error


def load_program(directory: str | Path) -> Program:
    """The program in a directory, after every file was compared with the manifest.

    Raises:
        UsageError: SN905, there is no program.
        InputError: SN906 the manifest is damaged or of another version, SN907 files are missing,
            added or changed, SN908 a name leads out of the directory.
    """
    root = Path(directory)
    manifest = read_manifest(root)
    files = manifest["files"]
    for name in sorted(files):
        check_name(name, root)
    there = set(files_in(root)) - {MANIFEST}
    faults = [f"{name} is missing" for name in sorted(set(files) - there)]
    faults += [f"{name} is not in the manifest" for name in sorted(there - set(files))]
    faults += [f for name in sorted(there & set(files)) for f in _faults(root, name, files[name])]
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise changed(root, "; ".join(faults[:3]) + more)
    return Program(root, manifest)


def _faults(root: Path, name: str, entry: Mapping[str, Any]) -> list[str]:
    """What is wrong with a file, compared with its entry in the manifest."""
    path = root.joinpath(*PurePosixPath(name).parts)
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or not path.resolve().is_relative_to(root.resolve()):
            return [f"{name} is no ordinary file inside the directory"]
        if status.st_size != entry["size"]:
            return [f"{name} has {status.st_size} bytes instead of {entry['size']}"]
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        return [f"{name} cannot be read: {error.strerror or error}"]
    return [] if digest.hexdigest() == entry["sha256"] else [f"{name} differs from its digest"]

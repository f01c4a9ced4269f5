"""A core map read from a program directory, checked against the rules and against its network."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.decoded import decoded_findings
from snnc.backends.truenorth.files import FILES, from_files
from snnc.backends.truenorth.legality import check_map
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.model import Network


def load_map(path: str | PathLike[str], network: Network) -> CoreMap:
    """The core map of a program directory.

    Args:
        path: the directory.
        network: the network of that directory.

    Raises:
        UsageError: there is none (SN598).
        InputError: its files are broken or break a rule of the chip (SN565 to SN585), or its
            crossbars say something else than the network (SN597).
    """
    place = Path(path)
    missing = [name for name in FILES if not (place / name).is_file()]
    if missing:
        text = f"{place} holds no {missing[0]}"
        cure = "compile with --target truenorth, and name the folder"
        raise UsageError(Diagnostic("SN598", text, str(place), cure))
    core_map = from_files({name: (place / name).read_bytes() for name in FILES})
    found = check_map(core_map) or decoded_findings(core_map, network)
    if found:
        raise InputError(found)
    return core_map

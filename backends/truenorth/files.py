"""A core map as files, and back: `coremap.json` and `coremap.npz`, schema `snnc.coremap/1`.

docs/core-map.md describes the schema. The bytes depend on the map alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.core_map import (
    ROLES,
    TO_CORE,
    TO_OUTPUT,
    CoreMap,
    Layer,
    OutputGroup,
    PinGroup,
)
from snnc.backends.truenorth.entries import Entries, parse_json
from snnc.backends.truenorth.fields import FIELDS
from snnc.backends.truenorth.legality_arrays import array_faults
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.npz import npz_bytes
from snnc.ir.tensors import Array

SCHEMA = "snnc.coremap/1"
JSON, NPZ = "coremap.json", "coremap.npz"
FILES = (JSON, NPZ)
_ENTRIES = (
    "schema",
    "name",
    "cores",
    "ticks_per_step",
    "outputs",
    "chip",
    "roles",
    "layers",
    "pins",
    "heads",
    "corelets",
    "counts",
    "arrays",
)


_UNREADABLE = (
    *(ValueError, TypeError, AttributeError, KeyError, OSError, EOFError, MemoryError),
    *(OverflowError, RecursionError, NotImplementedError, SyntaxError, UserWarning),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What NumPy and the library raise over damaged archives and headers of arrays."""


def to_files(core_map: CoreMap) -> dict[str, bytes]:
    """The two files of a core map, by name."""
    arrays = {name: getattr(core_map, name).astype(dtype) for name, (dtype, _) in FIELDS.items()}
    content = npz_bytes(arrays)
    text = {
        "schema": SCHEMA,
        "name": core_map.name,
        "cores": core_map.cores,
        "ticks_per_step": core_map.ticks_per_step,
        "outputs": core_map.outputs,
        "chip": asdict(core_map.spec),
        "roles": list(ROLES),
        "layers": [asdict(layer) for layer in core_map.layers],
        "pins": [asdict(group) for group in core_map.pins],
        "heads": [asdict(group) for group in core_map.heads],
        "corelets": list(core_map.corelet_names),
        "counts": counts(core_map),
        "arrays": {"file": NPZ, "sha256": hashlib.sha256(content).hexdigest()},
    }
    return {JSON: (json.dumps(text, indent=1, ensure_ascii=False) + "\n").encode(), NPZ: content}


def counts(core_map: CoreMap) -> dict[str, int]:
    """What is on the map: for readers, and checked on load."""
    cores = {f"{role}_cores": int((core_map.roles == i).sum()) for i, role in enumerate(ROLES)}
    mask = np.packbits(core_map.used, axis=-1)[:, None, :]
    return {
        **cores,
        "neurons": int(core_map.used.sum()),
        "to_cores": int((core_map.kinds == TO_CORE).sum()),
        "to_outputs": int((core_map.kinds == TO_OUTPUT).sum()),
        "pin_entries": len(core_map.pin_cores),
        "synapses": _ones(core_map.crossbar & mask),
    }


def _ones(packed: Array) -> int:
    ones = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)
    return int(np.bincount(packed.reshape(-1), minlength=256) @ ones)


def from_files(files: Mapping[str, bytes]) -> CoreMap:
    """The core map that `to_files` made these of. Other names in `files` are not looked at.

    Only its form is checked here, not the rules of the chip: see `check_map`.

    Raises:
        InputError: SN580, a file is missing or not of the schema; SN581, another digest or a broken
            archive; SN565, arrays that do not belong together.
    """
    for name in FILES:
        if name not in files:
            raise unusable(f"there is no {name}")
    root = Entries(JSON, parse_json(files[JSON], JSON), "SN580")
    schema = root.text("schema")
    if schema != SCHEMA:
        raise unusable(f"its schema is {schema!r}, this snnc reads {SCHEMA!r}")
    root.only(_ENTRIES)
    if root.texts("roles") != list(ROLES):
        raise unusable(f"the roles of cores are not {list(ROLES)}")
    core_map = CoreMap(
        name=root.text("name"),
        outputs=root.number("outputs"),
        layers=tuple(_record(Layer, entry) for entry in root.each("layers")),
        corelet_names=tuple(root.texts("corelets")),
        pins=tuple(_record(PinGroup, entry) for entry in root.each("pins")),
        heads=tuple(_record(OutputGroup, entry) for entry in root.each("heads")),
        ticks_per_step=root.number("ticks_per_step"),
        spec=_chip(root.inner("chip")),
        **_arrays(root.inner("arrays"), files[NPZ]),
    )
    if faults := array_faults(core_map):
        raise InputError(faults)
    said = root.inner("counts")
    for name, count in {**counts(core_map), "cores": core_map.cores}.items():
        if (root if name == "cores" else said).number(name) != count:
            raise unusable(f"the count of {name} is wrong: the arrays have {count}")
    return core_map


def _record(kind: Any, entry: Entries) -> Any:
    """A dataclass of texts and whole numbers."""
    entry.only([field.name for field in fields(kind)])
    values = {
        f.name: entry.text(f.name) if f.type == "str" else entry.number(f.name)
        for f in fields(kind)
    }
    return kind(**values)


def _chip(entry: Entries) -> ChipSpec:
    entry.only([field.name for field in fields(ChipSpec)])
    pairs = {"grid", "reach"}
    values: dict[str, Any] = {
        f.name: entry.pair(f.name) if f.name in pairs else entry.number(f.name)
        for f in fields(ChipSpec)
    }
    if any(not 0 < v < 1 << 31 for name, v in values.items() if name not in pairs):
        raise unusable("a limit of the chip is not positive")
    return ChipSpec(**values)


def _arrays(entry: Entries, content: bytes) -> dict[str, Array]:
    entry.only(["file", "sha256"])
    if entry.text("file") != NPZ:
        raise unusable(f"its arrays are not in {NPZ}")
    digest = hashlib.sha256(content).hexdigest()
    if entry.text("sha256") != digest:
        raise _broken(f"its SHA-256 digest is {digest}, not what {JSON} says")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if set(archive.files) != set(FIELDS):
                odd = sorted(set(archive.files) ^ set(FIELDS))
                raise unusable(f"arrays are missing or were added: {', '.join(odd)}", NPZ)
            return {name: archive[name] for name in FIELDS}
    except _UNREADABLE as error:
        raise _broken(f"it is no archive of arrays ({error})") from error


def unusable(reason: str, place: str = JSON) -> InputError:
    """The error about a file that is not of the schema."""
    cure = "compile the model again, or update snnc"
    return InputError(Diagnostic("SN580", f"the core map cannot be used: {reason}", place, cure))


def _broken(reason: str) -> InputError:
    message = f"the arrays of the core map are not those that were written: {reason}"
    return InputError(Diagnostic("SN581", message, NPZ, "compile the model again"))

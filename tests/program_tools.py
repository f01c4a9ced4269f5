"""A program directory for tests, and what tests do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snnc.data.preprocessing import Preprocessing

FILES = {"network.snn": b"text\n", "golden/a.bin": b"\0\1", "target/deep/b.bin": b"b" * 3000}
MANIFEST: dict[str, Any] = {"target": "reference", "preprocessing": Preprocessing(255.0).as_dict()}
NEW = {"network.snn": b"other\n"}
# Names that lead out of a directory, or that not every system knows.
BAD_NAMES = [
    "/etc/x",
    "../x",
    "a/../../x",
    "a//b",
    "./a",
    "a/",
    "",
    "C:x",
    "a\\b",
    "a\0b",
    "a ",
    "a\n",
]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes and every folder (None), hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def edit_manifest(out: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    change(manifest)
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")

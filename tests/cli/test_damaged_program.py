"""Program directories that are not as they were written: each fault is named, exit code 1."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "examples" / "mnist" / "images.npz"


def truncate(folder: Path) -> None:
    file = folder / "network.snn.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def modify(folder: Path) -> None:
    file = folder / "network.snn"
    file.write_text(file.read_text().replace("steps=8", "steps=9"))


def edit_manifest(**entries: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))

    return edit


def swap_stages(folder: Path) -> None:
    """The final network in the place of the imported one, with digests to match."""
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for end in (".snn", ".snn.safetensors"):
        shutil.copy(folder / f"network{end}", folder / f"ann{end}")
        files[f"ann{end}"] = files[f"network{end}"]
    edit_manifest(files=files)(folder)


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"format": ')


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "truncated": (truncate, "SN907", "network.snn.safetensors has 1000 bytes instead of"),
    "modified": (modify, "SN907", "network.snn differs from its digest"),
    "no report": (lambda f: (f / "report.json").unlink(), "SN907", "report.json is missing"),
    "no network": (lambda f: (f / "network.snn").unlink(), "SN907", "network.snn is missing"),
    "a file more": (lambda f: (f / "a.txt").write_text(""), "SN907", "a.txt is not in the"),
    "newer": (edit_manifest(schema_version=99), "SN906", "its schema version is 99"),
    "no JSON": (cut_manifest, "SN906", "it is not JSON"),
    "no ANN": (swap_stages, "SN941", "the network is at stage snn instead of ann"),
    "steps": (edit_manifest(steps="many"), "SN941", "does not say what it should"),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize("command", ["run", "eval", "inspect", "report"])
def test_a_damaged_program_is_refused(
    cli: Any, tmp_path: Path, program: Path, command: str, name: str
) -> None:
    spoil, code, message = FAULTS[name]
    shutil.copytree(program, tmp_path / "copy")
    spoil(tmp_path / "copy")
    data = f"{IMAGES}:test[:2]"
    options = {"run": ("--inputs", data), "eval": ("--data", data), "report": ("-o", "r.html")}
    outcome = cli(command, "copy", *options.get(command, ()))
    assert outcome.code == 1
    assert f"error[{code}]: " in outcome.err
    assert message in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


def test_a_folder_without_manifest_is_no_program(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    outcome = cli("run", "folder", "--inputs", f"{IMAGES}:test[:2]")
    assert outcome.code == 2
    assert "error[SN924]: folder is a folder without manifest.json" in outcome.err

"""A program is read only if it is exactly what was written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_tools import BAD_NAMES, FILES, MANIFEST, NEW, edit_manifest

from snnc import program_files
from snnc.diagnostics import InputError, UsageError
from snnc.ir import model as m
from snnc.ir.storage import to_bytes
from snnc.program import load_program, write_program
from snnc.program_codes import CODES


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A program directory beside which nothing else lies."""
    return write_program(tmp_path / "out", files=FILES, manifest=MANIFEST)


def test_a_place_without_a_program_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(UsageError, match="SN905") as caught:
            load_program(place)
        assert caught.value.exit_code == 2
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(UsageError, match="SN905"):
        load_program(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda o: (o / "network.snn").unlink(), "network.snn is missing"),
        (lambda o: (o / "new.txt").touch(), "new.txt is not in the manifest"),
        (lambda o: (o / "network.snn").write_bytes(b"TEXT\n"), "network.snn differs"),
        (lambda o: (o / "network.snn").write_bytes(b"t"), "has 1 bytes instead of 5"),
        (lambda o: shutil.rmtree(o / "golden"), "golden/a.bin is missing"),
    ],
)
def test_changed_files_are_found(out: Path, change: Callable[[Path], None], fault: str) -> None:
    change(out)
    with pytest.raises(InputError, match=f"SN907.*{fault}"):
        load_program(out)


def test_many_changed_files_are_counted(out: Path) -> None:
    for i in range(5):
        (out / f"{i}.txt").touch()
    with pytest.raises(InputError, match=r"2\.txt is not in the manifest \(and 2 more\)"):
        load_program(out)


def test_links_are_not_followed_out_of_the_folder(out: Path, tmp_path: Path) -> None:
    for name in ("network.snn", "golden"):
        elsewhere = tmp_path / f"elsewhere-{name}"
        (out / name).rename(elsewhere)
        (out / name).symlink_to(elsewhere)
        with pytest.raises(InputError, match=r"SN907.*(no ordinary file|is missing)"):
            load_program(out)
        (out / name).unlink()
        elsewhere.rename(out / name)
    load_program(out)


def test_leftovers_of_systems_and_bytecode_are_no_change(out: Path) -> None:
    (out / ".DS_Store").touch()
    (out / "target" / "__pycache__").mkdir()
    (out / "target" / "__pycache__" / "a.pyc").touch()
    assert load_program(out).names == tuple(sorted(FILES))


def test_a_file_that_changes_after_loading_is_found(out: Path) -> None:
    program = load_program(out)
    (out / "network.snn").write_bytes(b"TEXT\n")
    with pytest.raises(InputError, match=r"SN907.*changed"):
        program.read("network.snn")
    (out / "network.snn").unlink()
    with pytest.raises(InputError, match=r"SN907.*cannot be read"):
        program.read("network.snn")
    with pytest.raises(KeyError):
        program.read("../out/network.snn")


@pytest.mark.parametrize("name", [*BAD_NAMES, "manifest.json"])
def test_names_that_leave_the_folder_are_not_read(out: Path, name: str) -> None:
    entry = program_files.describe(b"")
    edit_manifest(out, lambda manifest: manifest["files"].update({name: entry}))
    with pytest.raises(InputError, match="SN908"):
        load_program(out)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", "other", "format"),
        ("schema_version", 2, "schema version is 2, this snnc reads 1"),
        ("schema_version", True, "schema version"),
        ("schema_version", "1", "schema version"),
        ("files", [], "list of files"),
        ("files", {"a": 3}, "list of files"),
        ("files", {"a": {"sha256": 1, "size": 1}}, "list of files"),
        ("files", {"a": {"size": 1}}, "list of files"),
    ],
)
def test_a_manifest_of_another_form_is_refused(
    out: Path, key: str, value: object, words: str
) -> None:
    edit_manifest(out, lambda manifest: manifest.update({key: value}))
    with pytest.raises(InputError, match=f"SN906.*{words}"):
        load_program(out)


@given(at=st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_a_truncated_manifest_is_refused(tmp_path_factory: pytest.TempPathFactory, at: int) -> None:
    out = tmp_path_factory.getbasetemp() / "truncated"
    write_program(out, files=FILES, manifest=MANIFEST)
    whole = (out / "manifest.json").read_bytes()
    (out / "manifest.json").write_bytes(whole[: at % (len(whole) - 2)])
    with pytest.raises(InputError, match="SN906"):
        load_program(out)
    shutil.rmtree(out)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 100_000, b"null", b'"text"'])
def test_a_manifest_that_is_no_object_is_refused(out: Path, data: bytes) -> None:
    (out / "manifest.json").write_bytes(data)
    with pytest.raises(InputError, match="SN906"):
        load_program(out)


@pytest.mark.parametrize("entry", [3, {"divide": "x"}, {"unknown": 1}])
def test_damaged_preprocessing_is_refused(tmp_path: Path, entry: object) -> None:
    out = write_program(tmp_path / "out", files=NEW, manifest={"preprocessing": entry})
    with pytest.raises(InputError, match=r"SN906.*preprocessing"):
        load_program(out).preprocessing()


def small_network() -> m.Network:
    neuron = m.IF(threshold=1.0)
    incoming = m.Incoming("x", (m.Dense(m.Ref("w")),))
    network = m.Network(
        name="small",
        stage="snn",
        inputs=(m.Input("x", "f32", (3,)),),
        populations=(m.Population("out", (2,), neuron, incoming=(incoming,)),),
        heads=(m.Head("final", "out", m.SpikeCount()),),
        schedule=m.Synchronous(4),
    )
    return network.with_arrays({"w": np.ones((2, 3), dtype=np.float32)})


def test_the_network_of_a_program_is_the_one_that_was_stored(tmp_path: Path) -> None:
    network = small_network()
    out = write_program(tmp_path / "out", files=to_bytes(network, "network.snn"), manifest={})
    found = load_program(out).network()
    assert found == network
    np.testing.assert_array_equal(found.array(m.Ref("w")), network.array(m.Ref("w")))


def test_a_program_without_a_network_says_so(tmp_path: Path) -> None:
    out = write_program(tmp_path / "out", files={"a": b""}, manifest={})
    with pytest.raises(InputError, match=r"SN907.*network\.snn"):
        load_program(out).network()


def test_the_table_of_codes_is_that_of_the_sources() -> None:
    folder = Path(program_files.__file__).parent
    sources = [p for p in folder.glob("program*.py") if p.name != "program_codes.py"]
    raised = {c for p in sources for c in re.findall(r'"(SN\d{3})"', p.read_text("utf-8"))}
    assert raised == set(CODES)
    assert all(code.startswith("SN90") and len(text) > 80 for code, text in CODES.items())

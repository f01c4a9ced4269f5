"""A program directory is written as a whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from program_tools import BAD_NAMES, FILES, MANIFEST, NEW, edit_manifest, snapshot

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import InputError, SnncError, UsageError
from snnc.program import load_program, write_program


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A program directory beside which nothing else lies."""
    return write_program(tmp_path / "out", files=FILES, manifest=MANIFEST)


def test_a_written_program_is_read_back(out: Path) -> None:
    program = load_program(out)
    assert program.names == tuple(sorted(FILES))
    assert {name: program.read(name) for name in program.names} == FILES
    assert program.manifest["target"] == "reference"
    assert program.manifest["schema_version"] == 1
    assert program.preprocessing() == Preprocessing(255.0)
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_the_manifest_has_version_digest_and_size_of_every_file(out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert re.match(r"\d+\.\d+", manifest["snnc_version"])
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in FILES.items()
    }


def test_the_same_program_has_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    write_program(tmp_path / "a", files=FILES, manifest=MANIFEST)
    turned = dict(reversed(FILES.items()))
    write_program(tmp_path / "b", files=turned, manifest=dict(reversed(MANIFEST.items())))
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert (tmp_path / "a" / "manifest.json").read_bytes().endswith(b"}\n")


def test_a_program_replaces_an_older_one_and_nothing_of_it_stays(out: Path) -> None:
    write_program(out, files=NEW, manifest={})
    assert set(snapshot(out)) == {"manifest.json", "network.snn"}
    assert load_program(out).read("network.snn") == b"other\n"
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_missing_parents_are_made_and_an_empty_folder_is_used(tmp_path: Path) -> None:
    write_program(tmp_path / "a" / "b" / "out", files=NEW, manifest={})
    (tmp_path / "empty").mkdir()
    write_program(tmp_path / "empty", files=NEW, manifest={})
    assert load_program(tmp_path / "a/b/out").names == load_program(tmp_path / "empty").names


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_program(tmp_path / "link", files=NEW, manifest={})
    assert (tmp_path / "link").is_symlink()
    assert load_program(tmp_path / "real").names == ("network.snn",)


def test_everybody_may_read_a_program_whom_the_umask_lets(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    write_program(tmp_path / "out", files=NEW, manifest={})
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("name", ["report.html", "golden/mine.txt", ".hidden"])
def test_a_folder_with_files_of_others_is_not_replaced_without_force(out: Path, name: str) -> None:
    (out / name).write_bytes(b"mine")
    before = snapshot(out.parent)
    with pytest.raises(UsageError, match=f"SN903.*{re.escape(name)}") as caught:
        write_program(out, files=NEW, manifest={})
    assert "--force" in str(caught.value)
    assert snapshot(out.parent) == before
    write_program(out, files=NEW, manifest={}, force=True)
    assert load_program(out).names == ("network.snn",)


@pytest.mark.parametrize(
    "manifest",
    [None, b"", b"{}", b"[1]", b"{", b'{"format": "other"}', b"\xff\xfe", b"[" * 100_000],
)
def test_a_folder_of_another_tool_is_not_replaced_without_force(
    tmp_path: Path, manifest: bytes | None
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_bytes(b"years of work")
    if manifest is not None:
        (out / "manifest.json").write_bytes(manifest)
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=r"SN903.*did not write"):
        write_program(out, files=NEW, manifest={})
    assert snapshot(tmp_path) == before
    write_program(out, files=NEW, manifest={}, force=True)
    assert set(snapshot(out)) == {"manifest.json", "network.snn"}


def test_a_manifest_of_another_tool_alone_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"{}")
    with pytest.raises(UsageError, match=r"SN903.*manifest\.json"):
        write_program(tmp_path, files=NEW, manifest={})


def test_a_program_of_another_version_may_be_replaced(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest.update(schema_version=99))
    write_program(out, files=NEW, manifest={})
    assert load_program(out).names == ("network.snn",)


@pytest.mark.parametrize("inside", ["file", "file/below", "file/a/b"])
def test_a_file_in_the_way_is_an_error(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(UsageError, match="SN900"):
        write_program(tmp_path / inside, files=NEW, manifest={}, force=True)
    assert snapshot(tmp_path) == {"file": b"mine"}


def test_the_current_folder_the_home_and_those_above_are_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, home = tmp_path / "work" / "here", tmp_path / "home"
    work.mkdir(parents=True)
    home.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    for place in (".", "..", tmp_path, home, "/"):
        with pytest.raises(UsageError, match=r"SN904.*name a sub-folder|SN904"):
            write_program(place, files=NEW, manifest={}, force=True)
    assert set(snapshot(tmp_path)) == {"work", "work/here", "home"}
    write_program("out", files=NEW, manifest={})
    assert load_program(work / "out").names == ("network.snn",)


def test_a_place_of_the_kernel_cannot_be_written() -> None:
    """A real read-only place, which root cannot write either."""
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc")
    with pytest.raises(UsageError, match=r"SN901.*cannot be written"):
        write_program("/proc/snnc-out", files=NEW, manifest={})


@pytest.mark.parametrize("name", [*BAD_NAMES, "manifest.json"])
def test_names_that_leave_the_folder_are_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="SN908"):
        write_program(tmp_path / "out", files={name: b""}, manifest={})
    assert snapshot(tmp_path) == {}


def test_a_name_cannot_be_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="SN908"):
        write_program(tmp_path / "out", files={"a": b"", "a/b": b""}, manifest={})


def test_a_manifest_that_json_does_not_know_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="files"):
        write_program(tmp_path / "out", files=NEW, manifest={"files": {}})
    with pytest.raises(ValueError, match="JSON"):
        write_program(tmp_path / "out", files=NEW, manifest={"x": float("nan")})
    with pytest.raises(TypeError, match="JSON"):
        write_program(tmp_path / "out", files=NEW, manifest={"x": object()})
    assert snapshot(tmp_path) == {}


class Interrupter:
    """Counts calls of what changes the disk, and raises before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at = -1
        self.error: BaseException = KeyboardInterrupt()
        self.after = False
        for owner, name in (
            (Path, "mkdir"),
            (Path, "write_bytes"),
            (Path, "rename"),
            (shutil, "rmtree"),
        ):
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            now = self.calls
            self.calls += 1
            if now == self.at and not self.after:
                raise self.error
            result = function(*args, **options)
            if now == self.at:
                raise self.error
            return result

        return call


@pytest.fixture
def interrupter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupter]:
    with monkeypatch.context() as patch:
        yield Interrupter(patch)


FAULTS = [
    (KeyboardInterrupt(), KeyboardInterrupt, ""),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), UsageError, "SN902"),
    (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), UsageError, "SN902"),
    (OSError(errno.EROFS, os.strerror(errno.EROFS)), UsageError, "SN901"),
    (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), UsageError, "SN901"),
]


@pytest.mark.parametrize(("error", "seen", "code"), FAULTS, ids=lambda f: str(f)[:30])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("existing", ["nothing", "program", "empty"])
def test_a_fault_at_any_step_leaves_nothing_half_written(
    tmp_path: Path,
    interrupter: Interrupter,
    existing: str,
    after: bool,
    error: BaseException,
    seen: type[BaseException],
    code: str,
) -> None:
    """Each change of the disk fails in turn: the directory is then the old or the new program."""
    parent = tmp_path / "deep" / "er"
    out = parent / "out"
    if existing == "program":
        write_program(out, files=FILES, manifest=MANIFEST)
    if existing == "empty":
        out.mkdir(parents=True)
    before, calls, failures = snapshot(tmp_path), 0, 0
    write_program(tmp_path / "other" / "out", files=NEW, manifest={})
    new = {f"deep/er/{k}": v for k, v in snapshot(tmp_path / "other").items()}
    new |= {"deep": None, "deep/er": None}
    shutil.rmtree(tmp_path / "other")
    interrupter.error, interrupter.after = error, after
    while True:
        interrupter.calls, interrupter.at = 0, calls
        caught = failure_of(out)
        interrupter.at = -1
        found = snapshot(tmp_path)
        if interrupter.calls <= calls:
            break
        failures += 1
        assert isinstance(caught, seen)
        if "left over" in str(caught):  # the last step of all: the old program was not deleted
            assert {name: found.get(name) for name in new} == new
            return
        assert code in str(caught)
        assert found in (before, new), f"after step {calls}: {sorted(found)}"
        if found == new:
            shutil.rmtree(tmp_path / "deep")
            restore(tmp_path, before)
        calls += 1
    assert failures >= 4
    assert snapshot(tmp_path) == new


def failure_of(out: Path) -> BaseException | None:
    """What writing raises."""
    try:
        write_program(out, files=NEW, manifest={})
    except (KeyboardInterrupt, SnncError) as error:
        return error
    return None


def restore(root: Path, contents: dict[str, bytes | None]) -> None:
    for name, data in contents.items():
        if data is None:
            (root / name).mkdir()
    for name, data in contents.items():
        if data is not None:
            (root / name).write_bytes(data)


def test_a_check_that_ignores_cleaning_up_would_fail(
    tmp_path: Path, interrupter: Interrupter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the deletion the temporary folder shows in the snapshot."""
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    interrupter.at = 3
    with pytest.raises(KeyboardInterrupt):
        write_program(tmp_path / "out", files=FILES, manifest={})
    assert any(name.startswith(".snnc-") for name in snapshot(tmp_path))


def test_an_old_program_that_cannot_be_deleted_is_named(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(UsageError, match=r"SN901.*was written, but .*\.old"):
        write_program(out, files=NEW, manifest={})
    assert load_program(out).names == ("network.snn",)

"""Single result files: refused early, written whole, and devices stay devices."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from snnc.cli.files import check_writable, write_atomic
from snnc.diagnostics import UsageError


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"one")
    write_atomic(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(pipe, b"content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/a", "cannot write nowhere/a: No such file or directory"),
        ("file/a", "cannot write file/a: Not a directory"),
        ("folder", "cannot write folder: Is a directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("folder").mkdir()
    for write in (lambda p: write_atomic(p, b""), check_writable):
        with pytest.raises(UsageError, match="SN921") as caught:
            write(Path(path))
        assert message in str(caught.value)


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Path, mode: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"one")
    assert list(tmp_path.iterdir()) == []


def test_an_output_is_refused_before_the_work(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import snnc.compiler

    def unreachable(*_: object, **__: object) -> None:
        raise AssertionError("the work had begun")

    monkeypatch.setattr(snnc.compiler, "compile_model", unreachable)
    Path("out").mkdir()
    Path("out/thesis.tex").write_text("")
    Path("file").write_text("")
    for place, code in (("out", "SN903"), ("file", "SN900"), ("file/out", "SN900")):
        outcome = cli("compile", "model.onnx", "-o", place)
        assert outcome.code == 2
        assert f"error[{code}]" in outcome.err

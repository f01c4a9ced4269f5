"""Building libraries: once for each program, never silently wrong."""

from __future__ import annotations

import os
from pathlib import Path

import c_tools
import pytest
from loihi_networks import build

from snnc.backends.c import build as building
from snnc.backends.c.emit import sources
from snnc.backends.c.library import Library
from snnc.diagnostics import InputError


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return sources(build("depthwise"))


def built(files: dict[str, bytes], cache: Path) -> Path:
    assert c_tools.COMPILER is not None
    return building.built_library(files, c_tools.COMPILER, optimise="-O0", cache=cache)


def test_the_second_time_nothing_is_built(files, tmp_path):
    first = built(files, tmp_path)
    before = first.stat().st_mtime_ns
    assert built(files, tmp_path) == first
    assert first.stat().st_mtime_ns == before
    assert [p.name for p in first.parent.iterdir()] == [first.name]


def test_another_weight_is_another_library(files, tmp_path):
    text = files["weights.c"].decode()
    other = {**files, "weights.c": (text + "/* changed */\n").encode()}
    assert built(other, tmp_path) != built(files, tmp_path)


def test_a_refusing_compiler_is_an_error_with_its_words(files, tmp_path):
    broken = {**files, "program.c": b"int main(void) { return nothing; }\n"}
    with pytest.raises(InputError, match="nothing") as caught:
        built(broken, tmp_path)
    assert caught.value.diagnostics[0].code == "SN560"
    with pytest.raises(InputError, match="cannot build"):
        building.built_library(files, str(tmp_path / "no-compiler"), cache=tmp_path)


def test_a_library_of_another_version_is_not_run(files, tmp_path):
    other = {n: b.replace(b"SNN_INTERFACE = 2", b"SNN_INTERFACE = 99") for n, b in files.items()}
    with pytest.raises(InputError, match="interface 99") as caught:
        Library(built(other, tmp_path), 1, 3, 1)
    assert caught.value.diagnostics[0].code == "SN561"
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(InputError, match="cannot be loaded"):
        Library(text, 1, 3, 1)


def test_cc_names_the_compiler_and_no_path_means_none(monkeypatch, tmp_path):
    own = tmp_path / "my-cc"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("CC", str(own))
    assert building.find_compiler() == str(own)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert building.find_compiler() is None


def test_the_cache_is_where_the_user_wants_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SNNC_CACHE", str(tmp_path / "there"))
    assert building.cache_folder() == tmp_path / "there" / "snnc" / "c"
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SNNC_CACHE", str(blocked))
    elsewhere = building.cache_folder()
    assert elsewhere.is_dir()
    assert os.access(elsewhere, os.W_OK)

"""Which Python runs a Lava program, and what it takes along."""

from __future__ import annotations

import importlib.util
import py_compile
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from snnc.backends.loihi import launch
from snnc.diagnostics import UsageError


def test_bytecode_beside_the_program_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "lava_command", lambda script: [sys.executable, str(script)])
    script, other = tmp_path / "program.py", tmp_path / "other.py"
    script.write_text("import other\n")
    other.write_text("raise SystemExit(7)\n")
    target = importlib.util.cache_from_source(str(other))
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), target, doraise=True, invalidation_mode=unchecked)
    other.write_text("raise SystemExit(0)\n")
    launch.run_program(script, [], 20)
    # The control: by itself Python takes the bytecode.
    assert subprocess.run([sys.executable, str(script)], check=False).returncode == 7


def test_a_python_that_cannot_be_executed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python3.10"
    python.write_bytes(b"\0")
    python.chmod(0o755)
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("SNNC_LAVA_PYTHON", str(python))
    with pytest.raises(UsageError, match="cannot be executed: Exec format error") as caught:
        launch.run_program(tmp_path / "program.py", [], None)
    assert [d.code for d in caught.value.diagnostics] == ["SN543"]


class TestFindingAPython:
    script = Path("/some/program.py")

    @pytest.fixture(autouse=True)
    def _nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
        monkeypatch.delenv("SNNC_LAVA_PYTHON", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))

    def tool(self, folder: Path, name: str) -> Path:
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    def test_this_python_comes_first(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "magma").mkdir()
        found = SimpleNamespace(submodule_search_locations=["/nowhere", str(tmp_path)])
        monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: found)
        monkeypatch.setenv("SNNC_LAVA_PYTHON", "other")
        assert launch.lava_command(self.script) == [sys.executable, str(self.script)]

    def test_another_package_of_that_name_is_not_lava(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        uv = self.tool(tmp_path, "uv")
        for places in None, [], [str(tmp_path)]:
            found = SimpleNamespace(submodule_search_locations=places)
            monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name, spec=found: spec)
            assert launch.lava_command(self.script)[0] == str(uv)

    def test_then_the_one_of_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        named, _ = self.tool(tmp_path, "python3.10"), self.tool(tmp_path, "uv")
        monkeypatch.setenv("SNNC_LAVA_PYTHON", "python3.10")
        assert launch.lava_command(self.script) == [str(named), str(self.script)]

    def test_then_uv(self, tmp_path: Path) -> None:
        uv = self.tool(tmp_path, "uv")
        assert launch.lava_command(self.script)[:2] == [str(uv), "run"]

    @pytest.mark.parametrize("named", ["", "/no/such/python"])
    def test_without_any_the_cure_is_told(
        self, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        monkeypatch.setenv("SNNC_LAVA_PYTHON", named)
        with pytest.raises(UsageError) as caught:
            launch.lava_command(self.script)
        (found,) = caught.value.diagnostics
        assert found.code == "SN543"
        assert "Python 3.10" in found.help

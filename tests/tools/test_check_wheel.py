"""The check of the built wheel finds what is missing and what is too much."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool() -> ModuleType:
    path = ROOT / "tools" / "check_wheel.py"
    spec = importlib.util.spec_from_file_location("check_wheel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(tool: ModuleType, folder: Path, names: set[str], monkeypatch: pytest.MonkeyPatch) -> int:
    with zipfile.ZipFile(folder / "snnc-0-py3-none-any.whl", "w") as archive:
        for name in sorted(names):
            archive.writestr(name, "")
    monkeypatch.setattr("sys.argv", ["check_wheel.py", str(folder)])
    return int(tool.main())


def test_a_wheel_with_all_the_files_passes(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tool.expected(ROOT) | {"snnc-0.dist-info/METADATA"}
    assert run(tool, tmp_path, names, monkeypatch) == 0


def test_what_it_expects_is_what_the_build_is_told_to_carry(tool: ModuleType) -> None:
    """So that a new kind of file is found here, before a wheel is built."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    line = re.search(r"^package-data = \{(.*)\}$", text, re.MULTILINE)
    assert line is not None
    carried = set()
    for package, patterns in re.findall(r'"([^"]+)" = \[([^\]]*)\]', line[1]):
        inside = package.replace(".", "/")
        folder = ROOT / inside.removeprefix("snnc/")
        for pattern in ["**/*.py", *re.findall(r'"([^"]+)"', patterns)]:
            carried |= {f"{inside}/{p.relative_to(folder)}" for p in folder.glob(pattern)}
    scripts = {f"snnc/{p.relative_to(ROOT)}" for p in (ROOT / "examples" / "mnist").glob("*.py")}
    assert tool.expected(ROOT) == carried - scripts
    assert len(scripts) == 2


@pytest.mark.parametrize(
    "name",
    ["snnc/ir/grammar.lark", "snnc/py.typed", "snnc/examples/mnist/model.onnx"],
)
def test_a_missing_file_is_named(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    assert run(tool, tmp_path, tool.expected(ROOT) - {name}, monkeypatch) == 1
    assert f"missing from the wheel: {name}" in capsys.readouterr().out


def test_a_top_level_package_beside_snnc_is_named(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(tool, tmp_path, tool.expected(ROOT) | {"ir/model.py"}, monkeypatch) == 1
    assert "not from the sources: ir/model.py" in capsys.readouterr().out


def test_two_wheels_are_not_guessed_between(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "snnc-1-py3-none-any.whl").write_bytes(b"")
    assert run(tool, tmp_path, tool.expected(ROOT), monkeypatch) == 1

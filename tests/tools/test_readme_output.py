"""The demo's output lands in its place in the README, and nowhere else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool() -> ModuleType:
    path = ROOT / "tools" / "readme_output.py"
    spec = importlib.util.spec_from_file_location("readme_output", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_has_one_place_for_the_output(tool: ModuleType) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    changed = tool.with_output(page, r"accuracy \1 99 %")
    assert r"accuracy \1 99 %" in changed
    assert changed.startswith(page[: page.index("<!-- numbers: output")])
    assert tool.with_output(changed, "x") == tool.with_output(page, "x")


def test_a_page_without_the_place_is_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="0 places"):
        tool.with_output("# snnc\n```\nmake demo\n```\n", "x")

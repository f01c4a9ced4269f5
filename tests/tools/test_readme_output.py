"""The output of commands lands in its place in the documents, and nowhere else."""

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


PLACES = [
    ("README.md", "`snnc demo`"),
    ("README.md", "`snnc eval`"),
    ("docs/user-guide.md", "`snnc compile`"),
    ("docs/user-guide.md", "`snnc eval`"),
    ("README.md", "`snnc eval with exits`"),
    ("docs/user-guide.md", "`snnc eval with exits`"),
    ("docs/user-guide.md", "`snnc compile --exit`"),
]


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_the_page_has_one_place_for_the_output(tool: ModuleType, file: str, name: str) -> None:
    page = (ROOT / file).read_text(encoding="utf-8")
    changed = tool.with_output(page, name, r"accuracy \1 99 %")
    assert r"accuracy \1 99 %" in changed
    assert changed.startswith(page[: page.index(f"<!-- numbers: output of {name}")])
    assert tool.with_output(changed, name, "x") == tool.with_output(page, name, "x")


def test_a_page_without_the_place_is_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match="0 places"):
        tool.with_output("# snnc\n```\nmake demo\n```\n", "`snnc demo`", "x")


def test_another_commands_place_is_left_alone(tool: ModuleType) -> None:
    page = "".join(
        f"<!-- numbers: output of `snnc {c}` -->\n```\n{c}\n```\n" for c in ("demo", "eval")
    )
    changed = tool.with_output(page, "`snnc eval`", "new")
    assert changed == page.replace("\neval\n", "\nnew\n")


def test_the_summary_ends_with_the_spikes(tool: ModuleType) -> None:
    text = "samples   500\nspikes per sample  7\nlayers\n"
    assert tool.summary(text) == "samples   500\nspikes per sample  7"


def test_a_part_of_an_output_ends_before_the_line_that_is_named(tool: ModuleType) -> None:
    text = "summary\nlayers 5\nper sample  with\nspikes  7\n\nlayers\n"
    assert tool.part(text, "per sample", "layers") == "per sample  with\nspikes  7"


@pytest.mark.parametrize(("first", "before"), [("exits", "layers"), ("per sample", "heads")])
def test_a_part_that_is_not_there_is_refused(tool: ModuleType, first: str, before: str) -> None:
    with pytest.raises(ValueError, match=f"{first}.*{before}"):
        tool.part("per sample\nlayers\n", first, before)

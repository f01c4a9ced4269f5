"""What the documents say exists: commands, options, passes, files, and no place is left to fill."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from snnc.cli.app import build
from snnc.codes import all_codes
from snnc.ir.model import KEYWORDS
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.verify import verify
from snnc.passes import PASSES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SHARED = {"--json", "-q", "--quiet", "-v", "--verbose", "--help", "-h"}


def options_by_command() -> dict[str, set[str]]:
    group = typer.main.get_command(build())
    context = group.make_context("snnc", ["--version"], resilient_parsing=True)
    found: dict[str, set[str]] = {}
    for name in group.list_commands(context):  # type: ignore[attr-defined]
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        found[name] = {opt for parameter in command.params for opt in parameter.opts}
    return found


def commands_in(text: str) -> list[list[str]]:
    """Command lines of fenced blocks and of `code`, continued lines joined."""
    joined = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\n(.*?)^```", joined, re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += re.findall(r"`(snnc [^`\n]+)`", joined)
    lines = [line for line in lines if line.startswith("snnc ")]
    return [shlex.split(line, comments=True) for line in lines]


def faults_of(words: list[str], known: dict[str, set[str]]) -> list[str]:
    """What a command line names that does not exist."""
    line = " ".join(words)
    if words[1].isupper() or words[1] in SHARED:
        return []
    if words[1] not in known:
        return [f"{line}: no command {words[1]}"]
    accepted = known[words[1]] | SHARED
    return [f"{line}: no option {w}" for w in words[2:] if w.startswith("-") and w not in accepted]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_and_options_in_the_documents_exist(page: Path) -> None:
    known = options_by_command()
    lines = commands_in(page.read_text(encoding="utf-8"))
    faults = [fault for words in lines for fault in faults_of(words, known)]
    assert faults == []


def test_the_readme_and_the_guide_show_commands() -> None:
    for page in ("README.md", "docs/user-guide.md"):
        assert len(commands_in((ROOT / page).read_text(encoding="utf-8"))) > 3


@pytest.mark.parametrize("line", ["snnc convert model.onnx", "snnc eval out --accuracy"])
def test_the_check_of_commands_finds_what_does_not_exist(line: str) -> None:
    assert faults_of(shlex.split(line), options_by_command()) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    gone = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert gone == []


def test_the_guide_names_every_pass() -> None:
    guide = (ROOT / "docs" / "user-guide.md").read_text(encoding="utf-8")
    assert [name for name in PASSES if f"`{name}`" not in guide] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_codes_in_the_documents_exist(page: Path) -> None:
    named = set(re.findall(r"\bSN\d{3}\b", page.read_text(encoding="utf-8")))
    assert named <= set(all_codes())


def test_the_networks_shown_in_the_description_of_the_ir_are_some() -> None:
    """They parse, print themselves, and lack nothing but their arrays (SN304)."""
    page = (ROOT / "docs" / "ir.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\n(snnc-ir .*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        network = parse(text)
        assert to_text(network) == text
        assert {diagnostic.code for diagnostic in verify(network)} == {"SN304"}


def test_the_description_of_the_ir_names_every_neuron_operator_and_readout() -> None:
    page = (ROOT / "docs" / "ir.md").read_text(encoding="utf-8")
    assert [
        name for name in KEYWORDS if f"`{name}(" not in page and f"**`{name}(" not in page
    ] == []


def test_the_python_example_of_the_guide_runs(tmp_path: Path) -> None:
    """With the bundled network and images in place of the reader's own."""
    page = (ROOT / "docs" / "user-guide.md").read_text(encoding="utf-8")
    shown = re.search(r"^```python\n(import snnc\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    bundled = ROOT / "examples" / "mnist"
    (tmp_path / "model.onnx").write_bytes((bundled / "model.onnx").read_bytes())
    with np.load(bundled / "images.npz") as images:
        few = {name: images[name][:40] for name in ("x_test", "y_test")}
        np.savez(tmp_path / "mnist.npz", **{**images, **few})
    setting = "import numpy as np\nimages = np.zeros((2, 1, 28, 28), dtype=np.float32)\n"
    (tmp_path / "example.py").write_text(setting + shown[1], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("(2, 16, 28, 28)")


def test_the_readme_shows_the_demos_output() -> None:
    """`make readme` puts it there; a place left to fill would have none of these lines."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    for line in ("ANN accuracy", "SNN accuracy", "agreement", "mean time steps", "next, try:"):
        assert line in page


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_place_is_left_to_fill(page: Path) -> None:
    """`@@` marks a figure or an output that is still to come."""
    assert "@@" not in page.read_text(encoding="utf-8")

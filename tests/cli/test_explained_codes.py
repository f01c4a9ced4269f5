"""Every diagnostic code is explained, and every explained code of ours is used."""

from __future__ import annotations

import re
from pathlib import Path

from snnc.cli.codes import CODES
from snnc.codes import all_codes

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"\bSN\d{3}\b")
OURS = ("snnc/cli", "snnc/driver", "snnc/evaluation", "snnc/compiler.py")


def sources(*roots: str) -> list[Path]:
    found: list[Path] = []
    for root in roots:
        place = ROOT / root
        found.extend([place] if place.is_file() else sorted(place.rglob("*.py")))
    return [path for path in found if not path.name.endswith("codes.py")]


def test_every_code_in_the_sources_is_explained() -> None:
    mentioned = {
        code
        for path in sources("snnc", "ir", "backends")
        for code in CODE.findall(path.read_text())
    }
    assert sorted(mentioned - set(all_codes())) == []


def test_every_code_of_the_driver_is_raised_somewhere() -> None:
    raised = {
        code for path in sources(*OURS) for code in re.findall(r'"(SN\d{3})"', path.read_text())
    }
    assert sorted(set(CODES) - raised) == []


def test_explanations_are_sentences() -> None:
    for code, text in all_codes().items():
        assert CODE.fullmatch(code)
        assert len(text) > 20, code
        assert text.rstrip().endswith((".", ")")), code

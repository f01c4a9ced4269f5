"""Every code that the frontend raises is explained, and none is explained in vain."""

from __future__ import annotations

import re
from pathlib import Path

import snnc.frontend
from snnc.frontend.codes import CODES


def test_codes_raised_and_codes_explained_agree() -> None:
    folder = Path(next(iter(snnc.frontend.__path__)))
    raised: set[str] = set()
    for source in sorted(folder.glob("*.py")):
        if source.name != "codes.py":
            raised |= set(re.findall(r'"(SN\d{3})"', source.read_text(encoding="utf-8")))
    assert raised == set(CODES)
    assert all(code.startswith("SN6") for code in CODES)


def test_explanations_are_sentences() -> None:
    for text in CODES.values():
        assert len(text) > 80
        assert text.endswith((".", ".)"))
        assert "\n" not in text

"""Every code that the passes raise is explained, and none is explained in vain."""

from __future__ import annotations

import re
from pathlib import Path

import snnc.passes
from snnc.passes.codes import CODES


def test_codes_raised_and_codes_explained_agree():
    folder = Path(next(iter(snnc.passes.__path__)))
    raised: set[str] = set()
    for source in sorted(folder.glob("*.py")):
        if source.name != "codes.py":
            raised |= set(re.findall(r'"(SN\d{3})[:"]', source.read_text(encoding="utf-8")))
    assert raised == set(CODES)
    assert all(code.startswith("SN7") for code in CODES)

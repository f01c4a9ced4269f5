"""Every code that the data package raises is explained, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import snnc.data
from snnc.data.codes import CODES


def test_the_table_of_codes_is_that_of_the_sources() -> None:
    sources = [p for p in Path(snnc.data.__path__[0]).glob("*.py") if p.name != "codes.py"]
    raised = {c for p in sources for c in re.findall(r'[("](SN\d{3})"', p.read_text("utf-8"))}
    assert raised == set(CODES)
    assert all(code.startswith("SN8") and len(text) > 80 for code, text in CODES.items())

"""Every code that the IR raises is explained, and every explanation belongs to a code."""

from __future__ import annotations

from raised_codes import raised_codes

import snnc.ir
from snnc.ir.codes import CODES


def test_codes_in_the_sources_and_codes_explained_are_the_same() -> None:
    assert raised_codes(snnc.ir) == set(CODES)


def test_the_codes_of_the_ir_lie_in_its_ranges() -> None:
    assert all("SN100" <= code <= "SN499" for code in CODES)


def test_an_explanation_is_a_paragraph_of_whole_sentences() -> None:
    for code, text in CODES.items():
        assert text.endswith((".", ".)", "[].", ")")), code
        assert "\n" not in text
        assert "  " not in text
        assert len(text) > 40 or code in ("SN410", "SN414"), code

"""Every code that the frontend raises is explained, and none is explained in vain."""

from __future__ import annotations

from raised_codes import raised_codes

import snnc.frontend
from snnc.frontend.codes import CODES


def test_codes_raised_and_codes_explained_agree() -> None:
    assert raised_codes(snnc.frontend) == set(CODES)
    assert all(code.startswith("SN6") for code in CODES)


def test_explanations_are_sentences() -> None:
    for text in CODES.values():
        assert len(text) > 80
        assert text.endswith((".", ".)"))
        assert "\n" not in text

"""Every code that the passes raise is explained, and none is explained in vain."""

from __future__ import annotations

from raised_codes import raised_codes

import snnc.passes
from snnc.passes.codes import CODES


def test_codes_raised_and_codes_explained_agree():
    assert raised_codes(snnc.passes, r'"(SN\d{3})[:"]') == set(CODES)
    assert all(code.startswith("SN7") for code in CODES)

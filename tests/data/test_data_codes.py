"""Every code that the data package raises is explained, and nothing else is."""

from __future__ import annotations

from raised_codes import raised_codes

import snnc.data
from snnc.data.codes import CODES


def test_the_table_of_codes_is_that_of_the_sources() -> None:
    assert raised_codes(snnc.data, r'[("](SN\d{3})"') == set(CODES)
    assert all(code.startswith("SN8") and len(text) > 80 for code, text in CODES.items())

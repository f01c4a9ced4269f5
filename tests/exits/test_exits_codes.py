from __future__ import annotations

from raised_codes import raised_codes

import snnc.exits
from snnc.exits.codes import CODES


def test_codes_raised_for_exits_and_codes_explained_agree() -> None:
    assert raised_codes(snnc.exits) == set(CODES)

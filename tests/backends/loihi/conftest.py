"""Runs in Lava that several tests look at, made once for all of them."""

from __future__ import annotations

import lava_tools
import pytest
from lava_tools import Done
from loihi_checks import check_all


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """`program.py --check` of many networks."""
    if not lava_tools.HAVE_LAVA:
        pytest.skip("lava-nc is installed on Python 3.10 only")
    return check_all(tmp_path_factory.mktemp("checked"))

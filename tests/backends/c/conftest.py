"""A cache of built programs that tests share, and that no user sees."""

from __future__ import annotations

import c_tools
import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):
    """Programs that tests build lie in a folder of their own."""
    if c_tools.COMPILER is None:
        pytest.skip("there is no C compiler")
    patch = pytest.MonkeyPatch()
    c_tools.quick_builds(patch, c_tools.shared_cache(tmp_path_factory))
    yield
    patch.undo()

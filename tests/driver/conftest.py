"""What the tests of exits in the driver share."""

from __future__ import annotations

from pathlib import Path

import exit_networks
import pytest

from snnc.ir.storage import save


@pytest.fixture(scope="module")
def data() -> exit_networks.Data:
    return exit_networks.labelled(exit_networks.network())


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with two internal heads; `single` beside it has none."""
    folder = tmp_path_factory.mktemp("exits")
    save(exit_networks.network(internal=False), folder / "single.snn")
    return exit_networks.saved(exit_networks.network(), folder)

"""An evaluation on the data that an exit was fitted on must say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.driver.overlap import overlap_notes


def fitted_on(name: str) -> dict[str, object]:
    return {"exit": {"fitted": True, "data": {"data": name, "samples": 9}}}


@pytest.mark.parametrize(
    ("fitted", "evaluated", "shared"),
    [
        ("d.npz:test[:50]", "d.npz:test[:50]", True),
        ("d.npz:test[:50]", "d.npz:test[49:]", True),
        ("d.npz:test[:50]", "d.npz:test[50:]", False),
        ("d.npz:test[50:]", "d.npz:test", True),
        ("d.npz:test", "d.npz:train", False),
        ("d.npz", "e.npz", False),
        ("d.npz[-50:]", "d.npz[-50:]", True),
        ("d.npz[-50:]", "d.npz[:50]", False),
        ("", "", False),
    ],
)
def test_data_shares_samples_by_file_split_and_range(
    fitted: str, evaluated: str, shared: bool
) -> None:
    found = overlap_notes(fitted_on(fitted), evaluated and f"some/folder/{evaluated}")
    assert bool(found) == shared
    if shared:
        assert fitted in found[0]
        assert "folder" not in found[0]


def test_of_arrays_and_of_given_policies_nothing_is_said() -> None:
    assert overlap_notes(fitted_on("d.npz"), np.zeros((1, 2))) == ()
    assert overlap_notes({"exit": {"fitted": False}}, "d.npz") == ()
    assert overlap_notes({"exit": None}, Path("d.npz")) == ()
    assert overlap_notes({}, "d.npz") == ()

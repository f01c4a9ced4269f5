"""Spike events are loaded with the time steps first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.data.events import encode_events, load_events
from snnc.diagnostics import InputError

EVENTS = np.random.default_rng(0).integers(-1, 2, (6, 5, 2, 3), dtype=np.int8)
LABELS = np.arange(5)


def test_events_and_labels_come_from_an_archive(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "e.npz", events_test=EVENTS, y_test=LABELS)
    found = load_events(f"{tmp_path}/e.npz:test[1:4]", shape=(2, 3))
    np.testing.assert_array_equal(found.values, EVENTS[:, 1:4])
    assert found.values.dtype == np.float32
    assert found.labels is not None
    assert found.labels.tolist() == [1, 2, 3]


def test_events_come_from_an_array_file(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", EVENTS)
    found = load_events(str(tmp_path / "e.npy"), shape=(2, 3))
    np.testing.assert_array_equal(found.values, EVENTS)
    assert found.labels is None


@pytest.mark.parametrize("shape", [(3, 2), (5, 2, 3), (3,), ()])
def test_events_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "e.npy", EVENTS)
    with pytest.raises(InputError, match=r"SN808.*6x5x2x3"):
        load_events(str(tmp_path / "e.npy"), shape=shape)


def test_events_have_the_checks_of_other_data(tmp_path: Path) -> None:
    values = EVENTS.astype(np.float32)
    values[3, 0, 0, 0] = np.nan
    np.savez(tmp_path / "e.npz", events=values, y=np.arange(6), x=values)
    with pytest.raises(InputError, match="SN809"):
        load_events(f"{tmp_path}/e.npz", shape=(2, 3))
    np.savez(tmp_path / "e.npz", events=values)
    with pytest.raises(InputError, match=r"SN807.*time step 3"):
        load_events(f"{tmp_path}/e.npz", shape=(2, 3))
    with pytest.raises(InputError, match="SN806"):
        load_events(f"{tmp_path}/e.npz[5:]", shape=(2, 3))
    with pytest.raises(InputError, match=r"SN805.*no array events_train"):
        load_events(f"{tmp_path}/e.npz:train", shape=(2, 3))


def test_a_rate_code_sums_to_the_rounded_value_after_every_step() -> None:
    values = np.random.default_rng(1).normal(size=(5, 2, 3))
    events = encode_events(values, 20)
    assert events.shape == (20, 5, 2, 3)
    np.testing.assert_array_equal(events, np.rint(events))
    time = np.arange(1, 21).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(events.cumsum(axis=0), time * values, atol=0.5 + 1e-6)


def test_a_rate_code_is_even() -> None:
    assert encode_events(np.array([0.25]), 8).ravel().tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
    assert encode_events(np.array([1.0, 0.0]), 2).tolist() == [[1, 0], [1, 0]]

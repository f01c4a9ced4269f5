"""Arrays in `.npz` files of fixed bytes."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest

from snnc.ir.npz import npz_bytes


def test_arrays_come_back_and_the_bytes_depend_on_them_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrays = {"b/x": np.arange(6).reshape(2, 3)[:, ::-1], "a": np.array([True, False])}
    data = npz_bytes(arrays)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert npz_bytes(dict(reversed(arrays.items()))) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        assert set(loaded) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)
            assert loaded[name].dtype == array.dtype
    assert npz_bytes({**arrays, "a": np.array([True, True])}) != data


def test_objects_are_refused_instead_of_pickled() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        npz_bytes({"a": np.array([{}])})

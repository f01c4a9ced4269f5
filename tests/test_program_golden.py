"""Golden inputs and spike counts survive a program directory unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.diagnostics import InputError
from snnc.program import golden_files, load_program, read_golden, write_program


def test_golden_data_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = {"x": rng.random((2, 3), dtype=np.float32)}
    counts = {"a": rng.integers(-2, 5, (2, 4, 4), dtype=np.int32), "b:c": np.zeros((2, 1), "i4")}
    outputs = {"final": rng.random((8, 2, 10))}
    files = golden_files(inputs, counts, outputs)
    assert files == golden_files(inputs, dict(reversed(counts.items())), outputs)
    golden = read_golden(load_program(write_program(tmp_path / "o", files=files, manifest={})))
    for found, stored in (
        (golden.inputs, inputs),
        (golden.spike_counts, counts),
        (golden.outputs, outputs),
    ):
        assert set(found) == set(stored)
        for name, values in stored.items():
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == values.dtype


@pytest.mark.parametrize("data", [None, b"", b"\x08\0\0\0\0\0\0\0{}      ", "odd"])
def test_golden_data_that_is_missing_or_damaged_is_an_error(
    tmp_path: Path, data: bytes | str | None
) -> None:
    (name,) = golden_files({}, {}, {})
    if data == "odd":
        from safetensors.numpy import save

        data = save({"weights": np.zeros(1)})
    files = {"a": b""} if data is None else {name: data}
    program = load_program(write_program(tmp_path / "out", files=files, manifest={}))
    if data is not None and data.endswith(b"{}      "):
        assert read_golden(program).inputs == {}  # an empty file of tensors is whole
        return
    with pytest.raises(InputError, match="SN909"):
        read_golden(program)

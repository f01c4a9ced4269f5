"""The onnxruntime wrapper: any tensor, any batch size, silent, errors as diagnostics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import build, residual, save

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model
from snnc.frontend.runtime import Runner

X = np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32)


def test_inner_tensors_and_outputs() -> None:
    result = Runner(residual(), ["y", "r"]).run(X)
    assert result["y"].shape == (5, 5)
    assert result["r"].shape == (5, 6, 8, 8)
    assert result["r"].min() == 0


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_fixed_batch_runs_piece_by_piece(batch: int) -> None:
    """A file with a fixed batch gives the same values; what fills the last piece is cut off."""
    fixed = residual()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    wanted = Runner(residual(), ["y", "t"]).run(X)
    actual = Runner(fixed, ["y", "t"]).run(X)
    for name in ("y", "t"):
        np.testing.assert_allclose(actual[name], wanted[name], rtol=0, atol=1e-6)


def test_imported_model_is_a_source(tmp_path: Path) -> None:
    imported = import_model(save(residual(), tmp_path))
    values = Runner(imported, imported.values.values()).run({"x": X})
    assert set(values) == set(imported.values.values())


def test_empty_batch() -> None:
    assert Runner(residual(), ["y"]).run(X[:0])["y"].shape == (0, 5)


def test_inputs_are_cast_to_the_models_type() -> None:
    model = build("y = Relu(x)", inputs="double[N,3,8,8] x")
    model.graph.output[0].type.tensor_type.elem_type = 11
    assert Runner(model, ["y"]).run(X)["y"].dtype == np.float64


def test_model_that_onnxruntime_refuses() -> None:
    with pytest.raises(InputError, match="onnxruntime refuses the model") as caught:
        Runner(build("y = Nonsense(x)"), ["y"], "net.onnx")
    assert caught.value.diagnostics[0].code == "SN613"
    assert caught.value.diagnostics[0].where == "net.onnx"


def test_data_of_another_shape() -> None:
    with pytest.raises(InputError, match="cannot run the model on this data"):
        Runner(residual(), ["y"]).run(X[:, :2])


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Not even for initializers that nothing uses, which onnxruntime warns about."""
    model = build("y = Relu(x)", {"unused": (3, 4)})
    Runner(model, ["y"]).run(X)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")

"""ONNX's own node test cases: what imports has ONNX's expected outputs, the rest is refused."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx_models import save

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend.importer import Imported, import_model
from snnc.frontend.operators import OPERATORS
from snnc.ir.interpret import evaluate

Arrays = list[NDArray[Any]]


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, onnx.ModelProto, NDArray[Any], Arrays]]:
    """Single-node models of our operators, all inputs but the first made constants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases are computed on import, overflows and all
        from onnx.backend.test.case.node import collect_testcases

        collected = collect_testcases(None)
    found = []
    for case in collected:
        if case.model is None or not case.data_sets or len(case.model.graph.node) != 1:
            continue
        node = case.model.graph.node[0]
        inputs, outputs = case.data_sets[0]
        if node.op_type not in OPERATORS or node.domain or not _floats([*inputs[:1], *outputs]):
            continue
        found.append((case.name, _with_constants(case.model, inputs), inputs[0], outputs))
    return found


def _floats(arrays: Arrays) -> bool:
    return all(getattr(array, "dtype", None) == np.float32 for array in arrays)


def _with_constants(model: onnx.ModelProto, inputs: Arrays) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(copy.ir_version, 10)  # not every onnxruntime knows the newest
    for declared, array in list(zip(copy.graph.input, inputs, strict=False))[1:]:
        copy.graph.initializer.append(numpy_helper.from_array(np.asarray(array), declared.name))
    first = copy.graph.input[0]
    del copy.graph.input[:]
    copy.graph.input.append(first)
    return copy


def test_node_cases_import_with_the_expected_outputs(
    cases: list[tuple[str, onnx.ModelProto, NDArray[Any], Arrays]], tmp_path: Path
) -> None:
    """Expected values come from ONNX's NumPy definitions, some of them printed to 4 digits."""
    imported: Counter[str] = Counter()
    for name, model, x, outputs in cases:
        result = _import(save(model, tmp_path))
        if isinstance(result, tuple):
            assert all(d.help or d.code == "SN621" for d in result), name
            continue
        imported[model.graph.node[0].op_type] += 1
        actual = evaluate(result.network, {result.network.inputs[0].name: x})
        values = [actual[head.population] for head in result.network.heads]
        for value, wanted in zip(values, outputs, strict=False):
            np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-4, err_msg=name)
    assert sum(imported.values()) > 80
    assert len(imported) > 20


def _import(path: Path) -> Imported | tuple[Diagnostic, ...]:
    try:
        return import_model(path)
    except InputError as error:
        return error.diagnostics

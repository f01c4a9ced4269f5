"""Quantisers of QONNX that are no uniform staircase, and the gate on wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import build, numbers, save
from qonnx_models import (
    DOMAIN,
    imported,
    quant_model,
    samples,
)
from strategies import fuzz

from snnc.diagnostics import Diagnostic, InputError
from snnc.frontend import qonnx_staircase
from snnc.frontend.importer import import_model
from snnc.frontend.staircase import Staircase


def _refusal(model: onnx.ModelProto, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        import_model(save(model, folder))
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "SN620"
    assert diagnostic.help
    return diagnostic.message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signed": 1, "mode": "DOWN"}, "level 0 is two steps wide"),
        ({"signed": 1, "mode": "UP"}, "level 0 is reached only by 0 itself"),
        ({"mode": "STOCHASTIC"}, "rounding_mode STOCHASTIC is unknown"),
        ({"signed": 1, "bits": 1}, "signed with a bit width of 1"),
        ({"bits": 0}, "its bit width is 0"),
        ({"bits": 1, "narrow": 1}, "its levels run from 0 to 0"),
        ({"scale": numbers(-0.5)}, "its step is not positive"),
    ],
)
def test_quant_that_is_no_staircase(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    given = {"scale": numbers(0.5), "zero": numbers(0), "bits": 3, **changes}
    assert reason in _refusal(quant_model(**given), tmp_path)


def test_scale_that_is_computed(tmp_path: Path) -> None:
    """Dynamic quantisation: the scale is no constant."""
    model = build(
        f"""s = ReduceMax(x)
        q = {DOMAIN}.Quant<signed=0, narrow=0>(x, s, z, b)
        y = Mul(q, two)""",
        {"z": numbers(0), "b": numbers(3), "two": numbers(2)},
        inputs="float[N,4] x",
        domains={DOMAIN: 1},
    )
    with pytest.raises(InputError, match="SN620"):
        import_model(save(model, tmp_path))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[0, 1, 2], [0, 1.25, 2]], "threshold 1 of channel 1 lies 0.25 of a step beside"),
        ([[1, 1, 1]], "thresholds of channel 0 are all 1"),
        ([[0, 1, 2]] * 3, "its constant of shape [3] enlarges a value of shape [2]"),
    ],
)
def test_thresholds_that_are_not_uniform(
    rows: list[list[float]], reason: str, tmp_path: Path
) -> None:
    model = build(
        """q = finn.custom_op.general.MultiThreshold<out_dtype="UINT2">(x, t)
        y = Mul(q, two)""",
        {"t": np.array(rows, np.float32), "two": numbers(2)},
        inputs="float[N,2] x",
        domains={"finn.custom_op.general": 1},
    )
    assert reason in _refusal(model, tmp_path)


@pytest.mark.parametrize(
    ("op", "reason"), [("Trunc", "lowest bits"), ("FloatQuant", "not equally")]
)
def test_other_operators_of_qonnx(op: str, reason: str, tmp_path: Path) -> None:
    model = build(
        f"q = {DOMAIN}.{op}(x, one, one, one, one) y = Relu(q)",
        {"one": numbers(1)},
        inputs="float[N,4] x",
        domains={DOMAIN: 1},
    )
    assert reason in _refusal(model, tmp_path)


@given(st.data())
@fuzz(60)
def test_damaged_nodes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Inputs left out, of odd shapes and kinds, attributes of other types: never a crash."""
    arrays = [
        numbers(0.5),
        numbers(-1),
        numbers(),
        numbers(1, 2, 3),
        np.ones((1, 4, 1, 1), np.float32),
        np.ones((2, 3), np.float32),
        np.array(3, np.int64),
        np.array("text"),
    ]
    count = data.draw(st.integers(0, 4))
    given = [data.draw(st.sampled_from(arrays)) for _ in range(count)]
    op = data.draw(st.sampled_from(["Quant", "BipolarQuant", "MultiThreshold"]))
    name = data.draw(st.sampled_from(["signed", "rounding_mode", "out_scale", "data_layout"]))
    value = data.draw(st.sampled_from([1, 0.5, "text", [1, 2], 0]))
    model = build("y = Relu(x)", inputs="float[N,4,3,5] x", domains={DOMAIN: 1})
    names = [f"c{i}" for i in range(count)]
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(a), n) for a, n in zip(given, names, strict=True)
    )
    first = data.draw(st.sampled_from([["x"], []]))
    node = onnx.helper.make_node(op, [*first, *names], ["q"], domain=DOMAIN, **{name: value})
    model.graph.node.insert(0, node)
    model.graph.node[1].input[0] = "q"
    path = save(model, tmp_path_factory.mktemp("damaged"))
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        import_model(path)
    except InputError as error:
        diagnostics = error.diagnostics
    assert all(d.code.startswith("SN6") and d.code != "SN614" for d in diagnostics)


def test_unknown_domain_is_refused_as_before(tmp_path: Path) -> None:
    model = quant_model(numbers(0.5), numbers(0), 2, domain="com.example")
    assert "com.example.Quant" in _refusal(model, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        Staircase(0.5, 3, 0, 0.5, "even"),
        Staircase(0.5, 7, -1, 0.5, "even"),
        Staircase(0.5005, 7, 0, 0.5, "even"),
        Staircase(0.5, 7, 0, 0.4),
        Staircase(0.5, 7, 0, 0.5),
    ],
    ids=["levels", "zero point", "step", "shift", "ties"],
)
def test_wrong_staircase_fails_the_gate(
    wrong: Staircase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: model and network are made apart, so a wrong mapping shows."""
    model = quant_model(numbers(0.5), numbers(0), 3)
    x = samples(0.5, 0, 7)
    assert imported(model, tmp_path, x).gate_error is not None
    monkeypatch.setattr(
        qonnx_staircase,
        "quant_staircase",
        lambda *_: qonnx_staircase.Quantiser(wrong),
    )
    with pytest.raises(InputError, match="SN614"):
        imported(model, tmp_path, x)

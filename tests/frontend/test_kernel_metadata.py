"""Kernels in a model's metadata: taken over, told of, and every fault one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_models import build, max_pooled, save

from snnc.diagnostics import InputError
from snnc.frontend.importer import import_model, survey
from snnc.frontend.loader import load
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir import spike_times

KERNEL = {"tau": 9.7, "delay": 0.3, "threshold": 1.2}


def _with(model: onnx.ModelProto, *values: object) -> onnx.ModelProto:
    for value in values:
        entry = model.metadata_props.add()
        entry.key = "snnc.ttfs"
        entry.value = value if isinstance(value, str) else json.dumps(value)
    return model


def _entry(**changes: object) -> dict[str, Any]:
    return {"window": 32, "kernels": {"Relu_1": KERNEL}, **changes}


@pytest.mark.parametrize("rounding", ["round", "ceil"])
def test_relu_nodes_become_spike_times_with_the_numbers_of_the_file(
    rounding: m.Rounding, tmp_path: Path
) -> None:
    """The kernel is exactly what the JSON says, and it is told that the file computes Relu."""
    entry = _entry(rounding=rounding)
    result = import_model(save(_with(max_pooled(), entry), tmp_path))
    neurons = [p.neuron for p in result.network.populations]
    assert neurons[0] == m.TTFS(9.7, 32, 0.3, 1.2, rounding)
    assert sum(isinstance(n, m.TTFS) for n in neurons) == 1
    assert sum(isinstance(n, m.Relu) for n in neurons) == 1
    assert "Relu_1" in result.network.populations[0].origin
    told = " ".join(result.notes)
    assert "the file computes Relu" in told
    assert "Relu_1" in told
    assert "tau 9.7, delay 0.3, threshold 1.2, 32 steps" in told
    assert result.gate_error is not None


def test_what_the_network_is_compared_with_is_the_trained_function(tmp_path: Path) -> None:
    """`Imported.model` has the surrogate; the file itself still gives the Relu."""
    path = save(_with(max_pooled(), _entry()), tmp_path)
    result = import_model(path)
    x = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
    tensor = result.values[result.network.populations[0].name]
    trained = Runner(result, [tensor]).run(x)[tensor]
    plain = Runner(load(path).proto, [tensor]).run(x)[tensor]
    kernel = m.TTFS(9.7, 32, 0.3, 1.2, "round")
    np.testing.assert_allclose(trained, spike_times.surrogate(kernel, plain), rtol=1e-6)
    assert not np.allclose(trained, plain, rtol=1e-2)


@pytest.mark.parametrize("opset", [7, 13])
@pytest.mark.parametrize("kind", ["float", "double"])
def test_old_files_and_double_precision(opset: int, kind: str, tmp_path: Path) -> None:
    dtype = np.float32 if kind == "float" else np.float64
    rng = np.random.default_rng(0)
    weights = {"w1": rng.normal(size=(6, 4)).astype(dtype), "b1": rng.normal(size=6).astype(dtype)}
    weights |= {"w2": rng.normal(size=(3, 6)).astype(dtype), "b2": np.zeros(3, dtype)}
    model = build(
        "a = Gemm<transB=1>(x, w1, b1)\nr = Relu(a)\ny = Gemm<transB=1>(r, w2, b2)",
        weights,
        inputs=f"{kind}[N,4] x",
        opset=opset,
        ir_version=4,
    )
    model.graph.output[0].type.tensor_type.elem_type = 1 if kind == "float" else 11
    inputs = {"x": {"tau": 5, "threshold": 2}}
    result = import_model(save(_with(model, _entry(inputs=inputs)), tmp_path))
    neurons = [p.neuron for p in result.network.populations]
    assert neurons[:2] == [m.TTFS(5.0, 32, 0.0, 2.0), m.TTFS(9.7, 32, 0.3, 1.2)]


FAULTS: dict[str, tuple[object, str]] = {
    "not JSON": ("{window: 32}", "it is no JSON"),
    "a list": ([1], "it is [1], not a JSON object"),
    "deep": ("[" * 100_000, "it is no JSON"),
    "unknown key": (_entry(windows=3), 'unknown key "windows"; did you mean "window"?'),
    "key twice": ('{"window": 3, "window": 4}', 'the key "window" stands there twice'),
    "no window": ({"kernels": {"Relu_1": KERNEL}}, "it names no window"),
    "window of 1": (_entry(window=1), "window is 1, not a whole number from 2 to 4096"),
    "true window": (_entry(window=True), "window is true, not"),
    "half a window": (_entry(window=32.5), "window is 32.5, not"),
    "rounding": (_entry(rounding="floor"), 'rounding is "floor", not "round" or "ceil"'),
    "no kernels": ({"window": 32}, "it names no kernels"),
    "list of kernels": (_entry(kernels=["Relu_1"]), 'kernels is ["Relu_1"], not a JSON object'),
    "no object": (_entry(kernels={"Relu_1": 9.7}), 'kernels "Relu_1" is 9.7, not a JSON object'),
    "no tau": (_entry(kernels={"Relu_1": {"delay": 0}}), 'kernels "Relu_1" names no tau'),
    "spelled td": (_entry(kernels={"Relu_1": {"tau": 1, "td": 0}}), 'unknown key "td"'),
    "tau 0": (_entry(kernels={"Relu_1": {"tau": 0}}), "tau is 0, not above 0"),
    "text": (_entry(kernels={"Relu_1": {"tau": "9.7"}}), 'tau is "9.7", not a number'),
    "huge": ('{"window": 2, "kernels": {"r": {"tau": 1' + "0" * 400 + "}}}", "not a number"),
    "NaN": ('{"window": 2, "kernels": {"r": {"tau": NaN}}}', "NaN is not a number"),
    "threshold": (
        _entry(kernels={"Relu_1": {**KERNEL, "threshold": -1}}),
        "threshold is -1, not above 0",
    ),
    "beyond floats": (_entry(window=4096), "are beyond 32-bit floats"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_malformed_entries_are_one_error(name: str, tmp_path: Path) -> None:
    value, message = FAULTS[name]
    path = save(_with(max_pooled(), value), tmp_path)
    for reader in (import_model, survey):
        with pytest.raises(InputError) as caught:
            reader(path)
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == "SN617"
        assert message in diagnostic.message
        assert '"window": 32' in diagnostic.help


def test_two_entries_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        import_model(save(_with(max_pooled(), _entry(), _entry()), tmp_path))
    assert "more than once" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (_entry(kernels={"Relu_l": KERNEL}), 'no node "Relu_l"; did you mean "Relu_'),
        (_entry(inputs={"y": KERNEL}), 'no input "y"'),
        (_entry(kernels={"Conv_0": KERNEL}), 'node "Conv_0" is Conv, and only a Relu'),
    ],
    ids=["node", "input", "operator"],
)
def test_names_that_the_model_does_not_have(
    entry: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        import_model(save(_with(max_pooled(), entry), tmp_path))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "SN618"
    assert message in diagnostic.message
    assert diagnostic.help

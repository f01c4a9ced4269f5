"""The QONNX and FINN models in $SNNC_DATA/models against the definitions of their operators."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import qonnx_definition as definition
from numpy.typing import NDArray

from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate

DATA = os.environ.get("SNNC_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="SNNC_DATA is not set")
Array = NDArray[Any]
LENET = "brevitas_mnist_lenet_w4a3_qonnx.onnx"
FINN = "foreign/finn_tfc_multithreshold.onnx"


def _path(name: str) -> Path:
    return Path(DATA, "models", name)


def _digits(count: int) -> tuple[Array, Array]:
    """The first test images of MNIST (N, 1, 28, 28), 0 to 255, and their labels."""
    with np.load(Path(DATA, "data", "mnist.npz")) as data:
        return data["x_test"][:count, None].astype(np.float32), data["y_test"][:count]


def _logits(result: Imported, x: Array) -> Array:
    name = result.network.inputs[0].name
    values = evaluate(result.network, {name: x.astype(np.float64)})
    return values[result.network.heads[-1].population]


def test_lenet_of_brevitas_is_its_definition() -> None:
    """Quant of weights and activations: same logits and predictions for every image.

    300 images have 99.7 % right, as the training recipe measured with QONNX itself.
    """
    x, labels = _digits(300)
    x /= 255
    result = import_model(_path(LENET), samples=x[:4])
    logits = _logits(result, x)
    assert np.mean(logits.argmax(axis=1) == labels) == pytest.approx(0.997, abs=0.0005)
    (wanted,) = definition.run(onnx.load(_path(LENET)), x[:60])
    np.testing.assert_allclose(logits[:60], wanted, rtol=0, atol=1e-4)
    output = result.model.graph.output[0].name
    np.testing.assert_allclose(Runner(result, [output]).run(x[:60])[output], wanted, atol=1e-4)


def test_lenet_of_brevitas_has_no_relu_left() -> None:
    """Each Relu belongs to the quantiser behind it; 3 bits without sign are levels 0 to 7."""
    network = import_model(_path(LENET)).network
    neurons = [p.neuron for p in network.populations]
    quantized = [n for n in neurons if isinstance(n, m.Quantized)]
    assert [(n.lowest, n.levels, n.ties) for n in quantized] == [(0, 7, "even")] * 3
    others = [type(n) for n in neurons if not isinstance(n, m.Quantized)]
    assert others == [m.MaxPool2d, m.MaxPool2d, m.Identity]
    weights = [network.array(m.Ref(name)) for name in network.tensors if name.endswith("weight")]
    assert all(len(np.unique(np.abs(w[0]))) <= 8 for w in weights)  # 4 bits, narrow, per channel


def test_binary_network_of_finn_is_its_definition() -> None:
    """Thresholds on the input, squeezed batch normalisation, TopK: the class of every image."""
    x, labels = _digits(300)
    result = import_model(_path(FINN), samples=x[:4])
    assert any("TopK is left to the host" in note for note in result.notes)
    neurons = [p.neuron for p in result.network.populations[:-1]]
    assert neurons == [m.Quantized(2.0, 1, 0, 1.0)] * 4
    (wanted,) = definition.run(onnx.load(_path(FINN)), x)
    logits = _logits(result, x)
    assert np.count_nonzero(logits.argmax(axis=1) != wanted.reshape(-1)) <= 1
    assert np.mean(wanted.reshape(-1) == labels) > 0.9
    (scores,) = definition.run(onnx.load(_path(FINN)), x, ["Add_0_out0"])
    assert np.mean(np.abs(scores - logits).max(axis=1) < 1e-4) > 0.99


def test_super_resolution_of_qonnx_is_its_definition() -> None:
    """Quant of domain onnx.brevitas, 8-bit pixels after DepthToSpace and Relu."""
    path = _path("foreign/qonnx_espcn_quant.onnx")
    result = import_model(path, gate=False)
    neurons = [p.neuron for p in result.network.populations]
    assert [n.levels for n in neurons if isinstance(n, m.Quantized)] == [15, 15, 15, 255]
    x = np.random.default_rng(0).uniform(size=(1, 3, 128, 128)).astype(np.float32)
    (wanted,) = definition.run(onnx.load(path), x)
    output = result.model.graph.output[0].name
    found = Runner(result, [output]).run(x)[output]
    assert np.count_nonzero(np.abs(found - wanted) > 1e-3) < 1e-3 * wanted.size

"""The quantised networks in $SNNC_DATA/models: every dress of a network is the same network."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.frontend.importer import Imported, import_model
from snnc.ir import model as m
from snnc.ir.tensors import Array
from snnc.ir.verify import verify

DATA = os.environ.get("SNNC_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="SNNC_DATA is not set")
DRESSES = {
    "mnist_cnn_lsq2": ("float", "float_dynamo", "qcdq", "uint4", "uint2"),
    "mnist_cnn_qcfs": ("L4", "L4_dynamo"),
    "cifar10_vgg_qcfs": ("L4", "L4_dynamo"),
}
STEPS = {
    "mnist_cnn_lsq2_float": [0.55686, 1.02083, 1.20245],
    "mnist_cnn_qcfs_L4": [n / 4 for n in (1.89394, 2.00434, 3.21802)],
    "cifar10_vgg_qcfs_L4": [n / 4 for n in (2.40668, 2.63898, 2.12828, 1.94431, 1.53966, 4.08735)],
}
"""The learned steps, as the models' README gives them."""


@functools.cache
def _imported(name: str) -> Imported:
    return import_model(Path(DATA, "models", f"{name}.onnx"))


def _up_to_names(network: m.Network) -> tuple[list[object], list[Array]]:
    """All of a network but names: its parts with numbers for tensors, and the tensors' arrays."""
    places = {i.name: f"input {n}" for n, i in enumerate(network.inputs)}
    places.update({p.name: str(n) for n, p in enumerate(network.populations)})
    names = list(dict.fromkeys(m.referenced_tensors(network)))
    rows: list[object] = [replace(i, name="") for i in network.inputs]
    for population in network.populations:
        incoming = [(places[i.source], _numbered(i.ops, names)) for i in population.incoming]
        parts = (_numbered(part, names) for part in (population.neuron, population.bias))
        rows.append((population.shape, *parts, incoming))
    rows += [(places[h.population], h.readout) for h in network.heads]
    return rows, [network.array(m.Ref(name)) for name in names]


def _numbered(part: object, names: list[str]) -> str:
    """A neuron or a chain as text, with numbers in place of the tensors' names."""
    return re.sub(r"Ref\(name='([^']*)'\)", lambda found: f"@{names.index(found[1])}", repr(part))


@pytest.mark.parametrize("name", DRESSES)
def test_all_dresses_are_one_network(name: str) -> None:
    """Same populations, operators and staircases; the same weights.

    Bit for bit from one exporter; the other one folds batch normalisation in its own arithmetic.
    """
    first, *others = DRESSES[name]
    rows, arrays = _up_to_names(_imported(f"{name}_{first}").network)
    for dress in others:
        other_rows, other_arrays = _up_to_names(_imported(f"{name}_{dress}").network)
        assert other_rows == rows
        tolerance = 1e-5 if dress.endswith("dynamo") else 0.0
        for array, other in zip(arrays, other_arrays, strict=True):
            largest = max(1.0, float(np.abs(array).max()))
            np.testing.assert_allclose(other, array, rtol=0, atol=tolerance * largest)


def test_other_weights_are_another_network() -> None:
    """Negative control of the comparison: 4-bit weights differ, and nothing else does."""
    rows, arrays = _up_to_names(_imported("mnist_cnn_lsq2_uint4").network)
    other_rows, other_arrays = _up_to_names(_imported("mnist_cnn_lsq2_w4a2").network)
    assert other_rows == rows
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(arrays, other_arrays, strict=True))
    assert _up_to_names(_imported("mnist_cnn_qcfs_L4").network)[0] != rows


@pytest.mark.parametrize("name", [f"{name}_{d}" for name, ds in DRESSES.items() for d in ds])
def test_quantised_network_passes_the_gate(name: str) -> None:
    result = _imported(name)
    assert result.gate_error is not None
    assert result.gate_error < 1e-5
    assert not verify(result.network)
    assert result.report.convertible == result.report.nodes
    assert result.report.mac_share == 1.0
    kinds = [type(p.neuron) for p in result.network.populations]
    assert kinds == [m.Quantized] * (len(kinds) - 1) + [m.Identity]


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_the_learned_ones(name: str) -> None:
    neurons = [p.neuron for p in _imported(name).network.populations[:-1]]
    assert all(isinstance(n, m.Quantized) for n in neurons)
    steps = [n.step for n in neurons if isinstance(n, m.Quantized)]
    np.testing.assert_allclose(steps, STEPS[name], rtol=1e-5)
    levels = {(n.levels, n.lowest, n.ties) for n in neurons if isinstance(n, m.Quantized)}
    assert levels == ({(3, 0, "even")} if "lsq2" in name else {(4, 0, "up")})


def test_weights_of_four_bits_are_dequantised() -> None:
    """The same activations as the other dresses, weights on 15 levels per channel."""
    result = _imported("mnist_cnn_lsq2_w4a2")
    assert result.gate_error is not None
    assert result.gate_error < 1e-5
    network = result.network
    other = _imported("mnist_cnn_lsq2_uint4").network
    assert [p.neuron for p in network.populations] == [p.neuron for p in other.populations]
    (op,) = (o for o in network.populations[1].incoming[0].ops if isinstance(o, m.Conv2d))
    weight = network.array(op.weight).reshape(32, -1)
    assert max(len(np.unique(row)) for row in weight) <= 16
    assert len(np.unique(weight)) > 16


def test_onnxruntimes_static_quantisation() -> None:
    """Relu lies in the zero point, Flatten's quantiser goes, input and pools keep theirs."""
    result = _imported("mnist_lenet_qdq8")
    network = result.network
    assert not verify(network)
    assert result.report.convertible == result.report.nodes
    assert [p.name for p in network.populations] == [
        "input.quantized",
        "conv_0.0",
        "avg_pool_1",
        "conv_2.0",
        "avg_pool_3",
        "fc_5",
        "fc_8",
    ]
    for population in network.populations[:-1]:
        assert isinstance(population.neuron, m.Quantized)
        assert (population.neuron.lowest, population.neuron.levels) == (0, 255)
    assert network.heads[0].readout == m.Logits(("QuantizeLinear", "DequantizeLinear"))
    assert population.bias is not None

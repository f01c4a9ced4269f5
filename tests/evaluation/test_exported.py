"""The stored ANN under onnxruntime gives what the interpreter gives."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest

from snnc.evaluation.exported import StoredAnn, export
from snnc.evaluation.reference import InterpretedAnn
from snnc.ir import model as m

EXPORTED = ("plain", "batch_norm", "residual", "depthwise", "max_pool", "two_heads")
"""Of `nets.NETWORKS`; the others have operators or neurons that only the interpreter knows."""


def everything() -> m.Network:
    """All operators and neurons that have a node, with uneven strides, pads and dilations."""
    b = nets.Builder(7, (4, 9, 8))
    odd = b.conv("a", 6, 2, strides=(1, 2), pads=(0, 2, 1, 1), dilations=(2, 1), groups=2)
    b.add("a", (6, 6, 5), m.Clip(b.tensor("high", (6,), 1.0)), ("image", (m.Scale(0.5), odd)))
    pool = m.AvgPool2d((3, 2), (2, 1), (1, 0, 1, 1))
    padded = m.AvgPool2d((3, 2), (2, 1), (1, 0, 1, 1), count_include_pad=True)
    scaled = m.Scale(b.tensor("factor", (6,), 1.0))
    b.add("b", (6, 3, 5), m.Relu(), ("a", (pool,)), ("a", (padded, scaled)), bias=(6,))
    b.add("c", (6, 2, 3), m.MaxPool2d((2, 3), (2, 2), (0, 1, 1, 1)), ("b", ()))
    b.add("d", (36,), m.Identity(), ("c", (m.Reshape((36,)),)))
    b.add("out", (3,), m.Identity(), ("d", (b.dense("out", 3, 36),)), bias=(3,))
    b.arrays["high"] = np.abs(b.arrays["high"]) + np.float32(0.1)
    return b.network()


def differences(network: m.Network, x: np.ndarray) -> float:
    names = [p.name for p in network.populations]
    stored = StoredAnn(network)
    assert stored.engine == "onnxruntime"
    ours, theirs = stored.activations(x, names), InterpretedAnn(network).activations(x, names)
    assert list(ours) == names
    for name in names:
        assert ours[name].shape == theirs[name].shape
        assert ours[name].dtype == np.float32
    return max(float(np.abs(ours[n] - theirs[n]).max()) for n in names)


@pytest.mark.parametrize("name", EXPORTED)
def test_networks_compute_what_the_interpreter_computes(name: str) -> None:
    assert differences(nets.NETWORKS[name](3), nets.images(5)) < 1e-5


def test_every_operator_computes_what_the_interpreter_computes() -> None:
    network = everything()
    x = nets.images(5, shape=(4, 9, 8))
    assert differences(network, x) < 1e-5
    weight = network.array(m.Ref("a.weight"))
    other = network.with_arrays({"a.weight": weight * np.float32(1.01)})
    ours = StoredAnn(other).activations(x, ["out"])["out"]
    assert np.abs(ours - InterpretedAnn(network).activations(x, ["out"])["out"]).max() > 1e-4


def test_a_head_is_read_and_double_precision_is_the_interpreters() -> None:
    network, x = nets.plain(1), nets.images(4)
    stored, known = StoredAnn(network), InterpretedAnn(network)
    assert stored.network is network
    np.testing.assert_allclose(stored.logits(x, "out"), known.logits(x, "out"), atol=1e-5)
    double = x.astype(np.float64)
    np.testing.assert_array_equal(stored.logits(double, "out"), known.logits(double, "out"))


@pytest.mark.parametrize("name", ["quantised", "upsampling", "leaky"])
def test_what_has_no_node_stays_with_the_interpreter(name: str) -> None:
    network = {**nets.NETWORKS, **nets.QUANTISED}[name](2)
    assert export(network) is None
    stored, x = StoredAnn(network), nets.images(3)
    assert stored.engine == "interpreter"
    last = network.heads[-1].population
    expected = InterpretedAnn(network).activations(x, [last])[last]
    np.testing.assert_array_equal(stored.activations(x, [last])[last], expected)


def test_ceil_mode_stays_with_the_interpreter() -> None:
    network = everything()
    populations = [
        replace(p, neuron=replace(p.neuron, ceil_mode=True))
        if isinstance(p.neuron, m.MaxPool2d)
        else p
        for p in network.populations
    ]
    assert export(replace(network, populations=tuple(populations))) is None

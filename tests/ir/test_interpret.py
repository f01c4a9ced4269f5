"""The interpreter against onnxruntime, operator by operator, and its freeing of values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from strategies import random_network

from snnc.ir import model as m
from snnc.ir.interpret import evaluate, network_macs

TOLERANCE = 1e-5
"""Of the largest value: float32 sums in another order."""


def onnx_value(kind: str, x: np.ndarray, weight: np.ndarray | None, **attributes: Any) -> Any:
    """One ONNX operator as onnxruntime computes it."""
    inputs = ["x"] if weight is None else ["x", "w"]
    node = helper.make_node(kind, inputs, ["y"], **attributes)
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(x.shape))]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    constants = [] if weight is None else [numpy_helper.from_array(weight, "w")]
    graph = helper.make_graph([node], "g", given, made, constants)
    # From opset 19 on, onnxruntime 1.23 leaves unequal pads out of an average's divisor although
    # count_include_pad is set (1.31 and ONNX's own reference count them): take an older opset.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def our_value(
    x: np.ndarray, ops: tuple[m.Operator, ...], neuron: m.Neuron, weight: np.ndarray | None
) -> np.ndarray:
    population = m.Population("y", (1,), neuron, incoming=(m.Incoming("x", ops),))
    network = m.Network("n", "ann", (m.Input("x", "f32", x.shape[1:]),), (population,), ())
    if weight is not None:
        network = network.with_arrays({"w": weight})
    return evaluate(network, {"x": x})["y"]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-9))


class Random:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pair(self, low: int, high: int) -> tuple[int, int]:
        a, b = self.rng.integers(low, high + 1, 2)
        return int(a), int(b)

    def array(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_convolution_is_that_of_onnx(seed: int) -> None:
    rng = Random(seed)
    groups = (1, 2, 4)[seed % 3]
    strides, dilations, pads = rng.pair(1, 3), rng.pair(1, 2), (*rng.pair(0, 2), *rng.pair(0, 2))
    weight, x = rng.array(8, 4 // groups, *rng.pair(1, 3)), rng.array(2, 4, 7, 6)
    expected = onnx_value(
        "Conv", x, weight, strides=strides, pads=pads, dilations=dilations, group=groups
    )
    op = m.Conv2d(m.Ref("w"), strides, pads, dilations, groups)
    assert distance(our_value(x, (op,), m.Identity(), weight), expected) < TOLERANCE
    weight.flat[0] += 0.01
    assert distance(our_value(x, (op,), m.Identity(), weight), expected) > TOLERANCE


@pytest.mark.parametrize("seed", range(12))
def test_transposed_convolution_is_that_of_onnx(seed: int) -> None:
    rng = Random(seed)
    groups = (1, 2, 4)[seed % 3]
    strides, dilations, pads = rng.pair(1, 3), rng.pair(1, 2), (*rng.pair(0, 1), *rng.pair(0, 1))
    extra = (strides[0] - 1, 0)
    weight, x = rng.array(4, 3, *rng.pair(2, 3)), rng.array(2, 4, 4, 5)
    expected = onnx_value(
        "ConvTranspose",
        x,
        weight,
        strides=strides,
        pads=pads,
        dilations=dilations,
        output_padding=extra,
        group=groups,
    )
    op = m.ConvTranspose2d(m.Ref("w"), strides, pads, dilations, extra, groups)
    assert distance(our_value(x, (op,), m.Identity(), weight), expected) < TOLERANCE
    weight.flat[0] += 0.01
    assert distance(our_value(x, (op,), m.Identity(), weight), expected) > TOLERANCE


@pytest.mark.parametrize(("ceil", "include"), [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("seed", range(6))
def test_average_pooling_is_that_of_onnx(seed: int, ceil: bool, include: bool) -> None:
    rng = Random(seed)
    kernel, strides = rng.pair(2, 3), rng.pair(1, 3)
    pads = (*rng.pair(0, 1), *rng.pair(0, 1))
    x = rng.array(2, 3, 7, 8)
    expected = onnx_value(
        "AveragePool",
        x,
        None,
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        ceil_mode=int(ceil),
        count_include_pad=int(include),
    )
    op = m.AvgPool2d(kernel, strides, pads, include, ceil)
    assert distance(our_value(x, (op,), m.Identity(), None), expected) < TOLERANCE


@pytest.mark.parametrize("seed", range(20))
def test_average_pooling_with_ceil_mode_counts_padding_but_nothing_behind_it(seed: int) -> None:
    """By the definition, since onnxruntime 1.23 and 1.31 differ where both options are set."""
    rng = Random(seed)
    kernel, strides = rng.pair(2, 4), rng.pair(1, 4)
    pads = (*rng.pair(0, 1), *rng.pair(0, 1))
    x = rng.array(1, 1, *rng.pair(4, 8))
    found = our_value(x, (m.AvgPool2d(kernel, strides, pads, True, True),), m.Identity(), None)
    height, width = x.shape[2:]
    padded = np.pad(x[0, 0], ((pads[0], pads[2]), (pads[1], pads[3])))
    # ceil((padded - kernel) / stride) + 1 windows, but none that begins behind the image.
    rows = range(0, height + pads[0], strides[0])[: -((kernel[0] - len(padded)) // strides[0]) + 1]
    last = -((kernel[1] - padded.shape[1]) // strides[1]) + 1
    columns = range(0, width + pads[1], strides[1])[:last]
    means = [[padded[r : r + kernel[0], c : c + kernel[1]].mean() for c in columns] for r in rows]
    assert distance(found[0, 0], np.array(means)) < TOLERANCE


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_max_pooling_is_that_of_onnx(seed: int, ceil: bool) -> None:
    rng = Random(seed)
    kernel, strides, dilations = rng.pair(2, 3), rng.pair(1, 3), rng.pair(1, 2)
    pads = (*rng.pair(0, 1), *rng.pair(0, 1))
    x = rng.array(2, 3, 8, 7) - 3  # negative, so that a padding of zero would win
    expected = onnx_value(
        "MaxPool",
        x,
        None,
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        ceil_mode=int(ceil),
    )
    neuron = m.MaxPool2d(kernel, strides, pads, dilations, ceil)
    assert np.array_equal(our_value(x, (), neuron, None), expected)


def test_activation_functions_are_those_of_onnx() -> None:
    x = Random(1).array(3, 50) * 4
    assert np.array_equal(our_value(x, (), m.Relu(), None), onnx_value("Relu", x, None))
    leaky = onnx_value("LeakyRelu", x, None, alpha=0.25)
    assert np.array_equal(our_value(x, (), m.LeakyRelu(0.25), None), leaky)
    assert np.array_equal(our_value(x, (), m.Clip(6.0), None), np.clip(x, 0, 6))
    assert np.array_equal(our_value(x, (), m.Identity(), None), x)


def test_per_channel_parameters_act_on_their_channel() -> None:
    x = Random(2).array(2, 3, 4, 4)
    slope = np.array([0.0, 0.5, 2.0], np.float32)
    found = our_value(x, (), m.LeakyRelu(m.Ref("w")), slope)
    assert np.array_equal(found, np.where(x >= 0, x, x * slope[:, None, None]))


def test_random_networks_have_the_shapes_they_declare() -> None:
    for seed in range(150):
        network = random_network(seed, "ann")
        rng = np.random.default_rng(seed)
        inputs = {i.name: rng.normal(size=(2, *i.shape)) for i in network.inputs}
        values = evaluate(network, inputs)
        assert list(values) == [p.name for p in network.populations]
        for population in network.populations:
            assert values[population.name].shape == (2, *population.shape)


def test_only_what_is_asked_for_is_kept_and_is_the_same() -> None:
    network = random_network(8, "ann")
    inputs = {i.name: np.ones((1, *i.shape)) for i in network.inputs}
    name = network.populations[-1].name
    kept = evaluate(network, inputs, keep=[name])
    assert list(kept) == [name]
    assert np.array_equal(kept[name], evaluate(network, inputs)[name], equal_nan=True)


def test_a_wrong_stage_or_input_is_refused() -> None:
    network = random_network(1, "ann")
    with pytest.raises(ValueError, match="is missing"):
        evaluate(network, {})
    with pytest.raises(ValueError, match="the network takes"):
        evaluate(network, {i.name: np.zeros((1, 17, 17)) for i in network.inputs})
    with pytest.raises(ValueError, match="runs stage ann, not snn"):
        evaluate(random_network(1, "snn"), {})


def test_multiply_accumulates_are_those_of_the_dense_weight() -> None:
    dense = m.Incoming("x", (m.Dense(m.Ref("w")),))
    population = m.Population("y", (3,), m.Relu(), incoming=(dense,))
    network = m.Network("n", "ann", (m.Input("x", "f32", (5,)),), (population,), ())
    assert network_macs(network.with_arrays({"w": np.ones((3, 5), np.float32)})) == 15

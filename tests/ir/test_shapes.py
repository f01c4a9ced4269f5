"""Shape rules: they say what the operators do, and windows are counted as onnxruntime counts."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from strategies import random_network

from snnc.ir import linear, shapes
from snnc.ir import model as m


def test_every_operator_gives_the_shape_that_its_rule_says() -> None:
    """On all chains of 300 random networks."""
    seen: set[type] = set()
    for seed in range(300):
        network = random_network(seed, "ann")
        for population in network.populations:
            for incoming in population.incoming:
                _compare_chain(network, incoming)
                seen.update(type(op) for op in incoming.ops)
    assert len(seen) == 12


def _compare_chain(network: m.Network, incoming: m.Incoming) -> None:
    shape = network.source_shape(incoming.source)
    value = np.zeros((2, *shape))
    for op in incoming.ops:
        shape = shapes.operator_shape(op, shape, lambda ref: network.tensors[ref.name].shape)
        value = linear.apply(op, value, network.array)
        assert value.shape[1:] == shape


def _pool_shape(pool: m.MaxPool2d, size: tuple[int, int]) -> tuple[int, ...]:
    """What onnxruntime makes of a max pooling."""
    node = helper.make_node(
        "MaxPool",
        ["x"],
        ["y"],
        kernel_shape=list(pool.kernel),
        strides=list(pool.strides),
        pads=list(pool.pads),
        dilations=list(pool.dilations),
        ceil_mode=int(pool.ceil_mode),
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, *size])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None, None])
    graph = helper.make_graph([node], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": np.zeros((1, 1, *size), np.float32)})[0].shape[2:]


def test_pooling_windows_are_counted_as_onnxruntime_counts_them() -> None:
    generator = np.random.default_rng(11)
    for _ in range(60):
        kernel = tuple(int(k) for k in generator.integers(1, 4, 2))
        pool = m.MaxPool2d(
            kernel,
            tuple(int(s) for s in generator.integers(1, 4, 2)),
            tuple(int(p) for p in generator.integers(0, min(kernel), 4)),
            (1, 1),
            bool(generator.integers(0, 2)),
        )
        size = tuple(int(n) for n in generator.integers(4, 9, 2))
        assert shapes.window_counts(size, pool) == _pool_shape(pool, size), pool


def _no_tensors(_ref: m.Ref) -> tuple[int, ...]:
    raise AssertionError("this operator has no tensor")


@pytest.mark.parametrize(
    ("op", "shape", "words"),
    [
        (m.Reshape((5,)), (2, 3), "reshape"),
        (m.Transpose((0, 0)), (2, 3), "transpose"),
        (m.Embed(2, 0, 4), (2, 3), "axis 2 does not exist"),
        (m.Embed(0, 3, 4), (2, 3), "does not fit into a size of 4"),
        (m.Slice(0, 1, 1), (2, 3), "slice 1:1:1"),
        (m.Slice(0, 0, 3), (2, 3), "slice 0:3:1"),
        (m.Pad2d((0, 0, 0, 0)), (4,), "needs an input (C, H, W)"),
        (m.Upsample2d((2, 2)), (4, 4), "needs an input (C, H, W)"),
        (m.AvgPool2d((5, 5)), (1, 4, 4), "larger than the image"),
    ],
)
def test_an_operator_that_does_not_fit_is_a_shape_error(
    op: m.Operator, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(shapes.ShapeError) as caught:
        shapes.operator_shape(op, shape, _no_tensors)
    assert words in str(caught.value)


def test_what_is_no_operator_is_a_shape_error() -> None:
    with pytest.raises(shapes.ShapeError, match="Relu is not a linear operator"):
        shapes.operator_shape(m.Relu(), (1,), _no_tensors)  # type: ignore[arg-type]


def test_connections_that_disagree_are_a_shape_error() -> None:
    terms = (m.Incoming("x"), m.Incoming("x", (m.Flatten(),)))
    population = m.Population("a", (1, 2, 2), m.Relu(), incoming=terms)
    network = m.Network("n", "ann", (m.Input("x", "f32", (1, 2, 2)),), (population,), ())
    with pytest.raises(shapes.ShapeError, match=r"\[1, 2, 2\] and \[4\]"):
        shapes.summed_shape(network, population)

"""Structure of imported networks: populations, names, heads, sharing, layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx_models import (
    batch_norm,
    build,
    channels_last,
    concatenated,
    depthwise,
    integers,
    max_pooled,
    numbers,
    residual,
    save,
)

from snnc.frontend.importer import Imported, import_model
from snnc.frontend.runtime import Runner
from snnc.ir import model as m
from snnc.ir.interpret import evaluate


def _import(model: onnx.ModelProto, folder: Path) -> Imported:
    return import_model(save(model, folder, "net.onnx"))


def _kinds(population: m.Population) -> list[list[str]]:
    return [[type(op).__name__ for op in i.ops] for i in population.incoming]


def test_residual_add_is_two_connections(tmp_path: Path) -> None:
    network = _import(residual(), tmp_path).network
    block = network.populations[1]
    assert [i.source for i in block.incoming] == [network.populations[0].name] * 2
    assert _kinds(block) == [["Conv2d"], []]
    assert isinstance(block.neuron, m.Relu)
    assert block.origin == ("Conv_2", "Add_3", "Relu_4")


def test_average_pool_stays_in_front_of_its_consumer(tmp_path: Path) -> None:
    network = _import(residual(), tmp_path).network
    assert _kinds(network.populations[-1]) == [["AvgPool2d", "Flatten", "Dense"]]


def test_concat_is_one_embed_per_branch(tmp_path: Path) -> None:
    network = _import(concatenated(), tmp_path).network
    join = network.populations[2]
    assert _kinds(join) == [["Embed", "Conv2d"], ["Embed", "Conv2d"]]
    embeds = [i.ops[0] for i in join.incoming]
    assert embeds == [m.Embed(0, 0, 6), m.Embed(0, 4, 6)]


def test_channels_last_export_becomes_plain_nchw_chains(tmp_path: Path) -> None:
    """All transposes but the input's cancel or go into the dense weights."""
    network = _import(channels_last(), tmp_path).network
    assert [p.shape for p in network.populations] == [(4, 8, 8), (4, 4, 4), (6, 2, 2), (5,)]
    assert [_kinds(p) for p in network.populations] == [
        [["Transpose", "Conv2d"]],
        [[]],
        [["Conv2d"]],
        [["Flatten", "Dense"]],
    ]


@pytest.mark.parametrize("make", [residual, depthwise, concatenated, channels_last, max_pooled])
def test_values_name_tensors_with_the_populations_layout(make: object, tmp_path: Path) -> None:
    """Under onnxruntime every tensor has the population's value, element by element."""
    result = _import(make(), tmp_path)  # type: ignore[operator]
    (declared,) = result.network.inputs
    x = np.random.default_rng(2).normal(size=(7, *declared.shape)).astype(np.float32)
    wanted = Runner(result, result.values.values()).run(x)
    actual = evaluate(result.network, {declared.name: x})
    for population in result.network.populations:
        value = wanted[result.values[population.name]]
        assert value.shape == (7, *population.shape)
        np.testing.assert_allclose(actual[population.name], value, rtol=0, atol=1e-5)


def test_import_is_recorded_without_the_folder(tmp_path: Path) -> None:
    result = _import(residual(), tmp_path)
    assert result.network.passes == ("import{model=net.onnx}",)
    assert result.network.name == "net"
    assert result.network.stage == "ann"
    assert len(result.sha256) == 64


def test_same_file_same_network(tmp_path: Path) -> None:
    assert _import(concatenated(), tmp_path).network == _import(concatenated(), tmp_path).network


# ---- the eleven patterns of batch normalisation, and fan-out ---------------------------------

BN = batch_norm("n", 4)
SCALE = "(x_in, n_g, n_b, n_m, n_v)"


def _bn(tensor: str) -> str:
    return f"BatchNormalization({tensor}, n_g, n_b, n_m, n_v)"


PATTERNS: dict[str, onnx.ModelProto] = {
    "conv, bn": build(f"a = Conv(x, w, c) y = {_bn('a')}", {"w": (4, 3, 3, 3), "c": (4,), **BN}),
    "transposed conv, bn": build(
        f"a = ConvTranspose(x, w) y = {_bn('a')}", {"w": (3, 4, 3, 3), **BN}
    ),
    "gemm, bn": build(
        f"a = Gemm(x, w, c) y = {_bn('a')}", {"w": (6, 4), "c": (4,), **BN}, inputs="float[N,6] x"
    ),
    "matmul, bn": build(
        f"a = MatMul(x, w) y = {_bn('a')}", {"w": (6, 4), **BN}, inputs="float[N,6] x"
    ),
    "conv with two users": build(
        f"a = Conv(x, w) b = {_bn('a')} r = Relu(b) y = Add(r, a)", {"w": (4, 3, 3, 3), **BN}
    ),
    "bn, conv": build(
        f"b = {_bn('x')} y = Conv(b, w, c)",
        {"w": (5, 4, 3, 3), "c": (5,), **BN},
        inputs="float[N,4,6,6] x",
    ),
    "bn, padded conv": build(
        f"b = {_bn('x')} y = Conv<pads=[1,0,1,2]>(b, w, c)",
        {"w": (5, 4, 3, 3), "c": (5,), **BN},
        inputs="float[N,4,6,6] x",
    ),
    "relu, bn, padded conv": build(
        f"r = Relu(x) b = {_bn('r')} y = Conv<pads=[1,1,1,1]>(b, w)",
        {"w": (5, 4, 3, 3), **BN},
        inputs="float[N,4,6,6] x",
    ),
    "conv, pool, bn": build(
        f"a = Conv(x, w, c) p = AveragePool<kernel_shape=[2,2], pads=[1,1,0,0]>(a) y = {_bn('p')}",
        {"w": (4, 3, 3, 3), "c": (4,), **BN},
    ),
    "shared weights": build(
        f"a = Conv(x, w) b = {_bn('a')} z = Neg(x) d = Conv(z, w) y = Add(b, d)",
        {"w": (4, 3, 3, 3), **BN},
    ),
    "bn on the input": build(f"b = {_bn('x')} y = Relu(b)", BN, inputs="float[N,4,6,6] x"),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_batch_norm_pattern_is_exact(pattern: str, tmp_path: Path) -> None:
    result = _import(PATTERNS[pattern], tmp_path)
    assert result.gate_error is not None
    assert result.gate_error < 1e-5


def test_bias_behind_padding_keeps_its_border(tmp_path: Path) -> None:
    """A shift in front of a padded convolution becomes a full map, its inside uniform."""
    network = _import(PATTERNS["bn, padded conv"], tmp_path).network
    bias = network.array(network.populations[0].bias)  # type: ignore[arg-type]
    assert bias.shape == network.populations[0].shape
    assert np.ptp(bias[:, 1:-1, 1:-2], axis=(1, 2)).max() < 1e-6
    assert np.ptp(bias, axis=(1, 2)).min() > 1e-3
    unpadded = _import(PATTERNS["bn, conv"], tmp_path).network
    assert unpadded.array(unpadded.populations[0].bias).shape == (5,)  # type: ignore[arg-type]


def test_shared_initializers_are_one_tensor(tmp_path: Path) -> None:
    network = _import(PATTERNS["shared weights"], tmp_path).network
    weights = [name for name in network.tensors if "weight" in name]
    assert len(weights) == 1


def test_weighted_value_with_two_users_is_computed_once(tmp_path: Path) -> None:
    network = _import(PATTERNS["conv with two users"], tmp_path).network
    assert [type(p.neuron) for p in network.populations] == [m.Identity, m.Relu, m.Identity]
    convolutions = [kind for p in network.populations for ops in _kinds(p) for kind in ops]
    assert convolutions.count("Conv2d") == 1


def test_pooled_value_with_two_users_makes_no_population(tmp_path: Path) -> None:
    """Pools and views cost no weights, so both users get their own copy of the chain."""
    model = build(
        """r = Relu(x)
        p = AveragePool<kernel_shape=[2,2], strides=[2,2]>(r)
        a = Conv(p, w)
        b = Relu(a)
        c = Conv(p, v)
        y = Add(b, c)""",
        {"w": (4, 3, 1, 1), "v": (4, 3, 1, 1)},
    )
    network = _import(model, tmp_path).network
    assert [type(p.neuron) for p in network.populations] == [m.Relu, m.Relu, m.Identity]
    assert _kinds(network.populations[1]) == [["AvgPool2d", "Conv2d"]]
    assert sorted(_kinds(network.populations[2])) == [[], ["AvgPool2d", "Conv2d"]]


def test_two_inputs(tmp_path: Path) -> None:
    model = build(
        "a = Gemm(x, w) b = Gemm(z, v) s = Add(a, b) y = Relu(s)",
        {"w": (6, 4), "v": (5, 4)},
        inputs="float[N,6] x, float[N,5] z",
    )
    result = _import(model, tmp_path)
    assert [i.shape for i in result.network.inputs] == [(6,), (5,)]
    assert result.gate_error is not None


def test_initializers_listed_as_inputs(tmp_path: Path) -> None:
    """IR version 3 lists weights among the inputs; they are none of the network's."""
    model = build(
        "s = ConstantOfShape(shape) c = Add(s, w) y = MatMul(x, c)",
        {"w": (6, 4), "shape": integers(6, 4)},
        inputs="float[N,6] x, float[6,4] w, int64[2] shape",
        opset=9,
        ir_version=3,
    )
    assert [i.name for i in _import(model, tmp_path).network.inputs] == ["x"]


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18, "here" : 1]>
        net (float[N,3] x) => (float[N,3] y) { y = here.Twice(x) }
        <domain: "here", opset_import: ["" : 18]>
        Twice (a) => (b) { r = Relu(a) b = Add(r, r) }"""
    )
    assert len(_import(model, tmp_path).network.populations) == 2


def test_nodes_without_names_get_stable_ones(tmp_path: Path) -> None:
    network = _import(max_pooled(), tmp_path).network
    assert [p.name for p in network.populations] == [
        "conv_0",
        "max_pool_2",
        "conv_3",
        "fc_6",
    ]


def test_names_of_the_two_pytorch_exporters_agree(tmp_path: Path) -> None:
    """Module paths stand in the node names of one exporter and in the metadata of the other."""
    weights = {"w": (4, 3, 3, 3), "v": (2, 4, 3, 3)}
    text = "a = Conv(x, w) r = Relu(a) c = Conv(r, v) s = Add(c, c) y = Relu(s)"
    script, dynamo = build(text, weights), build(text, weights)
    names = ["/features/conv1/Conv", "/features/relu/Relu", "/block/block.0/Conv", "/Add", "/Relu"]
    scopes = [
        ["", "features", "features.conv1", "conv2d"],
        ["", "features", "features.relu", "relu"],
        ["", "block", "block.0", "conv2d_1"],
        ["", "add"],
        ["", "relu_1"],
    ]
    for node, name in zip(script.graph.node, names, strict=True):
        node.name = name
    for index, (node, scope) in enumerate(zip(dynamo.graph.node, scopes, strict=True)):
        node.name = f"node_{node.op_type}_{index}"
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(scope))
    first, second = _import(script, tmp_path).network, _import(dynamo, tmp_path).network
    assert [p.name for p in first.populations] == ["features.conv1", "block.0"]
    assert [p.name for p in second.populations] == [p.name for p in first.populations]
    assert second.tensors == first.tensors


def test_depthwise_clips_at_six(tmp_path: Path) -> None:
    network = _import(depthwise(), tmp_path).network
    assert [p.neuron for p in network.populations[:2]] == [m.Clip(6.0), m.Clip(6.0)]


def test_per_channel_bound_keeps_its_layout(tmp_path: Path) -> None:
    """A per-channel slope in NHWC becomes one per channel of the NCHW population."""
    model = build(
        "t = Transpose<perm=[0,2,3,1]>(x) r = PRelu(t, s) y = Transpose<perm=[0,3,1,2]>(r)",
        {"s": numbers(0.1, 0.2, 0.3)},
    )
    network = _import(model, tmp_path).network
    (population,) = network.populations
    assert isinstance(population.neuron, m.LeakyRelu)
    slope = network.array(population.neuron.slope)  # type: ignore[arg-type]
    np.testing.assert_array_equal(slope, numbers(0.1, 0.2, 0.3))


def test_double_precision_model(tmp_path: Path) -> None:
    """Inputs and weights of 64 bits become 32; the gate allows for that."""
    model = build(
        "a = MatMul(x, w) y = Relu(a)",
        {"w": np.random.default_rng(0).normal(size=(6, 4))},
        inputs="double[N,6] x",
    )
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    result = _import(model, tmp_path)
    assert result.network.tensors["fc_0.weight"].dtype == "f32"

"""Names of populations from the node names of several exporters."""

from __future__ import annotations

import re

import pytest

from snnc.frontend.naming import base_name, identifier, naming_node
from snnc.frontend.nodes import Node


def _node(
    name: str, op: str = "Conv", weight: str = "onnx::Conv_3", scopes: tuple[str, ...] = ()
) -> Node:
    return Node(0, name, op, "", ("x", weight), ("y",), {}, scopes)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (_node("/0/0.0/Conv"), "conv_0.0"),
        (_node("/features/conv1/Conv"), "features.conv1"),
        (_node("/layer1/layer1.0/conv1/Conv"), "layer1.0.conv1"),
        (_node("/2/a/a.0/Conv"), "conv_2.a.0"),
        (_node("/8/Gemm", "Gemm", "8.weight"), "fc_8"),
        (_node("node_linear_1", "Gemm", "fc2.weight"), "fc2"),
        (_node("/2/Add", "Add"), "add_2"),
        (_node("/block/Add", "Add"), "block.add"),
        (_node("/Add", "Add"), "add"),
        (_node("node_Conv_37", scopes=("", "net", "net.conv", "conv2d")), "net.conv"),
        (_node("node_Conv_37"), "conv_37"),
        (_node("Conv_3"), "conv_3"),
        (_node("MaxPool_4", "MaxPool"), "max_pool_4"),
        (_node("Convolution28"), "Convolution28"),
        (_node("model/relu/Relu;model/conv2d_2/Conv2D;model/conv2d/Conv2D1__31"), "model.conv2d"),
        (_node("a/conv2d_5/BiasAdd/ReadVariableOp/resource"), "a.conv2d_5"),
    ],
)
def test_name_of_a_node(node: Node, name: str) -> None:
    assert base_name(node) == name


@pytest.mark.parametrize("text", ["0.0", "onnx::Conv_3", "a b/c", "é", "", "-x", "gpu_0/data_0"])
def test_identifiers_fit_the_text_form(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z_][\w.-]*", identifier(text), flags=re.ASCII)


def test_weighted_node_names_the_population() -> None:
    nodes = [_node("r", "Relu"), _node("a", "Add"), _node("c", "Conv"), _node("p", "AveragePool")]
    assert naming_node(nodes).name == "c"
    assert naming_node(nodes[:2]).name == "a"
    assert naming_node(nodes[3:]).name == "p"

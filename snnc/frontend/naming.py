"""Names of populations and tensors, made from ONNX node names.

Node names are paths of the model's modules in both PyTorch exporters (in the name itself for
TorchScript, in the node's metadata for dynamo), so the same network gets the same names from both.
"""

from __future__ import annotations

import re

from snnc.frontend.nodes import Node

_SHORT = {
    "Conv": "conv",
    "ConvTranspose": "conv_transpose",
    "Gemm": "fc",
    "MatMul": "fc",
    "MaxPool": "max_pool",
    "GlobalMaxPool": "max_pool",
    "AveragePool": "avg_pool",
    "GlobalAveragePool": "avg_pool",
    "BatchNormalization": "bn",
    "Concat": "concat",
    "LeakyRelu": "leaky_relu",
    "PRelu": "prelu",
    "Floor": "quantized",
    "Round": "quantized",
    "QuantizeLinear": "quantized",
    "Log": "spike_time",
}
_PARAMETER = re.compile(r"^(?P<module>[\w./]+?)[./](weight|kernel|W)$")
_TENSORFLOW = re.compile(r"(BiasAdd|Conv2D|DepthwiseConv2dNative|MatMul|FusedBatchNorm|Relu)")
_MODULES = {"Conv", "ConvTranspose", "Gemm", "MatMul", "MaxPool", "BatchNormalization", "PRelu"}
_PREFERENCE = (
    {"Conv", "ConvTranspose", "Gemm", "MatMul"},
    {"Add", "Sum", "Sub", "Concat"},
    {"MaxPool", "GlobalMaxPool", "ReduceMax"},
    {"BatchNormalization"},
    {"Relu", "Clip", "LeakyRelu", "PRelu", "Max", "Min"},
)


def short(op: str) -> str:
    """The word for an operator in a name: `fc` for Gemm, `max_pool` for MaxPool."""
    return _SHORT.get(op, op.lower())


def identifier(text: str) -> str:
    """`text` with everything that an IR name cannot hold replaced by `_`."""
    cleaned = re.sub(r"[^A-Za-z0-9_.]+", "_", text).strip("._")
    return cleaned if re.match(r"[A-Za-z_]", cleaned) else f"_{cleaned}"


def base_name(node: Node) -> str:
    """A short readable identifier for what a node computes, e.g. `features.conv1`, `fc_5`."""
    path = _module_path(node)
    word = short(node.op)
    if not path:
        return word
    if not re.match(r"[A-Za-z_]", path):
        return identifier(f"{word}_{path}")
    return identifier(path) if node.op in _MODULES else identifier(f"{path}.{word}")


def naming_node(nodes: list[Node]) -> Node:
    """The node of a population that gives it its name: the weighted one before all others."""
    for operators in _PREFERENCE:
        for node in nodes:
            if node.op in operators:
                return node
    return nodes[-1]


def _module_path(node: Node) -> str:
    """The dotted path of the module a node belongs to, or its own name where there is none."""
    for name in node.inputs[1:2]:
        found = _PARAMETER.match(name)
        if found:
            return found["module"].replace("/", ".")
    if len(node.scopes) >= 2:
        return node.scopes[-2]
    name = node.name.rsplit(";", maxsplit=1)[-1].split(":")[0]
    if "/" in name:
        return _slash_path(name)
    name = re.sub(r"^node_|_QuantizeLinear$", "", name)
    return re.sub(rf"^{re.escape(node.op)}_?(?=\d*$)", "", name, flags=re.IGNORECASE)


def _slash_path(name: str) -> str:
    """`/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`: nested containers repeat their prefix."""
    path: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        if _TENSORFLOW.match(part):
            break
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)

"""ONNX nodes as plain data: names, attributes as Python values, constants as arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import numpy_helper

from snnc.frontend.refusal import Refusal

_SCOPES = "pkg.torch.onnx.name_scopes"


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node. `scopes`: module path that PyTorch's dynamo exporter leaves as metadata."""

    index: int
    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()

    @property
    def operator(self) -> str:
        """The operator with its domain, if it is not ONNX's own."""
        return f"{self.domain}.{self.op}" if self.domain else self.op


def read_node(proto: onnx.NodeProto, index: int, scopes: tuple[str, ...] = ()) -> Node:
    """The plain form of a node of a protobuf graph."""
    return Node(
        index,
        proto.name or f"{proto.op_type}_{index}",
        proto.op_type,
        "" if proto.domain == "ai.onnx" else proto.domain,
        tuple(proto.input),
        tuple(proto.output),
        {a.name: _attribute(a) for a in proto.attribute},
        scopes,
    )


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value


def module_scopes(proto: onnx.NodeProto) -> tuple[str, ...]:
    """The modules a node belongs to, outermost first, where the exporter says so."""
    for entry in getattr(proto, "metadata_props", ()):
        if entry.key == _SCOPES:  # the repr of a list of strings: "['', '0', 'conv2d']"
            return tuple(re.findall(r"'([^']*)'", entry.value))
    return ()


def integers(node: Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """An attribute that is a list of integers; Refusal if its length is not that of `default`."""
    values = tuple(int(v) for v in node.attributes.get(name, default))
    if len(values) != len(default):
        raise Refusal(f"attribute {name} has {len(values)} values, {len(default)} are expected")
    return values

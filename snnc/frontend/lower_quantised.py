"""Quantised activations that were recognised in the graph, and integers that cannot be."""

from __future__ import annotations

from snnc.frontend.call import Call
from snnc.frontend.recognise import Group
from snnc.frontend.refusal import Refusal
from snnc.frontend.staircase import quantized
from snnc.frontend.values import Value


def staircase(call: Call, group: Group) -> Value:
    """The population of a group; `call` is for the node that stands for it."""
    nodes = (group.rounder.node, *group.nodes)
    return quantized(call, call.data(), group.staircase, nodes)


def dequantize(_: Call) -> Value:
    """ONNX DequantizeLinear of what no QuantizeLinear made.

    Raises:
        Refusal: always; constants are folded, and what follows a QuantizeLinear belongs to that.
    """
    raise Refusal(
        "its integers do not come from a QuantizeLinear",
        "export the model with a float32 input and in QDQ form (onnxruntime: "
        "quant_format=QuantFormat.QDQ)",
    )

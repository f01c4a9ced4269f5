"""Quantisers of QONNX, Brevitas and FINN among those that are made of several nodes."""

from __future__ import annotations

import numpy as np

from snnc.frontend import qonnx
from snnc.frontend.graph import Graph
from snnc.frontend.links import Link, Rounder
from snnc.frontend.nodes import Node
from snnc.frontend.qonnx_staircase import quantiser_of
from snnc.frontend.refusal import Refusal
from snnc.ir.tensors import Array


def quantiser_rounder(graph: Graph, node: Node) -> Rounder | None:
    """A quantiser of one node as a rounding with what it does before and after.

    Clamps around it then cut its range, and equal quantisers become one, as for any other dress.
    None for other nodes, and for those that are a staircase with a constant beside it.
    """
    if node.domain not in qonnx.DOMAINS or node.op not in qonnx.OPERATORS or not node.inputs:
        return None
    data = node.inputs[0]
    try:
        quantiser = quantiser_of(node, graph.constants, len(graph.shapes.get(data, ())))
    except Refusal:
        return None  # its own handler says why
    staircase = quantiser.staircase
    step = np.asarray(staircase.step, dtype=np.float64)
    even = staircase.ties == "even"
    shift = np.zeros(()) if even else np.asarray(staircase.shift, dtype=np.float64)
    if not quantiser.plain or not np.all(step > 0):
        return None

    def scale(x: Array) -> Array:
        return np.asarray(x / step + shift)

    def clamp(x: Array) -> Array:
        return np.clip(x, staircase.lowest, staircase.levels)

    before = Link(node, data, scale, 1.0 / step, shift)
    after = (
        Link(node, data, clamp, clamps=True),
        Link(node, data, lambda x: np.asarray(x * step), step),
    )
    return Rounder(node, data, "even" if even else "floor", (before,), after)

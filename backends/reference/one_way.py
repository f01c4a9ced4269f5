"""Bounds of potentials where every spike is worth something positive, and counts once.

What weights above 0 bring and what those below 0 take away cannot add up: whichever spikes come,
and in whatever order, a potential lies between the two sums. That is about half of the sum of
absolute values, and so a bit more for the weights or the kernels of an integer network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.ir import linear, model
from snnc.ir.tensors import Array

Values = tuple[Array, Array]
"""How far above and below 0 values can be, both not negative."""

_WEIGHTED = (model.Dense, model.Conv2d, model.ConvTranspose2d, model.Scale)


def may_be_negative(entry: model.Input) -> bool:
    """Whether an input can bring values below 0."""
    coding = entry.coding
    return not (isinstance(coding, model.Rounded) and coding.lowest >= 0)


def sides(
    network: model.Network, incoming: model.Incoming, value: float, signed: bool
) -> tuple[Array, Array, float]:
    """How far above and below 0 a chain brings what comes from a source, and how far on the way.

    Args:
        network: the network.
        incoming: the connection.
        value: the largest |value| of a neuron of the source.
        signed: whether values can be negative.
    """
    shape = (1, *network.source_shape(incoming.source))
    up, down = np.full(shape, value), np.full(shape, value if signed else 0.0)
    most = 0.0
    for op in incoming.ops:
        up, down = _through(network, op, up, down)
        most = max(most, float(up.max(initial=0.0)), float(down.max(initial=0.0)))
    return up[0], down[0], most


def _through(network: model.Network, op: model.Operator, up: Array, down: Array) -> Values:
    def apply(part: Callable[[Array], Array], values: Array) -> Array:
        return linear.apply(_split(op, part), values, lambda ref: part(_wide(network, ref)))

    if not isinstance(op, _WEIGHTED):
        return linear.apply(op, up, network.array), linear.apply(op, down, network.array)
    return apply(_above, up) + apply(_below, down), apply(_above, down) + apply(_below, up)


def _split(op: model.Operator, part: Callable[[Array], Array]) -> model.Operator:
    if isinstance(op, model.Scale) and not isinstance(op.factor, model.Ref):
        return model.Scale(float(part(np.asarray(float(op.factor)))))
    return op


def _above(values: Array) -> Array:
    return np.maximum(values, 0.0)


def _below(values: Array) -> Array:
    return np.maximum(-values, 0.0)


def _wide(network: model.Network, ref: model.Ref) -> Array:
    return network.array(ref).astype(np.float64)

"""How far membrane potentials can go, whatever the input: the static bound of a core map."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.layers import Layer
from snnc.ir.tensors import Array


def potential_range(layer: Layer, steps: int) -> tuple[Array, Array]:
    """The lowest and the highest potential of each unit in `steps` time steps, int64 (units,).

    Before the reset, in layer-local time: a layer's start is not counted. With soft reset a
    potential grows only by what a step brings beyond the threshold.
    """
    positive, negative = sums(layer)
    up = positive + np.maximum(layer.biases, 0)
    down = negative + np.maximum(-layer.biases, 0)
    if layer.memoryless:
        return -down, up
    lowest = layer.starts_at - steps * down
    beyond = {
        "subtract": np.maximum(up - layer.thresholds, 0),
        "zero": np.zeros_like(up),
        "none": up,
    }[layer.reset]
    highest = np.maximum(layer.starts_at, layer.thresholds) + up + (steps - 1) * beyond
    return lowest, highest


def sums(layer: Layer) -> tuple[Array, Array]:
    """The sum of each unit's positive weights, and of the magnitudes of its negative ones."""
    ones = np.ones(layer.weights.shape[1], np.int64)
    positive, negative = layer.weights.copy(), layer.weights.copy()
    positive.data = np.maximum(positive.data, 0)
    negative.data = np.maximum(-negative.data, 0)
    above: Array = np.asarray(positive @ ones)
    below: Array = np.asarray(negative @ ones)
    return above, below

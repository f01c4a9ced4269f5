"""What the mapper refuses, in words."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.layers import Layer
from snnc.backends.truenorth.tiles import DoesNotFitError
from snnc.diagnostics import Diagnostic


def no_code(layer: Layer, spec: ChipSpec) -> Diagnostic:
    """SN593: weights that axons cannot spell."""
    largest = int(np.abs(layer.weights.data).max(initial=0))
    text = (
        f"the weights of {layer.name} (up to {largest}) are no sums of four axon types of at most "
        f"{spec.largest_strength} each"
    )
    cure = "run quantize-weights{target=truenorth} with 1 to 5 bits"
    return Diagnostic("SN593", text, ", ".join(layer.origin), cure)


def no_fit(layer: Layer, error: DoesNotFitError, spec: ChipSpec) -> Diagnostic:
    """SN594: a neuron with more inputs than a core has axons."""
    text = (
        f"population {layer.name} needs {error.needed} axons on one core; TrueNorth has "
        f"{spec.axons}"
    )
    cure = (
        "compile with --partial-sums rate or exact, take fewer bits, or retrain with grouped "
        "convolutions or fewer inputs"
    )
    return Diagnostic("SN594", text, ", ".join(layer.origin), cure)


def too_early(layer: Layer, unit: int, tick: int) -> Diagnostic:
    """SN595: a neuron that would fire before its inputs come."""
    text = (
        f"neuron {unit} of {layer.name} starts at {layer.starts_at[unit]}, its threshold is "
        f"{layer.thresholds[unit]}: on the chip it would fire before its first step, which is "
        f"tick {tick}, and no start makes up for that"
    )
    cure = "start below the threshold, use soft reset, or no delays behind this layer"
    return Diagnostic("SN595", text, ", ".join(layer.origin), cure)


def no_exact(layer: Layer) -> Diagnostic:
    """SN596: a layer that has no exact partial sums."""
    text = f"{layer.name} has no exact partial sums: "
    if layer.memoryless:
        text += "a memoryless gate would forget its sum between ticks"
    else:
        text += "its weights, its bias or its number of groups is too large for the gates"
    cure = "compile with --partial-sums rate, or take fewer bits or inputs"
    return Diagnostic("SN596", text, ", ".join(layer.origin), cure)

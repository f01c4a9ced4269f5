"""Quantised values against onnxruntime's: equal, or one level apart at a rounding edge.

The level of a value is a step function of its summed input. Two correct float32 sums of the same
products in different order may fall on either side of an edge, so equality can only be asked for
away from the edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir import model as m
from snnc.ir.interpret import levels
from snnc.ir.linear import broadcast_parameter
from snnc.ir.tensors import Array

EDGE = 1e-3
"""Distance from a rounding edge, in steps, within which a value may be one level off.

A float32 sum errs by about 1e-7 of the terms it adds up; where these reach hundreds of steps, as
they do with a few bits, that is 1e-5 to 1e-4 of a step. A wrong constant moves values much
further, or moves all of them.
"""

_ROUNDING = 1e-6
"""The same as a share of the layer's largest summed input: it counts for more than 10 bits."""

_WIDEST_EDGE = 0.1
"""No value further than this from an edge, in steps, may be one level off."""

_TIE = 1e-9
"""A summed input so near an edge, in steps, lies exactly on it."""

_SHORT = 2.0**12
"""A step of so few bits times whole numbers below this is exact in float32."""

TIE_SHARE = 0.01
"""Largest share of a layer's values that may lie exactly on an edge and be one level off.

Where sums are exact, as with steps that are powers of two, onnxruntime meets the same ties, so more
means that ties are rounded the other way. Averages of whole levels lie on ties by construction, but
multiples of a step such as 0.3 are rounded in float32, and the side is a matter of chance: these
are not counted.
"""

_FREE = 2
"""So many values of a layer may be, however small the layer is."""

_STEP_ERROR = 0.01
"""Largest error of a value in steps: beyond it, many fine levels could not be told apart."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a quantised population compares.

    Attributes:
        error: Largest absolute error of the values that are on the same level.
        at_edge: Number of values one level beside onnxruntime's, at a rounding edge.
        fault: What is wrong, empty if nothing is.
    """

    error: float
    at_edge: int
    fault: str = ""


def compare_levels(
    network: m.Network, neuron: m.Quantized, x: Array, wanted: Array, tolerance: float
) -> Verdict:
    """Judge the values of a quantised population.

    Args:
        network: Holds the neuron's parameters.
        neuron: The staircase.
        x: Summed input computed from onnxruntime's values of the sources, float64 (N, *shape).
        wanted: Onnxruntime's values of the population (N, *shape).
        tolerance: Largest absolute error of a value that is on the same level.
    """
    step = _parameter(network, neuron.step, x)
    shift = _parameter(network, neuron.shift, x)
    level = levels(neuron, x, network)
    place = x / step + shift
    error = np.asarray(wanted, dtype=np.float64) - step * level
    bound = np.minimum(tolerance, _STEP_ERROR * step)
    same = np.abs(error) <= bound
    other = level + np.sign(error)
    edge = np.maximum(level, other)
    distance = np.abs(place - edge)
    near = distance <= edge_width(place, EDGE)
    inside = (other >= neuron.lowest) & (other <= neuron.levels)
    beside = ~same & inside & near & (np.abs(np.abs(error) - step) <= bound)
    largest = float(np.abs(error[same]).max(initial=0.0))
    at_edge = int(np.count_nonzero(beside))
    wrong = ~(same | beside)
    if np.any(wrong):
        return Verdict(largest, at_edge, _describe(wrong, wanted / step, level, place))
    ties = int(np.count_nonzero(beside & (distance <= _TIE) & _is_short(step)))
    if ties > max(_FREE, TIE_SHARE * x.size):
        fault = (
            f"is one level beside onnxruntime's in {ties} of {x.size} values exactly at rounding "
            f"edges; at most {TIE_SHARE:.0%} may be: ties are rounded differently"
        )
        return Verdict(largest, at_edge, fault)
    return Verdict(largest, at_edge)


def _parameter(network: m.Network, parameter: m.Parameter, x: Array) -> Array:
    array = broadcast_parameter(parameter, x.shape[1:], network.array)
    return np.broadcast_to(array.astype(np.float64), x.shape)


def _is_short(step: Array) -> Array:
    mantissa = np.frexp(step)[0] * _SHORT
    short: Array = mantissa == np.rint(mantissa)
    return short


def edge_width(place: Array, least: float) -> float:
    """Distance from a rounding edge within which float32 sums may fall on either side, in steps.

    Args:
        place: Summed inputs of a layer in steps, shift included.
        least: The distance where sums are small; it grows with the largest of them.
    """
    largest = float(np.abs(place).max(initial=0.0))
    return min(max(least, _ROUNDING * largest), _WIDEST_EDGE)


def _describe(wrong: Array, wanted: Array, level: Array, place: Array) -> str:
    """The worst value: its two levels and where its summed input lies between them."""
    excess = np.where(wrong, np.abs(wanted - level), -1.0)
    index = np.unravel_index(int(np.argmax(excess)), excess.shape)
    here = float(place[index])
    return (
        f"differs from onnxruntime by more than a level at a rounding edge in "
        f"{int(np.count_nonzero(wrong))} of {wrong.size} values: at {[int(i) for i in index]} it "
        f"is {level[index]:g} steps, onnxruntime's {wanted[index]:.6g} (summed input "
        f"{here - np.floor(here):.3g} of a step above an edge)"
    )

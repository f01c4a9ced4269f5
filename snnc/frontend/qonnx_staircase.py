"""The staircase that each quantiser of QONNX, Brevitas and FINN is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.frontend import qonnx
from snnc.frontend.nodes import Node
from snnc.frontend.refusal import Refusal
from snnc.frontend.staircase import Staircase
from snnc.ir.neurons import Ties
from snnc.ir.tensors import Array

_UNIFORM = 1e-4
"""A threshold may lie beside a uniform staircase by this share of a step: float32 rounding."""

_BEFORE_TIE = 2.0**-19
"""Share of the levels by which an edge moves that does not belong to the level above it.

Float32 can still tell the two apart."""

_FURTHEST_TIE = 2.0**-12
"""Largest such move, in steps; it lies far inside the import gate's rounding edges."""


@dataclass(frozen=True, slots=True)
class Quantiser:
    """`y = factor * staircase(x) + offset`; `note` says where exact ties go another way."""

    staircase: Staircase
    factor: Array | None = None
    offset: Array | None = None
    note: str = ""

    @property
    def plain(self) -> bool:
        """Whether the staircase is the operator itself."""
        return self.factor is None and self.offset is None


def quantiser_of(node: Node, constants: Mapping[str, Array], rank: int) -> Quantiser:
    """What a quantiser computes.

    Args:
        node: A node of `qonnx.DOMAINS` whose operator is one of `qonnx.OPERATORS`.
        constants: The graph's constants.
        rank: Number of axes of its input, the batch axis included.

    Raises:
        Refusal: it is no uniform staircase, or its constants are none.
    """
    try:
        return _quantiser_of(node, constants, rank)
    except qonnx.MALFORMED as error:
        raise Refusal(
            f"its attributes or constants are malformed ({type(error).__name__}: {error})"
        ) from error


def _quantiser_of(node: Node, constants: Mapping[str, Array], rank: int) -> Quantiser:
    given = [_constant(node, index, constants) for index in range(1, len(node.inputs))]
    wanted = 3 if node.op in qonnx.QUANT else 1
    if len(given) != wanted:
        raise Refusal(f"it has {len(node.inputs)} inputs; {wanted + 1} are expected")
    if not all(np.all(np.isfinite(array)) and array.size for array in given):
        raise Refusal("its constants are empty or not finite")
    if node.op in qonnx.QUANT:
        return quant_staircase(node, *given)
    if node.op == "BipolarQuant":
        return bipolar_staircase(given[0])
    return threshold_staircase(node, given[0], qonnx.axes_behind_channel(node, rank))


def _constant(node: Node, index: int, constants: Mapping[str, Array]) -> Array:
    name = node.inputs[index]
    if name not in constants:
        raise Refusal(
            f"its input {index} ({name}) is computed from the network's input",
            "export the model in inference mode, with fixed scales and bit widths",
        )
    return np.asarray(constants[name])


def tie_notes(nodes: Iterable[Node], constants: Mapping[str, Array]) -> tuple[str, ...]:
    """A line for every `Quant` whose exact halves are rounded another way than it says."""
    notes = []
    for node in nodes:
        if node.domain in qonnx.DOMAINS and node.op in qonnx.QUANT:
            try:
                note = quantiser_of(node, constants, 0).note
            except Refusal:
                continue
            notes.extend([f"{node.name}: {note}"] if note else [])
    return tuple(notes)


def quant_staircase(node: Node, scale: Array, zero: Array, bits: Array) -> Quantiser:
    """The staircase of a `Quant` or `IntQuant`.

    Raises:
        Refusal: it is none, or the neuron cannot hold it.
    """
    bounds = qonnx.quant_range(node, bits)
    low, high = bounds.rounded()
    shift, ties, note = _rounding(bounds.mode, low, high)
    scale, zero = np.asarray(scale, np.float64), np.asarray(zero, np.float64)
    whole = np.rint(zero)
    centre = int(whole.flat[0]) if np.all(whole == whole.flat[0]) else 0
    if not low - centre <= 0 < high - centre:
        centre = 0  # level 0 does not stand for the value 0: the constant below makes up for it
    rest = zero - centre
    if ties == "even" and (np.any(rest) or centre % 2):
        ties, note = "up", _TIES
    step = scale if scale.size > 1 else float(scale.reshape(-1)[0])
    stairs = Staircase(
        step, high - centre, low - centre, shift + rest if np.any(rest) else shift, ties
    )
    return Quantiser(stairs, offset=-scale * rest if np.any(rest) else None, note=note)


_TIES = "exact halves are rounded up, the model rounds them otherwise"


def _rounding(mode: str, low: int, high: int) -> tuple[float, Ties, str]:
    """The shift and the ties that make `floor` the rounding mode between two levels."""
    before = min(_BEFORE_TIE * max(high, -low, 1), _FURTHEST_TIE)
    both = low < 0 < high
    if mode in ("UP", "DOWN") and both:
        wide = "is reached only by 0 itself" if mode == "UP" else "is two steps wide"
        raise Refusal(
            f"rounding_mode {mode} of signed values is no uniform staircase: level 0 {wide}",
            "export the model with rounding_mode ROUND",
        )
    if mode in ("ROUND", "HALF_EVEN"):
        return 0.5, "even", ""
    if mode == "FLOOR" or mode == ("DOWN" if low >= 0 else "UP"):
        return 0.0, "up", ""
    if mode in ("CEIL", "UP", "DOWN"):
        return 1.0 - before, "up", ""
    if both:
        return 0.5, "up", _TIES
    upwards = (mode == "HALF_UP") == (low >= 0)
    return 0.5 if upwards else 0.5 - before, "up", ""


def bipolar_staircase(scale: Array) -> Quantiser:
    """The staircase of a `BipolarQuant`: `scale` where `x >= 0`, else `-scale`.

    One step of `2 scale` at 0, from level 0 to level 1, and a constant `-scale`.
    """
    step = 2.0 * np.asarray(scale, np.float64)
    return Quantiser(Staircase(step, 1, 0, 1.0), offset=-np.asarray(scale, np.float64))


def threshold_staircase(node: Node, thresholds: Array, axes: int) -> Quantiser:
    """The staircase of a `MultiThreshold`, `out_scale * (thresholds reached) + out_bias`.

    Args:
        node: The node.
        thresholds: (C, B) or (1, B): B of each channel.
        axes: Number of axes behind the channel axis.

    Raises:
        Refusal: the thresholds are not equally spaced.
    """
    scale, bias = qonnx.output_affine(node)
    rows = qonnx.threshold_rows(thresholds)
    count = rows.shape[1]
    step = np.full(len(rows), abs(scale))
    if count > 1:
        step = (rows[:, -1] - rows[:, 0]) / (count - 1)
        _check_spacing(rows, step)
    shape = (-1,) + (1,) * axes
    level = int(np.rint(bias / scale))
    exact = abs(bias / scale - level) < 1e-6 and -count < level <= 0
    lowest = level if exact else 0
    rest = bias - lowest * scale
    shift = 1.0 - rows[:, 0] / step
    before = min(_BEFORE_TIE * count, _FURTHEST_TIE)
    # Integer sums lie on thresholds, which they reach: rounding must not leave them below.
    shift = np.where(np.abs(2.0 * shift - np.rint(2.0 * shift)) > 1e-6, shift + before, shift)
    stairs = Staircase(step.reshape(shape), count + lowest, lowest, (shift + lowest).reshape(shape))
    factor = np.where(np.abs(scale / step - 1.0) < 1e-6, 1.0, scale / step)
    return Quantiser(
        stairs,
        None if np.all(factor == 1.0) else factor.reshape(shape),
        None if exact else np.array(rest),
    )


def _check_spacing(rows: Array, step: Array) -> None:
    flat = np.flatnonzero(step <= 0)
    if flat.size:
        raise Refusal(
            f"its thresholds of channel {flat[0]} are all {rows[flat[0], 0]:.6g}: one step of "
            f"{rows.shape[1]} levels",
            _UNEQUAL_CURE,
        )
    uniform = rows[:, :1] + step[:, None] * np.arange(rows.shape[1])
    beside = np.abs(rows - uniform) / step[:, None]
    channel, index = np.unravel_index(int(np.argmax(beside)), beside.shape)
    if beside[channel, index] > _UNIFORM:
        raise Refusal(
            f"its thresholds are not equally spaced: threshold {index} of channel {channel} lies "
            f"{beside[channel, index]:.3g} of a step beside the uniform staircase",
            _UNEQUAL_CURE,
        )


_UNEQUAL_CURE = (
    "export the model before thresholds are computed (QONNX Quant), or retrain with uniform steps"
)

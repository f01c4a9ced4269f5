"""How raw samples become inputs of the model: axes moved as stated, nothing guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snnc.data.preprocessing import Layout, Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, slots=True)
class Arrangement:
    """From raw samples to the model's input shape.

    Attributes:
        shape: the model's input shape.
        axes: order of the raw sample's axes in the model's, or None to keep it.
        mean: what is subtracted, in a shape that broadcasts over raw samples, or None.
        std: what is divided by then, likewise.
        divide: what raw values are divided by first.
        notes: what is done beyond what was stated, for the user.
    """

    shape: Shape
    axes: tuple[int, ...] | None
    mean: NDArray[np.float32] | None
    std: NDArray[np.float32] | None
    divide: float
    notes: tuple[str, ...]

    def apply(self, raw: Array) -> NDArray[np.float32]:
        """Inputs (n, *shape), float32 and row-major, of raw samples (n, ...)."""
        with np.errstate(over="ignore", invalid="ignore"):  # infinities are reported as such
            x: NDArray[np.float32] = raw.astype(np.float32)
            if self.divide != 1.0:
                x /= np.float32(self.divide)
            if self.mean is not None:
                x -= self.mean
            if self.std is not None:
                x /= self.std
        if self.axes is not None:
            x = x.transpose(0, *(axis + 1 for axis in self.axes))
        return np.ascontiguousarray(x).reshape(len(x), *self.shape)


def arrange(
    found: Shape, wanted: Shape, preprocessing: Preprocessing, layout: Layout | None, where: str
) -> Arrangement:
    """The arrangement from samples of shape `found` to inputs of shape `wanted`.

    Raises:
        InputError: SN808, the shapes do not fit.
        UsageError: SN811, mean or std do not fit the channels.
    """
    axes, note = _axes(found, wanted, layout, where)
    mean = _per_channel("mean", preprocessing.mean, found, layout)
    std = _per_channel("std", preprocessing.std, found, layout)
    return Arrangement(wanted, axes, mean, std, preprocessing.divide, (note,) if note else ())


def _axes(
    found: Shape, wanted: Shape, layout: Layout | None, where: str
) -> tuple[tuple[int, ...] | None, str]:
    """Order of axes, and what to say about it."""
    if found == wanted:
        return None, ""
    moved = _moved(found, layout)
    if moved is not None and tuple(found[axis] for axis in moved) == wanted:
        return moved, ""
    if wanted in ((1, *found), (*found, 1)) and found:
        return None, f"a channel axis was added: samples are {_x(found)}, the input is {_x(wanted)}"
    if len(wanted) == 1 and math.prod(found) == wanted[0] and found:
        return None, f"samples {_x(found)} were flattened to {wanted[0]} values as they are stored"
    message = f"samples are {_x(found)}, and the model takes {_x(wanted)}"
    raise InputError(Diagnostic("SN808", message, where=where, help=_cure(found, wanted)))


def _moved(found: Shape, layout: Layout | None) -> tuple[int, ...] | None:
    """Axes of samples laid out in one way, in the order of the other."""
    rank = len(found)
    if layout is None or rank < 2:
        return None
    return (rank - 1, *range(rank - 1)) if layout == "NHWC" else (*range(1, rank), 0)


def _cure(found: Shape, wanted: Shape) -> str:
    layouts: tuple[Layout, ...] = ("NHWC", "NCHW")
    for layout in layouts:
        moved = _moved(found, layout)
        if moved is not None and tuple(found[axis] for axis in moved) == wanted:
            return f"pass --layout {layout}"
    if found and found == wanted[1:]:
        return "the first axis counts the samples; save a single sample as x[None]"
    if math.prod(found) == math.prod(wanted):
        return f"save the samples as an array of shape (n, {', '.join(map(str, wanted))})"
    if len(found) == 2 and len(wanted) == 3 and 3 in (wanted[0], wanted[-1]):
        return "the samples are grey and the model takes colour: convert them beforehand"
    return "crop or resize the samples beforehand, or check that they are meant for this model"


def _per_channel(
    name: str, values: tuple[float, ...], found: Shape, layout: Layout | None
) -> NDArray[np.float32] | None:
    """One value, or one per channel in a shape that broadcasts over samples."""
    if not values:
        return None
    if len(values) == 1:
        return np.asarray(values, dtype=np.float32)
    axis = _channel_axis(len(values), found, layout)
    if axis is None:
        there = f"--{name} has {len(values)} values, and samples are {_x(found)}"
        cure = "give one value or one per channel, and say where the channels are with --layout"
        raise UsageError(Diagnostic("SN811", f"{there}", help=cure))
    shape = [1] * len(found)
    shape[axis] = len(values)
    return np.asarray(values, dtype=np.float32).reshape(shape)


def _channel_axis(channels: int, found: Shape, layout: Layout | None) -> int | None:
    """The axis of that many channels; without a layout only where just one axis can be it."""
    if len(found) == 1:
        return 0 if found[0] == channels else None
    candidates = {"NCHW": (0,), "NHWC": (len(found) - 1,), None: (0, len(found) - 1)}[layout]
    fitting = [axis for axis in candidates if len(found) > 1 and found[axis] == channels]
    return fitting[0] if len(fitting) == 1 else None


def _x(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "single numbers"

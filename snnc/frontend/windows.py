"""Strides, padding and dilation of sliding windows as ONNX writes them, lifted to two axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.frontend.nodes import Node, integers
from snnc.frontend.refusal import Refusal, refuse_large
from snnc.ir.tensors import Shape

AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


@dataclass(frozen=True, slots=True)
class Window:
    """A two-dimensional window; of a one-dimensional one the first axis is trivial."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    auto_pad: str


def read_window(
    node: Node, spatial: Shape, kernel: Shape | None = None, *, transposed: bool = False
) -> Window:
    """The window of a convolution or pooling.

    Args:
        node: The ONNX node.
        spatial: The lengths of the input's one or two spatial axes.
        kernel: The kernel's size where the weight gives it; else attribute `kernel_shape`.
        transposed: A transposed convolution resolves SAME padding from its output instead.

    Raises:
        Refusal: attributes that do not fit, an unknown `auto_pad`, or absurdly much padding.
    """
    ones = (1,) * len(spatial)
    size = integers(node, "kernel_shape", tuple(kernel) if kernel else ones)
    strides = integers(node, "strides", ones)
    dilations = integers(node, "dilations", ones)
    pads = integers(node, "pads", (0,) * (2 * len(spatial)))
    auto_pad = str(node.attributes.get("auto_pad", "NOTSET")) or "NOTSET"
    if auto_pad not in AUTO_PADS:
        raise Refusal(f"auto_pad={auto_pad} is unknown", f"use one of {', '.join(AUTO_PADS)}")
    if auto_pad == "VALID":
        pads = (0,) * len(pads)
    elif auto_pad != "NOTSET":
        pads = pads if transposed else _same_pads(spatial, size, strides, dilations, auto_pad)
    if min(pads) < 0:
        raise Refusal("its padding is negative", "use a Slice in front of it instead")
    half = len(spatial)
    refuse_large(tuple(n + pads[i] + pads[half + i] for i, n in enumerate(spatial)))
    before, after = _pair(pads[:half], 0), _pair(pads[half:], 0)
    return Window(
        _pair(size, 1),
        _pair(strides, 1),
        (before[0], before[1], after[0], after[1]),
        _pair(dilations, 1),
        auto_pad,
    )


def some_window_is_padding(window: Window, size: Shape, counts: tuple[int, int]) -> bool:
    """Whether a window of an image of `size` holds no pixel; `counts`: windows per axis."""
    for axis in (0, 1):
        dilation = window.dilations[axis]
        starts = np.arange(counts[axis]) * window.strides[axis] - window.pads[axis]
        taps = -(np.minimum(starts, 0) // dilation)  # the first tap inside
        inside = (starts + taps * dilation < size[axis]) & (taps < window.kernel[axis])
        if not inside.all():
            return True
    return False


def _same_pads(
    spatial: Shape, size: Shape, strides: Shape, dilations: Shape, auto_pad: str
) -> tuple[int, ...]:
    before, after = [], []
    for length, kernel, stride, dilation in zip(spatial, size, strides, dilations, strict=True):
        reach = (-(-length // stride) - 1) * stride + dilation * (kernel - 1) + 1
        first, last = same_padding(max(reach - length, 0), upper=auto_pad == "SAME_UPPER")
        before.append(first)
        after.append(last)
    return (*before, *after)


def same_padding(total: int, *, upper: bool) -> tuple[int, int]:
    """`total` padding cells on both sides; the odd one at the end (`upper`) or the beginning."""
    small = total // 2
    return (small, total - small) if upper else (total - small, small)


def _pair(values: tuple[int, ...], trivial: int) -> tuple[int, int]:
    pair = values if len(values) == 2 else (trivial, *values)
    return pair[0], pair[1]

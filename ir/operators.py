"""The linear operators that a connection may chain, and the parameters they refer to.

Shapes leave the batch axis out: `(C, H, W)` for images, `(N,)` for vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from snnc.ir.tensors import Shape


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor by its name in the network's table, printed `@name`."""

    name: str


Parameter: TypeAlias = float | Ref
"""One number for all neurons, or a tensor of shape `(C,)` (per channel) or of the full shape."""


@dataclass(frozen=True, slots=True)
class Dense:
    """`y = W x`; weight `(out, in)`, input `(in,)`."""

    weight: Ref


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Cross-correlation as ONNX Conv; weight `(out, in / groups, kh, kw)`, input `(in, H, W)`.

    `pads` is `(top, left, bottom, right)`, filled with zero.
    """

    weight: Ref
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class ConvTranspose2d:
    """As ONNX ConvTranspose; weight `(in, out / groups, kh, kw)`, input `(in, H, W)`."""

    weight: Ref
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    output_padding: tuple[int, int] = (0, 0)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """Mean over windows, as ONNX AveragePool.

    The divisor counts the window's cells inside the image, with `count_include_pad` also those in
    the padding; cells that only `ceil_mode` adds behind the padding never count.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    count_include_pad: bool = False
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """`y = factor * x`, one factor for all, per channel `(C,)`, or elementwise (full shape)."""

    factor: Parameter


@dataclass(frozen=True, slots=True)
class Flatten:
    """`(C, H, W)` to `(C * H * W,)`, row-major."""


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another shape of the same elements, row-major."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Transpose:
    """`axes[i]` is the input axis (batch axis left out) that becomes output axis `i`."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Embed:
    """Put the input at `offset` along `axis` of a tensor of zeros of length `size` there."""

    axis: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements `start, start + step, ... < stop` along `axis`."""

    axis: int
    start: int
    stop: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Pad2d:
    """Zeros around an image; `pads` is `(top, left, bottom, right)`."""

    pads: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Upsample2d:
    """Nearest-neighbour upsampling by whole factors: every pixel becomes a block."""

    factors: tuple[int, int]


Operator: TypeAlias = (
    Dense
    | Conv2d
    | ConvTranspose2d
    | AvgPool2d
    | Scale
    | Flatten
    | Reshape
    | Transpose
    | Embed
    | Slice
    | Pad2d
    | Upsample2d
)

"""How the spikes of a source lie in the memory of a C program."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from snnc.ir.tensors import Shape

Border = tuple[int, int, int, int]
"""Cells of zeros around an image: top, left, bottom, right."""


@dataclass(frozen=True, slots=True)
class Size:
    """A shape as an image: vectors are one cell of many channels."""

    channels: int
    height: int
    width: int

    @property
    def positions(self) -> int:
        """Cells of the image."""
        return self.height * self.width

    @property
    def bytes(self) -> int:
        """Bytes of a cell of spikes, a bit for each channel."""
        return math.ceil(self.channels / 8)

    @property
    def lanes(self) -> int:
        """Channels with padding, for numbers: whole vectors of 16."""
        return math.ceil(self.channels / 16) * 16

    @property
    def neurons(self) -> int:
        """Neurons with padding."""
        return self.positions * self.lanes


def size_of(shape: Shape) -> Size:
    """The size of `(C, H, W)` or `(N,)`; of any other rank, that of the same elements in a row."""
    if len(shape) == 3:
        return Size(*shape)
    return Size(math.prod(shape), 1, 1)


@dataclass(frozen=True, slots=True)
class Window:
    """Windows of a source whose spikes are counted together; see `snn_sum_windows`."""

    source: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Train:
    """The spikes of a source: planes of bits inside a border, of all steps of a block.

    Attributes:
        name: of the source in the network; of sums, of the source that is summed.
        ident: its part of C identifiers.
        size: of the source.
        planes: what a spike of each plane counts for.
        border: cells of zeros around it, as wide as any reader needs.
        history: steps before the block that a delay reads.
        kind: a population, an input that comes as spikes, or sums over windows of another source.
        window: of sums.
    """

    name: str
    ident: str
    size: Size
    planes: tuple[int, ...]
    border: Border
    history: int
    kind: Literal["population", "input", "sums"]
    window: Window | None = None

    @property
    def pitch(self) -> int:
        """Bytes from one row of cells to the next."""
        return (self.border[1] + self.size.width + self.border[3]) * self.size.bytes

    @property
    def frame(self) -> int:
        """Bytes of one plane of one step."""
        return (self.border[0] + self.size.height + self.border[2]) * self.pitch

    @property
    def inside(self) -> int:
        """Bytes from the beginning of a frame to the first cell inside the border."""
        return self.border[0] * self.pitch + self.border[1] * self.size.bytes


def sum_planes(planes: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """What the planes of sums over windows of so many cells count for."""
    return tuple(plane << bit for plane in planes for bit in range(cells.bit_length()))


def event_planes(largest: int) -> tuple[int, ...]:
    """What the planes of an event input count for: the bits of the value, positive ones first."""
    bits = [1 << bit for bit in range(largest.bit_length())]
    return (*bits, *(-bit for bit in bits))

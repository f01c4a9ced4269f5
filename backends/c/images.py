"""Which connections list the spikes of a whole image once, for all output rows that see them."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.backends.c.connections import Connection, listing
from snnc.backends.c.trains import Train

MOST_BYTES = 1 << 21
"""Of the lists of one connection in a state: room for every neuron, of which few fire."""

_UINT16_MAX = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Image:
    """The lists of a connection, for each time step of a block and each plane of spikes.

    Attributes:
        rows: rows of cells that the output rows see together.
        stride: of them from one output row to the next.
        room: entries of a list.
        ends: entries of the ends of its cells.
    """

    rows: int
    stride: int
    room: int
    ends: int


def image_of(c: Connection, train: Train, block: int) -> Image | None:
    """The lists of a connection; None where each output row lists its own spikes.

    That is so where no two rows see the same cells, and where lists would be too large.

    Args:
        c: a connection from spikes that are listed.
        train: what it reads.
        block: most time steps that are listed before the first output row is added.
    """
    height, stride = c.kernel.size[0], c.kernel.strides[0]
    if c.own or stride >= height or c.kernel.dilations[0] != 1 or c.to_size.height < 2:
        return None
    rows = (c.to_size.height - 1) * stride + height
    columns = listing(c).columns
    room = columns * rows * 8 * train.size.bytes + 8  # lists are written 8 beyond their end
    ends = columns * (rows + 1)
    if rows * 8 * train.size.bytes > _UINT16_MAX:
        return None
    if block * len(train.planes) * (2 * room + 4 * ends) > MOST_BYTES:
        return None
    return Image(rows, stride, room, ends)

"""Connections as the kernels of a C program take them: geometry, and weights in its order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.c.operators import Kernel
from snnc.backends.c.trains import Size, Window
from snnc.ir.tensors import Array

MOST_BITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """A connection of a population.

    Attributes:
        ident: its part of C identifiers.
        source: name of the source in the network.
        from_size: size of what it reads.
        to_size: size of the summed input.
        kernel: see `Kernel`.
        delay: in time steps.
        window: windows of the source whose sums it reads, if any.
    """

    ident: str
    source: str
    from_size: Size
    to_size: Size
    kernel: Kernel
    delay: int
    window: Window | None = None

    @property
    def bits(self) -> int:
        """Bits of a stored weight: 8, or 16 where one needs them."""
        largest = int(np.abs(self.kernel.weight.astype(np.int64)).max(initial=0))
        return 8 if largest <= 127 else MOST_BITS

    @property
    def groups(self) -> tuple[int, int]:
        """Channels of a group: of the source, of the target; 0 without groups."""
        groups = self.kernel.groups
        if groups == 1:
            return 0, 0
        return self.from_size.channels // groups, self.to_size.channels // groups

    @property
    def own(self) -> bool:
        """Whether every neuron reads one neuron, of its own channel."""
        kernel = self.kernel
        alone = kernel.groups == self.from_size.channels == self.to_size.channels
        return alone and kernel.size == (1, 1)

    def own_weights(self) -> Array:
        """Weights as `snn_add_own` reads them: (lanes,), int32."""
        found = np.zeros(self.to_size.lanes, np.int32)
        found[: self.to_size.channels] = self.kernel.weight.reshape(-1)
        return found

    def weights(self) -> Array:
        """Rows as `snn_add_row` reads them: (positions, kw, kh, channels, lanes).

        Channels of the source are as many as its bits; lanes are the padded channels of the target,
        with groups those of the group. Without groups a row holds two channels in each word, see
        `paired`.
        """
        channels = 8 * self.from_size.bytes
        rows = self._arranged(self._spread(channels), (0, 4, 3, 2, 1))
        if self.groups[0]:
            return rows
        return paired(side_by_side(rows, packed(self), self.kernel.strides[1]))

    def analog_weights(self) -> Array:
        """Rows as `snn_add_constant` reads them: (positions, kh, kw, channels, lanes)."""
        return self._arranged(self._spread(self.from_size.channels), (0, 3, 4, 2, 1))

    def _spread(self, channels: int) -> Array:
        """Weights (positions, out, channels, kh, kw): out in a group, or padded to lanes."""
        weight = self.kernel.weight
        positions, out, each, height, width = weight.shape
        if self.kernel.groups > 1:
            groups = self.kernel.groups
            split = weight.reshape(positions, groups, out // groups, each, height, width)
            # Input channel g * each + i has the weights [:, g, :, i].
            rows = split.transpose(0, 2, 1, 3, 4, 5).reshape(
                positions, out // groups, groups * each, height, width
            )
            lanes = out // groups
        else:
            rows, lanes = weight, self.to_size.lanes
        full = np.zeros((positions, lanes, channels, height, width), weight.dtype)
        full[:, : rows.shape[1], : rows.shape[2]] = rows
        return full

    def _arranged(self, full: Array, axes: tuple[int, ...]) -> Array:
        dtype = np.int8 if self.bits == 8 else np.int16
        return np.ascontiguousarray(full.transpose(axes)).astype(dtype)


WIDEST = 64
"""Lanes up to which output positions beside each other share a row of weights."""


def packed(connection: Connection) -> int:
    """How many output positions beside each other are one place, with one row of weights.

    A position of few channels adds short rows, and most of the time goes into finding them. Some
    positions together look at each column once: 4 of them at 6 columns instead of 12 where kernels
    are 3 wide. Measured, 64 lanes are enough.
    """
    kernel, size = connection.kernel, connection.to_size
    if kernel.groups > 1 or len(kernel.weight) > 1 or kernel.dilations[1] != 1:
        return 1
    if kernel.size[1] < 2 or kernel.strides[1] >= kernel.size[1]:
        return 1  # positions share no column
    fitting = (n for n in range(size.width, 0, -1) if size.width % n == 0)
    return next((n for n in fitting if n * size.lanes <= WIDEST), 1)


def side_by_side(rows: Array, count: int, stride: int) -> Array:
    """Rows (1, kw, kh, channels, lanes) of `count` positions, their lanes behind each other.

    The kernel of position n lies `n * stride` columns further right; elsewhere are zeros.
    """
    if count == 1:
        return rows
    one, width, height, channels, lanes = rows.shape
    wide = np.zeros((one, width + (count - 1) * stride, height, channels, count, lanes), rows.dtype)
    for n in range(count):
        wide[:, n * stride : n * stride + width, :, :, n] = rows
    return wide.reshape(*wide.shape[:4], count * lanes)


@dataclass(frozen=True, slots=True)
class Listing:
    """How `snn_connection` lists spikes and goes through output places."""

    kernel_width: int
    stride_x: int
    columns: int
    classes: int
    column_step: int
    width: int
    lanes: int


def listing(connection: Connection) -> Listing:
    """The geometry of the lists of a connection."""
    kernel, size = connection.kernel, connection.to_size
    count, width, stride = packed(connection), kernel.size[1], kernel.strides[1]
    if width == 1 and stride > 1:  # the columns in between are never seen
        return Listing(1, 1, size.width, 1, stride, size.width, size.lanes)
    columns = (size.width - 1) * stride + (width - 1) * kernel.dilations[1] + 1
    return Listing(
        kernel_width=width + (count - 1) * stride,
        stride_x=count * stride,
        columns=columns,
        classes=kernel.dilations[1],
        column_step=1,
        width=size.width // count,
        lanes=count * size.lanes,
    )


def paired(rows: Array) -> Array:
    """Weight rows (..., lanes), int8 or int16, with two channels in each word.

    A word of twice the bits holds one channel in its high half, and in its low half another one and
    as much as makes it positive. 8-bit rows are cut into blocks of 32 channels, the last one of 16
    where they do not divide; a block has quarters 0 to 3 and the words (low 0, high 2), (1, 3) by
    turns, so that the halves of two words side by side are neighbours of their own quarter. 16-bit
    rows have blocks of 16 with the halves as they are.
    """
    size = rows.itemsize
    lanes = rows.shape[-1]
    places = np.empty(lanes, np.int64)
    for lane in range(lanes):
        places[lane] = place8(lane, lanes) if size == 1 else place16(lane)
    found = np.empty_like(rows)
    found[..., places] = rows
    unsigned = found.view(np.uint8 if size == 1 else np.uint16)
    low = unsigned[..., ::2]
    np.bitwise_xor(low, 1 << (8 * size - 1), out=low)
    return found


def place8(lane: int, lanes: int) -> int:
    """Where the 8-bit weight of a channel lies in its row; `snn_place8`."""
    whole = lanes // 32 * 32
    block, size = (lane // 32 * 32, 32) if lane < whole else (whole, 16)
    quarter, inside = divmod(lane - block, size // 4)
    return block + 2 * (2 * inside + quarter % 2) + quarter // 2


def place16(lane: int) -> int:
    """Where the 16-bit weight of a channel lies in its row; `snn_place16`."""
    return lane // 16 * 16 + 2 * (lane % 8) + lane % 16 // 8


def over_sums(connection: Connection) -> Connection | None:
    """The same connection reading the sums of windows, where its weights are alike within them.

    That is what a convolution behind an average pooling looks like once the pooling is folded into
    its weights. Sums are fewer than spikes, and as many times fewer weights stay in the cache.
    """
    kernel = connection.kernel
    window = kernel.strides
    height, width = connection.from_size.height, connection.from_size.width
    if window in ((0, 0), (1, 1)) or kernel.dilations != (1, 1) or len(kernel.weight) > 1:
        return None
    cells = window[0] * window[1]
    if cells > 255 or height % window[0] or width % window[1]:
        return None
    if any(kernel.size[a] % window[a] or kernel.pads[a] % window[a] for a in (0, 1)):
        return None
    if any(kernel.pads[a + 2] % window[a] for a in (0, 1)):
        return None
    first = kernel.weight[:, :, :, :: window[0], :: window[1]]
    if not (first.repeat(window[0], axis=3).repeat(window[1], axis=4) == kernel.weight).all():
        return None
    top, left, bottom, right = kernel.pads
    pads = (top // window[0], left // window[1], bottom // window[0], right // window[1])
    size = Size(connection.from_size.channels, height // window[0], width // window[1])
    summed = replace(kernel, weight=first, strides=(1, 1), pads=pads)
    return replace(
        connection, kernel=summed, from_size=size, window=Window(connection.source, *window)
    )

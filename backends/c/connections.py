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

    def weights(self) -> Array:
        """Rows as `snn_add_row` reads them: (positions, kw, kh, channels, lanes).

        Channels of the source are as many as its bits; lanes are the padded channels of the target,
        with groups those of the group.
        """
        channels = 8 * self.from_size.bytes
        return self._arranged(self._spread(channels), (0, 4, 3, 2, 1))

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

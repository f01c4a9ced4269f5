"""What is kept of a source between time steps: its last spikes, or all that others still read."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.reference.layout import NO_HALO, Halo, Image, crop, inner_shape
from snnc.backends.reference.plan import Train
from snnc.ir.tensors import Array


class SpikeBuffer:
    """Spikes of one source: the steps of the block, behind the last steps of the one before."""

    def __init__(self, train: Train, samples: int, block: int, dtype: np.dtype[Any]) -> None:
        self.halo: Halo = train.halo
        self.history = train.history
        shape = inner_shape(train.shape)
        if self.halo != NO_HALO:
            top, left, bottom, right = self.halo
            shape = (shape[0] + top + bottom, shape[1] + left + right, shape[2])
        self.active = np.zeros(self.history + block, np.bool_)
        self._storage = np.zeros((len(self.active) * samples, *shape), dtype)
        self.base = self._view(samples)
        self._filled = 0

    def begin(self, steps: int) -> None:
        """Make room for `steps` new ones."""
        if self.history and self._filled:
            kept = slice(self._filled, self._filled + self.history)
            self.base[: self.history] = self.base[kept].copy()
            self.active[: self.history] = self.active[kept].copy()
        self.active[self.history :] = False
        self._filled = steps

    def forget(self) -> None:
        """Start again before the first step."""
        self.base[: self.history] = 0
        self.active[: self.history] = False
        self._filled = 0

    def step(self, index: int, tile: slice) -> Array:
        """Where the spikes of step `index` of the block belong, (samples, *inner shape)."""
        return crop(self.base[self.history + index, tile], self.halo, NO_HALO)

    def window(self, first: int, steps: int, tile: slice, delay: int) -> Image | None:
        """Rows of `steps` steps seen through a delay; None if no neuron fired in them."""
        start = self.history + first - delay
        active = self.active[start : start + steps]
        if not active.any():
            return None
        for index in np.flatnonzero(~active):
            # Nobody fired, and where nobody even acted, old spikes lie there.
            self.base[start + index, tile] = 0
        part = self.base[start : start + steps, tile]
        return Image(part.reshape(-1, *part.shape[2:]), self.halo)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only, after the block."""
        if self.history:
            self.base = self.base[:, mask]
        else:
            # Nothing is read again; all rows have the same border.
            self.base = self._view(int(np.count_nonzero(mask)))

    def _view(self, samples: int) -> Array:
        steps = len(self.active)
        return self._storage[: steps * samples].reshape(steps, samples, *self._storage.shape[1:])


class Archive:
    """All spikes of one source from its first step on, for layers that start later than it.

    Samples that leave are not taken out: each step knows whom it was written for.
    """

    def __init__(self, graded: bool) -> None:
        self._graded = graded
        self._steps: list[tuple[Array, Array | None]] = []

    def append(self, spikes: Array, active: bool, rows: Array) -> None:
        """Keep the next step: spikes (samples, *inner shape) of the samples `rows`, ascending."""
        small = spikes.copy() if self._graded else spikes.astype(np.int8)
        self._steps.append((rows, small if active else None))

    def write(self, step: int, rows: Array, place: Array) -> bool:
        """Write the spikes of `step`, from 0, to `place`; whether there are any."""
        written_for, spikes = self._steps[step]
        if spikes is None:
            place[:] = 0
            return False
        place[:] = spikes[np.searchsorted(written_for, rows)]
        return True

"""Spikes of a source that sends one per neuron, seen through the long delays of phases.

Delays equalise branches by whole windows, so a reader looks a hundred steps back and more. All that
was sent is then known from one number per neuron: when it fired.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.reference.buffers import SpikeBuffer
from snnc.backends.reference.layout import NO_HALO, Image, crop, inner_shape
from snnc.backends.reference.plan import Train
from snnc.ir.tensors import Array


class OnceBuffer(SpikeBuffer):
    """As `SpikeBuffer`, for neurons that fire once: the block, and when each fired before it."""

    def __init__(self, train: Train, samples: int, block: int, dtype: np.dtype[Any]) -> None:
        super().__init__(Train(train.shape, train.halo, 0), samples, block, dtype)
        # Steps from 1, below zero for a spike of value -1; 0 for none.
        self._times = np.zeros((samples, *inner_shape(train.shape)), np.int32)
        self._sent: set[int] = set()
        self._signed = False
        self._before = 0
        self._past = np.zeros_like(self._storage)

    def begin(self, steps: int) -> None:
        """Make room for `steps` new ones."""
        self._note()
        super().begin(steps)

    def forget(self) -> None:
        """Start again before the first step."""
        super().forget()
        self._times[:] = 0
        self._sent.clear()
        self._before = 0

    def window(self, first: int, steps: int, tile: slice, delay: int) -> Image | None:
        """Rows of `steps` steps seen through a delay; None if no neuron fired in them."""
        if delay == 0:
            return super().window(first, steps, tile, 0)
        if not any(self._fired(first - delay + index) for index in range(steps)):
            return None
        rows = len(range(self.base.shape[1])[tile])
        base = self._past[: steps * rows].reshape(steps, rows, *self._past.shape[1:])
        for index in range(steps):
            place = crop(base[index], self.halo, NO_HALO)
            self._write(first - delay + index, tile, place)
        return Image(base.reshape(-1, *base.shape[2:]), self.halo)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only, after the block."""
        self._note()
        self._times = self._times[mask]
        super().keep(mask)

    def _fired(self, index: int) -> bool:
        """Whether anybody fired in step `index` of the block, or before it where that is < 0."""
        return bool(self.active[index]) if index >= 0 else self._before + index in self._sent

    def _write(self, index: int, tile: slice, place: Array) -> None:
        if not self._fired(index):
            place[:] = 0
        elif index >= 0:
            place[:] = self.step(index, tile)
        else:
            time = self._before + index + 1
            np.equal(self._times[tile], time, out=place, casting="unsafe")
            if self._signed:
                place -= self._times[tile] == -time

    def _note(self) -> None:
        """Keep the times of the block that ends."""
        everyone = slice(0, self.base.shape[1])
        for index in np.flatnonzero(self.active[: self._filled]):
            spikes, time = self.step(int(index), everyone), self._before + int(index)
            self._times[spikes > 0] = time + 1
            falls = spikes < 0
            if falls.any():
                self._signed = True
                self._times[falls] = -(time + 1)
            self._sent.add(time)
        self._before += self._filled
        self._filled = 0

"""Max pooling of spike trains: the running maximum of counts, and the gate on the largest count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.layout import Workspace, inner_shape
from snnc.backends.reference.neurons import Counts, any_of_sample, integrate
from snnc.ir.tensors import Array, Shape


class PoolState:
    """Max pooling of spike trains: counters of all cells inside a border that never wins."""

    def __init__(self, rule: MaxPool, samples: int, work: Workspace) -> None:
        self._rule = rule
        self._work = work
        top, left, bottom, right = rule.border
        height, width, channels = inner_shape(rule.in_shape)
        self._inside = np.s_[:, top : top + height, left : left + width]
        padded = (samples, height + top + bottom, width + left + right, channels)
        lowest = -np.inf if work.dtype.kind == "f" else np.iinfo(np.int64).min
        self._cells = np.full(padded, lowest, work.dtype)
        self._cells[self._inside] = 0
        self._largest = np.zeros((samples, *rule.shape), work.dtype)
        self._net = np.zeros((samples, *rule.shape), work.dtype)
        self._events = np.zeros((samples, *rule.shape), np.int32)

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """Count the input in, then let the rule decide."""
        assert out is not None
        if self._rule.gate:
            self._gate(parts, out, tile)
        else:
            integrate(self._cells[tile][self._inside], parts)
            largest = self._largest[tile]
            current = self._work.array((self, "largest"), len(largest), self._rule.shape)
            self._windows_max(self._cells[tile], current)
            np.subtract(current, largest, out=out)
            largest[:] = current
        self._net[tile] += out
        fired = out != 0
        self._events[tile] += fired
        return any_of_sample(fired)

    def _windows_max(self, cells: Array, largest: Array) -> None:
        taps = self._rule.taps(cells)
        np.copyto(largest, taps[0])
        for tap in taps[1:]:
            np.maximum(largest, tap, out=largest)

    def _gate(self, parts: list[Array], out: Array, tile: slice) -> None:
        cells = self._cells[tile]
        flow = np.zeros(cells.shape, cells.dtype)
        integrate(flow[self._inside], parts)
        cells += flow
        best: Array | None = None
        chosen = np.zeros(out.shape, out.dtype)
        for count, current in zip(self._rule.taps(cells), self._rule.taps(flow), strict=True):
            if best is None:
                best, chosen = count.copy(), current.copy()
                continue
            ahead = count > best
            np.copyto(best, count, where=ahead)
            np.copyto(chosen, current, where=ahead)
        out[:] = chosen

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._cells, self._largest = self._cells[mask], self._largest[mask]
        self._net, self._events = self._net[mask], self._events[mask]

    def counts(self, mask: Array | slice) -> Counts:
        """Spikes so far of some samples."""
        return Counts(self._net[mask], self._events[mask])


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool:
    """The rule of a running maximum, or with `gate` of the gate on the largest count.

    `shape` is the inner output shape, `in_shape` the outer shape of the summed input, `border`
    what lies around the cells: the padding, and behind it what `ceil_mode` reaches.
    """

    shape: Shape
    in_shape: Shape
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    border: tuple[int, int, int, int]
    gate: bool

    def taps(self, cells: Array) -> list[Array]:
        """For each cell of the window, row by row, a view with its value in all windows."""
        (sy, sx), (dy, dx) = self.strides, self.dilations
        height, width = self.shape[:2]
        return [
            cells[:, i * dy :: sy, j * dx :: sx][:, :height, :width]
            for i in range(self.kernel[0])
            for j in range(self.kernel[1])
        ]

    def state(self, samples: int, work: Workspace) -> PoolState:
        """Fresh arrays for a group of samples."""
        return PoolState(self, samples, work)

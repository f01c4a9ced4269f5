"""Data as the public calls take it: a path with a split, arrays, or an open data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, TypeAlias

import numpy as np

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.evaluation.evaluate import Samples
from snnc.ir.tensors import Array, Shape

DataLike: TypeAlias = "str | PathLike[str] | Array | tuple[Array, Array] | Samples"
"""`PATH[:SPLIT][[A:B]]`, samples `(N, *shape)`, samples and labels `(N,)`, or a data set."""


@dataclass(frozen=True, slots=True)
class ArraySamples:
    """Samples in memory; already in the network's units, so no preprocessing is applied."""

    x: Array
    labels: Array | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """Batches of at most `size` samples with their labels."""
        for start in range(0, len(self.x), size):
            part = slice(start, start + size)
            yield self.x[part], None if self.labels is None else self.labels[part]


def open_samples(data: DataLike, shape: Shape, preprocessing: Preprocessing) -> Samples:
    """Open what a caller passed as data for an input of `shape`.

    Arrays must be floating point and have the input's shape: they are taken as they are.

    Raises:
        InputError: the samples do not fit the input (SN8xx or SN940).
        UsageError: the argument is nothing that holds samples (SN922).
    """
    if isinstance(data, str | PathLike):
        from snnc.data.dataset import open_data

        return open_data(fspath(data), shape=shape, preprocessing=preprocessing)
    if isinstance(data, np.ndarray):
        return ArraySamples(_fitting(data, shape))
    if isinstance(data, tuple) and len(data) == 2:
        x, y = (np.asarray(part) for part in data)
        if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer):
            text = f"labels must be {len(x)} whole numbers, not {y.dtype} of shape {list(y.shape)}"
            raise InputError(Diagnostic("SN940", text))
        return ArraySamples(_fitting(x, shape), y.astype(np.int64))
    if hasattr(data, "batches") and hasattr(data, "__len__"):
        return data
    raise UsageError(Diagnostic("SN922", f"{type(data).__name__} is not a data set"))


def _fitting(x: Array, shape: Shape) -> Array:
    if not np.issubdtype(x.dtype, np.floating) or x.shape[1:] != shape:
        text = (
            f"samples are {x.dtype} {list(x.shape[1:])} each; the network takes floating-point "
            f"numbers of shape {list(shape)}"
        )
        cure = "preprocess the array, or pass a file and a Preprocessing"
        raise InputError(Diagnostic("SN940", text, help=cure))
    return x.astype(np.float32, copy=False)


class Subset:
    """The samples of a data set whose index is in one of two interleaved parts.

    Every `period`-th sample, counted from `period - 1`, is held out; the rest is the fit part.
    """

    def __init__(self, data: Samples, *, held_out: bool, period: int = 2) -> None:
        self._data = data
        self._held_out = held_out
        self._period = period

    def __len__(self) -> int:
        held = len(self._data) // self._period
        return held if self._held_out else len(self._data) - held

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """Batches of the part, of at most `size` samples."""
        seen = 0
        for x, y in self._data.batches(size):
            index = np.arange(seen, seen + len(x))
            seen += len(x)
            chosen = (index % self._period == self._period - 1) == self._held_out
            if chosen.any():
                yield x[chosen], None if y is None else y[chosen]


def notes_of(data: Samples) -> Sequence[str]:
    """What opening the data had to say (an added channel axis, for example)."""
    notes: Any = getattr(data, "notes", ())
    return tuple(str(note) for note in notes)

"""Data as the public calls take it: a path with a split, arrays, or an open data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any, TypeAlias

import numpy as np

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.calibration import require_single_input
from snnc.evaluation.evaluate import Samples
from snnc.ir.model import Events, Network
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
        return ArraySamples(_fitting(x, shape), _labels_of(y, len(x)))
    if hasattr(data, "batches") and hasattr(data, "__len__"):
        return data
    raise UsageError(Diagnostic("SN922", f"{type(data).__name__} is not a data set"))


@dataclass(frozen=True, slots=True)
class EventSamples:
    """Spike events in memory, (T, N, *shape): an input of its own for every time step."""

    values: Array
    labels: Array | None = None
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Time steps of the events."""
        return len(self.values)

    def __len__(self) -> int:
        return int(self.values.shape[1])

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """Batches (T, n, *shape) of at most `size` samples with their labels."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.values[:, part], None if self.labels is None else self.labels[part]


def open_inputs(
    network: Network, data: DataLike, preprocessing: Preprocessing, steps: int | None = None
) -> Samples:
    """Open data for a network as its input coding wants it: samples, or events by time step.

    Args:
        network: with one input.
        data: as for `open_samples`; for an input coded as events a file of events (`events` and
            `y` of an .npz), an array (T, N, *shape), or such an array and labels.
        preprocessing: of samples; events are taken as they are, and a note says so.
        steps: how many time steps of the events are wanted, by default all.

    Raises:
        InputError: the data does not fit the input (SN8xx or SN940), or the network has several
            inputs (SN931).
        UsageError: the argument is nothing that holds samples (SN922), or the events have fewer
            time steps than asked for (SN942).
    """
    require_single_input(network)
    entry = network.inputs[0]
    if not isinstance(entry.coding, Events):
        return open_samples(data, entry.shape, preprocessing)
    events = _open_events(data, entry.shape)
    schedule = network.schedule
    driven = steps if steps is None or schedule is None else schedule.drive(steps)
    if driven is not None and driven > events.steps:
        text = f"{steps} time steps were asked for, but the events have {events.steps}"
        cure = f"--steps {events.steps} or fewer"
        raise UsageError(Diagnostic("SN942", text, help=cure))
    notes = [*events.notes, *_event_notes(network, events.steps, preprocessing, steps)]
    return replace(events, values=events.values[:driven], notes=tuple(notes))


def _event_notes(
    network: Network, found: int, preprocessing: Preprocessing, steps: int | None
) -> Iterator[str]:
    if preprocessing.changes_values or preprocessing.layout is not None:
        yield "events are taken as they are; preprocessing is for samples only"
    schedule = network.schedule
    scheduled = None if schedule is None else schedule.drive(schedule.steps)
    if steps is None and scheduled is not None and scheduled != found:
        yield f"the events have {found} time steps; the network was compiled for {scheduled}"


def _open_events(data: DataLike, shape: Shape) -> EventSamples:
    if isinstance(data, str | PathLike):
        from snnc.data.events import load_events

        loaded = load_events(fspath(data), shape=shape)
        return EventSamples(loaded.values, loaded.labels)
    if isinstance(data, EventSamples):
        return data
    if isinstance(data, np.ndarray):
        return EventSamples(_fitting_events(data, shape))
    if isinstance(data, tuple) and len(data) == 2:
        x, y = (np.asarray(part) for part in data)
        events = _fitting_events(x, shape)
        return EventSamples(events, _labels_of(y, events.shape[1]))
    text = f"{type(data).__name__} holds no events; the network's input is coded as events"
    raise UsageError(Diagnostic("SN922", text, help="give an array (T, N, ...) or a file of them"))


def _fitting_events(x: Array, shape: Shape) -> Array:
    if x.dtype.kind not in "fiub" or x.shape[2:] != shape or x.ndim != len(shape) + 2:
        text = (
            f"the events are {x.dtype} {list(x.shape)}; the network takes numbers of shape "
            f"(T, N, {', '.join(map(str, shape))})"
        )
        raise InputError(Diagnostic("SN940", text, help="time steps come first, then samples"))
    return x.astype(np.float32, copy=False)


def _labels_of(y: Array, count: int) -> Array:
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer):
        text = f"labels must be {count} whole numbers, not {y.dtype} of shape {list(y.shape)}"
        raise InputError(Diagnostic("SN940", text))
    labels: Array = y.astype(np.int64)
    return labels


def _fitting(x: Array, shape: Shape) -> Array:
    if not np.issubdtype(x.dtype, np.floating) or x.shape[1:] != shape:
        text = (
            f"samples are {x.dtype} {list(x.shape[1:])} each; the network takes floating-point "
            f"numbers of shape {list(shape)}"
        )
        cure = "preprocess the array, or pass a file and a Preprocessing"
        raise InputError(Diagnostic("SN940", text, help=cure))
    return x.astype(np.float32, copy=False)


class Chosen:
    """The samples of a data set where `mask` (N,) holds."""

    def __init__(self, data: Samples, mask: Array) -> None:
        self._data = data
        self._mask = mask

    def __len__(self) -> int:
        return int(self._mask.sum())

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """Batches of the part, of at most `size` samples."""
        seen = 0
        for x, y in self._data.batches(size):
            chosen = self._mask[seen : seen + len(x)]
            seen += len(x)
            if chosen.any():
                yield x[chosen], None if y is None else y[chosen]


class Subset(Chosen):
    """The samples of a data set whose index is in one of two interleaved parts.

    Every `period`-th sample, counted from `period - 1`, is held out; the rest is the fit part.
    """

    def __init__(self, data: Samples, *, held_out: bool, period: int = 2) -> None:
        super().__init__(data, (np.arange(len(data)) % period == period - 1) == held_out)


def notes_of(data: Samples) -> Sequence[str]:
    """What opening the data had to say (an added channel axis, for example)."""
    notes: Any = getattr(data, "notes", ())
    return tuple(str(note) for note in notes)

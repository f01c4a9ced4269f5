"""Spike events: inputs that differ from time step to time step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snnc.data.dataset import chosen_range, class_indices
from snnc.data.sources import Labels, open_source
from snnc.data.spec import DataSpec
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, slots=True)
class EventData:
    """What an input of coding `events()` takes, whole in memory.

    Attributes:
        values: (T, N, *shape) float32, the input of every time step.
        labels: (N,), or None.
    """

    values: NDArray[np.float32]
    labels: Labels | None


def load_events(spec: DataSpec | str, *, shape: Shape) -> EventData:
    """Events from an `.npy`, or from `events` (and `y`) of an `.npz`; with a split `events_SPLIT`.

    The array is (T, N, *shape): time steps first. A range [A:B] chooses samples, not steps.

    Raises:
        UsageError: the specification is wrong or there is no such file.
        InputError: SN808 the shape does not fit, SN806 an empty range, SN807 a value is not finite.
    """
    if isinstance(spec, str):
        spec = DataSpec.parse(spec)
    source = open_source(spec, "events")
    steps = len(source)
    if len(source.shape) != len(shape) + 1 or source.shape[1:] != shape or not steps:
        found = "x".join(map(str, (steps, *source.shape)))
        wanted = "x".join(("T", "N", *map(str, shape)))
        message = f"the events are {found}, and the model takes {wanted}"
        cure = "save the events with the time steps first and the samples second"
        raise InputError(Diagnostic("SN808", message, where=str(spec), help=cure))
    start, stop = chosen_range(spec, source.shape[0])
    labels, _ = class_indices(source.labels(), source.shape[0], source.where)
    values = np.empty((steps, stop - start, *shape), dtype=np.float32)
    for step, raw in enumerate(source.rows(0, steps, 1)):
        with np.errstate(over="ignore"):
            values[step] = raw[0, start:stop]
        if not np.isfinite(values[step]).all():
            message = f"the events of time step {step} hold a value that is not finite"
            raise InputError(Diagnostic("SN807", message, where=str(spec), help="repair the file"))
    return EventData(values, None if labels is None else labels[start:stop])


def encode_events(values: Array, steps: int) -> NDArray[np.float32]:
    """Whole-number events (T, N, *shape) whose sum over the steps is `round(T * values)`.

    The rate code of a neuron with soft reset that gets the value as a constant current and starts
    at half its threshold (Rueckauer et al. 2017, section 2.2); nothing is drawn at random.
    """
    time = np.arange(steps + 1, dtype=np.float64).reshape(-1, *(1,) * np.ndim(values))
    totals = np.floor(time * np.asarray(values, dtype=np.float64) + 0.5)
    return np.diff(totals, axis=0).astype(np.float32)

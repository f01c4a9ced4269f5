"""A built C program in this process, through ctypes: its tables, and its batches."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.c.describe import INTERFACE
from snnc.backends.c.work import Part
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

_ALIGNMENT = 64

RESULT = np.dtype(
    [
        (name, np.int32)
        for name in ("step", "head", "answer", "sure", "steps_run", "settled", "time")
    ]
)
"""`snn_result` of program.h."""


class _Population(ctypes.Structure):
    """`snn_population` of program.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        *((name, ctypes.c_int32) for name in ("channels", "height", "width", "lanes")),
        *(
            (name, ctypes.c_size_t)
            for name in ("potential", "count", "taken_back", "spikes", "between_planes")
        ),
        *((name, ctypes.c_int32) for name in ("planes", "frame", "inside", "pitch", "bytes")),
        *((name, ctypes.c_int32) for name in ("fires", "window")),
        ("when", ctypes.c_size_t),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """How one population's numbers and spikes lie in what the library writes.

    Attributes:
        channels, height, width: its size.
        lanes: channels with padding.
        planes: of spikes; 0 where it sends none.
        frame: bytes of a plane of one step.
        inside: bytes to the first cell.
        pitch: bytes of a row of cells.
        bytes: of a cell.
    """

    channels: int
    height: int
    width: int
    lanes: int
    planes: int
    frame: int
    inside: int
    pitch: int
    bytes: int

    @property
    def rows(self) -> tuple[int, int, int]:
        """Shape of its numbers."""
        return self.height, self.width, self.lanes


class Library:
    """A loaded program.

    Args:
        path: the shared library.
        inputs, populations, heads: how many of them the network has.

    Raises:
        InputError: SN561, it cannot be loaded or is another version's.
    """

    def __init__(self, path: Path, inputs: int, populations: int, heads: int) -> None:
        try:
            self._library = ctypes.CDLL(str(path))
            self._library.snn_state_size.restype = ctypes.c_size_t
            found = int(self._library.snn_interface())
        except (OSError, AttributeError) as error:
            raise _unusable(f"{path} cannot be loaded: {error}") from error
        if found != INTERFACE:
            raise _unusable(f"{path} has interface {found}, and {INTERFACE} is needed")
        table = (_Population * populations).in_dll(self._library, "snn_populations")
        names = Table.__dataclass_fields__
        self.populations = [Table(**{n: int(getattr(p, n)) for n in names}) for p in table]
        self._size = int(self._library.snn_state_size())
        self._job = _job_type(inputs, populations, heads)

    @property
    def state_bytes(self) -> int:
        """Memory that each thread needs."""
        return self._size

    def state(self) -> Array:
        """Memory for one sample at a time; each thread needs its own."""
        raw = np.zeros(self._size + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        return raw[start : start + self._size]

    def part(self, **given: Any) -> Part:
        """What runs some samples of a batch, while other threads go on.

        Args:
            given: `steps`, `exits`, `frames`, and the arrays of `snn_job` by name: lists with None
                for what is not wanted, `results` alone. All but `fan_outs` have samples first. The
                caller keeps them.

        Returns:
            A function of a state from `state`, of the number of the first sample in all arrays, and
            of how many samples there are. It raises InputError SN563 where the program refuses.
        """
        numbers = {name: value for name, value in given.items() if isinstance(value, int)}
        places = [place for name in given.keys() - numbers for place in _places(name, given[name])]

        def run(state: Array, first: int, count: int) -> None:
            job = self._job(samples=count, **numbers)
            for name, index, base, step in places:
                if index is None:
                    setattr(job, name, base + first * step)
                else:
                    getattr(job, name)[index] = base + first * step
            place = ctypes.c_void_p(state.ctypes.data)
            if self._library.snn_run_batch(place, ctypes.byref(job)) != 0:
                text = "the C program refused the run"
                raise InputError(Diagnostic("SN563", text, help="compile the model again"))

        return run


def _places(name: str, value: Any) -> list[tuple[str, int | None, int, int]]:
    """Where the arrays of a field begin, with the bytes from one sample to the next."""
    if isinstance(value, np.ndarray):
        return [(name, None, value.ctypes.data, value.strides[0])]
    return [
        (name, index, array.ctypes.data, 0 if name == "fan_outs" else array.strides[0])
        for index, array in enumerate(value)
        if array is not None
    ]


def _job_type(inputs: int, populations: int, heads: int) -> type[ctypes.Structure]:
    """`snn_job` of snn_batch.h."""
    pointer = ctypes.c_void_p
    by_population = ("counts", "potentials", "when", "fan_outs", "sent", "operations")
    fields = [(name, ctypes.c_int32) for name in ("samples", "steps", "exits", "frames")]
    fields += [("inputs", pointer * inputs), ("outputs", pointer * heads)]  # type: ignore[list-item]
    fields += [(n, pointer * populations) for n in ("spikes", *by_population)]  # type: ignore[misc]
    fields += [("results", pointer)]  # type: ignore[list-item]
    return type("Job", (ctypes.Structure,), {"_fields_": fields})


def _unusable(text: str) -> InputError:
    return InputError(Diagnostic("SN561", text, help="compile the model again"))

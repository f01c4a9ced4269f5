"""The first sample that a newly built program runs, compared with the reference simulator."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Exits, Trace
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m


class Proof:
    """Whether a library does what its network says, noted beside it once that was seen.

    Sources are tested, compilers are not: GCC 12 was seen to drop a layer's call. A program that
    differs is removed, so that it is never taken from the cache.
    """

    def __init__(self, library: Path, network: m.Network) -> None:
        self._library = library
        self._network = network
        self._note = library.with_suffix(".proved")
        self.needed = not self._note.is_file()

    def check(self, ours: Trace, sample: Any, **options: Any) -> None:
        """Compare a program's trace of one sample, with all rasters, with the simulator's.

        Args:
            ours: the program's.
            sample: what it was given.
            options: of `Simulator.run`.

        Raises:
            InputError: SN599, something differs.
        """
        theirs = Simulator(self._network, threads=1).run(sample, **options)
        wrong = differing(ours, theirs)
        if wrong is not None:
            self._library.unlink(missing_ok=True)
            text = f"the compiler made a program that differs from the network: {wrong}"
            cure = "name another compiler with the variable CC, or choose --engine reference"
            raise InputError(Diagnostic("SN599", text, f"network {self._network.name}", cure))
        self.needed = False
        with suppress(OSError):  # the next process will look again
            self._note.touch()


def differing(ours: Trace, theirs: Trace) -> str | None:
    """The first measure in which two traces differ; None if they are equal."""
    for field in fields(Trace):
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        if not _equal(a, b):
            if isinstance(a, Mapping):
                names = [key for key in b if not _equal(a.get(key), b[key])]
                return f"{field.name} of {', '.join(names)}"
            return field.name
    return None


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, Exits) and isinstance(b, Exits):
        return all(_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Exits))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)

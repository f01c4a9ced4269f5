"""The engines of `snnc run`: what runs a program, and what only one of them is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from snnc.diagnostics import Diagnostic, UsageError
from snnc.text import one_of

if TYPE_CHECKING:
    from snnc.backends.loihi.compare import Difference
    from snnc.backends.loihi.engine import LavaRun
    from snnc.backends.reference.trace import Trace
    from snnc.backends.truenorth.run_map import MapRun
    from snnc.driver.compiled import Compiled
    from snnc.ir.tensors import Array

KNOWN = ("reference", "lava", "coremap", "c")


class Engine(Protocol):
    """Runs batches of samples."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def precision(self) -> str:
        """What it computes in."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of the choice."""

    def run(
        self, x: Array, *, steps: int, record: Sequence[str], first: int, exits: bool
    ) -> Trace | LavaRun | MapRun:
        """One batch; `first` is the number of its first sample."""

    def report(self) -> dict[str, Any]:
        """What else to tell of all batches, a JSON object."""


class ReferenceEngine:
    """The reference simulator."""

    name = "reference"
    notes: tuple[str, ...] = ()

    def __init__(self, compiled: Compiled, dtype: str | None) -> None:
        from snnc.backends.reference.simulator import Simulator

        self._simulator = Simulator(compiled.network, dtype=dtype)
        # Without a wish for it the host rounds inputs in float32, as it does for `snnc eval`.
        self._wide = dtype == "float64"

    @property
    def precision(self) -> str:
        """What it computes in."""
        return self._simulator.dtype

    def run(self, x: Array, *, steps: int, record: Sequence[str], first: int, exits: bool) -> Trace:
        """One batch."""
        if self._wide:
            x = x.astype(np.float64)
        return self._simulator.run(x, steps=steps, record=record, first=first, exits=exits)

    def report(self) -> dict[str, Any]:
        """Nothing more."""
        return {}


class CEngine:
    """The C program, built for this processor; the NumPy simulator where there is no compiler."""

    name = "c"

    def __init__(self, compiled: Compiled) -> None:
        from snnc.driver.runners import choose_runner

        chosen = choose_runner(compiled, "c", None)
        self.name, self.notes, self._runner = chosen.engine, chosen.notes, chosen.runner

    @property
    def precision(self) -> str:
        """What it computes in."""
        return self._runner.dtype

    def run(self, x: Array, *, steps: int, record: Sequence[str], first: int, exits: bool) -> Trace:
        """One batch."""
        return self._runner.run(x, steps=steps, record=record, first=first, exits=exits)

    def report(self) -> dict[str, Any]:
        """Nothing more."""
        return {}


class LavaEngine:
    """The program directory in Lava, compared with the reference simulator.

    Args:
        compiled: read from a program directory.
        compare: whether every spike is compared.
        fast: whether Conv runs on the program's own model.
        time_limit: seconds per batch.
    """

    name = "lava"
    precision = "integer"
    notes: tuple[str, ...] = ()

    def __init__(
        self, compiled: Compiled, *, compare: bool, fast: bool, time_limit: float | None
    ) -> None:
        self._compiled = compiled
        self._compare = compare
        self._fast = fast
        self._time_limit = time_limit
        self.difference: Difference | None = None

    def run(
        self, x: Array, *, steps: int, record: Sequence[str], first: int, exits: bool
    ) -> LavaRun:
        """One batch; after the first difference nothing more is compared."""
        from snnc.backends.loihi.compare import compare
        from snnc.backends.loihi.engine import check_recorded, run_in_lava

        network = self._compiled.network
        check_recorded(network, record)
        found = run_in_lava(
            Path(self._compiled.path),
            network,
            x,
            steps=steps,
            first=first,
            exits=exits,
            fast=self._fast,
            time_limit=self._time_limit,
        )
        if self._compare and self.difference is None:
            self.difference = compare(network, x, found, first=first, exits=exits)
        return found

    def report(self) -> dict[str, Any]:
        """Whether it equals the reference simulator; None where that was not asked."""
        if not self._compare:
            return {"equal": None, "difference": None}
        found = self.difference
        return {"equal": found is None, "difference": None if found is None else found.as_dict()}


def choose_engine(
    name: str | None,
    compiled: Compiled,
    *,
    dtype: str | None,
    compare: bool,
    fast: bool,
    time_limit: float | None,
) -> Engine:
    """The engine that the command line asks for, or an error about options that it has not.

    Without a name it is the usual one of the program's target; a `dtype` asks for the simulator.

    Raises:
        UsageError: there is no such engine, the program's target has not got it (SN923), or an
            option belongs to another one (SN936).
    """
    from snnc.driver.targets import find_target

    engines = find_target(compiled.target).engines
    if name is None:
        name = engines[0] if dtype is None else "reference"
    if name not in engines:
        text = f'there is no engine "{name}"{one_of(name, KNOWN)}'
        if name in KNOWN:
            text = f"a program for target {compiled.target} does not run on {name}"
        cure = f"its engines: {', '.join(engines)}"
        if name == "lava" and Path(compiled.path).suffix == ".snn":
            cure = "name the folder that `snnc compile --target loihi` wrote, not its network"
        raise UsageError(Diagnostic("SN923", text, help=cure))
    _refuse_options(name, dtype, compare=compare, fast=fast, time_limit=time_limit)
    if name == "lava":
        return LavaEngine(compiled, compare=compare, fast=fast, time_limit=time_limit)
    if name == "coremap":
        from snnc.cli.core_map_engine import CoreMapEngine

        return CoreMapEngine(compiled, compare=compare)
    return CEngine(compiled) if name == "c" else ReferenceEngine(compiled, dtype)


_PRECISE = {"lava": "Lava", "c": "a C program", "coremap": "a core map"}


def _refuse_options(
    name: str, dtype: str | None, *, compare: bool, fast: bool, time_limit: float | None
) -> None:
    """Refuse options of another engine.

    Raises:
        UsageError: SN936.
    """
    if name in _PRECISE and dtype is not None:
        text = f"--dtype is for the reference simulator; {_PRECISE[name]} computes in integers"
        raise UsageError(Diagnostic("SN936", text))
    given = {"--fast": fast, "--time-limit": time_limit is not None}
    for option, used in given.items():
        if used and name != "lava":
            raise UsageError(Diagnostic("SN936", f"{option} goes with --on lava"))
    if not compare and name not in ("lava", "coremap"):
        raise UsageError(Diagnostic("SN936", "--no-compare goes with --on lava or coremap"))

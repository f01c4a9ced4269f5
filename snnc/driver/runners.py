"""What runs a network: the reference simulator, or the C program of target c where it can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snnc.diagnostics import Diagnostic, UsageError
from snnc.text import one_of

if TYPE_CHECKING:
    from snnc.backends.base import Runner
    from snnc.driver.compiled import Compiled

ENGINES = ("reference", "c")
"""What `snnc eval` can run a network on."""

NO_COMPILER = (
    "no C compiler was found, so the NumPy simulator runs instead of the C program: the same "
    "spikes, more slowly (install cc, gcc or clang, or name one with the variable CC)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A runner, its engine's name, and what to tell the user of the choice."""

    runner: Runner
    engine: str
    notes: tuple[str, ...] = ()


def choose_runner(compiled: Compiled, engine: str | None, dtype: str | None) -> Chosen:
    """The runner of an engine.

    Args:
        compiled: a spiking network.
        engine: `reference` or `c`; None takes `c` for a network compiled for target c, unless a
            `dtype` is asked for, and `reference` for all others. Without a C compiler `c` is the
            reference simulator, and a note says so.
        dtype: what the reference simulator computes in; None chooses.

    Raises:
        InputError: target c does not take the network (SN55x), or its program cannot be built or
            loaded (SN560, SN561).
        UsageError: there is no such engine (SN923), or it computes in no `dtype` (SN936).
    """
    if engine is not None and engine not in ENGINES:
        text = f'there is no engine "{engine}"{one_of(engine, ENGINES)}'
        raise UsageError(Diagnostic("SN923", text, help=f"its engines: {', '.join(ENGINES)}"))
    if engine == "c" and dtype not in (None, "integer"):
        text = f"a C program computes in whole numbers, so dtype {dtype} contradicts engine c"
        raise UsageError(Diagnostic("SN936", text, help="leave one of them out"))
    usual = compiled.target == "c" and compiled.network.stage == "fixed" and dtype is None
    if engine == "reference" or (engine is None and not usual):
        return _reference(compiled, dtype)
    return _c(compiled)


def _reference(compiled: Compiled, dtype: str | None, *notes: str) -> Chosen:
    from snnc.backends.reference.simulator import Simulator

    return Chosen(Simulator(compiled.network, dtype=dtype), "reference", notes)


def _c(compiled: Compiled) -> Chosen:
    from snnc.backends.c.build import find_compiler
    from snnc.backends.c.checks import require_takeable
    from snnc.backends.c.simulator import CSimulator

    require_takeable(compiled.network)
    compiler = find_compiler()
    if compiler is None:
        return _reference(compiled, None, NO_COMPILER)
    return Chosen(CSimulator(compiled.network, compiler=compiler, files=_files(compiled)), "c")


def _files(compiled: Compiled) -> Mapping[str, bytes] | None:
    """The sources in a program directory for target c, which were compared with its manifest."""
    from snnc.backends.c.emit import FILES

    place = Path(compiled.path)
    if compiled.target != "c" or not compiled.path or not place.is_dir():
        return None
    if not all((place / name).is_file() for name in FILES):
        return None
    return {name: (place / name).read_bytes() for name in FILES}

"""What all targets share: their programs run on the reference simulator."""

from __future__ import annotations

from collections.abc import Sequence

from snnc.backends.base import Program
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.sources import Given
from snnc.backends.reference.trace import Trace


class SimulatedTarget:
    """A target whose programs the reference simulator runs; other engines stand elsewhere."""

    __slots__ = ()

    def run(
        self,
        program: Program,
        inputs: Given,
        *,
        steps: int | None = None,
        record: Sequence[str] = (),
    ) -> Trace:
        """Simulate the program's network in NumPy.

        Raises:
            InputError: See `Simulator`.
            UsageError: See `Simulator.run`.
        """
        return Simulator(program.network).run(inputs, steps=steps, record=record)

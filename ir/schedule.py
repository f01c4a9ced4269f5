"""When populations, input and bias act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Synchronous:
    """All populations, the input and the bias act in each of the `steps` time steps."""

    steps: int

    def drive(self, step: int) -> int:
        """In how many of the first `step` time steps input and bias act: in all."""
        return step


@dataclass(frozen=True, slots=True)
class Gated:
    """Input and bias act in the first `window` steps; populations act until nothing fires.

    For neurons that take spikes back (Li, Ma, Furber 2022): once the window has closed, the spike
    counts come to rest. At most `steps` time steps; a run ends earlier when no neuron can fire any
    more. Input through a delay of d acts in steps `d + 1` to `d + window`.
    """

    steps: int
    window: int

    def drive(self, step: int) -> int:
        """In how many of the first `step` time steps input and bias act."""
        return min(step, self.window)


Schedule: TypeAlias = Synchronous | Gated

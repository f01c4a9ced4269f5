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


@dataclass(frozen=True, slots=True)
class Pipelined(Synchronous):
    """As synchronous, on a machine where a spike needs a time step from layer to layer (a hop).

    `starts`: for each population, in order, how many time steps of the machine lie before its first
    one. Inputs start at 0. `snnc.ir.latency` says what that means; where delays equalise all paths,
    every spike is that of the network without latency.
    """

    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PipelinedGated(Gated):
    """As gated, with hop latency: see `Pipelined`."""

    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Phased:
    """Every population integrates in a window of its own and fires in another (Park et al. 2020).

    For each population, in order, `integrates` says how many time steps lie before the `window`
    steps in which it integrates, `fires` before the `window` steps in which it may fire; inputs
    send from step 0 on. Bias and analog input act once, in the first step of the window. What a
    source sends in step t of its fire window reaches a reader in step t of its integration window,
    so delays are what equalises branches. A running maximum passes spikes on in the step in which
    they come: its two windows are one.

    `fires - integrates` below `window` is early firing. A population that never fires has `fires`
    where its window ends.
    """

    steps: int
    window: int
    integrates: tuple[int, ...]
    fires: tuple[int, ...]

    def drive(self, step: int) -> int:
        """As often as the input acts: once."""
        return 1


@dataclass(frozen=True, slots=True)
class PipelinedPhased(Phased):
    """As phased, with hop latency: see `Pipelined`."""

    starts: tuple[int, ...]


Schedule: TypeAlias = Synchronous | Gated | Pipelined | PipelinedGated | Phased | PipelinedPhased
PIPELINED = (Pipelined, PipelinedGated, PipelinedPhased)
"""The schedules with hop latency."""

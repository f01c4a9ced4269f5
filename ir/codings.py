"""How inputs come in: the codings of an input's values in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from snnc.ir.neurons import Rounding, Ties


@dataclass(frozen=True, slots=True)
class Direct:
    """The analog value acts as a constant current in every step (direct coding)."""


@dataclass(frozen=True, slots=True)
class Poisson:
    """Bernoulli spikes of probability `min(|x| / scale, 1)` and the sign of x, seeded."""

    scale: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Events:
    """The caller brings an array `(T, ...)`: its own input for every step.

    `largest`: the largest absolute value that one may have; None for any.
    """

    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Rounded(Direct):
    """Direct coding of the value rounded by the host, for networks that quantise their input.

    The current is `step * clip(floor(x / step + shift), lowest, levels)`: see `Quantized`, whose
    fields these are.
    """

    step: float
    levels: int
    lowest: int = 0
    shift: float = 0.5
    ties: Ties = "up"


@dataclass(frozen=True, slots=True)
class Graded(Rounded):
    """As rounded, but what comes in is the whole number of steps: a graded spike in every step.

    The current is `clip(floor(x / step + shift), lowest, levels)`. Integer networks take analog
    values this way; `step` is what one unit is worth in the units of x.
    """


@dataclass(frozen=True, slots=True)
class SpikeTime:
    """One spike per value, and its time is the value: see `TTFS`, whose fields these are.

    The host compares `|x|` with the thresholds, largest first; the sign of x is that of the spike,
    so that one signed input stands for two rails. A value below the last threshold sends none.
    Under a schedule of phases, from step 0 on.
    """

    tau: float
    steps: int
    delay: float = 0.0
    threshold: float = 1.0
    rounding: Rounding = "round"


@dataclass(frozen=True, slots=True)
class IntegerSpikeTime(SpikeTime):
    """As `SpikeTime`, but a spike of step t is worth the whole number `values[t]`. Stage fixed."""

    values: tuple[int, ...] = ()


Coding: TypeAlias = Direct | Rounded | Graded | Poisson | Events | SpikeTime | IntegerSpikeTime

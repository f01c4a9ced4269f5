"""What a head reads of a population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Logits:
    """Read the population's value (stage ann). `host`: operators left to the host, in order."""

    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Membrane:
    """Read the membrane potential; an integrator's, times its `scale`, is `steps * logits`."""

    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpikeCount:
    """Read the net number of spikes; the population's `scale` turns a rate into ANN units."""

    host: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstSpike:
    """Read who fired first: time steps since the first spike, it included, and 0 without one.

    Negative spikes do not count.
    """

    host: tuple[str, ...] = ()


Readout: TypeAlias = Logits | Membrane | SpikeCount | FirstSpike

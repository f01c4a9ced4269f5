"""Parts of a core map before they are joined: tiles, each one core, and the signals they share.

A signal is what an axon can be driven by: a spike train. Input pins, units of layers, partial sums
and clocks each have a stretch of signal numbers; `Signals` gives them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.ir.tensors import Array

PARAMETERS: dict[str, type] = {
    "thresholds": np.int32,
    "leaks": np.int16,
    "floors": np.int32,
    "resets": np.uint8,
    "saturates": bool,
    "reset_exponents": np.int8,
    "potentials": np.int32,
}
"""Arrays of one number per neuron."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Signals `start` to `start + size` of one origin; `kind` is pins, layer, partial or clock."""

    name: str
    kind: str
    start: int
    size: int
    sign: int = 1


@dataclass(slots=True)
class Signals:
    """Signal numbers, given out in order."""

    stretches: list[Stretch] = field(default_factory=list)
    total: int = 0

    def add(self, name: str, kind: str, size: int, sign: int = 1) -> Stretch:
        """The next `size` signals."""
        stretch = Stretch(name, kind, self.total, size, sign)
        self.stretches.append(stretch)
        self.total += size
        return stretch

    def find(self, name: str, kind: str, sign: int = 1) -> Stretch:
        """A stretch by name; KeyError if there is none."""
        for stretch in self.stretches:
            if (stretch.name, stretch.kind, stretch.sign) == (name, kind, sign):
                return stretch
        raise KeyError(name)

    def index_of(self) -> Array:
        """Signal to the index of its stretch, int64."""
        sizes = [stretch.size for stretch in self.stretches]
        return np.repeat(np.arange(len(sizes)), sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One core of a corelet before its inputs and outputs are bound.

    Attributes:
        stretch: Index of the stretch whose signals its neurons send.
        role: As in `core_map.ROLES`.
        corelet: Path in the hierarchy.
        signals: int64 (n,): what each neuron sends.
        axon_signals: int64 (a,): what drives each axon.
        axon_delays: int64 (a,): further time steps of the IR.
        axon_types: uint8 (a,).
        bits: bool (a, n): the crossbar.
        strengths: int16 (n, 4).
        parameters: the arrays (n,) of `PARAMETERS`.
    """

    stretch: int
    role: str
    corelet: str
    signals: Array
    axon_signals: Array
    axon_delays: Array
    axon_types: Array
    bits: Array
    strengths: Array
    parameters: Mapping[str, Array]


def parameters(count: int, **given: Array | int) -> dict[str, Array]:
    """Parameters of `count` neurons; those that are not given are 0."""
    unknown = sorted(set(given) - set(PARAMETERS))
    if unknown:
        raise KeyError(unknown[0])
    return {
        name: np.broadcast_to(np.asarray(given.get(name, 0)), count).astype(dtype)
        for name, dtype in PARAMETERS.items()
    }

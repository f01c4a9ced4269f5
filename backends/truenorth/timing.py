"""When spikes are sent and heard: ticks of step 0, from which all delays follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snnc.backends.truenorth.draft import Draft
from snnc.ir import model as m


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Ticks of time step 0; a later step t is `t * period` ticks later.

    Attributes:
        period: Ticks of a time step.
        sends: By stretch: tick of its spikes of step 0; pins send when it is wanted.
        hears: By stretch: tick in which its neurons hear what is sent in step 0.
        apart: By (reader, source), both stretches, where that differs from `hears`.
        layers: First tick of each layer, by name.
    """

    period: int
    sends: tuple[int, ...]
    hears: tuple[int, ...]
    layers: Mapping[str, int]
    apart: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def delay(self, reader: int, source: int, steps: int) -> int:
        """Ticks from a spike to its arrival, for a connection delayed by `steps` time steps."""
        heard = self.apart.get((reader, source), self.hears[reader])
        return heard - self.sends[source] + steps * self.period


def timing_of(draft: Draft, network: m.Network) -> Timing:
    """The timing of a map with one tick per time step.

    A spike of a layer reaches all its targets within the levels of its splitters, so a reader's
    step comes that much later, less the delay that the connection has anyway.
    """
    stretches = draft.signals.stretches
    kinds = {(s.name, s.kind): i for i, s in enumerate(stretches)}
    layers: dict[str, int] = {}
    for population in network.populations:
        name = population.name
        if (name, "layer") not in kinds:
            continue
        tick = 0
        for incoming in population.incoming:
            if incoming.source in layers:
                below = int(draft.levels[kinds[incoming.source, "layer"]])
                tick = max(tick, layers[incoming.source] + below - incoming.delay)
        if (name, "clock") in kinds:
            tick = max(tick, int(draft.levels[kinds[name, "clock"]]))
        layers[name] = tick
    sends, hears = [], []
    for stretch, below in zip(stretches, draft.levels.tolist(), strict=True):
        tick = layers.get(stretch.name, 0)
        early = int(below) if stretch.kind == "clock" else 0
        sends.append(0 if stretch.kind == "pins" else tick - early)
        hears.append(tick)
    return Timing(1, tuple(sends), tuple(hears), layers)

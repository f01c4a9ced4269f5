"""When each layer's first step is: after the slowest of what it reads."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.draft import Draft
from snnc.ir import model as m


def first_ticks(draft: Draft, network: m.Network) -> dict[str, int]:
    """The tick of each layer's first step, by name.

    A spike of a layer reaches all its targets within the levels of its splitters, so a reader's
    step comes that much later, less the delay that the connection has anyway. What the host sends
    comes when it is wanted.
    """
    stretches = draft.signals.stretches
    kinds = {(s.name, s.kind): i for i, s in enumerate(stretches)}
    found: dict[str, int] = {}
    for population in network.populations:
        name = population.name
        if (name, "layer") not in kinds:
            continue
        tick = 0
        for incoming in population.incoming:
            if incoming.source in found:
                below = int(draft.levels[kinds[incoming.source, "layer"]])
                tick = max(tick, found[incoming.source] + below - incoming.delay)
        if (name, "clock") in kinds:
            tick = max(tick, int(draft.levels[kinds[name, "clock"]]))
        found[name] = tick
    return found


def stretch_ticks(draft: Draft, ticks: dict[str, int]) -> list[int]:
    """The tick of each stretch's spike of step 0; pins count from the start."""
    found = []
    for stretch, below in zip(draft.signals.stretches, draft.levels.tolist(), strict=True):
        if stretch.kind == "layer":
            found.append(ticks[stretch.name])
        elif stretch.kind == "clock":
            found.append(ticks[stretch.name] - int(below))
        else:
            found.append(0)
    return np.asarray(found).tolist()

"""When a sample of a network with gated input comes to rest.

Why nothing can happen after a silent step: let no input or bias act in step t, nor in any later
one, and let no spike that was sent up to t arrive anywhere in t or later. If no neuron fires in t,
every potential and every count is after t what it was before, because nothing was added and
nothing reset (a leak of 1 keeps the potential; any other is ruled out below). So step t + 1 starts
from the same state with the same input, none, and ends alike; and so on. This holds for every
neuron and every reset: one that goes on firing without input, such as `reset="none"` above its
threshold, is not silent, and keeps its sample from resting.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from snnc.backends.reference.plan import Plan
from snnc.ir import model
from snnc.ir.tensors import Array


class Rest:
    """The last step in which each sample of a group changed, as far as is known.

    Args:
        plan: The network made ready.
        samples: Number of samples in the group.
        window: In how many steps input and bias act.
        looked_at: Inputs and populations whose rest is waited for, a part that reads no other.
    """

    def __init__(self, plan: Plan, samples: int, window: int, looked_at: Collection[str]) -> None:
        self._delays = dict.fromkeys(looked_at, 0)
        for layer in plan.layers:
            if layer.name in looked_at:
                for connection in (*layer.constant, *layer.spiking):
                    known = self._delays[connection.source]
                    self._delays[connection.source] = max(known, connection.delay)
        latest = max(self._delays.get(entry.name, 0) for entry in plan.network.inputs)
        self._closed = window + latest
        self._last = np.full(samples, self._closed, np.int64)

    def fired(self, source: str, step: int, tile: slice, which: Array) -> None:
        """Note that some samples of `tile` sent spikes in `step`, counted from 1."""
        delay = self._delays.get(source)
        if delay is None:
            return
        arrived = step + delay
        if arrived > self._closed:
            last = self._last[tile]
            np.maximum(last, arrived, out=last, where=which)

    def reached(self, time: int) -> Array:
        """Which samples are at rest after `time` steps, bool (samples,)."""
        return self._last < time

    def last(self) -> Array:
        """The last step in which each sample changed, int64 (samples,)."""
        return self._last

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self._last = self._last[mask]


def track_rest(plan: Plan, samples: int, looked_at: Collection[str]) -> Rest | None:
    """A record of rest for a group of samples; None where no sample ever rests.

    That is without a window, and where a potential leaks: it changes in silence too.
    """
    leaking = any(
        isinstance(p.neuron, model.IF) and p.neuron.leak != 1.0
        for p in plan.network.populations
        if p.name in looked_at
    )
    window = plan.window
    return None if window is None or leaking else Rest(plan, samples, window, looked_at)

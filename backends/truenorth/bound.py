"""Rule 12 of core maps: how far the potentials can go in a number of ticks, whatever the spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.wiring import driven, neuron_links, reset_potentials
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """Bounds of the potentials, int64 (C, neurons); 0 for unused neurons.

    They hold at every moment of a tick, also while the axons are added one after the other.
    """

    lowest: Array
    highest: Array

    def outside(self, limit: int) -> Array:
        """Neurons that could leave +-limit, bool (C, neurons)."""
        return np.maximum(self.highest, -self.lowest) > limit


def bound(core_map: CoreMap, ticks: int) -> Bound:
    """Bounds over the first `ticks` ticks.

    With P, N what all axons of positive and negative strength add in a tick at most, and l the
    leak: a potential at or above the threshold a loses a in the same tick (gamma 1), so that it
    grows by P + l - a per tick at most; one below the floor is raised by the floor's magnitude b
    (gamma 1) or stays at it (kappa), so that it falls by N - l - b per tick at most. The sum of all
    that ever arrives is a bound, too: axons of pins, and of layers where a step has several ticks,
    are active once in a step.
    """
    m = core_map
    low_tick, high_tick, low_all, high_all = _arrivals(m, ticks)
    down, up = np.minimum(m.leaks.astype(np.int64), 0), np.maximum(m.leaks.astype(np.int64), 0)
    low_tick, high_tick = low_tick + down, high_tick + up
    low_all, high_all = low_all + ticks * down, high_all + ticks * up
    start, theta = m.potentials.astype(np.int64), m.thresholds.astype(np.int64)
    beta, reset = m.floors.astype(np.int64), reset_potentials(m)
    hard, free = m.resets == 0, m.resets == 2
    # After a spike R, below the floor -R or the floor.
    below = np.where(m.saturates, -beta, -reset)
    jumps = np.stack([np.where(hard, reset, 0), np.where(hard, below, 0), np.zeros_like(reset)])

    top = np.maximum(np.maximum(start, theta - 1), jumps.max(axis=0))
    growth = np.where(m.resets == 1, np.maximum(high_tick - theta, 0), 0)
    capped = top + high_tick + (ticks - 1) * growth
    summed = np.maximum(start, 0) + high_all  # potentials below a floor are raised to 0 at most
    highest = np.where(hard, capped, np.where(free, summed, np.minimum(capped, summed)))

    bottom = np.minimum(np.minimum(start, -beta), jumps.min(axis=0))
    fall = np.where(free, -low_tick, np.maximum(-low_tick - beta, 0))
    stepped = bottom + low_tick - (ticks - 1) * fall
    endless = np.minimum(start, 0) + low_all  # after a spike that is subtracted it is 0 or more
    kept = m.saturates | hard
    lowest = np.where(kept, bottom + low_tick, np.maximum(stepped, endless))
    used = m.used
    return Bound(np.where(used, lowest, 0), np.where(used, highest, 0))


def _arrivals(m: CoreMap, ticks: int) -> tuple[Array, Array, Array, Array]:
    """Sums of the negative and the positive strengths in a tick, and in all ticks: (C, neurons)."""
    every = _ticks_between(m)
    often = np.where(every > 0, -(-ticks // np.maximum(every, 1)), 0)
    shape = m.kinds.shape
    sums = [np.zeros(shape, np.int64) for _ in range(4)]
    for core in range(m.cores):
        axons = np.flatnonzero(every[core] > 0)
        bits = np.unpackbits(m.crossbar[core, axons], axis=-1)[:, : shape[1]].astype(np.float64)
        types = np.arange(m.spec.types)[:, None] == m.axon_types[core, axons][None, :]
        once, total = types.astype(np.float64) @ bits, (types * often[core, axons]) @ bits
        strengths = m.strengths[core].T.astype(np.int64)
        for i, counts in enumerate((once, total)):
            whole = counts.astype(np.int64)
            sums[2 * i][core] = (np.minimum(strengths, 0) * whole).sum(axis=0)
            sums[2 * i + 1][core] = (np.maximum(strengths, 0) * whole).sum(axis=0)
    return sums[0], sums[1], sums[2], sums[3]


def _ticks_between(m: CoreMap) -> Array:
    """The least ticks between two spikes of each axon's driver, int64 (C, axons); 0: no driver.

    A pin fires once in a step. Neurons may fire in each tick, also those of layers: that they do
    not is a matter of the gates that let them, which no rule of a core shows.
    """
    every = np.where(driven(m) > 0, m.ticks_per_step, 0)
    every.reshape(-1)[neuron_links(m).axons] = 1
    return every

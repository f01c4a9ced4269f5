"""A second simulator of core maps, neuron by neuron in plain Python: slow, and easy to check."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, UNUSED, CoreMap
from snnc.ir.tensors import Array


def slow_run(m: CoreMap, pins: Array, ticks: int) -> tuple[Array, Array, Array, int]:
    """One sample. Pins: bool (steps, pins).

    Returns:
        Outputs (ticks, lines), spikes (ticks, C, 256), potentials after each tick, operations.
    """
    due = _from_pins(m, pins)
    crossbars = [m.bits(core) for core in range(m.cores)]
    v = {(c, n): int(m.potentials[c, n]) for c, n in np.argwhere(m.kinds != UNUSED)}
    outputs = np.zeros((ticks, m.outputs), bool)
    spikes = np.zeros((ticks, m.cores, 256), bool)
    potentials = np.zeros((ticks, m.cores, 256), int)
    operations = 0
    for tick in range(ticks):
        active: dict[int, list[int]] = {}
        for when, core, axon in sorted(due):
            if when == tick:
                active.setdefault(core, []).append(axon)
        for place in v:
            core, neuron = place
            for axon in active.get(core, []):
                if crossbars[core][axon, neuron]:
                    v[place] += int(m.strengths[core, neuron, m.axon_types[core, axon]])
                    operations += 1
            v[place] += int(m.leaks[place])
            fired, v[place] = _threshold(m, place, v[place])
            potentials[tick, core, neuron] = v[place]
            spikes[tick, core, neuron] = fired
            if fired and m.kinds[place] == TO_OUTPUT:
                outputs[tick, m.targets[place]] = True
            if fired and m.kinds[place] == TO_CORE:
                arrival = (
                    tick + int(m.delays[place]),
                    int(m.targets[place]),
                    int(m.target_axons[place]),
                )
                assert arrival not in due
                due.add(arrival)
    return outputs, spikes, potentials, operations


def _from_pins(m: CoreMap, pins: Array) -> set[tuple[int, int, int]]:
    due: set[tuple[int, int, int]] = set()
    for step, pin in np.argwhere(pins):
        for entry in range(m.pin_starts[pin], m.pin_starts[pin + 1]):
            tick = int(step) * m.ticks_per_step + int(m.pin_delays[entry])
            due.add((tick, int(m.pin_cores[entry]), int(m.pin_axons[entry])))
    return due


def _threshold(m: CoreMap, place: tuple[int, int], v: int) -> tuple[bool, int]:
    """Cassidy et al. 2013, deterministic."""
    alpha, beta, gamma = int(m.thresholds[place]), int(m.floors[place]), int(m.resets[place])
    exponent = int(m.reset_exponents[place])
    reset = 2 ** abs(exponent) - 1
    if exponent < 0:
        reset = -reset
    if v >= alpha:
        return True, {0: reset, 1: v - alpha, 2: v}[gamma]
    if v < -beta:
        return False, -beta if m.saturates[place] else {0: -reset, 1: v + beta, 2: v}[gamma]
    return False, v

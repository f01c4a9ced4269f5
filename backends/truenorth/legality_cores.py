"""Rules 2 to 7 of core maps: what a core, an axon, a target and a place on the mesh may be."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, UNUSED, CoreMap
from snnc.backends.truenorth.legality_base import CURE, broken
from snnc.backends.truenorth.wiring import driven, reset_potentials
from snnc.diagnostics import Diagnostic
from snnc.ir.tensors import Array


def parameter_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN566: parameters of neurons in use that the chip has no bits for."""
    spec, m = core_map.spec, core_map
    used = m.used

    def outside(values: Array, low: int, high: int, what: str) -> list[Diagnostic]:
        wide = values.astype(np.int64)
        bad = used & ((wide < low) | (wide > high))
        text = f"a {what} is outside of {low} to {high}"
        return broken(m, "SN566", bad, text, values=values)

    sizes = np.abs(m.strengths.astype(np.int64)).max(axis=-1)
    endless = used & (m.resets == 1) & (m.thresholds < 1)
    most = spec.largest_potential
    return [
        *outside(sizes, 0, spec.largest_strength, "|strength|"),
        *outside(m.leaks, -spec.largest_leak, spec.largest_leak, "leak"),
        *outside(m.thresholds, 0, spec.largest_threshold, "threshold"),
        *outside(m.floors, 0, spec.largest_floor, "negative threshold"),
        *outside(m.resets, 0, 2, "reset mode"),
        *outside(reset_potentials(m), -most, most, "reset potential"),
        *outside(m.potentials, -most, most, "initial potential"),
        *broken(m, "SN566", endless, "a threshold of 0 that is subtracted", values=m.thresholds),
    ]


def delay_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN567: delays that the chip's 16 slots do not hold, or of neurons that need none."""
    delays, most = core_map.delays, core_map.spec.largest_delay
    inside = core_map.kinds == TO_CORE
    bad = inside & ((delays < 1) | (delays > most))
    idle = ~inside & (delays != 0)
    pins = core_map.pin_delays
    return [
        *broken(core_map, "SN567", bad, f"a delay is outside of 1 to {most}", values=delays),
        *broken(core_map, "SN567", idle, "a delay of a neuron that drives no axon", values=delays),
        *broken(
            core_map, "SN567", pins < 0, "a pin's delay is negative", values=pins, kind="entry"
        ),
    ]


def target_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN568: targets that are no axon of a core in use, or that a neuron must not have."""
    m = core_map
    inside, none = m.kinds == TO_CORE, m.kinds == UNUSED
    wrong_core = inside & ((m.targets < 0) | (m.targets >= m.cores))
    wrong_axon = inside & ((m.target_axons < 0) | (m.target_axons >= m.spec.axons))
    idle = (none & (m.targets != -1)) | (~inside & (m.target_axons != -1))
    faults = [
        *broken(m, "SN568", wrong_core, "a target core does not exist", values=m.targets),
        *broken(m, "SN568", wrong_axon, "a target axon does not exist", values=m.target_axons),
        *broken(m, "SN568", idle, "a target of a neuron that has none", values=m.targets),
        *_pin_faults(m),
    ]
    if faults:
        return faults
    empty = ~m.used.any(axis=1)
    lost = inside & empty[np.where(inside, m.targets, 0)]
    return broken(m, "SN568", lost, "a target core has no neuron in use", values=m.targets)


def _pin_faults(m: CoreMap) -> list[Diagnostic]:
    cores, axons = m.pin_cores, m.pin_axons
    bad = (cores < 0) | (cores >= m.cores) | (axons < 0) | (axons >= m.spec.axons)
    return broken(m, "SN568", bad, "a pin drives an axon that does not exist", kind="entry")


def axon_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN569, two drivers of an axon; SN570, axons and crossbar bits that nothing needs."""
    counts = driven(core_map)
    mask = np.packbits(core_map.used, axis=-1)[:, None, :]
    useful = (core_map.crossbar & mask).any(axis=-1)
    idle = (core_map.crossbar & ~mask).any(axis=-1)
    twice, vain = counts > 1, (counts > 0) & ~useful
    return [
        *broken(
            core_map, "SN569", twice, "an axon has several drivers", values=counts, kind="axon"
        ),
        *broken(core_map, "SN570", vain, "a driven axon reaches no neuron", kind="axon"),
        *broken(core_map, "SN570", idle, "a crossbar bit of an unused neuron", kind="axon"),
    ]


def mesh_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN582, more cores than a chip has; SN571, two at one place, off the grid, too far apart."""
    m, spec = core_map, core_map.spec
    if m.cores > spec.cores:
        message = f"{m.cores} cores; a chip has {spec.cores}"
        cure = "a smaller network, fewer bits for the weights, or the first layer on the host"
        return [Diagnostic("SN582", message, help=cure)]
    places = m.positions.astype(np.int64)
    off = ((places < 0) | (places >= np.array(spec.grid))).any(axis=1)
    keys = places[:, 1] * (1 << 20) + places[:, 0]
    _, firsts = np.unique(keys, return_index=True)
    shared = np.ones(m.cores, bool)
    shared[firsts] = False
    inside = m.kinds == TO_CORE
    away = places[np.where(inside, m.targets, 0)] - places[:, None, :]
    far = inside & ((away < spec.reach[0]) | (away > spec.reach[1])).any(axis=-1)
    reach = f"{spec.reach[0]} to {spec.reach[1]}"
    return [
        *broken(m, "SN571", off, f"a core is off the grid of {spec.grid}", kind="core"),
        *broken(m, "SN571", shared, "a core is where another is", kind="core"),
        *broken(m, "SN571", far, f"a target is further than {reach} columns or rows"),
    ]


def output_faults(core_map: CoreMap) -> list[Diagnostic]:
    """SN572: output lines that do not exist or have two drivers."""
    m = core_map
    out = m.kinds == TO_OUTPUT
    wrong = out & ((m.targets < 0) | (m.targets >= m.outputs))
    faults = broken(m, "SN572", wrong, "an output line does not exist", values=m.targets)
    if faults:
        return faults
    counts = np.bincount(m.targets[out], minlength=m.outputs)
    if not (counts > 1).any():
        return []
    line = int(counts.argmax())
    message = f"{int((counts > 1).sum())} output lines have several drivers"
    return [Diagnostic("SN572", message, f"output line {line}: {int(counts[line])} drivers", CURE)]

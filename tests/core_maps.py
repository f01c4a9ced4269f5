"""Small core maps for tests: one built core by core, and random ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snnc.backends.truenorth.core_map import (
    ROLES,
    TO_CORE,
    TO_OUTPUT,
    CoreMap,
    Layer,
    OutputGroup,
    PinGroup,
)
from snnc.ir.tensors import Array

DTYPES = {"targets": np.int32, "target_axons": np.int16, "delays": np.uint8, "kinds": np.uint8}


def empty_map(cores: int, **given: Any) -> CoreMap:
    """Cores without anything in use, side by side on the mesh."""
    shape = (cores, 256)
    columns = np.arange(cores)
    fields: dict[str, Any] = {
        "name": "test",
        "axon_types": np.zeros(shape, np.uint8),
        "crossbar": np.zeros((cores, 256, 32), np.uint8),
        "strengths": np.zeros((*shape, 4), np.int16),
        "leaks": np.zeros(shape, np.int16),
        "thresholds": np.ones(shape, np.int32),
        "floors": np.zeros(shape, np.int32),
        "resets": np.ones(shape, np.uint8),
        "saturates": np.zeros(shape, bool),
        "reset_exponents": np.zeros(shape, np.int8),
        "potentials": np.zeros(shape, np.int32),
        "kinds": np.zeros(shape, np.uint8),
        "targets": np.full(shape, -1, np.int32),
        "target_axons": np.full(shape, -1, np.int16),
        "delays": np.zeros(shape, np.uint8),
        "positions": np.stack([columns % 64, columns // 64], axis=1).astype(np.int16),
        "roles": np.zeros(cores, np.uint8),
        "corelets": np.zeros(cores, np.int32),
        "layer_of": np.full(shape, -1, np.int32),
        "unit_of": np.full(shape, -1, np.int32),
        "pin_starts": np.zeros(1, np.int64),
        "pin_cores": np.zeros(0, np.int32),
        "pin_axons": np.zeros(0, np.int32),
        "pin_delays": np.zeros(0, np.int32),
        "outputs": 0,
        "layers": (),
        "corelet_names": ("test/all",),
        "pins": (),
        "heads": (),
    }
    return CoreMap(**(fields | given))


def changed(core_map: CoreMap, **values: Any) -> CoreMap:
    """A copy in which elements of arrays are replaced.

    `changed(m, leaks={(0, 3): 300})`, or a whole new value: `changed(m, outputs=2)`.
    """
    new = {}
    for name, value in values.items():
        if isinstance(value, dict):
            array = getattr(core_map, name).copy()
            for place, element in value.items():
                array[place] = element
            value = array
        new[name] = value
    return replace(core_map, **new)


def with_bits(core_map: CoreMap, bits: dict[tuple[int, int, int], bool]) -> CoreMap:
    """A copy in which crossbar bits (core, axon, neuron) are set or cleared."""
    crossbar = core_map.crossbar.copy()
    for (core, axon, neuron), on in bits.items():
        row = np.unpackbits(crossbar[core, axon])
        row[neuron] = on
        crossbar[core, axon] = np.packbits(row)
    return replace(core_map, crossbar=crossbar)


def with_pins(
    core_map: CoreMap, entries: list[list[tuple[int, int, int]]], **given: Any
) -> CoreMap:
    """A copy with pins of one source "input": (core, axon, delay) of each."""
    flat = np.array([e for pin in entries for e in pin], np.int32).reshape(-1, 3)
    starts = np.cumsum([0, *(len(pin) for pin in entries)]).astype(np.int64)
    pins = given.pop("pins", (PinGroup("input", 0, len(entries)),))
    cores, axons, delays = (np.ascontiguousarray(column) for column in flat.T)
    fields = {"pin_cores": cores, "pin_axons": axons, "pin_delays": delays, "pins": pins}
    return replace(core_map, pin_starts=starts, **fields, **given)


def layered_map(*, delay: int = 2, ticks_per_step: int = 1) -> CoreMap:
    """A legal map of every part: 3 pins -> layer "a" (2 units, one replica) -> layer "b" (2 units).

    Core 0 holds "a", core 1 a splitter that copies unit 1 of it, core 2 holds "b". Unit 0 reaches
    "b" by its replica alone, with the same delay as through the splitter.
    """
    m = empty_map(
        3,
        outputs=2,
        layers=(Layer("a", 1, "2b"), Layer("b", 1 + delay, "1b")),
        heads=(OutputGroup("b", 0, 2),),
        corelet_names=("a/tile0", "a/fan-out", "b/tile0"),
        ticks_per_step=ticks_per_step,
    )
    m = with_pins(m, [[(0, 0, 1)], [(0, 1, 1), (0, 2, 1)], [(0, 3, 1)]])
    # Core 0: neurons 0 and 2 are replicas of unit 0, neuron 1 is unit 1.
    on = {(0, 0, 0), (0, 1, 0), (0, 0, 2), (0, 1, 2), (0, 2, 1), (0, 3, 1)}
    on |= {(1, 0, 0), (1, 0, 1)}
    on |= {(2, 0, 0), (2, 1, 1), (2, 2, 0), (2, 3, 1)}
    m = with_bits(m, dict.fromkeys(on, True))
    kinds, targets, axons, delays = (
        getattr(m, n).copy() for n in ("kinds", "targets", "target_axons", "delays")
    )
    sent = {
        (0, 0): (2, 0, delay),
        (0, 2): (2, 1, delay),
        (0, 1): (1, 0, 1),
        (1, 0): (2, 2, delay - 1),
        (1, 1): (2, 3, delay - 1),
    }
    for place, (core, axon, ticks) in sent.items():
        kinds[place], targets[place], axons[place], delays[place] = TO_CORE, core, axon, ticks
    kinds[2, :2], targets[2, :2] = TO_OUTPUT, (0, 1)
    m = replace(m, kinds=kinds, targets=targets, target_axons=axons, delays=delays)
    thresholds = {(0, 0): 3, (0, 2): 3, (0, 1): 2, (2, 0): 2, (2, 1): 2}
    strengths = {(0, n): (3, -1, 2, 1) for n in range(3)} | {(2, n): (2, 1, 0, 0) for n in range(2)}
    return changed(
        m,
        axon_types={(0, 1): 1, (0, 2): 2, (0, 3): 3, (2, 2): 1, (2, 3): 1},
        strengths=strengths | {(1, n): (1, 0, 0, 0) for n in range(2)},
        thresholds=thresholds,
        resets={(1, 0): 0, (1, 1): 0},
        saturates={(1, 0): True, (1, 1): True},
        roles=np.array([0, ROLES.index("splitter"), 0], np.uint8),
        corelets=np.arange(3, dtype=np.int32),
        layer_of={(0, 0): 0, (0, 1): 0, (0, 2): 0, (2, 0): 1, (2, 1): 1},
        unit_of={(0, 0): 0, (0, 1): 1, (0, 2): 0, (2, 0): 0, (2, 1): 1},
    )


def random_map(
    seed: int,
    cores: int = 4,
    *,
    neurons: int = 12,
    pins: int = 9,
    exportable: bool = False,
    forward: bool = False,
) -> CoreMap:
    """Random recurrent cores: mixed delays, resets and floors, pins of several entries.

    `exportable`: only what other simulators have too. `forward`: without loops.
    """
    rng = np.random.default_rng(seed)
    m = empty_map(cores)
    used = np.zeros((cores, 256), bool)
    used[:, :neurons] = True
    fields = _random_neurons(rng, used, exportable=exportable)
    free = _free_axons(rng, cores, per_core=neurons + pins)
    entries = [
        [(*free.pop(), int(rng.integers(0, 4))) for _ in range(1 + p % 2)] for p in range(pins)
    ]
    kinds, targets, axons, delays = (
        getattr(m, n).copy() for n in ("kinds", "targets", "target_axons", "delays")
    )
    lines = 0
    for core, neuron in np.argwhere(used):
        place = (core, neuron)
        later = [f for f in free if not forward or f[0] > core]
        if rng.random() < 0.3 or not later:
            kinds[place], targets[place] = TO_OUTPUT, lines
            lines += 1
        else:
            core_axon = later[rng.integers(len(later))]
            free.remove(core_axon)
            kinds[place], (targets[place], axons[place]) = TO_CORE, core_axon
            delays[place] = rng.integers(1, 16)
    m = replace(
        m, kinds=kinds, targets=targets, target_axons=axons, delays=delays, outputs=lines, **fields
    )
    m = replace(m, heads=(OutputGroup("none", 0, lines),))
    bits = rng.random((cores, 256, 256)) < 0.4
    bits &= used[:, None, :]
    m = replace(m, crossbar=np.packbits(bits, axis=-1))
    return with_pins(m, entries)


def _free_axons(rng: np.random.Generator, cores: int, per_core: int) -> list[tuple[int, int]]:
    axons = [(c, int(a)) for c in range(cores) for a in rng.choice(256, per_core, replace=False)]
    rng.shuffle(axons)
    return [(int(c), int(a)) for c, a in axons]


def _random_neurons(rng: np.random.Generator, used: Array, *, exportable: bool) -> dict[str, Array]:
    shape = used.shape
    resets = rng.integers(0, 2 if exportable else 3, shape)
    saturates = rng.random(shape) < 0.4
    floors = rng.integers(0, 12, shape)
    exponents = rng.integers(-3, 4, shape)
    if exportable:
        saturates &= resets == 0
        exponents[saturates] = 0
        floors[saturates] = 0
        # Its other modes: hard with a symmetric floor -R, linear with floors.
    return {
        "axon_types": rng.integers(0, 4, shape).astype(np.uint8),
        "strengths": rng.integers(-6, 9, (*shape, 4)).astype(np.int16),
        "leaks": rng.integers(-1, 3, shape).astype(np.int16),
        "thresholds": rng.integers(1, 20, shape).astype(np.int32),
        "floors": floors.astype(np.int32),
        "resets": resets.astype(np.uint8),
        "saturates": saturates,
        "reset_exponents": exponents.astype(np.int8),
        "potentials": rng.integers(-5, 6, shape).astype(np.int32),
    }


def random_spikes(seed: int, samples: int, steps: int, pins: int, rate: float = 0.3) -> Array:
    """Random spikes, bool (samples, steps, pins)."""
    spikes: Array = np.random.default_rng(seed).random((samples, steps, pins)) < rate
    return spikes


def permuted(m: CoreMap, order: Array) -> CoreMap:
    """The same map with core `order[i]` as core i."""
    new = np.argsort(order)
    per_core = (
        "axon_types crossbar strengths leaks thresholds floors resets saturates reset_exponents "
        "potentials kinds targets target_axons delays positions roles corelets layer_of unit_of"
    )
    arrays = {name: getattr(m, name)[order] for name in per_core.split()}
    inside = arrays["kinds"] == TO_CORE
    targets = arrays["targets"].copy()
    targets[inside] = new[targets[inside]]
    arrays |= {"targets": targets, "pin_cores": new[m.pin_cores].astype(np.int32)}
    return replace(m, **arrays)

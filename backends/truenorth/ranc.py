"""Core maps in the format of RANC (Mack et al., arXiv 2011.00624), and its output.

RANC simulates cores of this kind in C++ (https://github.com/UA-RCL/RANC). What it does otherwise:

- `destination_tick` d is a delay of d + 1 ticks. A packet of the host that is listed in tick t with
  d = 0 is there in the tick that we number t.
- Output lines are one component on the grid, the output bus, in a cell that no core has.
- A floor has no saturation: below it, the potential becomes -R or is raised by the floor.
- Row t + 1 of the output has the spikes of our tick t, and the last tick is never written: a run of
  T ticks needs T + 1 of RANC.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from snnc.backends.truenorth.bound import bound
from snnc.backends.truenorth.core_map import TO_CORE, TO_OUTPUT, CoreMap
from snnc.backends.truenorth.legality_base import place_of
from snnc.backends.truenorth.packets import host_packets
from snnc.backends.truenorth.wiring import reset_potentials
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

DEAD = 1 << 30
"""A threshold that an unused neuron, which never gets a charge, does not reach."""


def ranc_refusal(core_map: CoreMap, ticks: int) -> Diagnostic | None:
    """Why a map has no form in RANC for a run of `ticks` ticks; None where it has one."""
    m, used = core_map, core_map.used
    unreset = used & (m.resets > 1)
    # RANC's result below the floor equals ours where that is the potential -R.
    equal = (m.resets == 0) & (reset_potentials(m) == m.floors)
    held = used & m.saturates & ~equal
    if held.any() and not unreset.any():
        held &= bound(m, ticks).lowest < -m.floors.astype(np.int64)
    for bad, what in (
        (unreset, "neurons without reset (mode 2)"),
        (held, "neurons that are held at a negative threshold"),
    ):
        if bad.any():
            core, neuron = (int(n) for n in np.argwhere(bad)[0])
            message = f"RANC has no {what}; the map has {int(bad.sum())}"
            cure = "the simulator of snnc runs this map"
            return Diagnostic("SN577", message, place_of(m, core, neuron), cure)
    return None


def to_ranc(core_map: CoreMap, pins: Array, ticks: int) -> tuple[bytes, bytes]:
    """The input and the configuration of RANC for one sample.

    Run it with `ticks + 1` ticks.

    Args:
        core_map: legal.
        pins: bool (steps, P): the spikes of the input pins (`sample_pins`).
        ticks: of the run.

    Raises:
        InputError: SN577, see `ranc_refusal`, or pins of another shape.
    """
    if refusal := ranc_refusal(core_map, ticks):
        raise InputError(refusal)
    cells = core_map.positions.astype(np.int64) - core_map.positions.min(axis=0)
    bus, size = _free_cell(cells)
    packets: list[list[dict[str, Any]]] = [[] for _ in range(ticks)]
    for tick, core, axon in host_packets(core_map, pins, ticks).tolist():
        place = cells[core].tolist()
        packet = {"destination_core": place, "destination_axon": axon, "destination_tick": 0}
        packets[tick].append(packet)
    text = {
        "packets": packets,
        "output_bus": {"coordinates": list(bus), "num_outputs": core_map.outputs},
        "cores": [_core(core_map, core, cells, bus) for core in range(core_map.cores)],
    }
    spec = core_map.spec
    config = {
        "num_neurons": spec.neurons,
        "num_axons": spec.axons,
        "num_cores_x": size[0],
        "num_cores_y": size[1],
        "num_weights": spec.types,
        "max_tick_offset": spec.largest_delay + 1,
        "neuron_block_trace_verbosity": 0,
        "core_controller_trace_verbosity": 0,
        "scheduler_trace_verbosity": 0,
        "neuron_reset_type": 0,
    }
    return _json(text), _json(config)


def _json(value: object) -> bytes:
    return (json.dumps(value, separators=(",", ":")) + "\n").encode()


def _free_cell(cells: Array) -> tuple[tuple[int, int], tuple[int, int]]:
    """A cell without core, the first by rows, and the size of the grid with it."""
    columns, rows = (int(n) + 1 for n in cells.max(axis=0))
    taken = np.zeros((rows + 1, columns), bool)
    taken[cells[:, 1], cells[:, 0]] = True
    row, column = (int(n) for n in np.argwhere(~taken)[0])
    return (column, row), (columns, max(rows, row + 1))


def _core(m: CoreMap, core: int, cells: Array, bus: tuple[int, int]) -> dict[str, Any]:
    """One core; neurons and axons after the last that matters are left out."""
    neurons = int(np.flatnonzero(m.used[core]).max(initial=-1)) + 1
    bits = m.bits(core)[:, :neurons] & m.used[core, :neurons]
    axons = int(np.flatnonzero(bits.any(axis=1)).max(initial=-1)) + 1
    return {
        "coordinates": cells[core].tolist(),
        "axons": m.axon_types[core, :axons].tolist(),
        "neurons": [_neuron(m, core, neuron, cells, bus) for neuron in range(neurons)],
        "connections": [_row(bits[:, neuron]) for neuron in range(neurons)],
    }


def _row(bits: Array) -> list[int]:
    """The axons of a neuron, without the zeros at the end."""
    last = int(np.flatnonzero(bits).max(initial=-1)) + 1
    row: list[int] = bits[:last].astype(int).tolist()
    return row


def _neuron(
    m: CoreMap, core: int, neuron: int, cells: Array, bus: tuple[int, int]
) -> dict[str, Any]:
    place = (core, neuron)
    kind, target = m.kinds[place], int(m.targets[place])
    there, axon, tick = cells[core], 0, 0
    if kind == TO_CORE:
        there, axon = cells[target], int(m.target_axons[place])
        tick = int(m.delays[place]) - 1
    elif kind == TO_OUTPUT:
        there, axon = np.array(bus), target
    else:
        return _dead()
    exponent = int(m.reset_exponents[place])
    size = (1 << abs(exponent)) - 1
    return {
        "reset_potential": size if exponent > 0 else -size,
        "weights": m.strengths[place].tolist(),
        "leak": int(m.leaks[place]),
        "positive_threshold": int(m.thresholds[place]),
        "negative_threshold": -int(m.floors[place]),
        "destination_core_offset": (there - cells[core]).tolist(),
        "destination_axon": axon,
        "destination_tick": tick,
        "current_potential": int(m.potentials[place]),
        "reset_mode": int(m.resets[place]),
    }


def _dead() -> dict[str, Any]:
    zeros = ("reset_potential", "leak", "negative_threshold", "destination_axon")
    return {
        **dict.fromkeys(zeros, 0),
        "weights": [],
        "positive_threshold": DEAD,
        "destination_core_offset": [0, 0],
        "destination_tick": 0,
        "current_potential": 0,
        "reset_mode": 0,
    }


def read_ranc_output(text: str, ticks: int, outputs: int) -> Array:
    """The output lines of a run, bool (ticks, outputs), from the file that RANC writes.

    Args:
        text: of the file; it begins with a byte-order mark.
        ticks: of the run; RANC was run for one more.
        outputs: output lines of the map.

    Raises:
        InputError: SN579.
    """
    rows = text.lstrip("\ufeff").splitlines()
    if len(rows) <= ticks:
        raise _unreadable(f"it has {len(rows)} lines, a run of {ticks} ticks needs {ticks + 1}")
    found = np.zeros((ticks, outputs), bool)
    for tick, row in enumerate(rows[1 : ticks + 1]):
        values = row.split()
        if len(values) != outputs or not set(values) <= {"0", "1"}:
            raise _unreadable(f"line {tick + 2} is not {outputs} times 0 or 1")
        found[tick] = [value == "1" for value in values]
    return found


def _unreadable(reason: str) -> InputError:
    message = f"the output of RANC cannot be read: {reason}"
    return InputError(Diagnostic("SN579", message, help="run RANC for one tick more than the map"))

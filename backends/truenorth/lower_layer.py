"""A layer's corelet: its tiles with crossbars, from whole weights to axons and bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.backends.truenorth.codes_of_weights import Counts, Spelling, bits_of
from snnc.backends.truenorth.parts import Tile, parameters
from snnc.backends.truenorth.tiles import Demand, tiles_of
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape

_REACH = 256


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A matrix of neurons that is to be put on cores.

    Attributes:
        name: Of its corelet.
        stretch: Index of the stretch whose signals its neurons send, from `first` on.
        first: Signal of its unit 0.
        role: As in `core_map.ROLES`.
        shape: Of its units.
        spelling: Its weights in axon codes.
        signals, delays: int64 (columns,): what drives each column, and the IR's further delay.
        paid: bool (columns,): whether copies of it take neurons on the chip.
        alive: bool (units,).
        parameters: arrays (units,) as in `parts.PARAMETERS`.
    """

    name: str
    stretch: int
    first: int
    role: str
    shape: Shape
    spelling: Spelling
    signals: Array
    delays: Array
    paid: Array
    alive: Array
    parameters: Mapping[str, Array]


def tiles(block: Block, copies: Array, columns: Array, spec: ChipSpec) -> list[Tile]:
    """The cores of a block.

    Args:
        block: what is to be put on cores.
        copies: int64 (units,): targets of each unit.
        columns: int64 (units,): neurons that each unit needs at least.
        spec: the chip.

    Raises:
        DoesNotFitError: a unit needs more axons than a core has.
    """
    demand = Demand(
        pattern=block.spelling.quotients,
        axons=block.spelling.axons,
        paid=block.paid,
        copies=copies,
        columns=columns,
        alive=block.alive,
        shape=block.shape,
    )
    parts = tiles_of(demand, spec)
    return [_tile(block, units, f"{block.name}/{index}") for index, units in enumerate(parts)]


def _tile(block: Block, units: Array, name: str) -> Tile:
    spelling = block.spelling
    rows = sparse.csr_matrix(spelling.quotients[units])
    inputs = np.unique(rows.indices)
    quotients = rows[:, inputs].toarray().T
    bits, which, kinds = _crossbar(quotients, spelling.counts[inputs], spelling.base)
    base = np.zeros(4, np.int64)
    base[: len(spelling.base)] = spelling.base
    return Tile(
        stretch=block.stretch,
        role=block.role,
        corelet=name,
        signals=block.first + units,
        axon_signals=block.signals[inputs][which],
        axon_delays=block.delays[inputs][which],
        axon_types=kinds.astype(np.uint8),
        bits=bits,
        strengths=(spelling.units[units, None] * base).astype(np.int16),
        parameters={name: values[units] for name, values in block.parameters.items()},
    )


def _crossbar(quotients: Array, counts: Array, base: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Axons for weights in units (inputs, neurons): bits, the input and the type of each axon.

    Axons of an input lie beside each other. An axon whose bit no neuron sets is left out.
    """
    parts, inputs, kinds = [], [], []
    for chosen in np.unique(counts, axis=0):
        members = np.flatnonzero((counts == chosen).all(axis=1))
        table = _table(base, (int(chosen[0]), int(chosen[1]), int(chosen[2]), int(chosen[3])))
        used = table[quotients[members] + _REACH]
        for kind in range(4):
            for copy in range(int(chosen[kind])):
                rows = used[..., kind] > copy
                kept = rows.any(axis=1)
                parts.append(rows[kept])
                inputs.append(members[kept])
                kinds.append(np.full(int(kept.sum()), kind))
    if not parts:
        none = np.zeros(0, np.int64)
        return np.zeros((0, quotients.shape[1]), bool), none, none
    which, types = np.concatenate(inputs), np.concatenate(kinds)
    order = np.lexsort((types, which))
    return np.concatenate(parts)[order], which[order], types[order]


@lru_cache(maxsize=1 << 12)
def _table(base: tuple[int, ...], counts: Counts) -> Array:
    """How many axons of each type every weight uses, int8 (2 * reach + 1, 4)."""
    table = np.zeros((2 * _REACH + 1, 4), np.int8)
    lowest = sum(b * c for b, c in zip(base, counts, strict=False) if b < 0)
    highest = sum(b * c for b, c in zip(base, counts, strict=False) if b > 0)
    for value in range(max(lowest, -_REACH), min(highest, _REACH) + 1):
        bits = bits_of(value, base, counts)
        if bits is not None:  # otherwise no input with these axons has this weight
            table[value + _REACH] = bits
    return table


def plain_parameters(
    thresholds: Array, leaks: Array, potentials: Array, reset: m.Reset = "subtract"
) -> dict[str, Array]:
    """Integrate-and-fire without a floor.

    With soft reset, or none, beta = 0 and kappa = 0 leave a potential below it as it is. A reset to
    zero would bring such a potential to zero too, so its floor is where no potential comes.
    """
    floor = TRUENORTH.largest_floor if reset == "zero" else 0
    return parameters(
        len(thresholds),
        thresholds=thresholds,
        leaks=leaks,
        potentials=potentials,
        floors=floor,
        resets={"zero": 0, "subtract": 1, "none": 2}[reset],
    )


def gate_parameters(thresholds: Array, biases: Array) -> dict[str, Array]:
    """Memoryless gates: alpha 1, beta 0, gamma 0, kappa 1, the rest of the sum as leak."""
    return parameters(len(thresholds), thresholds=1, leaks=biases - thresholds + 1, saturates=1)

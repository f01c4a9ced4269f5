"""The arrays of a core map while they are filled."""

from __future__ import annotations

import numpy as np

from snnc.backends.truenorth.chip import ChipSpec
from snnc.backends.truenorth.core_map import ROLES, TO_CORE, TO_OUTPUT, UNUSED
from snnc.backends.truenorth.parts import PARAMETERS, Tile, parameters
from snnc.ir.tensors import Array


class CoreArrays:
    """Arrays of `cores` cores, as in `CoreMap`; everything is unused until it is set."""

    def __init__(self, cores: int, spec: ChipSpec) -> None:
        shape = (cores, spec.neurons)
        self.axon_types = np.zeros((cores, spec.axons), np.uint8)
        self.crossbar = np.zeros((cores, spec.axons, spec.neurons // 8), np.uint8)
        self.strengths = np.zeros((*shape, spec.types), np.int16)
        self.parameters: dict[str, Array] = {
            name: np.zeros(shape, dtype) for name, dtype in PARAMETERS.items()
        }
        self.kinds = np.full(shape, UNUSED, np.uint8)
        self.targets = np.full(shape, -1, np.int32)
        self.target_axons = np.full(shape, -1, np.int16)
        self.delays = np.zeros(shape, np.uint8)
        self.roles = np.zeros(cores, np.uint8)
        self.corelets = np.zeros(cores, np.int32)
        self.layer_of = np.full(shape, -1, np.int32)
        self.unit_of = np.full(shape, -1, np.int32)
        self.corelet_names: list[str] = []
        self._spec = spec

    def begin(self, core: int, role: str, corelet: str) -> None:
        """Say what a core is for."""
        self.roles[core] = ROLES.index(role)
        self.corelets[core] = len(self.corelet_names)
        self.corelet_names.append(corelet)

    def put_tile(self, core: int, tile: Tile, columns: Array) -> Array:
        """Fill a core with a tile, each neuron `columns` times; the signal index of each neuron."""
        which = np.repeat(np.arange(len(columns)), columns)
        count = len(which)
        self.begin(core, tile.role, tile.corelet)
        self.axon_types[core, : len(tile.axon_types)] = tile.axon_types
        bits = np.zeros((len(tile.axon_types), self._spec.neurons), bool)
        bits[:, :count] = tile.bits[:, which]
        self.crossbar[core, : len(bits)] = np.packbits(bits, axis=-1)
        self.strengths[core, :count] = tile.strengths[which]
        for name, values in tile.parameters.items():
            self.parameters[name][core, :count] = values[which]
        return which

    def put_splitter(self, core: int, axon_of: Array) -> None:
        """Fill a core with neurons that each repeat one axon."""
        count = len(axon_of)
        bits = np.zeros((self._spec.axons, self._spec.neurons), bool)
        bits[axon_of, np.arange(count)] = True
        self.crossbar[core] = np.packbits(bits, axis=-1)
        self.strengths[core, :count, 0] = 1
        for name, values in parameters(count, thresholds=1, saturates=1).items():
            self.parameters[name][core, :count] = values

    def to_core(self, core: int, neuron: int, target: int, axon: int, delay: int) -> None:
        """Connect a neuron with an axon."""
        self.kinds[core, neuron] = TO_CORE
        self.targets[core, neuron] = target
        self.target_axons[core, neuron] = axon
        self.delays[core, neuron] = delay

    def to_output(self, core: int, neuron: int, line: int) -> None:
        """Connect a neuron with an output line."""
        self.kinds[core, neuron] = TO_OUTPUT
        self.targets[core, neuron] = line

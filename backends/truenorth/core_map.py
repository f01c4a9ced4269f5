"""The core map: what a network is on cores with binary crossbars, before and after placement.

A tick of the chip: every core adds the strengths of its active axons, then the leak, then compares
with the threshold, fires and resets (Cassidy et al. 2013). A spike reaches one axon after 1 to 15
ticks. Arrays have one row per core; C cores, 256 axons and 256 neurons each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.chip import TRUENORTH, ChipSpec
from snnc.ir.tensors import Array

UNUSED, TO_CORE, TO_OUTPUT = 0, 1, 2
"""Where a neuron's spikes go: nowhere (the neuron is unused), to an axon, or off the chip."""

ROLES = ("compute", "splitter", "clock", "partial", "gate")
"""What a core is for, by number: neurons of a layer; copies of spikes and delays; bias clocks;
partial sums of a layer in whole steps; the gates that let its neurons fire once a step."""


@dataclass(frozen=True, slots=True)
class PinGroup:
    """Input pins that belong together: units of an input or of a population on the host.

    `pins` are `start` to `start + size`, one for each unit in row-major order; `sign` is that of
    the spikes they take (an input with spikes of both signs has two groups).
    """

    source: str
    start: int
    size: int
    sign: int = 1


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """Output lines `start` to `start + size`: units of a population that a head reads.

    A unit that could never matter has no neuron, and its line stays silent.
    """

    population: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A population on the chip. Its step t is the chip's tick `t * ticks_per_step + first_tick`.

    `code`: how its weights are spelled, for reports.
    """

    name: str
    first_tick: int
    code: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CoreMap:
    """Cores, what drives them and what they drive.

    Attributes:
        name: Of the network.
        axon_types: uint8 (C, 256), 0 to 3.
        crossbar: uint8 (C, 256, 32): for each axon a bit per neuron, most significant bit first
            (`numpy.packbits` along the neurons).
        strengths: int16 (C, 256, 4): what an axon of each type adds to a neuron.
        leaks: int16 (C, 256), added in every tick.
        thresholds: int32 (C, 256), alpha: fires at or above it.
        floors: int32 (C, 256), beta >= 0: magnitude of the negative threshold.
        resets: uint8 (C, 256), gamma: 0 to `reset potential`, 1 subtracts the threshold, 2 none.
        saturates: bool (C, 256), kappa: below the negative threshold the potential is held there.
        reset_exponents: int8 (C, 256): reset potential `R = sign(e) * (2**|e| - 1)`.
        potentials: int32 (C, 256), at tick 0.
        kinds: uint8 (C, 256): `UNUSED`, `TO_CORE` or `TO_OUTPUT`.
        targets: int32 (C, 256): core or output line; -1 where unused.
        target_axons: int16 (C, 256): axon of the target core; -1 where there is none.
        delays: uint8 (C, 256): ticks from spike to arrival; 0 where there is none.
        positions: int16 (C, 2): column and row on the mesh.
        roles: uint8 (C,), index into `ROLES`.
        corelets: int32 (C,), index into `corelet_names`.
        layer_of: int32 (C, 256), index into `layers` of the population that a neuron stands for;
            -1 for splitters, clocks and unused neurons.
        unit_of: int32 (C, 256), which unit of it (row-major); -1 where `layer_of` is. The same unit
            several times: replicas, whose spikes are equal.
        pin_starts: int64 (P + 1,): entries of each input pin in the next three arrays.
        pin_cores, pin_axons: int32: where a pin's spike goes.
        pin_delays: int32, 0 or more: ticks from the step's first tick to its arrival. A spike of
            step t through an entry of delay d is there in tick `t * ticks_per_step + d`.
        outputs: Output lines.
        layers: The populations on the chip.
        corelet_names: Paths `layer/part` of the hierarchy.
        pins, heads: What the pins and output lines are.
        ticks_per_step: 1, or more where partial sums are exact.
        spec: The chip.
    """

    name: str
    axon_types: Array
    crossbar: Array
    strengths: Array
    leaks: Array
    thresholds: Array
    floors: Array
    resets: Array
    saturates: Array
    reset_exponents: Array
    potentials: Array
    kinds: Array
    targets: Array
    target_axons: Array
    delays: Array
    positions: Array
    roles: Array
    corelets: Array
    layer_of: Array
    unit_of: Array
    pin_starts: Array
    pin_cores: Array
    pin_axons: Array
    pin_delays: Array
    outputs: int
    layers: tuple[Layer, ...]
    corelet_names: tuple[str, ...]
    pins: tuple[PinGroup, ...]
    heads: tuple[OutputGroup, ...]
    ticks_per_step: int = 1
    spec: ChipSpec = TRUENORTH

    @property
    def cores(self) -> int:
        """Number of cores C."""
        return len(self.axon_types)

    @property
    def used(self) -> Array:
        """Neurons in use, bool (C, 256)."""
        used: Array = self.kinds != UNUSED
        return used

    def bits(self, core: int) -> Array:
        """The crossbar of a core, bool (256 axons, 256 neurons)."""
        return np.unpackbits(self.crossbar[core], axis=-1).astype(bool)

    def ticks(self, steps: int) -> int:
        """Ticks of a run of `steps` time steps, to the last step of the last layer."""
        last = max((layer.first_tick for layer in self.layers), default=0)
        return (steps - 1) * self.ticks_per_step + last + 1

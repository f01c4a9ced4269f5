"""What a run of a core map gives: outputs, spikes of layers, and counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.truenorth.core_map import TO_CORE, CoreMap
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class LayerSpikes:
    """The spikes of a layer's units, one replica each (all replicas were found equal).

    Attributes:
        units: int64 (U,), ascending: the units that have neurons.
        spikes: bool (N, steps, U): those of step t in tick `t * ticks_per_step + first_tick`; as
            many steps as the run's ticks hold.
        strays: Spikes of these units in ticks that are of no step, over all samples.
    """

    units: Array
    spikes: Array
    strays: int


@dataclass(frozen=True, slots=True, eq=False)
class ChipRun:
    """A run of N samples for a number of ticks, every sample from the initial potentials.

    Attributes:
        outputs: bool (N, ticks, output lines).
        layers: What was recorded, by layer.
        probes: int32 (N, ticks, probes): potentials at the end of each tick.
        probe_spikes: bool (N, ticks, probes).
        spikes: int64 (N,): spikes of all neurons.
        synaptic_operations: int64 (N,): axon active and crossbar bit set, neuron in use.
        packets: int64 (N,): spikes to an axon, of neurons.
        hops: int64 (N,): steps of these packets on the mesh.
        input_packets: int64 (N,): spikes from pins to an axon.
        output_packets: int64 (N,): spikes to an output line.
        neuron_spikes: int64 (C, neurons): over all samples.
        lowest, highest: The extreme potentials, before a spike is subtracted.
    """

    outputs: Array
    layers: dict[str, LayerSpikes]
    probes: Array
    probe_spikes: Array
    spikes: Array
    synaptic_operations: Array
    packets: Array
    hops: Array
    input_packets: Array
    output_packets: Array
    neuron_spikes: Array
    lowest: int
    highest: int

    def traffic(self, core_map: CoreMap) -> tuple[Array, Array, Array]:
        """Packets between cores over all samples: sources, targets, counts, sorted, none zero."""
        inside = core_map.kinds == TO_CORE
        sources = np.broadcast_to(np.arange(core_map.cores)[:, None], inside.shape)[inside]
        keys = sources.astype(np.int64) * core_map.cores + core_map.targets[inside]
        pairs, places = np.unique(keys, return_inverse=True)
        counts = np.zeros(len(pairs), np.int64)
        np.add.at(counts, places, self.neuron_spikes[inside])
        some = counts > 0
        return pairs[some] // core_map.cores, pairs[some] % core_map.cores, counts[some]

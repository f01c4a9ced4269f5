"""Synaptic operations of samples that exit, counted connection by connection from rasters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.reference import Trace
from snnc.ir import model as m
from snnc.ir.linear import fan_out, macs
from snnc.ir.tensors import Array


class Sent:
    """What every source of a network sends step by step, where nobody exits.

    Args:
        network: The network.
        rasters: Every spike of each population that fires, in a run without exits.
        arrays: The inputs of that run.
        runs: Full-length runs by their number of steps, those that will be asked for.
    """

    def __init__(
        self,
        network: m.Network,
        rasters: Mapping[str, Array],
        arrays: Mapping[str, Array],
        runs: Mapping[int, Trace],
    ) -> None:
        events = {i.name for i in network.inputs if isinstance(i.coding, m.Events)}
        self._network = network
        self._rasters = {**rasters, **{name: arrays[name] for name in events}}
        self._runs = runs
        self._fan_outs = {
            (incoming.source, population.name, index): fan_out(
                incoming.ops, network.source_shape(incoming.source), network.array
            )
            for population in network.populations
            for index, incoming in enumerate(population.incoming)
        }

    def operations(self, source: str, sample: int, ran: Mapping[str, int]) -> int:
        """Of one source: the spikes sent in the steps that the owner of each synapse `ran`."""
        return sum(
            int((self._events(source, sample, ran[reader]) * synapses).sum())
            for (name, reader, _), synapses in self._fan_outs.items()
            if name == source and ran[reader]
        )

    def _events(self, source: str, sample: int, steps: int) -> Array:
        """The spikes of each neuron of a source in its first steps, of either sign."""
        if source in self._rasters:
            spikes: Array = (self._rasters[source][:steps, sample] != 0).sum(axis=0)
            return spikes
        # Poisson spikes of one neuron all have one sign.
        net: Array = np.abs(self._runs[steps].spike_counts[source][sample])
        return net


def direct_macs(network: m.Network, ran: Mapping[str, int]) -> int:
    """Of the analog inputs, for the populations that ran at all."""
    direct = {i.name for i in network.inputs if isinstance(i.coding, m.Direct)}
    return sum(
        macs(incoming.ops, network.source_shape(incoming.source), network.array)
        for population in network.populations
        for incoming in population.incoming
        if incoming.source in direct and ran[population.name]
    )

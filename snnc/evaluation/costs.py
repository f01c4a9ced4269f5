"""What the samples of a data set cost: spikes, synaptic operations, updates, time steps."""

from __future__ import annotations

import math

import numpy as np

from snnc.backends.reference.trace import Trace
from snnc.evaluation.energy import OperationCounts
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array


class CostSums:
    """Gathers the operations of runs of one network batch by batch.

    Layers may run for different numbers of steps (exits in order of depth), so time steps are taken
    from the updates of each population.
    """

    def __init__(self, network: m.Network) -> None:
        self.samples = 0
        self._network = network
        self._macs = {p.name: population_macs(network, p) for p in network.populations}
        self._spikes = 0
        self._synops = 0
        self._updates = 0
        self._driven = 0
        self._work = 0
        self._direct_macs = 0

    def add(self, trace: Trace) -> None:
        """Add a batch."""
        self.samples += trace.samples
        self._spikes += sum(int(n.sum()) for n in trace.spikes.values())
        self._synops += sum(int(n.sum()) for n in trace.synops.values())
        self._updates += sum(int(n.sum()) for n in trace.updates.values())
        self._direct_macs = trace.direct_macs
        steps = layer_steps(self._network, trace)
        self._work += sum(self._macs[name] * int(n.sum()) for name, n in steps.items())
        self._driven += _driven(self._network, trace, steps)

    def operations(self, ann_macs: int | None) -> OperationCounts:
        """The mean counts of a sample; `ann_macs`: of the original network, where it is known."""
        return OperationCounts(
            spikes=self._spikes / self.samples,
            synops=self._synops / self.samples,
            direct_macs=float(self._direct_macs),
            updates=self._updates / self.samples,
            driven=self._driven / self.samples,
            ann_macs=None if ann_macs is None else float(ann_macs),
        )

    def equivalent_steps(self) -> float:
        """Mean time steps of the whole network that would cost what the layers' steps cost.

        Each layer counts by its share of the multiply-accumulates. Where all layers run equally
        long, this is how long they run.
        """
        return self._work / (self.samples * max(sum(self._macs.values()), 1))


def layer_steps(network: m.Network, trace: Trace) -> dict[str, Array]:
    """The time steps (N,) that each population ran for each sample."""
    return {p.name: trace.updates[p.name] // math.prod(p.shape) for p in network.populations}


def population_macs(network: m.Network, population: m.Population) -> int:
    """Multiply-accumulates of all connections into a population."""
    return sum(
        linear.macs(i.ops, network.source_shape(i.source), network.array)
        for i in population.incoming
    )


def _driven(network: m.Network, trace: Trace, steps: dict[str, Array]) -> int:
    """Sum over the samples of the steps in which input acted on the layers that read it."""
    inputs = {i.name for i in network.inputs}
    readers = [p.name for p in network.populations if {i.source for i in p.incoming} & inputs]
    longest = np.max([steps[name] for name in readers], axis=0) if readers else trace.steps_run
    lengths, samples = np.unique(longest, return_counts=True)
    return sum(
        trace.schedule.drive(length) * number
        for length, number in zip(lengths.tolist(), samples.tolist(), strict=True)
    )

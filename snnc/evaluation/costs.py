"""What the samples of a data set cost: spikes, synaptic operations, updates, time steps."""

from __future__ import annotations

import math

import numpy as np

from snnc.backends.reference.results import direct_macs
from snnc.backends.reference.trace import Trace
from snnc.evaluation.energy import OperationCounts
from snnc.ir import model as m
from snnc.ir.interpret import population_macs
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
        self._analog_macs = direct_macs(network)
        self._spikes: dict[str, int] = {}
        self._synops = 0
        self._updates = 0
        self._work = 0
        self._direct_macs = 0
        self._repeated_macs = 0

    def add(self, trace: Trace) -> None:
        """Add a batch."""
        self.samples += trace.samples
        for name, sent in trace.spikes.items():
            self._spikes[name] = self._spikes.get(name, 0) + int(sent.sum())
        self._synops += sum(int(n.sum()) for n in trace.synops.values())
        self._updates += sum(int(n.sum()) for n in trace.updates.values())
        self._direct_macs += int(trace.direct_macs.sum())
        steps = layer_steps(self._network, trace)
        self._work += sum(self._macs[name] * int(n.sum()) for name, n in steps.items())
        for name, macs in self._analog_macs.items():
            self._repeated_macs += macs * _driven(trace, steps[name]) if macs else 0

    def operations(self, ann_macs: int | None) -> OperationCounts:
        """The mean counts of a sample; `ann_macs`: of the original network, where it is known."""
        return OperationCounts(
            spikes=sum(self._spikes.values()) / self.samples,
            synops=self._synops / self.samples,
            direct_macs=self._direct_macs / self.samples,
            updates=self._updates / self.samples,
            driven=self._repeated_macs / max(self._direct_macs, 1),
            ann_macs=None if ann_macs is None else float(ann_macs),
        )

    def spikes(self) -> dict[str, float]:
        """The mean spikes of a sample, by source."""
        return {name: sent / self.samples for name, sent in self._spikes.items()}

    def equivalent_steps(self) -> float:
        """Mean time steps of the whole network that would cost what the layers' steps cost.

        Each layer counts by its share of the multiply-accumulates. Where all layers run equally
        long, this is how long they run.
        """
        return self._work / (self.samples * max(sum(self._macs.values()), 1))


def layer_steps(network: m.Network, trace: Trace) -> dict[str, Array]:
    """The time steps (N,) that each population ran for each sample."""
    return {p.name: trace.updates[p.name] // math.prod(p.shape) for p in network.populations}


def _driven(trace: Trace, steps: Array) -> int:
    """Sum over the samples of the steps in which input acted on a layer that ran `steps` (N,)."""
    lengths, samples = np.unique(steps, return_counts=True)
    return sum(
        trace.schedule.drive(length) * number
        for length, number in zip(lengths.tolist(), samples.tolist(), strict=True)
    )

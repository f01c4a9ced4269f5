"""Collecting what the groups of a run give into one trace, channels first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnc.backends.reference.layout import to_outer
from snnc.backends.reference.plan import Plan
from snnc.backends.reference.session import Block, Session
from snnc.backends.reference.trace import Trace
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear, model
from snnc.ir.tensors import Array


class Results:
    """Arrays for all samples; every group writes its own rows, so threads need no lock."""

    def __init__(
        self, plan: Plan, fan_out: Mapping[str, Array], steps: int, samples: int, integer: bool
    ) -> None:
        self._plan = plan
        self._fan_out = fan_out
        self._steps = steps
        self._samples = samples
        self._potential_dtype: np.dtype[Any] = np.dtype(np.int64) if integer else plan.dtype
        network = plan.network
        self._counts = {
            name: np.zeros((samples, *entry.shape), self._count_dtype(name))
            for name, entry in plan.trains.items()
        }
        self._spikes = {name: np.zeros(samples, np.int64) for name in plan.trains}
        self._synops = {name: np.zeros(samples, np.int64) for name in plan.trains}
        self._membranes = {
            p.name: np.zeros((samples, *p.shape), self._potential_dtype)
            for p in network.populations
            if isinstance(p.neuron, (model.IF, model.Integrator))
        }
        self._outputs = {
            h.name: np.zeros((steps, samples, math.prod(network.population(h.population).shape)))
            for h in network.heads
        }
        self._rasters: dict[str, Array] = {}
        self._traces: dict[str, Array] = {}

    def allocate(self, record: Sequence[str], record_membrane: Sequence[str]) -> None:
        """Room for the rasters and membrane traces that were asked for."""
        shapes = {name: train.shape for name, train in self._plan.trains.items()}
        lead = (self._steps, self._samples)
        self._rasters = {n: np.zeros((*lead, *shapes[n]), np.int8) for n in record}
        self._traces = {
            n: np.zeros((*lead, *shapes[n]), self._potential_dtype) for n in record_membrane
        }

    def put_block(self, group: range, block: Block) -> None:
        """The read-outs and recordings of one block of a group."""
        rows = slice(group.start, group.stop)
        for name, values in block.outputs.items():
            self._outputs[name][block.start : block.start + len(values), rows] = values
        for name, values in block.rasters.items():
            small = values.astype(np.int8)
            if (small != values).any():
                raise _not_binary(name)
            self._rasters[name][block.start : block.start + len(values), rows] = small
        for name, values in block.membranes.items():
            self._traces[name][block.start : block.start + len(values), rows] = values

    def put_session(self, group: range, session: Session) -> None:
        """The counters and potentials of a group that is done."""
        rows = slice(group.start, group.stop)
        for name, counts in session.counts():
            rank = len(self._plan.trains[name].shape)
            self._counts[name][rows] = to_outer(counts.net, rank)
            events = to_outer(counts.events, rank).reshape(len(group), -1)
            self._spikes[name][rows] = events.sum(axis=1, dtype=np.int64)
            fan_out = self._fan_out[name].reshape(-1)
            # Counts and fan-outs are far below 2^53, so a float64 product is exact, and fast.
            total = events.astype(np.float64) @ fan_out.astype(np.float64)
            self._synops[name][rows] = total.astype(np.int64)
        for name, potential in session.potentials():
            rank = len(self._plan.trains[name].shape)
            self._membranes[name][rows] = to_outer(potential, rank)

    def trace(self) -> Trace:
        """The whole run."""
        network = self._plan.network
        return Trace(
            steps=self._steps,
            samples=self._samples,
            outputs=self._outputs,
            spike_counts={name: _narrow(array) for name, array in self._counts.items()},
            spikes=self._spikes,
            synops=self._synops,
            updates={p.name: math.prod(p.shape) for p in network.populations},
            direct_macs=direct_macs(network),
            membranes=self._membranes,
            rasters=self._rasters,
            membrane_traces=self._traces,
        )

    def _count_dtype(self, name: str) -> type[np.generic]:
        """Only pools and event inputs can carry graded spikes."""
        for population in self._plan.network.populations:
            if population.name == name:
                graded = isinstance(population.neuron, model.POOL_NEURONS)
                return np.float64 if graded else np.int32
        return np.float64


def direct_macs(network: model.Network) -> int:
    """Multiply-accumulates per sample of all connections from inputs with direct coding."""
    direct = {i.name for i in network.inputs if isinstance(i.coding, model.Direct)}
    return sum(
        linear.macs(incoming.ops, network.source_shape(incoming.source), network.array)
        for population in network.populations
        for incoming in population.incoming
        if incoming.source in direct
    )


def _narrow(counts: Array) -> Array:
    """Counts as int32 where all are whole."""
    if counts.dtype == np.int32:
        return counts
    narrow = counts.astype(np.int32)
    return narrow if bool((narrow == counts).all()) else counts


def _not_binary(name: str) -> InputError:
    return InputError(
        Diagnostic(
            "SN509",
            f"the spikes of {name} are not whole numbers of -128 to 127",
            f"population {name}",
            "leave it out of the raster; its spike counts are exact",
        )
    )

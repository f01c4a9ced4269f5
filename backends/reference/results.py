"""Collecting what the groups of a run give into one trace, channels first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from snnc.backends.reference.first_spikes import FireOnce
from snnc.backends.reference.handover import Block, Departure
from snnc.backends.reference.layout import inner_shape, to_outer
from snnc.backends.reference.neurons import Accumulate, Fire
from snnc.backends.reference.plan import Plan
from snnc.backends.reference.synapses import FanOut
from snnc.backends.reference.trace import Exits, Trace
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear, model
from snnc.ir.decide import Verdict
from snnc.ir.spike_times import NO_SPIKE
from snnc.ir.tensors import Array


class Results:
    """Arrays for all samples; every group writes its own rows, so threads need no lock."""

    def __init__(
        self,
        plan: Plan,
        fan_outs: Mapping[str, FanOut],
        steps: int,
        samples: int,
        integer: bool,
        exits: bool = False,
    ) -> None:
        self._plan = plan
        self._fan_outs = fan_outs
        self._macs = direct_macs(plan.network)
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
        self._updates = {p.name: np.zeros(samples, np.int64) for p in network.populations}
        self._active = {layer.name: layer.active for layer in plan.layers}
        self._direct_macs = np.zeros(samples, np.int64)
        self._steps_run = np.full(samples, steps, np.int64)
        self._settled = np.full(samples, -1, np.int64)
        self._membranes = {
            p.name: np.zeros((samples, *p.shape), self._potential_dtype)
            for p in network.populations
            if not isinstance(p.neuron, model.POOL_NEURONS)
        }
        self._times = {
            p.name: np.full((samples, *p.shape), NO_SPIKE, np.int16)
            for p in network.populations
            if isinstance(p.neuron, (model.TTFS, model.IntegerTTFS))
        }
        self._initial = {
            layer.name: np.broadcast_to(layer.dynamics.v_init, inner_shape(layer.shape))
            for layer in plan.layers
            if isinstance(layer.dynamics, (Fire, Accumulate, FireOnce))
        }
        self._outputs = {
            h.name: np.zeros((steps, samples, math.prod(network.population(h.population).shape)))
            for h in network.heads
        }
        self._rasters: dict[str, Array] = {}
        self._traces: dict[str, Array] = {}
        self._exits = _no_exits(network, samples) if exits else None

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
        rows = group.start + block.rows
        for name, values in block.outputs.items():
            self._outputs[name][block.start : block.start + len(values), rows] = values
        for name, values in block.rasters.items():
            small = values.astype(np.int8)
            if (small != values).any():
                raise _not_binary(name)
            self._rasters[name][block.start : block.start + len(values), rows] = small
        for name, values in block.membranes.items():
            self._traces[name][block.start : block.start + len(values), rows] = values

    def put_departure(self, group: range, departure: Departure) -> None:
        """The counters and potentials of samples of a group that are done.

        Where they left before the last step, their read-outs and potentials stay as they are.
        """
        rows = group.start + departure.rows
        self._steps_run[rows] = departure.steps_run
        self._settled[rows] = departure.settled
        for name, ran in departure.ran.items():
            neurons = math.prod(self._plan.trains[name].shape)
            self._updates[name][rows] = acted(self._active[name], ran) * neurons
            self._direct_macs[rows] += self._macs[name] * (ran > 0)
        if self._exits is not None:
            for head in self._plan.network.heads:
                self._exits.ran[head.name][rows] = departure.ran[head.population]
        for name, counts in departure.counts.items():
            rank = len(self._plan.trains[name].shape)
            self._counts[name][rows] = to_outer(counts.net, rank)
            sums = self._fan_outs[name].sums(counts.events)
            for readers, operations in departure.behind.get(name, {}).items():
                sums[:, 1 + readers] = operations
            self._spikes[name][rows] = sums[:, 0]
            self._synops[name][rows] = sums[:, 1:].sum(axis=1)
        for name, array in self._membranes.items():
            potential = departure.potentials.get(name, self._initial[name])
            rank = len(self._plan.trains[name].shape)
            array[rows] = to_outer(potential, rank)
        for name, times in departure.times.items():
            self._times[name][rows] = to_outer(times, len(self._plan.trains[name].shape))
        self._hold(rows, departure)

    def _hold(self, rows: Array, departure: Departure) -> None:
        """Fill the steps after the last one that each population ran."""
        resting = departure.settled >= 0
        for head in self._plan.network.heads:
            time = departure.clocks[head.population]
            if not 0 < time < self._steps:
                continue
            array = self._outputs[head.name]
            array[time:, rows] = array[time - 1, rows]
            if isinstance(head.readout, model.FirstSpike) and resting.any():
                later = np.arange(1, self._steps - time + 1)[:, None, None]
                held = array[time - 1, rows[resting]]
                array[time:, rows[resting]] = held + later * (held > 0)
        for name, array in self._traces.items():
            array[departure.clocks[name] :, rows] = self._membranes[name][rows]

    def read_outs(self, heads: Iterable[str], step: int, rows: Array) -> dict[str, Array]:
        """The read-outs (rows, K) of some heads after a step, from 1."""
        return {name: self._outputs[name][step - 1, rows] for name in heads}

    def put_answers(self, rows: Array, steps: int, verdict: Verdict) -> None:
        """What a policy said of samples that stop after `steps` time steps."""
        assert self._exits is not None
        self._exits.step[rows] = steps
        for name in ("head", "answer", "score", "sure"):
            getattr(self._exits, name)[rows] = getattr(verdict, name)

    def trace(self) -> Trace:
        """The whole run."""
        network = self._plan.network
        schedule = network.schedule or model.Synchronous(self._steps)
        return Trace(
            schedule=schedule,
            steps=self._steps,
            samples=self._samples,
            outputs=self._outputs,
            spike_counts={name: _narrow(array) for name, array in self._counts.items()},
            spikes=self._spikes,
            synops=self._synops,
            updates=self._updates,
            steps_run=self._steps_run,
            settled=self._settled if isinstance(schedule, model.Gated) else None,
            direct_macs=self._direct_macs,
            membranes=self._membranes,
            rasters=self._rasters,
            membrane_traces=self._traces,
            exits=self._exits,
            spike_times=self._times,
        )

    def _count_dtype(self, name: str) -> type[np.generic]:
        """Only pools and event inputs can carry graded spikes."""
        for population in self._plan.network.populations:
            if population.name == name:
                graded = isinstance(population.neuron, model.POOL_NEURONS)
                return np.float64 if graded else np.int32
        return np.float64


def acted(active: range | None, ran: Array) -> Array:
    """In how many of the first `ran` steps (n,) a population acted, int64 (n,)."""
    if active is None:
        return ran
    steps: Array = np.minimum(np.maximum(ran - active.start, 0), len(active))
    return steps


def _no_exits(network: model.Network, samples: int) -> Exits:
    step, head, answer = (np.zeros(samples, np.int64) for _ in range(3))
    ran = {entry.name: np.zeros(samples, np.int64) for entry in network.heads}
    return Exits(step, head, answer, np.zeros(samples), np.zeros(samples, np.bool_), ran)


def direct_macs(network: model.Network) -> dict[str, int]:
    """Multiply-accumulates per sample of each population, from inputs with direct coding."""
    direct = {i.name for i in network.inputs if isinstance(i.coding, model.Direct)}
    return {
        population.name: sum(
            linear.macs(incoming.ops, network.source_shape(incoming.source), network.array)
            for incoming in population.incoming
            if incoming.source in direct
        )
        for population in network.populations
    }


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

"""Time to first spike, layer by layer: a whole window of a layer at once, for every sample.

Where a neuron fires only after all its input has come, its potential is the sum of what the spikes
are worth, and its spike time is the first threshold below that (Park and Yoon 2021, eq. 4 and 5).
So a layer costs one product for its whole window. `Simulator` takes this way by itself where it can
(`fits`); the spikes are those of the simulation step by step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from snnc.backends.reference.drive import Drive
from snnc.backends.reference.first_spikes import FireOnce, times_of
from snnc.backends.reference.groups import Job
from snnc.backends.reference.handover import Block, Departure
from snnc.backends.reference.layout import Workspace, inner_shape, to_inner, to_outer
from snnc.backends.reference.neurons import Counts
from snnc.backends.reference.plan import Connection, Layer, Plan
from snnc.backends.reference.pools import MaxPool
from snnc.backends.reference.read_outs import Heads
from snnc.ir import model
from snnc.ir.phases import kernels, phases_of
from snnc.ir.spike_times import NO_SPIKE, decode, encode
from snnc.ir.tensors import Array


def fits(network: model.Network, steps: int) -> bool:
    """Whether all input of every neuron has come before it may fire, in a run of `steps` steps."""
    timing = phases_of(network)
    if timing is None or network.schedule is None or steps != network.schedule.steps:
        return False
    sending = kernels(network).keys()
    for population in network.populations:
        if isinstance(population.neuron, (model.TTFS, model.IntegerTTFS)):
            waits = any(i.source in sending for i in population.incoming)
            begins = timing.integrates[population.name]
            if timing.fires[population.name] < begins + (timing.window if waits else 0):
                return False
    timed = {p.name for p in network.populations if not isinstance(p.neuron, model.Integrator)}
    return not any(
        isinstance(h.readout, model.Membrane) and h.population in timed for h in network.heads
    )


class WindowJob(Job):
    """A run that takes whole windows; see `groups.Job`."""

    def run(self, group: range) -> Iterator[None]:
        """One group of samples; yields once, at its end."""
        if not self.stop.is_set():
            work: Workspace | None = getattr(self._local, "work", None)
            if work is None:
                work = self._local.work = Workspace(self._plan.dtype)
            run = WindowRun(self._plan, self._cut(group), len(group), work)
            run.everything()
            self._results.put_block(group, run.block(self._steps, self._record))
            self._results.put_departure(group, run.departure(self._steps))
            self._advance(self._steps * len(group))
            yield


class WindowRun:
    """One group of samples: spike times by source, potentials by population, channels last."""

    def __init__(
        self, plan: Plan, inputs: Mapping[str, Array], samples: int, work: Workspace
    ) -> None:
        assert plan.phases is not None
        self._plan, self._samples, self._work = plan, samples, work
        self._phases = plan.phases
        self._inputs = inputs
        self._kernels = {n: k.astype(plan.dtype) for n, k in kernels(plan.network).items()}
        self._drive = Drive(plan, inputs, samples, 0, work)
        self._times: dict[str, Array] = {}
        self._signs: dict[str, Array] = {}
        self._potentials: dict[str, Array] = {}

    def everything(self) -> None:
        """All layers, in order."""
        for entry in self._plan.network.inputs:
            if isinstance(entry.coding, model.SpikeTime):
                rank = len(entry.shape)
                times, signs = times_of(entry.coding, self._inputs[entry.name])
                self._times[entry.name] = to_inner(times, rank)
                self._signs[entry.name] = to_inner(signs, rank)
        self._drive.prepare([layer.name for layer in self._plan.layers])
        for layer in self._plan.layers:
            if isinstance(layer.dynamics, MaxPool):
                self._times[layer.name] = self._earliest(layer, layer.dynamics)
                continue
            potential = self._summed(layer)
            if isinstance(layer.dynamics, FireOnce):
                times = encode_inner(potential, layer.dynamics.thresholds)
                self._times[layer.name] = times
            self._potentials[layer.name] = potential

    def _summed(self, layer: Layer) -> Array:
        """The potential of a layer once all its input has come."""
        return self._heard(layer, slice(None), None)

    def _heard(self, layer: Layer, rows: Array | slice, before: int | None) -> Array:
        """The potential of a layer, some samples, by what came in the steps before the given one.

        None for all steps; else its window has begun before.
        """
        shape = inner_shape(layer.summed)
        count = self._samples if isinstance(rows, slice) else len(rows)
        total = np.zeros((count, *shape), self._plan.dtype)
        total += layer.dynamics.v_init if not isinstance(layer.dynamics, MaxPool) else 0
        begin = self._phases.integrates[layer.name]
        for current in self._drive.currents(layer.name, begin, slice(0, self._samples)):
            total += current if len(current) == 1 else current[rows]
        for connection in layer.spiking:
            name = connection.source
            times = self._times[name][rows]
            if before is not None:
                times = np.where(times + connection.first < before, times, NO_SPIKE)
            worth = decode(times, self._kernels[name])
            if name in self._signs:
                worth = worth * self._signs[name][rows]
            total += self._through(connection, worth)
        return total

    def _through(self, connection: Connection, values: Array) -> Array:
        """A connection's chain on values (samples, *inner shape) of its source."""
        train = self._plan.trains[connection.source]
        key = ("window", connection.source)
        image = self._work.image(key, len(values), values.shape[1:], train.halo)
        image.inner[:] = values
        return connection.chain.run(image, self._work)

    def _earliest(self, layer: Layer, pool: MaxPool) -> Array:
        """The spike times of a running maximum: the first of each window."""
        steps = self._phases.window
        top, left, bottom, right = pool.border
        # The earlier, the larger; 0 is no spike, and what lies outside never wins.
        early = np.zeros((self._samples, *inner_shape(layer.summed)), self._plan.dtype)
        for connection in layer.spiking:
            times = self._times[connection.source]
            first = np.where(times == NO_SPIKE, 0, steps - times).astype(self._plan.dtype)
            early += self._through(connection, first)
        padded = np.pad(early, ((0, 0), (top, bottom), (left, right), (0, 0)))
        best = np.maximum.reduce(pool.taps(padded)).astype(np.int16)
        return np.where(best > 0, steps - best, NO_SPIKE).astype(np.int16)

    # ---- what is handed over -----------------------------------------------------------------

    def block(self, steps: int, record: Sequence[str]) -> Block:
        """Read-outs of every step, and the recorded spikes."""
        heads = Heads(self._plan.network, self._samples)
        outputs = heads.buffers(steps, heads.populations)
        for layer in self._plan.layers:
            if layer.name in heads.populations:
                self._observe(layer, heads, outputs, steps)
        rasters = {name: self._raster(name, steps) for name in record}
        return Block(0, np.arange(self._samples), outputs, rasters, {})

    def _observe(
        self, layer: Layer, heads: Heads, outputs: Mapping[str, Array], steps: int
    ) -> None:
        rank, everyone = len(layer.shape), slice(0, self._samples)
        if layer.fires:
            for step in range(steps):
                spikes = to_outer(self._sent(layer.name, step), rank)
                heads.observe(layer.name, step, everyone, spikes, None, outputs)
            return
        assert not isinstance(layer.dynamics, MaxPool)
        potential = np.zeros((self._samples, *inner_shape(layer.shape)), self._plan.dtype)
        potential += layer.dynamics.v_init
        nothing = np.zeros((self._samples, *layer.shape), np.int8)
        for step in range(steps):
            self._integrate(layer, step, potential)
            outer = to_outer(potential, rank)
            heads.observe(layer.name, step, everyone, nothing, outer, outputs)

    def _integrate(self, layer: Layer, step: int, potential: Array) -> None:
        """What one step, from 0, adds to a read-out."""
        begin, end = layer.acting(0, step, step + 1)
        if begin == end:
            return
        for current in self._drive.currents(layer.name, step, slice(0, self._samples)):
            potential += current
        for connection in layer.spiking:
            spikes = self._sent(connection.source, step - connection.delay)
            if spikes.any():
                value = self._through(connection, spikes.astype(self._plan.dtype))
                potential += connection.worth(value[None], step)[0]

    def _sent(self, name: str, step: int) -> Array:
        """The spikes of a source in a step, from 0, int8 (samples, *inner shape)."""
        local = step - self._phases.fires[name]
        times = self._times[name]
        place = local if local >= 0 else len(self._kernels[name])
        sent: Array = (times == place).view(np.int8)
        return sent * self._signs[name] if name in self._signs else sent

    def _raster(self, name: str, steps: int) -> Array:
        shape = self._plan.trains[name].shape
        rank = len(shape)
        if name not in self._times:  # an integrator
            return np.zeros((steps, self._samples, *shape), np.int8)
        return np.stack([to_outer(self._sent(name, step), rank) for step in range(steps)])

    def departure(self, steps: int) -> Departure:
        """Counts and potentials."""
        return self.leaving(np.arange(self._samples), steps)

    def leaving(self, rows: Array, steps: int) -> Departure:
        """Counts and potentials of samples (n,) that end after so many steps."""
        full = np.full(len(rows), steps, np.int64)
        counts, sent = {}, {}
        for name, times in self._times.items():
            known = times[rows]
            known = np.where(known + self._phases.fires[name] < steps, known, NO_SPIKE)
            sent[name] = known.astype(np.int16)
            events = (known != NO_SPIKE).astype(np.int32)
            signs = self._signs[name][rows] if name in self._signs else 1
            counts[name] = Counts(events * signs, events)
        names = [layer.name for layer in self._plan.layers]
        return Departure(
            rows=rows,
            time=steps,
            steps_run=full,
            settled=np.full(len(rows), -1, np.int64),
            clocks=dict.fromkeys([*self._plan.trains, *names], steps),
            ran=dict.fromkeys(names, full),
            counts=counts,
            potentials={
                layer.name: self._after(layer, rows, steps, sent)
                for layer in self._plan.layers
                if layer.name in self._potentials
            },
            behind={},
            times={n: t for n, t in sent.items() if n in self._potentials},
        )

    def _after(self, layer: Layer, rows: Array, steps: int, sent: Mapping[str, Array]) -> Array:
        """The potential of a layer after so many steps: 0 where it has fired by then."""
        begin = self._phases.integrates[layer.name]
        potential = self._potentials[layer.name][rows]
        if steps <= begin:
            assert not isinstance(layer.dynamics, MaxPool)
            potential = np.zeros_like(potential) + layer.dynamics.v_init
        elif steps < begin + self._phases.window:
            potential = self._heard(layer, rows, steps)
        if layer.name in sent:
            return np.where(sent[layer.name] == NO_SPIKE, potential, 0)
        return potential


def encode_inner(potential: Array, thresholds: Array) -> Array:
    """`encode` of potentials (samples, *inner shape); thresholds as in `FireOnce`."""
    if math.prod(thresholds.shape) == len(thresholds):
        return encode(potential, thresholds.reshape(-1))
    axis = -1 if potential.ndim == 4 else 1
    by_channel = thresholds.reshape(len(thresholds), -1)
    moved = encode(np.moveaxis(potential, axis, 1), by_channel)
    return np.moveaxis(moved, 1, axis)

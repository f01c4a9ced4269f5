"""Time to first spike, step by step: neurons that fire once, and inputs that send one spike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.layout import Workspace, inner_shape, to_inner
from snnc.backends.reference.neurons import Counts, any_of_sample, integrate
from snnc.ir import model, phases, spike_times
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, slots=True, eq=False)
class FireOnce:
    """The rule of a TTFS population; see `TTFS`.

    `thresholds` broadcast against the inner shape, (steps, 1) or (steps, C). `fires` is the number
    of steps before the fire window.
    """

    shape: Shape
    thresholds: Array
    fires: int
    v_init: Array

    def state(self, samples: int, work: Workspace) -> FireOnceState:
        """Fresh arrays for a group of samples."""
        return FireOnceState(self, samples, work)


class FireOnceState:
    """Potentials and who has fired, of a group of samples."""

    def __init__(self, rule: FireOnce, samples: int, work: Workspace) -> None:
        self._rule = rule
        self._work = work
        shape = (samples, *rule.shape)
        self.potential = np.zeros(shape, work.dtype)
        self._fired = np.zeros(shape, np.bool_)
        self._times = np.full(shape, spike_times.NO_SPIKE, np.int16)

    def step(self, parts: list[Array], out: Array | None, tile: slice, time: int) -> Array:
        """Integrate; fire where the falling threshold is reached, once; reset to zero."""
        assert out is not None
        rule = self._rule
        potential, fired = self.potential[tile], self._fired[tile]
        local = time - rule.fires
        if parts:
            integrate(potential, parts)
            if local > 0:
                # Who has fired hears nothing any more.
                np.putmask(potential, fired, 0)
        if not 0 <= local < len(rule.thresholds):
            out[:] = 0
            return np.zeros(len(potential), np.bool_)
        mask = self._work.array(("mask", rule.shape), len(potential), rule.shape, np.bool_)
        np.greater_equal(potential, rule.thresholds[local], out=mask)
        # A fired neuron rests at 0, below every threshold.
        np.copyto(out, mask)
        sent = any_of_sample(mask)
        if sent.any():
            np.putmask(potential, mask, 0)
            np.logical_or(fired, mask, out=fired)
            np.putmask(self._times[tile], mask, local)
        return sent

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self.potential, self._fired = self.potential[mask], self._fired[mask]
        self._times = self._times[mask]

    def counts(self, mask: Array | slice) -> Counts:
        """Spikes so far of some samples."""
        net = self._fired[mask].astype(np.int32)
        return Counts(net, net)

    def times(self, mask: Array | slice) -> Array:
        """The step of the fire window in which each neuron of some samples fired, int16."""
        times: Array = self._times[mask]
        return times


def fire_once(
    network: model.Network, population: model.Population, dtype: np.dtype[np.generic]
) -> FireOnce:
    """The rule of a population, computing in `dtype`."""
    neuron, timing = population.neuron, phases.phases_of(network)
    assert isinstance(neuron, (model.TTFS, model.IntegerTTFS))
    assert timing is not None
    table = phases.fire_thresholds(network, neuron).astype(dtype)
    by_channel = table.reshape(len(table), -1)
    if len(population.shape) != 3 and by_channel.shape[1] > 1:
        by_channel = by_channel.reshape(len(table), -1, *(1,) * (len(population.shape) - 1))
    return FireOnce(
        shape=inner_shape(population.shape),
        thresholds=by_channel,
        fires=timing.fires[population.name],
        v_init=np.zeros((), dtype),
    )


class TimedTrain:
    """The spikes of an input whose values come as spike times, of one group of samples.

    Attributes:
        steps: after so many, nothing more is sent.
    """

    def __init__(self, entry: model.Input, values: Array) -> None:
        assert isinstance(entry.coding, model.SpikeTime)
        self.steps = entry.coding.steps
        self.times, self.signs = times_of(entry.coding, values)
        self._rank = len(entry.shape)
        self.times = to_inner(self.times, self._rank)
        self.signs = to_inner(self.signs, self._rank)

    def keep(self, mask: Array) -> None:
        """Go on with some samples only."""
        self.times, self.signs = self.times[mask], self.signs[mask]

    def write(self, time: int, place: Array) -> None:
        """The spikes of the step after `time` others, to `place` (samples, *inner shape)."""
        np.multiply(self.signs, self.times == time, out=place, casting="unsafe")


def times_of(coding: model.SpikeTime, values: Array) -> tuple[Array, Array]:
    """Spike times int16 and signs int8 of an input's values, like `values`.

    Whatever the network computes in, the host compares in float64.
    """
    wide = values.astype(np.float64)
    times = spike_times.encode(np.abs(wide), spike_times.thresholds(coding))
    return times, np.sign(wide).astype(np.int8)

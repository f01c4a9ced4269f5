"""Inputs as a C program takes them: whole numbers, samples first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.first_spikes import times_of
from snnc.backends.reference.sources import Given, PoissonTrain, check_inputs, check_steps
from snnc.ir import model as m
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True, eq=False)
class Brought:
    """The inputs of a run of N samples.

    Attributes:
        samples: N.
        steps: time steps of the run.
        frames: in how many of them inputs act.
        arrays: int32 in the network's order: (N, *shape), or (N, frames, *shape) of frames.
        trains: of inputs that send spikes, those frames by name.
        times: of inputs that send one spike, its step from 1 with its sign, 0 for none, by name.
    """

    samples: int
    steps: int
    frames: int
    arrays: list[Array]
    trains: Mapping[str, Array]
    times: Mapping[str, Array]


def bring(network: m.Network, given: Given, steps: int | None, first: int) -> Brought:
    """Check inputs as the reference simulator does, and bring them into the program's order.

    Args:
        network: of stage fixed.
        given: as `Simulator.run` takes it.
        steps: time steps; None takes those of the schedule, or of the events.
        first: number of the first sample in its data set, by which Poisson spikes are drawn.

    Raises:
        InputError: an input does not fit (SN502 to SN508, SN513, SN514).
        UsageError: the number of time steps does not (SN505).
    """
    checked = check_inputs(network, given, True)
    count = check_steps(network, checked, steps)
    assert network.schedule is not None
    frames = network.schedule.drive(count)
    arrays = [_whole(i, checked[i.name], frames, first) for i in network.inputs]
    named = [(i.name, i.coding, a) for i, a in zip(network.inputs, arrays, strict=True)]
    trains = {n: a for n, coding, a in named if isinstance(coding, m.Poisson | m.Events)}
    times = {n: a for n, coding, a in named if isinstance(coding, m.SpikeTime)}
    return Brought(len(arrays[0]), count, frames, arrays, trains, times)


def signed_times(coding: m.SpikeTime, values: Array) -> Array:
    """The step of each value's spike, from 1, with its sign; 0 for none; int32, like `values`."""
    times, signs = times_of(coding, values)
    found: Array = (times.astype(np.int32) + 1) * signs
    return found


def _whole(entry: m.Input, values: Array, frames: int, first: int) -> Array:
    if isinstance(entry.coding, m.Poisson):
        train = PoissonTrain(entry, values, first)
        values = np.stack([train.step() for _ in range(frames)])
    if isinstance(entry.coding, m.SpikeTime):
        values = signed_times(entry.coding, values)
    elif not isinstance(entry.coding, m.Graded):
        values = values[:frames].swapaxes(0, 1)
    return np.ascontiguousarray(values, np.int32)

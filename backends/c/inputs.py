"""Inputs as a C program takes them: whole numbers, samples first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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
    """

    samples: int
    steps: int
    frames: int
    arrays: list[Array]
    trains: Mapping[str, Array]


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
    trains = {
        i.name: array
        for i, array in zip(network.inputs, arrays, strict=True)
        if not isinstance(i.coding, m.Graded)
    }
    return Brought(len(arrays[0]), count, frames, arrays, trains)


def _whole(entry: m.Input, values: Array, frames: int, first: int) -> Array:
    if isinstance(entry.coding, m.Poisson):
        train = PoissonTrain(entry, values, first)
        values = np.stack([train.step() for _ in range(frames)])
    if not isinstance(entry.coding, m.Graded):
        values = values[:frames].swapaxes(0, 1)
    return np.ascontiguousarray(values, np.int32)

"""Inputs as a Lava program takes them: whole numbers, drawn spikes as rasters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.reference.first_spikes import times_of
from snnc.backends.reference.sources import Given, PoissonTrain, check_inputs, check_steps
from snnc.diagnostics import Diagnostic, UsageError
from snnc.ir import model as m
from snnc.ir.tensors import Array


def whole_inputs(
    network: m.Network, given: Given, *, steps: int | None = None, first: int = 0
) -> tuple[dict[str, Array], int]:
    """What the reference simulator makes of inputs, and the number of time steps of the run.

    Args:
        network: of stage fixed.
        given: as `Simulator.run` takes it.
        steps: time steps; None takes those of the schedule, or of the events.
        first: number of the first sample in its data set, by which Poisson spikes are drawn.

    Returns:
        Graded inputs (N, *shape) and rasters (T, N, *shape) of Poisson spikes, events and spike
        times, int32; T is the number of steps in which the input acts.

    Raises:
        InputError: an input does not fit (SN502 to SN508, SN513).
        UsageError: the number of time steps does not (SN505), or is above that for which the
            network was compiled (SN546).
    """
    checked = check_inputs(network, given, True)
    count = check_steps(network, checked, steps)
    assert network.schedule is not None
    if count > network.schedule.steps:
        text = f"the Lava program is made for {network.schedule.steps} time steps, not for {count}"
        cure = f"compile it with --steps {count}"
        raise UsageError(Diagnostic("SN546", text, f"network {network.name}", cure))
    driven = network.schedule.drive(count)
    whole = {i.name: _whole(i, checked[i.name], driven, first, count) for i in network.inputs}
    return whole, count


def _whole(entry: m.Input, values: Array, driven: int, first: int, steps: int) -> Array:
    if isinstance(entry.coding, m.Poisson):
        train = PoissonTrain(entry, values, first)
        return np.stack([train.step() for _ in range(driven)]).astype(np.int32)
    if isinstance(entry.coding, m.Events):
        return values[:driven].astype(np.int32)
    if isinstance(entry.coding, m.SpikeTime):
        times, signs = times_of(entry.coding, values)
        frames = range(min(entry.coding.steps, steps))
        found: Array = np.stack([np.where(times == frame, signs, 0) for frame in frames])
        return found.astype(np.int32)
    return values.astype(np.int32)


def samples_of(network: m.Network, inputs: Mapping[str, Array]) -> int:
    """The number of samples of whole inputs; rasters have time in front."""
    entry = network.inputs[0]
    return int(inputs[entry.name].shape[0 if isinstance(entry.coding, m.Graded) else 1])

"""Batches as a network's input coding wants them: samples first, or time steps first for events."""

from __future__ import annotations

import math

from snnc.backends.reference.sources import rounded
from snnc.ir import model as m
from snnc.ir.tensors import Array

BATCH = 200
"""Samples that run together where nobody asks for another number."""

LEAVING_BATCH = 400
"""The same where samples stop early: the groups of a batch shrink, so they start larger."""

_ELEMENTS = 1 << 25
"""Neurons of all samples of a batch; each costs some 16 bytes of counts and potentials."""


def takes_events(network: m.Network) -> bool:
    """Whether the (only) input of the network is coded as events: (T, N, *shape)."""
    return isinstance(network.inputs[0].coding, m.Events)


def sample_count(network: m.Network, x: Array) -> int:
    """Samples of a batch."""
    return int(x.shape[1] if takes_events(network) else x.shape[0])


def first_samples(network: m.Network, x: Array, count: int) -> Array:
    """The first samples of a batch, in the form that the network takes."""
    return x[:, :count] if takes_events(network) else x[:count]


def mean_input(network: m.Network, x: Array) -> Array:
    """What the ANN is given for a batch, (N, *shape): of events their mean per driven step."""
    if not takes_events(network):
        return x
    schedule = network.schedule
    driven = len(x) if schedule is None else schedule.drive(len(x))
    mean: Array = x.sum(axis=0) / driven
    return mean


def coded_input(network: m.Network, x: Array) -> Array:
    """The mean value per driven step that the (only) input of the network stands for.

    That is the sample itself, rounded to the steps of the input where its coding says so.
    """
    coding = network.inputs[0].coding
    return rounded(coding, x) if isinstance(coding, m.Rounded) else x


def wanted_steps(network: m.Network, data: object, steps: int | None) -> int | None:
    """Time steps of a run: those asked for, those of the events, or those scheduled.

    Events of a network with gated input may end with its window; the run goes on behind it.
    """
    schedule = network.schedule
    scheduled = None if schedule is None else schedule.steps
    brought: int | None = getattr(data, "steps", None)
    if isinstance(schedule, m.Gated) and brought == schedule.window:
        brought = None
    return steps or brought or scheduled


def neurons_of(network: m.Network) -> int:
    """Neurons of all populations."""
    return sum(math.prod(p.shape) for p in network.populations)


def affordable_batch(network: m.Network, wanted: int | None = None) -> int:
    """At most `wanted` samples, fewer for a large network, so that memory stays bounded."""
    usual = BATCH if network.exit is None else LEAVING_BATCH
    return max(
        1, min(usual if wanted is None else wanted, _ELEMENTS // max(1, neurons_of(network)))
    )

"""Hop latency: what a schedule with start offsets means, in terms of layer-local time.

The machine's time steps count from 1. A population that starts at `o` acts in steps `o + 1` to
`o + T`; its own step is `t = step - o`. A spike needs one step (a hop) for every connection, and
`delay` steps more. So what a source that starts at `s` sends in its own step t reaches a target
that starts at `o` in the target's step `t + (s + 1 + delay - o)`: that bracket is the delay in
layer-local time. It is 0 where starts and delays equalise the paths.
"""

from __future__ import annotations

from dataclasses import replace

from snnc.ir import model as m

HOP = 1
"""Time steps that a spike takes through a connection of a pipelined machine."""


def starts_of(network: m.Network) -> dict[str, int] | None:
    """The step before the first one of every input and population; None without latency.

    Raises:
        ValueError: the schedule does not name one start for every population.
    """
    schedule = network.schedule
    if not isinstance(schedule, m.PIPELINED):
        return None
    names = [p.name for p in network.populations]
    inputs = dict.fromkeys((i.name for i in network.inputs), 0)
    return inputs | dict(zip(names, schedule.starts, strict=True))


def local_delay(starts: dict[str, int], target: str, incoming: m.Incoming) -> int:
    """By how many steps of layer-local time a connection delays spikes; see the module."""
    return starts[incoming.source] + HOP + incoming.delay - starts[target]


def layer_local(network: m.Network) -> m.Network:
    """The network with the same spikes in layer-local time: without latency, delays as they act."""
    starts = starts_of(network)
    if starts is None:
        return network
    populations = [
        replace(
            p,
            incoming=tuple(replace(i, delay=local_delay(starts, p.name, i)) for i in p.incoming),
        )
        for p in network.populations
    ]
    return replace(network, populations=tuple(populations), schedule=without_latency(network))


def without_latency(network: m.Network) -> m.Schedule | None:
    """The schedule of a network in layer-local time."""
    schedule = network.schedule
    if isinstance(schedule, m.PipelinedGated):
        return m.Gated(schedule.steps, schedule.window)
    if isinstance(schedule, m.PipelinedPhased):
        return m.Phased(schedule.steps, schedule.window, schedule.integrates, schedule.fires)
    return m.Synchronous(schedule.steps) if isinstance(schedule, m.Pipelined) else schedule


def machine_steps(network: m.Network) -> int:
    """Time steps of the machine until the last population has run all of its own.

    Raises:
        ValueError: the network has no schedule.
    """
    if network.schedule is None:
        raise ValueError(f"network {network.name} has no schedule")
    starts = starts_of(network) or {}
    return network.schedule.steps + max(starts.values(), default=0)

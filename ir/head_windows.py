"""When each head of a network has something to say that it has not said before."""

from __future__ import annotations

from snnc.ir import model as m
from snnc.ir.phases import phases_of


def head_windows(network: m.Network) -> dict[str, range]:
    """The time steps, from 1, after which the read-out of each head may have changed, by head.

    All steps of the schedule, but under a schedule of phases those of one window: in which an
    integrator integrates, or in which output neurons fire. Before it a read-out is empty, and so
    its first class looks like an answer; behind it, it stays as it is. So exit policies ask a head
    within its window only.

    Args:
        network: with a schedule; verified.

    Raises:
        ValueError: it has none.
    """
    schedule, timing = network.schedule, phases_of(network)
    if schedule is None:
        raise ValueError(f"network {network.name} has no schedule")
    if timing is None:
        return {head.name: range(1, schedule.steps + 1) for head in network.heads}
    found: dict[str, range] = {}
    for head in network.heads:
        membrane = isinstance(head.readout, m.Membrane)
        begin = (timing.integrates if membrane else timing.fires)[head.population]
        end = min(begin + timing.window, schedule.steps)
        found[head.name] = range(min(begin, schedule.steps) + 1, end + 1)
    return found

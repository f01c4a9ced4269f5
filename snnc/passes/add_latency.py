"""Hop latency: starts for every population, and delays that make all paths equally long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.latency import HOP, layer_local, machine_steps, without_latency
from snnc.passes.base import Context, Property
from snnc.passes.properties import SPIKING


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLatency:
    """Schedule a network for a machine on which a spike takes a time step per connection.

    Every population starts as many steps late as the longest way from an input has connections;
    shorter ways get delays, so that what is sent in one step arrives in one step. No spike changes.
    """

    name: ClassVar[str] = "add-latency"
    requires: ClassVar[tuple[Property, ...]] = (SPIKING,)
    ensures: ClassVar[tuple[Property, ...]] = (SPIKING,)

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with starts and delays.

        Raises:
            InputError: a loop of connections is faster than the machine (SN765).
        """
        network = layer_local(network)
        starts = _starts(network)
        populations = [
            replace(
                p,
                incoming=tuple(
                    replace(i, delay=i.delay + starts[p.name] - starts[i.source] - HOP)
                    for i in p.incoming
                ),
            )
            for p in network.populations
        ]
        changed = replace(
            network.with_populations(populations), schedule=_schedule(network, starts)
        )
        _note(changed, context)
        return changed


def _starts(network: m.Network) -> dict[str, int]:
    """The least starts at which no spike comes too late: longest ways, by relaxation."""
    starts = dict.fromkeys((i.name for i in network.inputs), 0)
    starts.update(dict.fromkeys((p.name for p in network.populations), 0))
    # Without loops one round in order is enough; each loop may need as many as it has populations.
    for _ in range(len(network.populations) + 1):
        before = dict(starts)
        for population in network.populations:
            for incoming in population.incoming:
                earliest = starts[incoming.source] + HOP - incoming.delay
                starts[population.name] = max(starts[population.name], earliest)
        if starts == before:
            return starts
    late = [p for p in network.populations if starts[p.name] != before[p.name]]
    raise InputError(
        Diagnostic(
            "SN765",
            f"a loop of connections through {late[0].name} has more connections than time steps of "
            "delay, and a spike takes a step for each",
            ", ".join(late[0].origin),
            "give the loop a longer delay",
        )
    )


def _schedule(network: m.Network, starts: dict[str, int]) -> m.Schedule:
    schedule = without_latency(network)
    found = tuple(starts[p.name] for p in network.populations)
    if isinstance(schedule, m.Gated):
        return m.PipelinedGated(schedule.steps, schedule.window, found)
    if isinstance(schedule, m.Phased):
        windows = (schedule.integrates, schedule.fires)
        return m.PipelinedPhased(schedule.steps, schedule.window, *windows, found)
    assert schedule is not None
    return m.Pipelined(schedule.steps, found)


def _note(network: m.Network, context: Context) -> None:
    assert network.schedule is not None
    latency = machine_steps(network) - network.schedule.steps
    unit = "step" if latency == 1 else "steps"
    text = f"add-latency: the answer is complete {latency} {unit} after the last one of the input"
    waiting = [
        f"{i.source} to {p.name} by {i.delay}"
        for p in network.populations
        for i in p.incoming
        if i.delay
    ]
    context.note(f"{text}; spikes wait from {', '.join(waiting)}" if waiting else text)

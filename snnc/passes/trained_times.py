"""Networks that were trained with spike times, for the passes that are for others."""

from __future__ import annotations

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.passes.base import Context
from snnc.passes.read_out import only_read_out


def has_spike_times(network: m.Network) -> bool:
    """Whether an activation of the network is the value of a spike time."""
    return bool(spike_timed(network))


def spike_timed(network: m.Network) -> list[m.Population]:
    """The populations with kernels of spike times."""
    return [p for p in network.populations if isinstance(p.neuron, m.TTFS)]


def without_kernels(network: m.Network) -> list[str]:
    """The populations of a network of stage ann that have to spike and have no kernel yet."""
    kept = m.TTFS | m.MaxPool2d
    populations = [p for p in network.populations if not isinstance(p.neuron, kept)]
    return [p.name for p in populations if not only_read_out(network, p)]


def in_own_units(network: m.Network) -> set[str]:
    """Populations whose kernel says what a spike is worth, and max pooling of these."""
    found: set[str] = set()
    for population in network.populations:
        pooled = isinstance(population.neuron, m.MaxPool2d)
        heard = {i.source for i in population.incoming}
        if isinstance(population.neuron, m.TTFS) or (pooled and heard & found):
            found.add(population.name)
    return found


def note_cut(network: m.Network, window: int, context: Context) -> None:
    """Tell of kernels with more steps than a window has: their least values are no longer sent."""
    cut = [
        p.name
        for p in spike_timed(network)
        if isinstance(p.neuron, m.TTFS) and p.neuron.steps > window
    ]
    if cut:
        context.note(
            f"a window of {window} steps CHANGED the network: {', '.join(cut)} was trained with "
            "more, and no longer sends its least values"
        )


def refuse_spike_times(name: str, network: m.Network) -> None:
    """Refuse a network with kernels of spike times in a pass for other codes.

    Raises:
        InputError: SN772, naming the populations.
    """
    found = spike_timed(network)
    if found:
        more = f", as have {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(
            Diagnostic(
                "SN772",
                f"pass {name} makes no spike times, and population {found[0].name} has a kernel "
                f"of them{more}: its value is the time of one spike, not a number of spikes",
                where=", ".join(found[0].origin),
                help="use schedule-ttfs instead, as --coding ttfs does",
            )
        )

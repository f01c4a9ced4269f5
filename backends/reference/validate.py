"""Checks in front of a simulation: does the network mean something, are the options sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir import model

_POTENTIALS = (model.Integrator, model.IF, model.TTFS, model.IntegerTTFS)
DTYPES = ("float32", "float64", "integer")


def check_network(network: model.Network) -> None:
    """InputError with all findings, unless the simulator can run `network`."""
    findings = list(simulation_findings(network))
    if findings:
        raise InputError(findings)


def simulation_findings(network: model.Network) -> Iterator[Diagnostic]:
    """SN501 for a network that does not spike yet, SN509 for what has no meaning."""
    if network.stage == "ann":
        yield Diagnostic(
            "SN501",
            f"network {network.name} is of stage ann; the simulator runs stages snn and fixed",
            f"network {network.name}",
            "run the pass to-spiking first",
        )
        return
    silent = {p.name for p in network.populations if isinstance(p.neuron, model.Integrator)}
    for population in network.populations:
        for incoming in population.incoming:
            if incoming.source in silent:
                yield Diagnostic(
                    "SN509",
                    f"{population.name} reads {incoming.source}, an integrator, which never fires",
                    f"population {population.name}",
                    "make the source a population that fires",
                )
    yield from _head_findings(network)


def _head_findings(network: model.Network) -> Iterator[Diagnostic]:
    for head in network.heads:
        neuron = network.population(head.population).neuron
        membrane = isinstance(head.readout, model.Membrane)
        if isinstance(head.readout, model.Logits) or (
            membrane and not isinstance(neuron, _POTENTIALS)
        ):
            yield Diagnostic(
                "SN509",
                f"head {head.name} reads {type(head.readout).__name__} of {head.population}, "
                f"a population of {type(neuron).__name__}, which has none",
                f"head {head.name}",
                "read the membrane of an integrator, or count spikes",
            )
        counting = isinstance(head.readout, (model.SpikeCount, model.FirstSpike))
        if counting and isinstance(neuron, model.Integrator):
            yield Diagnostic(
                "SN509",
                f"head {head.name} reads spikes of {head.population}, which never fires",
                f"head {head.name}",
                "read its membrane",
            )


def check_options(
    dtype: str, threads: int | None, batch_size: int | None, block_steps: int | None
) -> None:
    """UsageError SN511 for an option that is out of range."""
    if dtype not in DTYPES:
        raise UsageError(
            Diagnostic("SN511", f"dtype {dtype!r} is not known", "", f"one of {', '.join(DTYPES)}")
        )
    given = {"threads": threads, "batch_size": batch_size, "block_steps": block_steps}
    for name, value in given.items():
        if value is not None and value < 1:
            raise UsageError(Diagnostic("SN511", f"{name}={value}; at least 1 is needed"))


def check_recorded(
    network: model.Network, record: Sequence[str], record_membrane: Sequence[str]
) -> None:
    """UsageError SN506 for a name to record that the network does not have."""
    known = {p.name: p.neuron for p in network.populations}
    for name in (*record, *record_membrane):
        if name not in known:
            raise UsageError(
                Diagnostic(
                    "SN506",
                    f"there is no population {name} to record",
                    f"network {network.name}",
                    f"the populations are {', '.join(known)}",
                )
            )
    for name in record_membrane:
        if not isinstance(known[name], _POTENTIALS):
            raise UsageError(
                Diagnostic(
                    "SN506",
                    f"population {name} has no membrane potential",
                    f"population {name}",
                    "record its spikes",
                )
            )

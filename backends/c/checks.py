"""What keeps a network from being a C program: one check per condition, all of them made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from snnc.backends.c.operators import NoKernelError, kernel_of
from snnc.backends.loihi.checks_base import finding, is_whole, values_of
from snnc.backends.reference.reach import bounds_by_coding
from snnc.backends.reference.validate import simulation_findings
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit
from snnc.ir.exits import budgets
from snnc.ir.latency import layer_local
from snnc.ir.phases import kernels
from snnc.ir.shapes import summed_shape

LARGEST = 2**31 - 1
"""What 32 bits with sign hold."""

LARGEST_WEIGHT = 2**15 - 1

Check: TypeAlias = Callable[[m.Network], Iterator[Diagnostic]]


def check(network: m.Network) -> list[Diagnostic]:
    """All reasons why target c cannot take a network; none if it can."""
    if network.stage != "fixed":
        text = f"network {network.name} is of stage {network.stage}; target c computes in integers"
        cure = "run the passes fold-chains and quantize-weights{target=c}"
        return [Diagnostic("SN550", text, f"network {network.name}", cure)]
    found: list[Diagnostic] = []
    for each in (simulation_findings, *CHECKS):
        found.extend(each(network))
    # Sums are only worth adding up where all numbers are what they must be.
    return found or list(_sums(network))


def require_takeable(network: m.Network) -> None:
    """Refuse a network that target c cannot take, with every reason.

    Raises:
        InputError: SN550 to SN559.
    """
    reasons = check(network)
    if reasons:
        raise InputError(reasons)


def _inputs(network: m.Network) -> Iterator[Diagnostic]:
    for entry in network.inputs:
        where = f"input {entry.name}"
        exact = m.Graded | m.Poisson | m.Events | m.IntegerSpikeTime
        if not isinstance(entry.coding, exact):
            kind = type(entry.coding).__name__.lower()
            text = f"input {entry.name} is coded as {kind}, which brings fractions"
            cure = "code it as graded or spike times (quantize-weights does), poisson or events"
            yield Diagnostic("SN551", text, where, cure)
        elif isinstance(entry.coding, m.Events) and entry.coding.largest is None:
            text = f"input {entry.name} takes events of any size, so no sum has a bound"
            cure = "declare the largest one: events(largest=1), quantize-weights{events=1}"
            yield Diagnostic("SN551", text, where, cure)
        elif isinstance(entry.coding, m.Events) and (entry.coding.largest or 0) > LARGEST_WEIGHT:
            text = f"input {entry.name} takes events of up to {entry.coding.largest}"
            yield Diagnostic("SN551", text, where, f"at most {LARGEST_WEIGHT} are allowed")


def _schedule(network: m.Network) -> Iterator[Diagnostic]:
    schedule = network.schedule
    known = m.Synchronous | m.Gated | m.Phased
    if not isinstance(schedule, known):
        name = type(schedule).__name__
        text = f"the schedule {name} of network {network.name} has no form in C"
        cure = "compile for target reference"
        yield Diagnostic("SN564", text, f"network {network.name}", cure)


def _neurons(network: m.Network) -> Iterator[Diagnostic]:
    phased = isinstance(network.schedule, m.Phased)
    firing: type[m.IF] | type[m.IntegerTTFS] = m.IntegerTTFS if phased else m.IF
    for p in network.populations:
        neuron = p.neuron
        if isinstance(neuron, m.IF | m.IntegerTTFS) and not isinstance(neuron, firing):
            text = f"a neuron of type {type(neuron).__name__} does not stand under this schedule"
            yield finding("SN552", p, text, "compile the model again, with one --coding for all")
        elif not isinstance(neuron, m.IF | m.IntegerTTFS | m.Integrator | m.RunningMax2d):
            text = f"a neuron of type {type(neuron).__name__} has no form in C"
            pool = isinstance(neuron, m.MaxGate2d)
            cure = "pool with running_max2d, which is exact" if pool else "compile for rate code"
            yield finding("SN552", p, text, cure)
        elif isinstance(neuron, m.IF) and neuron.leak != 1.0:
            text = f"its potential leaks ({neuron.leak} per step), which makes fractions"
            yield finding("SN552", p, text, "use neurons without leak")
        elif isinstance(neuron, m.IF) and neuron.negative_spikes == "leaky":
            text = "its negative spikes stand for a leaky ReLU, of another size than positive ones"
            yield finding("SN552", p, text, "split the layer with the pass split-leaky")


def _numbers(network: m.Network) -> Iterator[Diagnostic]:
    for p in network.populations:
        parts: dict[str, object] = {"bias": p.bias}
        for name in ("threshold", "saturation", "v_init", "values", "thresholds"):
            parts[name] = getattr(p.neuron, name, None)
        for name, parameter in parts.items():
            values = values_of(network, parameter)
            if values is None:
                continue
            if not is_whole(values):
                yield finding("SN555", p, f"{name} is no whole number", "quantise it again")
            elif np.abs(values).max(initial=0) > LARGEST:
                text = f"{name} reaches {np.abs(values).max():.0f}; 32 bits hold {LARGEST}"
                yield finding("SN555", p, text, "quantise with a larger step")


def _pools(network: m.Network) -> Iterator[Diagnostic]:
    inputs = {entry.name for entry in network.inputs}
    for p in network.populations:
        if isinstance(p.neuron, m.RunningMax2d):
            alone = len(p.incoming) == 1 and not p.incoming[0].ops and p.bias is None
            if not alone or p.incoming[0].source in inputs:
                text = "a running maximum takes the spikes of one layer as they are, without bias"
                yield finding("SN558", p, text, "put an integrate-and-fire layer in front of it")


def _connections(network: m.Network) -> Iterator[Diagnostic]:
    for p in network.populations:
        if isinstance(p.neuron, m.RunningMax2d):
            continue
        for incoming in p.incoming:
            try:
                kernel = kernel_of(network, incoming, summed_shape(network, p))
            except NoKernelError as error:
                text = f"the connection from {incoming.source} has no form in C: {error}"
                yield finding("SN553", p, text, "fold it with the pass fold-chains")
                continue
            values = kernel.weight.astype(np.float64)
            most = float(np.abs(values).max(initial=0))
            if not is_whole(values) or most > LARGEST_WEIGHT:
                text = f"weights from {incoming.source} are no whole numbers of 16 bits"
                text += f" (largest {most:g}, {LARGEST_WEIGHT} is allowed)"
                yield finding("SN554", p, text, "run quantize-weights{target=c}")


def _exits(network: m.Network) -> Iterator[Diagnostic]:
    policy = network.exit
    if policy is None:
        return
    where, name = f"network {network.name}", type(policy).__name__
    if not isinstance(policy, m.Patience | m.Fixed | m.IntegerMargin | m.IntegerConfidence):
        text = f"the exit policy {name} computes in fractions"
        yield Diagnostic("SN557", text, where, "use patience, fixed, or the pass integer-exit")
    elif budgets(policy):
        text = "a C program runs all layers in every step and asks no head before another"
        yield Diagnostic("SN557", text, where, "use order time")


def _heads(network: m.Network) -> Iterator[Diagnostic]:
    for head in network.heads:
        values = read_out_unit(network, head)
        if len(np.unique(values)) > 1 or float(values.min()) <= 0:
            text = f"head {head.name} weighs its neurons differently; integers cannot be compared"
            cure = "quantise what is read out with one step for all"
            yield finding("SN559", network.population(head.population), text, cure)


def _sums(network: m.Network) -> Iterator[Diagnostic]:
    """Currents and potentials that do not fit into 32 bits."""
    local = layer_local(network)
    found = bounds_by_coding(local)
    for p in network.populations:
        bounds = found[p.name]
        parts = {"a step": bounds.current, "its potential": bounds.potential}
        for what, values in parts.items():
            most = max(float(values.max()), bounds.inside)
            if most > LARGEST:
                text = f"{what} can reach {most:.0f}; 32 bits hold {LARGEST}"
                yield finding("SN556", p, text, "quantise with a larger step, or take fewer steps")
                break
    yield from _worth(local)


def _worth(network: m.Network) -> Iterator[Diagnostic]:
    """Spikes that are worth more than 32 bits, even where no weight lets them through."""
    worth = kernels(network) if isinstance(network.schedule, m.Phased) else {}
    for p in network.populations:
        if isinstance(p.neuron, m.RunningMax2d):
            continue
        for incoming in p.incoming:
            if incoming.source in worth:
                factor = kernel_of(network, incoming, summed_shape(network, p)).factor
                most = abs(factor) * float(worth[incoming.source].max())
                if most > LARGEST:
                    text = f"a spike of {incoming.source} can be worth {most:.0f}; "
                    text += f"32 bits hold {LARGEST}"
                    yield finding("SN556", p, text, "quantise with a larger step")


CHECKS: tuple[Check, ...] = (
    _schedule,
    _inputs,
    _neurons,
    _numbers,
    _pools,
    _connections,
    _exits,
    _heads,
)
"""Every condition; each yields one diagnostic per violation."""

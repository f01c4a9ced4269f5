"""What keeps a network from running on target loihi: one check per condition, all of them made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from snnc.backends.loihi.check_connections import CONNECTION_CHECKS
from snnc.backends.loihi.checks_base import V_MAX, finding, is_whole, values_of
from snnc.backends.reference.reach import bounds_by_coding
from snnc.backends.reference.validate import simulation_findings
from snnc.diagnostics import Diagnostic
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit
from snnc.ir.exits import budgets
from snnc.ir.latency import layer_local, local_delay, starts_of

Check: TypeAlias = Callable[[m.Network], Iterator[Diagnostic]]


def check(network: m.Network) -> list[Diagnostic]:
    """All reasons why target loihi cannot take a network; none if it can."""
    found = list(_stage(network))
    if found:
        return found
    for each in (simulation_findings, *CHECKS):
        found.extend(each(network))
    # Sums are only worth adding up where all numbers are what they must be.
    return found or list(_sums(network))


def _stage(network: m.Network) -> Iterator[Diagnostic]:
    where = f"network {network.name}"
    if network.stage != "fixed":
        text = (
            f"network {network.name} is of stage {network.stage}; target loihi computes in integers"
        )
        yield Diagnostic("SN530", text, where, "run the pass quantize-weights, then add-latency")
    elif starts_of(network) is None:
        text = "the schedule says nothing of the time that spikes take from layer to layer"
        yield Diagnostic("SN530", text, where, "run the pass add-latency")


def _unread(network: m.Network) -> Iterator[Diagnostic]:
    read = {i.source for p in network.populations for i in p.incoming}
    for entry in network.inputs:
        if entry.name not in read:
            text = f"no layer reads input {entry.name}; Lava has no source that leads nowhere"
            cure = "remove the input from the model"
            yield Diagnostic("SN531", text, f"input {entry.name}", cure)


def _inputs(network: m.Network) -> Iterator[Diagnostic]:
    for entry in network.inputs:
        if not isinstance(entry.coding, m.Graded | m.Poisson | m.Events | m.IntegerSpikeTime):
            kind = type(entry.coding).__name__.lower()
            text = f"input {entry.name} is coded as {kind}; spikes of target loihi are integers"
            cure = "code it as graded or whole spike times (quantize-weights does), poisson, events"
            yield Diagnostic("SN531", text, f"input {entry.name}", cure)
        elif isinstance(entry.coding, m.Events) and entry.coding.largest is None:
            text = f"input {entry.name} takes events of any size, so no sum has a bound"
            cure = "declare the largest one: events(largest=1), quantize-weights{events=1}"
            yield Diagnostic("SN531", text, f"input {entry.name}", cure)


def _neurons(network: m.Network) -> Iterator[Diagnostic]:
    for p in network.populations:
        neuron = p.neuron
        if isinstance(neuron, m.MaxGate2d):
            text = "the gate on the largest count has no Lava process"
            yield finding("SN532", p, text, "pool with running_max2d, which is exact")
        if not isinstance(neuron, m.IF):
            continue
        if neuron.leak != 1.0:
            text = f"its potential leaks ({neuron.leak} per step)"
            yield finding("SN532", p, text, "use neurons without leak")
        if neuron.negative_spikes == "leaky":
            text = "its negative spikes stand for a leaky ReLU, of another size than positive ones"
            yield finding("SN532", p, text, "split the layer with the pass split-leaky")
        if neuron.reset == "none":
            yield finding("SN532", p, "it never resets", "use reset subtract or zero")


def _numbers(network: m.Network) -> Iterator[Diagnostic]:
    for p in network.populations:
        parts: dict[str, object] = {"bias": p.bias}
        if isinstance(p.neuron, m.IF):
            parts["threshold"] = p.neuron.threshold
            parts["saturation"] = p.neuron.saturation
        if isinstance(p.neuron, m.IF | m.Integrator):
            parts["v_init"] = p.neuron.v_init
        if isinstance(p.neuron, m.IntegerTTFS):
            parts |= {"values": p.neuron.values, "thresholds": p.neuron.thresholds}
        for name, parameter in parts.items():
            values = values_of(network, parameter)
            if values is None:
                continue
            if not is_whole(values):
                yield finding(
                    "SN536", p, f"{name} is no whole number", "quantise the network again"
                )
            elif np.abs(values).max(initial=0) > V_MAX:
                text = f"{name} reaches {np.abs(values).max():.0f}; 24 bits hold {V_MAX}"
                yield finding("SN536", p, text, "quantise with a larger step")


def _pools(network: m.Network) -> Iterator[Diagnostic]:
    inputs = {entry.name for entry in network.inputs}
    for p in network.populations:
        if not isinstance(p.neuron, m.RunningMax2d):
            continue
        alone = len(p.incoming) == 1 and not p.incoming[0].ops and p.bias is None
        if not alone or p.incoming[0].source in inputs:
            text = "a running maximum takes the spikes of one layer as they are, without bias"
            yield finding("SN541", p, text, "put an integrate-and-fire layer in front of it")


def _exits(network: m.Network) -> Iterator[Diagnostic]:
    policy = network.exit
    if policy is None:
        return
    where, name = f"network {network.name}", type(policy).__name__
    allowed = (m.Patience, m.Fixed, m.IntegerMargin, m.IntegerConfidence)
    if not isinstance(policy, allowed):
        text = f"the exit policy {name.lower()} computes in fractions"
        cure = "use patience or fixed, or margin and confidence in integers (pass integer-exit)"
        yield Diagnostic("SN539", text, where, cure)
    elif budgets(policy):
        text = "the exit policy asks its heads in order of depth; on a chip all layers run at once"
        yield Diagnostic("SN539", text, where, "use order time")
    starts = starts_of(network) or {}
    if isinstance(network.schedule, m.Gated):
        for p in network.populations:
            for i in p.incoming:
                if i.source not in {e.name for e in network.inputs} and (
                    local_delay(starts, p.name, i) > 0
                ):
                    text = f"{i.source} reaches it late, so rest could not be told"
                    yield finding("SN539", p, text, "make paths equal with add-latency, or no exit")


def _heads(network: m.Network) -> Iterator[Diagnostic]:
    for head in network.heads:
        p = network.population(head.population)
        values = read_out_unit(network, head)
        if len(np.unique(values)) > 1 or float(values.min()) <= 0:
            text = f"head {head.name} weighs its neurons differently; integers cannot be compared"
            yield finding("SN542", p, text, "quantise what is read out with one step for all")


def _sums(network: m.Network) -> Iterator[Diagnostic]:
    """Currents and potentials that do not fit into 24 bits."""
    found = bounds_by_coding(layer_local(network))
    for p in network.populations:
        bounds = found[p.name]
        held = isinstance(p.neuron, m.IF) and p.neuron.saturation is not None
        current, potential = float(bounds.current.max()), float(bounds.potential.max())
        if current > V_MAX or (potential > V_MAX and not held):
            what, most = ("a step", current) if current > V_MAX else ("its potential", potential)
            text = f"{what} can reach {most:.0f}; 24 bits hold {V_MAX}"
            yield finding("SN537", p, text, "quantise with a larger step, or give a saturation")


CHECKS: tuple[Check, ...] = (
    _inputs,
    _unread,
    _neurons,
    _numbers,
    _pools,
    *CONNECTION_CHECKS,
    _exits,
    _heads,
)
"""Every condition; each yields one diagnostic per violation."""

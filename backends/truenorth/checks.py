"""What keeps a network from being a core map: one check per condition, all of them made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from snnc.backends.loihi.checks_base import finding, is_whole, values_of
from snnc.backends.truenorth.chip import TRUENORTH
from snnc.backends.truenorth.host import chip_populations, host_populations, is_analog
from snnc.backends.truenorth.layers import layers_of
from snnc.backends.truenorth.matrices import WRITABLE, connection_matrix
from snnc.backends.truenorth.ranges import potential_range
from snnc.diagnostics import Diagnostic
from snnc.ir import model as m
from snnc.ir.exits import budgets
from snnc.ir.latency import layer_local

Check: TypeAlias = Callable[[m.Network], Iterator[Diagnostic]]

_SPEC = TRUENORTH


def findings(network: m.Network) -> list[Diagnostic]:
    """All reasons why a network has no core map, but those that only mapping it shows."""
    if network.stage != "fixed":
        text = f"network {network.name} is of stage {network.stage}; TrueNorth has whole numbers"
        cure = "run quantize-weights{target=truenorth}"
        return [Diagnostic("SN586", text, f"network {network.name}", cure)]
    found = [finding for check in CHECKS for finding in check(network)]
    return found or list(_numbers(layer_local(network)))


def _schedule(network: m.Network) -> Iterator[Diagnostic]:
    if not isinstance(network.schedule, m.Synchronous):
        name = type(network.schedule).__name__.lower()
        text = f"its schedule is {name}; on the chip everything acts in every tick"
        cure = "compile with --coding rate, and quantised networks with map-quantized{mode=qcfs}"
        yield Diagnostic("SN586", text, f"network {network.name}", cure)


def _inputs(network: m.Network) -> Iterator[Diagnostic]:
    for entry in network.inputs:
        coding = entry.coding
        if isinstance(coding, m.Events) and coding.largest != 1:
            text = (
                f"input {entry.name} takes events of up to {coding.largest or 'any size'}; a spike "
                "is 0 or 1"
            )
            cure = "run quantize-weights with events=1, and clip frames to -1, 0 and 1"
            yield Diagnostic("SN592", text, f"input {entry.name}", cure)
    chip = {p.name for p in chip_populations(network)}
    if not chip:
        text = "every population reads an analog input, so the host would compute all of it"
        cure = "run encode-inputs, which turns the input into spikes"
        yield Diagnostic("SN592", text, f"network {network.name}", cure)
    for p in host_populations(network):
        analog = {entry.name for entry in network.inputs if is_analog(entry)}
        others = sorted({i.source for i in p.incoming} - analog)
        if others:
            text = f"it reads an analog input, which the host adds up, and spikes of {others[0]}"
            yield finding("SN592", p, text, "run encode-inputs, which turns inputs into spikes")


def _neurons(network: m.Network) -> Iterator[Diagnostic]:
    for p in chip_populations(network):
        reason = _no_neuron(p.neuron)
        if reason is not None:
            yield finding("SN587", p, *reason)
    for p in host_populations(network):
        if not isinstance(p.neuron, m.IF) or p.neuron.negative_spikes != "none":
            text = "the host sends its spikes to the chip, and only 0 and 1 can be sent"
            yield finding(
                "SN587", p, text, "use integrate-and-fire neurons without negative spikes"
            )


def _no_neuron(neuron: m.Neuron) -> tuple[str, str] | None:
    """Why a neuron has no form on the chip, and what to do; None if it has one."""
    if isinstance(neuron, m.RunningMax2d | m.MaxGate2d):
        text = (
            "max pooling of spike trains has no form on the chip (an OR of spikes is the largest "
            "value of a single tick, not the largest rate)"
        )
        return text, "retrain with average pooling or strided convolutions"
    if isinstance(neuron, m.Integrator):
        text = "an integrator never fires, and a membrane potential cannot be read from the chip"
        return text, "run spike-heads, so that heads count spikes"
    if not isinstance(neuron, m.IF):
        text = f"a neuron of type {type(neuron).__name__} has no form on the chip"
        return text, "compile with --coding rate"
    options = (
        (neuron.negative_spikes != "none", "negative spikes", "map-quantized{mode=qcfs}"),
        (neuron.max_spikes is not None, "a largest spike count", "map-quantized{mode=qcfs}"),
        (neuron.saturation is not None, "a potential that saturates", "fewer steps or bits"),
        (neuron.leak not in (0.0, 1.0), "a potential that leaks by a factor", "leak=1"),
    )
    for there, what, cure in options:
        if there:
            return f"it has {what}, which the chip does not have", f"use {cure}"
    return None


def _connections(network: m.Network) -> Iterator[Diagnostic]:
    for p in chip_populations(network):
        for incoming in p.incoming:
            wrong = [op for op in incoming.ops if not isinstance(op, WRITABLE)]
            if wrong:
                name = type(wrong[0]).__name__
                text = f"the operator {name} from {incoming.source} has no form as a crossbar"
                yield finding("SN588", p, text, "run fold-chains{pools=spike}")
                continue
            try:
                connection_matrix(network, incoming)
            except ValueError:
                text = f"weights from {incoming.source} are no whole numbers"
                yield finding("SN588", p, text, "run quantize-weights{target=truenorth}")


def _parameters(network: m.Network) -> Iterator[Diagnostic]:
    for p in chip_populations(network):
        neuron = p.neuron
        if not isinstance(neuron, m.IF):
            continue
        parts = {"threshold": neuron.threshold, "v_init": neuron.v_init, "bias": p.bias}
        for name, parameter in parts.items():
            values = values_of(network, parameter)
            if values is not None and not is_whole(values):
                yield finding("SN589", p, f"{name} is no whole number", "quantise it again")


def _heads(network: m.Network) -> Iterator[Diagnostic]:
    for head in network.heads:
        p = network.population(head.population)
        if not isinstance(head.readout, m.SpikeCount):
            name = type(head.readout).__name__
            text = f"head {head.name} reads {name}; only spikes leave the chip"
            yield finding("SN591", p, text, "run spike-heads, so that heads count spikes")
        if p in host_populations(network):
            text = f"head {head.name} reads what the host computes itself"
            yield finding("SN591", p, text, "run encode-inputs, so that the layer is on the chip")


def _exits(network: m.Network) -> Iterator[Diagnostic]:
    """Exits are the host's, which counts output spikes step by step."""
    policy, where = network.exit, f"network {network.name}"
    if policy is None:
        return
    if not isinstance(policy, m.Patience | m.Fixed | m.IntegerMargin | m.IntegerConfidence):
        text = f"the exit policy {type(policy).__name__} computes in fractions"
        yield Diagnostic("SN591", text, where, "use patience, fixed, or the pass integer-exit")
    elif budgets(policy):
        text = "the chip runs all layers in every tick and asks no head before another"
        yield Diagnostic("SN591", text, where, "use order time")


CHECKS: tuple[Check, ...] = (
    _schedule,
    _inputs,
    _neurons,
    _connections,
    _parameters,
    _heads,
    _exits,
)
"""Every condition; each yields one diagnostic per violation."""


def _numbers(network: m.Network) -> Iterator[Diagnostic]:
    """Numbers that the chip's registers do not hold."""
    assert network.schedule is not None
    populations = {p.name: p for p in network.populations}
    for layer in layers_of(network):
        p, live = populations[layer.name], layer.alive
        leaks = layer.biases - layer.thresholds + 1 if layer.memoryless else layer.biases
        largest = int(np.abs(leaks[live]).max(initial=0))
        if largest > _SPEC.largest_leak:
            text = f"its bias needs a leak of {largest} per tick; {_SPEC.largest_leak} is the most"
            yield finding("SN589", p, text, "quantise with coarser units: fewer bits or steps")
        low, high = layer.thresholds[live].min(initial=1), layer.thresholds[live].max(initial=1)
        if (low < 1 or high > _SPEC.largest_threshold) and not layer.memoryless:
            text = f"thresholds are {low} to {high}; 1 to {_SPEC.largest_threshold} are allowed"
            yield finding("SN589", p, text, "quantise with other units")
        lowest, highest = potential_range(layer, network.schedule.steps)
        most = int(max(highest[live].max(initial=0), -lowest[live].min(initial=0)))
        floor = _SPEC.largest_floor if layer.reset == "zero" else _SPEC.largest_potential
        if most > _SPEC.largest_potential or -int(lowest[live].min(initial=0)) > floor:
            text = (
                f"its membrane potential can reach {most} in {network.schedule.steps} time steps; "
                f"{floor} is sure to be held"
            )
            yield finding("SN590", p, text, "take fewer time steps, or coarser units (fewer bits)")

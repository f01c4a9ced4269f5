"""Invariants SN43x: networks whose values are spike times, and the windows of their schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from snnc.ir import model as m
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.operators import Ref
from snnc.ir.phases import PASSING, kernels, phases_of
from snnc.ir.tensors import Array
from snnc.ir.verify_base import SPIKING, STAGES, Finding, Invariant, place, sources

_TIMED = (m.TTFS, m.IntegerTTFS)
_UNDER_PHASES = (*_TIMED, *PASSING, m.Integrator)
_MOVES = (m.Flatten, m.Reshape, m.Transpose, m.Embed, m.Slice, m.Pad2d)


def _belong(network: m.Network) -> Iterator[Finding]:
    phased = isinstance(network.schedule, m.Phased)
    for entry in network.inputs:
        timed = isinstance(entry.coding, m.SpikeTime)
        whole = isinstance(entry.coding, m.IntegerSpikeTime)
        analog = isinstance(entry.coding, m.Direct)
        name = KEYWORD_OF.get(type(entry.coding))
        if timed != phased and not (phased and analog):
            how = "reads values as spike times" if phased else "has no windows to send in"
            yield f"the coding is {name}, and the schedule {how}", f"input {entry.name}", ""
        elif timed and whole != (network.stage == "fixed"):
            message = f"{name} is no coding of stage {network.stage}"
            yield message, f"input {entry.name}", ""
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, _UNDER_PHASES) if phased else not isinstance(neuron, _TIMED):
            continue
        how = "every neuron fires at most once" if phased else "no neuron has windows"
        message = f"{KEYWORD_OF.get(type(neuron))} stands under a schedule in which {how}"
        yield message, place(population), "see the pass schedule-ttfs"


def _numbers(network: m.Network) -> Iterator[Finding]:
    timed: list[tuple[m.TTFS | m.SpikeTime, str]] = [
        (i.coding, f"input {i.name}") for i in network.inputs if isinstance(i.coding, m.SpikeTime)
    ]
    timed += [(p.neuron, place(p)) for p in network.populations if isinstance(p.neuron, m.TTFS)]
    for kernel, where in timed:
        for name in ("tau", "threshold"):
            value = getattr(kernel, name)
            if not (0 < value < math.inf):
                yield f"the {name} is {value}; it must be a number above 0", where, ""
        if not math.isfinite(kernel.delay):
            yield f"the delay is {kernel.delay}; it must be a number", where, ""
        if kernel.steps < 1:
            yield f"it has {kernel.steps} steps; 1 is the least", where, ""
        if isinstance(kernel, m.IntegerSpikeTime) and len(kernel.values) != kernel.steps:
            yield f"{len(kernel.values)} values for {kernel.steps} steps", where, ""


def _tables(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        if not isinstance(population.neuron, m.IntegerTTFS):
            continue
        arrays: list[Array] = []
        for ref in (population.neuron.values, population.neuron.thresholds):
            entry = network.tensors.get(ref.name) if isinstance(ref, Ref) else None
            if entry is not None and entry in network.store:
                arrays.append(network.store.get(entry))
        if len(arrays) == 2:
            yield from _table(population, *arrays)


def _table(population: m.Population, values: Array, thresholds: Array) -> Iterator[Finding]:
    where, channels = place(population), population.shape[0]
    fits = thresholds.shape in (values.shape, (*values.shape, channels))
    if values.ndim != 1 or not len(values) or not fits:
        found = f"values {list(values.shape)} and thresholds {list(thresholds.shape)}"
        yield f"{found}; (steps,), and (steps,) or (steps, {channels}) fit", where, ""
        return
    if (values < 0).any() or (values[1:] > values[:-1]).any():
        yield "the values of its spikes must fall and not be negative", where, ""
    if (thresholds < 1).any() or (thresholds[1:] > thresholds[:-1]).any():
        yield "its thresholds must fall and be above 0", where, ""


def _windows(network: m.Network) -> Iterator[Finding]:
    schedule = network.schedule
    if not isinstance(schedule, m.Phased):
        return
    wanted = len(network.populations)
    for name in ("integrates", "fires"):
        found = len(getattr(schedule, name))
        if found != wanted:
            message = f"the schedule gives {found} numbers of {name} for {wanted} populations"
            yield message, "schedule", "give one per population, in their order"
            return
    if schedule.window < 1 or min((*schedule.integrates, *schedule.fires), default=0) < 0:
        yield "a window has at least one step and starts at 0 or later", "schedule", ""
        return
    phases = phases_of(network)
    assert phases is not None
    known = sources(network)
    for population in network.populations:
        yield from _own_windows(population, phases.integrates, phases.fires, schedule)
        own = phases.integrates[population.name]
        for incoming in population.incoming:
            source = known.get(incoming.source)
            if isinstance(source, m.Input) and isinstance(source.coding, m.Direct):
                if incoming.delay:
                    message = f"the analog input {source.name} comes through a delay"
                    yield message, place(population), "it acts once, when the window begins"
            elif source is not None and phases.fires[source.name] + incoming.delay != own:
                message = (
                    f"{source.name} fires from step {phases.fires[source.name]} on, delayed by "
                    f"{incoming.delay}, and the population integrates from step {own} on"
                )
                yield message, place(population), "the two windows must be one"


def _own_windows(
    population: m.Population, integrates: dict[str, int], fires: dict[str, int], schedule: m.Phased
) -> Iterator[Finding]:
    begin, fire = integrates[population.name], fires[population.name]
    if isinstance(population.neuron, PASSING) and begin != fire:
        yield "a running maximum passes spikes on in the step they come", place(population), ""
    if not begin <= fire <= begin + schedule.window:
        message = f"it integrates from step {begin} and fires from step {fire} on"
        yield message, place(population), "it fires within the window or right behind it"
    silent = isinstance(population.neuron, m.Integrator)
    last = (begin if silent else fire) + schedule.window
    if last > schedule.steps:
        message = f"its windows end with step {last}, the schedule with {schedule.steps}"
        yield message, place(population), "a longer schedule"
    steps = getattr(population.neuron, "steps", 0)
    if isinstance(population.neuron, m.TTFS) and steps > schedule.window:
        yield f"it fires in {steps} steps, a window has {schedule.window}", place(population), ""


def _meeting(network: m.Network) -> Iterator[Finding]:
    if not isinstance(network.schedule, m.Phased):
        return
    worth = kernels(network)
    for population in network.populations:
        spiking = [i for i in population.incoming if i.source in worth]
        if not isinstance(population.neuron, PASSING):
            continue
        if population.bias is not None or len(spiking) != len(population.incoming):
            message = "a running maximum of spike times reads spikes, and nothing else"
            yield message, place(population), ""
        if any(not isinstance(op, _MOVES) for i in spiking for op in i.ops):
            message = "a running maximum of spike times compares spikes as they are"
            yield message, place(population), "put the operators behind it"
        for incoming in spiking[1:]:
            if not np.array_equal(worth[incoming.source], worth[spiking[0].source]):
                message = f"{spiking[0].source} and {incoming.source} have different kernels"
                yield message, place(population), "a maximum compares times of one kernel"


INVARIANTS = (
    Invariant("SN430", SPIKING, "spike times and phases go together", _belong),
    Invariant("SN431", STAGES, "kernels of spike times have numbers in range", _numbers),
    Invariant("SN432", ("fixed",), "tables of spike times fall and fit", _tables),
    Invariant("SN433", SPIKING, "windows of phases meet", _windows),
    Invariant("SN434", SPIKING, "a maximum of spike times compares like with like", _meeting),
)

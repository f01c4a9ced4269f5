"""Invariants SN43x: networks whose values are spike times, and the windows of their schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from snnc.ir import linear, spike_times
from snnc.ir import model as m
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.latency import local_delay, starts_of
from snnc.ir.operators import Ref
from snnc.ir.phases import PASSING, kernels, phases_of
from snnc.ir.tensors import Array
from snnc.ir.verify_base import SPIKING, STAGES, Finding, Invariant, place, sources, tensor
from snnc.ir.verify_shapes import summed

_TIMED = (m.TTFS, m.IntegerTTFS)
_UNDER_PHASES = (*_TIMED, *PASSING, m.Integrator)
_LARGEST, _LEAST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
_MOST_STEPS = 2**15 - 1  # spike times are 16-bit numbers
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
        if not 1 <= kernel.steps <= _MOST_STEPS:
            yield f"it has {kernel.steps} steps; 1 to {_MOST_STEPS} are possible", where, ""
        else:
            yield from _representable(kernel, where)
        if isinstance(kernel, m.IntegerSpikeTime) and len(kernel.values) != kernel.steps:
            yield f"{len(kernel.values)} values for {kernel.steps} steps", where, ""


def _representable(kernel: m.TTFS | m.SpikeTime, where: str) -> Iterator[Finding]:
    """A threshold that rounds to 0 would let everybody fire, one of infinity nobody."""
    if not (kernel.tau > 0 and kernel.threshold > 0 and math.isfinite(kernel.delay)):
        return
    with np.errstate(over="ignore", under="ignore"):
        highest = float(spike_times.values(kernel)[0])
        lowest = float(spike_times.thresholds(kernel)[-1])
    if not (lowest >= _LEAST and highest <= _LARGEST):
        message = f"its thresholds fall from {highest:.3g} to {lowest:.3g}, beyond 32-bit floats"
        yield message, where, "a longer tau, or fewer steps"


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
    yield from _input_windows(network, schedule.window)
    phases = phases_of(network)
    assert phases is not None
    for population in network.populations:
        yield from _own_windows(network, population, phases.integrates, phases.fires, schedule)
        yield from _meeting_windows(network, population, phases.integrates, phases.fires)


def _input_windows(network: m.Network, window: int) -> Iterator[Finding]:
    for entry in network.inputs:
        if isinstance(entry.coding, m.SpikeTime) and entry.coding.steps > window:
            message = f"it sends in {entry.coding.steps} steps, a window has {window}"
            yield message, f"input {entry.name}", ""


def _meeting_windows(
    network: m.Network, population: m.Population, integrates: dict[str, int], fires: dict[str, int]
) -> Iterator[Finding]:
    known, own = sources(network), integrates[population.name]
    schedule = network.schedule
    if isinstance(schedule, m.PIPELINED) and len(schedule.starts) != len(network.populations):
        return  # another invariant says so
    starts = starts_of(network)
    for incoming in population.incoming:
        source = known.get(incoming.source)
        if source is None:
            continue
        delay = local_delay(starts, population.name, incoming) if starts else incoming.delay
        if isinstance(source, m.Input) and isinstance(source.coding, m.Direct):
            if delay:
                message = f"the analog input {source.name} comes through a delay"
                yield message, place(population), "it acts once, when the window begins"
        elif fires[source.name] + delay != own:
            message = (
                f"{source.name} fires from step {fires[source.name]} on, delayed by "
                f"{delay}, and the population integrates from step {own} on"
            )
            yield message, place(population), "the two windows must be one"


def _own_windows(
    network: m.Network,
    population: m.Population,
    integrates: dict[str, int],
    fires: dict[str, int],
    schedule: m.Phased,
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
    steps = _steps(network, population.neuron)
    if steps > schedule.window:
        yield f"it fires in {steps} steps, a window has {schedule.window}", place(population), ""


def _steps(network: m.Network, neuron: m.Neuron) -> int:
    """In how many steps a neuron may fire; 0 where that is not known."""
    if isinstance(neuron, m.TTFS):
        return neuron.steps
    if isinstance(neuron, m.IntegerTTFS) and neuron.values.name in network.tensors:
        return next(iter(network.tensors[neuron.values.name].shape), 0)
    return 0


def _meeting(network: m.Network) -> Iterator[Finding]:
    if not isinstance(network.schedule, m.Phased):
        return
    if any(True for check in (_numbers, _tables) for _ in check(network)) or not _stored(network):
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
        elif _crowded(network, population):
            message = "two spikes meet in one cell, and their sum is no spike time"
            yield message, place(population), "embed them side by side"
        for incoming in spiking[1:]:
            if not np.array_equal(worth[incoming.source], worth[spiking[0].source]):
                message = f"{spiking[0].source} and {incoming.source} have different kernels"
                yield message, place(population), "a maximum compares times of one kernel"


def _stored(network: m.Network) -> bool:
    """Whether the tables of all kernels are there."""
    tables = [p.neuron.values for p in network.populations if isinstance(p.neuron, m.IntegerTTFS)]
    entries = [tensor(network, ref) for ref in tables]
    return all(entry is not None and entry in network.store for entry in entries)


def _crowded(network: m.Network, population: m.Population) -> bool:
    """Whether a cell of a running maximum hears more than one neuron."""
    shape = summed(network, population)
    if shape is None:
        return False
    heard = np.zeros((1, *shape))
    for incoming in population.incoming:
        ones = np.ones((1, *network.source_shape(incoming.source)))
        heard += linear.apply_chain(incoming.ops, ones, network.array)
    return bool((heard > 1).any())


INVARIANTS = (
    Invariant("SN430", SPIKING, "spike times and phases go together", _belong),
    Invariant("SN431", STAGES, "kernels of spike times have numbers in range", _numbers),
    Invariant("SN432", ("fixed",), "tables of spike times fall and fit", _tables),
    Invariant("SN433", SPIKING, "windows of phases meet", _windows),
    Invariant("SN434", SPIKING, "a maximum of spike times compares like with like", _meeting),
)

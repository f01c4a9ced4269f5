"""Invariants SN4xx: what each stage allows, and the ranges of neuron parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from snnc.ir import model as m
from snnc.ir.hints import KEYWORD_OF
from snnc.ir.tensors import Array
from snnc.ir.verify_base import (
    SPIKING,
    STAGES,
    Finding,
    Invariant,
    parameter_values,
    place,
    sources,
)

_SPIKE_POOLS = (m.RunningMax2d, m.MaxGate2d)
_NEURONS = {"ann": m.AnnNeuron, "snn": m.SpikingNeuron, "fixed": m.FixedNeuron}


def _stage_neurons(network: m.Network) -> Iterator[Finding]:
    allowed = get_args(_NEURONS.get(network.stage, m.SpikingNeuron))
    names = ", ".join(KEYWORD_OF[cls] for cls in allowed)
    for population in network.populations:
        kind = type(population.neuron)
        if kind not in allowed:
            name = KEYWORD_OF.get(kind, kind.__name__)
            message = f"{name} is no neuron of stage {network.stage} ({names})"
            yield message, place(population), ""


def _stage(network: m.Network) -> Iterator[Finding]:
    if network.stage not in STAGES:
        known = " or ".join(STAGES)
        yield f"unknown stage {network.stage!r}, expected {known}", f"network {network.name}", ""


def _schedule(network: m.Network) -> Iterator[Finding]:
    where = f"network {network.name}"
    if network.stage == "ann" and network.schedule is not None:
        yield "stage ann has no time and takes no schedule", where, "remove the schedule"
    if network.stage != "ann" and network.schedule is None:
        advice = "add a line such as: schedule = synchronous(steps=32)"
        yield f"stage {network.stage} needs a schedule", where, advice


def _steps(network: m.Network) -> Iterator[Finding]:
    if network.schedule is not None and network.schedule.steps < 1:
        yield f"steps is {network.schedule.steps}; 1 is the least", "schedule", ""


def _readouts(network: m.Network) -> Iterator[Finding]:
    neurons = {p.name: p.neuron for p in network.populations}
    for head in network.heads:
        neuron = neurons.get(head.population)
        if neuron is None:
            continue
        fitting = _readouts_of(network.stage, neuron)
        if fitting and type(head.readout) not in fitting:
            found, right = KEYWORD_OF.get(type(head.readout)), KEYWORD_OF[fitting[0]]
            on = f"{head.population}, which is {KEYWORD_OF.get(type(neuron))} of stage"
            message = f"the head reads {found} of {on} {network.stage}"
            yield message, f"head {head.name}", f"use {right}()"


def _readouts_of(stage: m.Stage, neuron: m.Neuron) -> tuple[type[m.Readout], ...]:
    """The readouts that fit a neuron; none where the neuron does not belong to the stage."""
    if stage == "ann":
        return (m.Logits,)
    if isinstance(neuron, m.Integrator):
        return (m.Membrane,)
    if isinstance(neuron, m.IF):
        return (m.SpikeCount, m.FirstSpike, m.Membrane)
    if isinstance(neuron, (m.TTFS, m.IntegerTTFS)):
        return (m.FirstSpike, m.SpikeCount, m.Membrane)
    return (m.SpikeCount, m.FirstSpike) if isinstance(neuron, _SPIKE_POOLS) else ()


def _bad_range(
    network: m.Network, parameter: object, accept: Callable[[Array], Array]
) -> str | None:
    """The first value that is not accepted, for a message; None where all are."""
    found = parameter_values(network, parameter)
    if found is None:
        return None
    bad = found[~accept(found)]
    if not bad.size:
        return None
    return str(bad.flat[0]) if found.size == 1 else f"{bad.flat[0]} in {bad.size} places"


def _thresholds(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        if isinstance(population.neuron, m.IF):
            bad = _bad_range(network, population.neuron.threshold, lambda v: v > 0)
            if bad is not None:
                advice = "a silent channel still needs a positive threshold"
                yield f"the threshold is {bad}; it must be above 0", place(population), advice


def _leaks(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        if isinstance(population.neuron, m.IF) and not 0 <= population.neuron.leak <= 1:
            message = f"the leak is {population.neuron.leak}; it must lie in [0, 1]"
            advice = "1 keeps the whole membrane potential, 0 none of it"
            yield message, place(population), advice


def _slopes(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        if isinstance(population.neuron, (m.IF, m.LeakyRelu)):
            bad = _bad_range(network, population.neuron.slope, lambda v: v >= 0)
            if bad is not None:
                message = f"the slope is {bad}; it must not be negative"
                yield message, place(population), "a falling branch has no spiking neuron"


def _limits(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, m.Clip):
            bad = _bad_range(network, neuron.high, lambda v: v > 0)
            if bad is not None:
                message = f"the upper limit of clip is {bad}; it must be above 0"
                yield message, place(population), ""
        if isinstance(neuron, m.IF):
            least, most = neuron.min_spikes or 0, neuron.max_spikes
            if least > 0 or (most is not None and most < 0):
                message = (
                    f"the net spike count is bound to [{neuron.min_spikes}, {most}], "
                    "which leaves out the 0 it starts from"
                )
                yield message, place(population), "min_spikes <= 0 <= max_spikes"
            held, threshold = neuron.saturation, parameter_values(network, neuron.threshold)
            # As Python numbers: float32 does not hold every saturation.
            if held is not None and threshold is not None and not held >= float(threshold.max()):
                message = f"the saturation is {held:g}, and a threshold {threshold.max():g}"
                yield message, place(population), "a potential must be able to reach its threshold"


def _staircases(network: m.Network) -> Iterator[Finding]:
    found: list[tuple[m.Quantized | m.Rounded, str]] = [
        (i.coding, f"input {i.name}") for i in network.inputs if isinstance(i.coding, m.Rounded)
    ]
    found += [
        (p.neuron, place(p)) for p in network.populations if isinstance(p.neuron, m.Quantized)
    ]
    for staircase, where in found:
        bad = _bad_range(network, staircase.step, lambda v: v > 0)
        if bad is not None:
            yield f"the step is {bad}; it must be above 0", where, ""
        if staircase.lowest > 0 or staircase.levels < 1:
            message = f"the levels are {staircase.lowest} to {staircase.levels}"
            yield message, where, "lowest <= 0 and levels >= 1"
        if staircase.ties == "even" and staircase.shift != 0.5:
            message = "ties=even is the rounding of x / step itself"
            yield message, where, "use shift=0.5, or ties=up with another shift"


def _windows(network: m.Network) -> Iterator[Finding]:
    schedule = network.schedule
    if isinstance(schedule, m.Gated) and schedule.window < 1:
        yield f"the window is {schedule.window}; 1 is the least", "schedule", ""


def _spike_pools(network: m.Network) -> Iterator[Finding]:
    inputs = {i.name for i in network.inputs}
    for population in network.populations:
        if isinstance(population.neuron, _SPIKE_POOLS):
            name = KEYWORD_OF[type(population.neuron)]
            for incoming in population.incoming:
                if incoming.source in inputs:
                    message = f"{name} reads the input {incoming.source}; it compares spike counts"
                    advice = "put a spiking population between the input and the pooling"
                    yield message, place(population), advice


def _integrators(network: m.Network) -> Iterator[Finding]:
    known = sources(network)
    for population in network.populations:
        for incoming in population.incoming:
            source = known.get(incoming.source)
            if isinstance(source, m.Population) and isinstance(source.neuron, m.Integrator):
                yield (
                    f"the source {source.name} is an integrator, which never fires",
                    place(population),
                    "read what the integrator reads, or make it a spiking population",
                )


def _coding(network: m.Network) -> Iterator[Finding]:
    for declared in network.inputs:
        if isinstance(declared.coding, m.Poisson):
            if not declared.coding.scale > 0:
                message = f"the scale of poisson is {declared.coding.scale}; it must be above 0"
                yield message, f"input {declared.name}", ""
        elif network.stage == "ann" and type(declared.coding) is not m.Direct:
            name = KEYWORD_OF.get(type(declared.coding))
            yield f"{name} is no coding of stage ann", f"input {declared.name}", "use direct()"


def _integer_tensors(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        # `scale` translates spikes into ANN units for people; no neuron computes with it.
        nodes: list[object] = [population.neuron, population.bias]
        nodes += [op for i in population.incoming for op in i.ops]
        for name in dict.fromkeys(name for node in nodes for name in m.references(node)):
            ref = network.tensors.get(name)
            if ref is not None and ref.dtype.startswith("f"):
                message = f"the tensor @{name} has element type {ref.dtype}; stage fixed computes"
                advice = "run a pass that quantises the weights"
                yield f"{message} with integers", place(population), advice


def _whole_numbers(network: m.Network) -> Iterator[Finding]:
    for population in network.populations:
        neuron = population.neuron
        numbers = {f: getattr(neuron, f, 0) for f in ("threshold", "v_init", "saturation")}
        factors = [
            op.factor for i in population.incoming for op in i.ops if isinstance(op, m.Scale)
        ]
        numbers |= {f"factor {n + 1} of scale": factor for n, factor in enumerate(factors)}
        for name, value in numbers.items():
            if isinstance(value, float) and not value.is_integer():
                message = f"the {name} is {value}; stage fixed computes with integers"
                yield message, place(population), "run a pass that quantises the network"


INVARIANTS = (
    Invariant("SN401", STAGES, "neurons belong to the stage", _stage_neurons),
    Invariant("SN402", STAGES, "spiking stages have a schedule, ann has none", _schedule),
    Invariant("SN403", STAGES, "readouts fit the population they read", _readouts),
    Invariant("SN404", SPIKING, "thresholds are positive", _thresholds),
    Invariant("SN405", SPIKING, "leaks lie in [0, 1]", _leaks),
    Invariant("SN406", STAGES, "slopes are not negative", _slopes),
    Invariant("SN407", STAGES, "limits of values and spike counts hold 0", _limits),
    Invariant("SN408", SPIKING, "max pooling of spikes reads populations", _spike_pools),
    Invariant("SN409", SPIKING, "nothing reads an integrator but heads", _integrators),
    Invariant("SN410", STAGES, "there is at least one time step", _steps),
    Invariant("SN411", ("fixed",), "tensors of stage fixed are integers", _integer_tensors),
    Invariant("SN412", ("fixed",), "numbers of stage fixed are whole", _whole_numbers),
    Invariant("SN413", STAGES, "codings fit the stage", _coding),
    Invariant("SN414", STAGES, "the stage is known", _stage),
    Invariant("SN415", STAGES, "staircases have positive steps and hold level 0", _staircases),
    Invariant("SN416", STAGES, "input and bias act in at least one time step", _windows),
)

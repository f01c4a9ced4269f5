"""How far the layers of a network are from the ANN's: the comparisons of `--check-passes`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.driver.differences import (
    Expected,
    Found,
    largest_difference,
    mean_difference,
    quantisation_step,
)
from snnc.driver.source import as_coded
from snnc.evaluation.breakdown import ideal_rate
from snnc.evaluation.comparing import mean_values
from snnc.evaluation.exactness import ExactnessSums
from snnc.evaluation.inputs import coded_input
from snnc.evaluation.reference import answered
from snnc.frontend.edges import compare_levels
from snnc.frontend.spike_edges import compare_spikes
from snnc.ir import model as m
from snnc.ir.interpret import activate, evaluate, summed_input
from snnc.ir.linear import broadcast_parameter
from snnc.ir.phases import PASSING, fire_thresholds, kernels
from snnc.ir.tensors import Array
from snnc.passes.layerwise import unit_map

ANN_BAND = 1e-4
LIMIT_BAND = 1e-4
RATE_BASE = 0.25
LOSSY_RATE_BASE = 1.0


def values(network: m.Network, expected: Expected) -> Iterator[Found]:
    """Stage ann: the values in ANN units; layer by layer where some are quantised."""
    given: dict[str, Array] = {network.inputs[0].name: expected.x.astype(np.float64)}
    wanted = expected.of(network)
    if not any(isinstance(p.neuron, m.Quantized | m.TTFS) for p in network.populations):
        computed = evaluate(network, given)
        for population in network.populations:
            if population.name in wanted:
                value = computed[population.name] * unit_map(network, population)
                difference = largest_difference(value, wanted[population.name])
                yield Found(population.name, difference, ANN_BAND)
        return
    for population in network.populations:
        name, neuron = population.name, population.neuron
        received = summed_input(network, population, given)
        given[name] = activate(neuron, received, network)
        if name not in wanted:
            continue
        target = wanted[name].astype(np.float64) / unit_map(network, population)
        if isinstance(neuron, m.Quantized):
            yield _levels(network, name, neuron, received, target)
        elif isinstance(neuron, m.TTFS):
            yield _spikes(name, neuron, received, target)
        else:
            yield Found(name, largest_difference(given[name], target), ANN_BAND)
        given[name] = target


def _levels(
    network: m.Network, name: str, neuron: m.Quantized, received: Array, target: Array
) -> Found:
    largest = float(np.abs(target).max(initial=0.0)) or 1.0
    verdict = compare_levels(network, neuron, received, target, ANN_BAND * largest)
    return Found(name, verdict.error / largest, ANN_BAND, verdict.at_edge, verdict.fault)


def _spikes(name: str, neuron: m.TTFS, received: Array, target: Array) -> Found:
    largest = float(np.abs(target).max(initial=0.0)) or 1.0
    verdict = compare_spikes(neuron, received, target)
    return Found(name, verdict.error / largest, ANN_BAND, verdict.at_edge, verdict.fault)


def rounded(network: m.Network, expected: Expected) -> Iterator[Found]:
    """Stage ann, after a pass that rounds or corrects: mean differences, within the coarseness."""
    computed = evaluate(network, {network.inputs[0].name: expected.x.astype(np.float64)})
    wanted = expected.of(network)
    coarsest: dict[str, float] = {i.name: 0.0 for i in network.inputs}
    for population in network.populations:
        name, neuron = population.name, population.neuron
        step = max(coarsest[i.source] for i in population.incoming)
        unit = unit_map(network, population)
        value = computed[name] * unit
        if isinstance(neuron, m.Quantized):
            # A branch of what was one population has no value of its own in the ANN.
            size = broadcast_parameter(neuron.step, population.shape, network.array)
            step = max(step, quantisation_step(unit * size, wanted.get(name, value), 1))
        if name in wanted:
            yield Found(name, mean_difference(value, wanted[name]), RATE_BASE + step)
        coarsest[name] = step


def limits(network: m.Network, expected: Expected) -> Iterator[Found]:
    """Each layer's answer to the ANN's activations in front of it, after infinitely many steps.

    A population that the ANN does not have (a pool that became spiking) passes on its own answer.
    Where the ANN rounds and the neuron does not come to rest, its rate goes to the value before
    rounding, within the range of the levels (Bu et al. 2022, sec. 4).
    """
    wanted = expected.of(network)
    given = {network.inputs[0].name: coded_input(network, expected.x).astype(np.float64)}
    for population in network.populations:
        name = population.name
        current = summed_input(network, population, given).astype(np.float64)
        given[name] = _answer(network, population, current)
        if name not in wanted:
            continue
        unit = unit_map(network, population)
        answer, given[name] = given[name], wanted[name].astype(np.float64) / unit
        if comes_to_rest(network, population):
            ties = _ties(expected.network, name)
            yield _rest(network, population, current, wanted[name], ties)
        elif has_limit(population.neuron):
            target = _limit_target(network, population, expected, given[name])
            target = _without_sign(expected.network, population, target)
            answer = answered(expected.network, population, answer)
            yield Found(name, largest_difference(answer * unit, target * unit), LIMIT_BAND)


def comes_to_rest(network: m.Network, population: m.Population) -> bool:
    """Whether a neuron's count ends at a level: input is gated, spikes are taken back and held."""
    neuron = population.neuron
    return (
        isinstance(network.schedule, m.Gated)
        and isinstance(neuron, m.IF)
        and neuron.negative_spikes == "retract"
        and neuron.max_spikes is not None
        and neuron.min_spikes is not None
    )


def has_limit(neuron: m.Neuron) -> bool:
    """Whether the rate comes to that of a perfect neuron: no charge is lost between spikes."""
    return not isinstance(neuron, m.IF) or (neuron.reset == "subtract" and neuron.leak == 1.0)


def _ties(ann: m.Network, name: str) -> m.Ties:
    """How the ANN rounds exact halves, which spikes round up: no fault, and said in a note."""
    neuron = ann.population(name).neuron
    return neuron.ties if isinstance(neuron, m.Quantized) else "up"


def _rest(
    network: m.Network, population: m.Population, current: Array, wanted: Array, ties: m.Ties
) -> Found:
    """The level at which a neuron comes to rest (Li, Ma, Furber 2022), against the ANN's.

    After `G` driven steps it has received `G * current`, so it rests at
    `clip(floor((G * current + v_init) / threshold), min_spikes, max_spikes)`.
    """
    neuron, schedule = population.neuron, network.schedule
    assert isinstance(neuron, m.IF)
    assert isinstance(schedule, m.Gated)
    assert neuron.max_spikes is not None
    threshold, start, unit = (
        broadcast_parameter(p, population.shape, network.array).astype(np.float64)
        for p in (neuron.threshold, neuron.v_init, population.scale)
    )
    # As a staircase in units of the threshold: level n stands for n / G spikes per step.
    step = np.full(population.shape, 1.0 / schedule.window)
    shift = np.broadcast_to(start / threshold, population.shape)
    holder = network.with_arrays({"rest.step": step, "rest.shift": shift})
    if not np.allclose(shift, 0.5, rtol=0.0, atol=1e-6):
        ties = "up"  # the rule of the even level goes with a half only
    staircase = m.Quantized(
        m.Ref("rest.step"), neuron.max_spikes, neuron.min_spikes or 0, m.Ref("rest.shift"), ties
    )
    target = wanted.astype(np.float64) / unit
    return _levels(holder, population.name, staircase, current / threshold, target)


def _limit_target(
    network: m.Network, population: m.Population, expected: Expected, target: Array
) -> Array:
    """What a rate goes to: the ANN's activation before rounding, in spikes, between -1 and 1."""
    if isinstance(population.neuron, m.Integrator):
        return target
    original = expected.network.population(population.name)
    neuron = original.neuron
    if isinstance(neuron, m.Quantized):
        given = {expected.network.inputs[0].name: expected.x.astype(np.float64)}
        given.update({n: a.astype(np.float64) for n, a in expected.values.items()})
        received = summed_input(expected.network, original, given)
        step = broadcast_parameter(neuron.step, original.shape, expected.network.array)
        within = np.clip(received, neuron.lowest * step, neuron.levels * step)
        target = within / unit_map(network, population)
    limited: Array = np.clip(target, -1.0, 1.0)
    return limited


def _without_sign(ann: m.Network, population: m.Population, value: Array) -> Array:
    """What firing output neurons say of logits: spikes without a sign count positive ones only."""
    neuron = population.neuron
    if isinstance(neuron, m.TTFS | m.IntegerTTFS):
        return np.maximum(value, 0)
    fires = isinstance(neuron, m.IF) and neuron.negative_spikes == "none"
    if fires and isinstance(ann.population(population.name).neuron, m.Identity):
        return np.maximum(value, 0)
    return value


def _answer(network: m.Network, population: m.Population, current: Array) -> Array:
    if isinstance(population.neuron, m.Integrator):
        return current
    rate: Array = np.clip(ideal_rate(network, population, current), -1.0, 1.0)
    return rate


def counts(network: m.Network, expected: Expected) -> list[Found] | None:
    """The share of spike counts that differ, without a reason, from the ANN's integers at rest.

    Simulated in float64 for the scheduled steps. None for a network that has no such integers, or
    where no sample comes to rest in time.
    """
    sums = ExactnessSums(network, expected.network)
    if not sums.layers:
        return None
    trace = Simulator(network, dtype="float64").run(expected.x, exits=False)
    if trace.settled is None or not (trace.settled >= 0).any():
        return None
    rest = trace.settled >= 0
    found = {name: trace.spike_counts[name][rest] for name in sums.layers}
    activations = {name: expected.values[name][rest] for name in sums.layers}
    sums.add(expected.x[rest], found, activations, trace.settled[rest])
    return [
        Found(
            name,
            sums.unexplained[name] / found[name].size,
            0.0,
            sums.unequal[name] - sums.unexplained[name],
        )
        for name in sums.layers
    ]


def rates(network: m.Network, expected: Expected) -> Iterator[Found]:
    """The simulated rates in ANN units, against a band that counts quantisation steps.

    A rate is a multiple of one spike in all steps, so the band is `RATE_BASE` and as many
    quantisation steps over the mean activation as the coarsest layer up to here has: a sparse
    layer or few steps widen it. Where charge is lost at a reset or by leak, rates are too low at
    any number of steps: the base is `LOSSY_RATE_BASE`.
    """
    wanted = expected.of(network)
    coded = as_coded(network, {network.inputs[0].name: expected.x})
    trace = Simulator(network).run(coded, exits=False)
    found = mean_values(network, trace, expected.x)
    lossless = all(has_limit(p.neuron) for p in network.populations)
    base = RATE_BASE if lossless else LOSSY_RATE_BASE
    coarsest: dict[str, float] = {i.name: 0.0 for i in network.inputs}
    for population in network.populations:
        name = population.name
        step = max(coarsest[i.source] for i in population.incoming)
        if name in wanted:
            step = max(step, _coarseness(network, population, expected, trace))
            value = answered(expected.network, population, found[name])
            target = _without_sign(expected.network, population, wanted[name])
            difference = mean_difference(value * unit_map(network, population), target)
            yield Found(name, difference, base + step)
        coarsest[name] = step


def _coarseness(
    network: m.Network, population: m.Population, expected: Expected, trace: Trace
) -> float:
    """The coarser of a spike in all driven steps and of the ANN's own steps, over the mean."""
    neuron = population.neuron
    passing = isinstance(neuron, PASSING) and isinstance(trace.schedule, m.Phased)
    if passing or isinstance(neuron, m.Integrator):
        return 0.0
    activation = _without_sign(expected.network, population, expected.values[population.name])
    if isinstance(neuron, m.TTFS | m.IntegerTTFS):
        return _time_step(network, population, activation)
    coarse = quantisation_step(unit_map(network, population), activation, trace.drive)
    original = expected.network.population(population.name)
    if isinstance(original.neuron, m.Quantized):
        step = broadcast_parameter(original.neuron.step, original.shape, expected.network.array)
        coarse = max(coarse, quantisation_step(step, activation, 1))
    return coarse


def _time_step(network: m.Network, population: m.Population, activation: Array) -> float:
    """How coarse spike times are: a step of the kernel, and the least value, over the mean."""
    neuron = population.neuron
    assert isinstance(neuron, m.TTFS | m.IntegerTTFS)
    values = kernels(network)[population.name].astype(np.float64)
    ratio = float(values[1] / values[0]) if len(values) > 1 else 0.0
    least = float(fire_thresholds(network, neuron)[-1].max())
    unit = unit_map(network, population) * least
    return 1.0 - ratio + quantisation_step(unit, activation, 1)

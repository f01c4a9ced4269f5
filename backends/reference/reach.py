"""How far a network's values can reach: static bounds on currents and membrane potentials.

Let D be the number of steps in which input and bias act, T that of all steps, and I the drive of
one step in absolute values. Then for every potential

- `|v_init| + threshold + D * I(input, bias) + T * I(spikes)` holds always, and
- `|v_init| + threshold * (n + 1) + D * I(input, bias) + sum of |weight| * N + I` holds where the
  neuron resets by subtraction and sends no more than n net spikes: its potential is what came in
  less threshold times its own net count, and what came in depends on the net counts N alone.

The smaller one counts; the second is what bounds of spikes are good for. Under a schedule of
phases every source acts once, and `one_way` bounds the potential. All is computed in float64, for
networks of integers and of fractions alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.reference.one_way import may_be_negative, sides
from snnc.ir import linear, model, shapes, spike_times
from snnc.ir.phases import kernels
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Reach:
    """The largest |spike| or |value| of a source in one step, and its largest |net count|."""

    each: float
    net: float


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What a population can receive and hold, at most, in absolute values.

    `current`: the summed input of one step, of each neuron of the summed input. `potential`: the
    potential of each neuron; for pools the difference of two counts. `inside`: the largest value
    inside the chains of operators.
    """

    current: Array
    potential: Array
    inside: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Bounds of a population's summed input, per neuron of it.

    `step`: within one step. `total`: of all steps, each in absolute values. `net`: of all steps
    up to any of them. `inside`: as in `Bounds`.
    """

    step: Array
    total: Array
    net: Array
    inside: float


_TIMED = (model.TTFS, model.IntegerTTFS)
_UNBOUNDED = Reach(2.0**100, 2.0**100)
"""What is taken for a loop of pools alone, whose spikes could grow without end."""


def reach_of_values(values: Array | float, drive: int) -> Reach:
    """The reach of an input whose values are known, or their largest absolute value."""
    each = _largest(np.asarray(values))
    return Reach(each, drive * each)


def reach_of_coding(entry: model.Input, drive: int) -> Reach:
    """The reach of an input by its coding alone, where that tells it: of integers always.

    Raises:
        ValueError: the coding says nothing of its range.
    """
    coding = entry.coding
    if isinstance(coding, model.IntegerSpikeTime):
        return reach_of_values(float(max(coding.values)), drive)
    if isinstance(coding, model.SpikeTime):
        return reach_of_values(spike_times.largest(coding), drive)
    if isinstance(coding, model.Graded):
        return reach_of_values(float(max(coding.levels, -coding.lowest)), drive)
    if isinstance(coding, model.Poisson):
        return reach_of_values(1.0, drive)
    if isinstance(coding, model.Events) and coding.largest is not None:
        return reach_of_values(float(coding.largest), drive)
    raise ValueError(f"input {entry.name} has no range")


def potential_bounds(
    network: model.Network, reach: Mapping[str, Reach], steps: int
) -> dict[str, Bounds]:
    """The bounds of every population in a run of `steps` steps.

    Args:
        network: of stage snn or fixed, in layer-local time.
        reach: of every input.
        steps: time steps.
    """
    known = all_reaches(network, reach, steps)
    return {p.name: bounds_of(network, p, known, steps) for p in network.populations}


def bounds_by_coding(network: model.Network) -> dict[str, Bounds]:
    """The bounds of every population of an integer network, whatever its inputs bring.

    Args:
        network: of stage fixed, in layer-local time; its codings say how large inputs are.

    Raises:
        ValueError: there is no schedule, or a coding says nothing of its range.
    """
    if network.schedule is None:
        raise ValueError(f"network {network.name} has no schedule")
    steps = network.schedule.steps
    drive = network.schedule.drive(steps)
    return potential_bounds(
        network, {i.name: reach_of_coding(i, drive) for i in network.inputs}, steps
    )


def all_reaches(network: model.Network, reach: Mapping[str, Reach], steps: int) -> dict[str, Reach]:
    """The reach of every input and population; arguments as in `potential_bounds`."""
    drive = network.schedule.drive(steps) if network.schedule else steps
    known = dict(reach)
    worth = kernels(network)
    # A loop reads later populations, of which only pools depend on what they read themselves.
    for population in network.populations:
        if isinstance(population.neuron, model.IF):
            known[population.name] = Reach(1.0, _net_spikes(population.neuron, steps))
        elif isinstance(population.neuron, _TIMED):
            # One spike, which counts as what it is worth.
            known[population.name] = reach_of_values(worth[population.name], 1)
    for population in network.populations:
        timed = isinstance(population.neuron, _TIMED)
        if not timed and {i.source for i in population.incoming} <= known.keys():
            sums = _sums(network, population, known, drive, steps)
            known[population.name] = _spikes(population.neuron, sums, steps)
    for population in network.populations:
        if not isinstance(population.neuron, _TIMED):
            sums = _sums(network, population, known, drive, steps)
            known[population.name] = _spikes(population.neuron, sums, steps)
    return known


def bounds_of(
    network: model.Network,
    population: model.Population,
    known: Mapping[str, Reach],
    steps: int,
) -> Bounds:
    """The bounds of one population; `known`: the reach of all that it reads."""
    if isinstance(network.schedule, model.Phased):
        return _once(network, population, known)
    drive = network.schedule.drive(steps) if network.schedule else steps
    sums = _sums(network, population, known, drive, steps)
    potential = _largest_potential(network, population, sums, steps)
    return Bounds(sums.step, potential, sums.inside)


def _once(
    network: model.Network, population: model.Population, known: Mapping[str, Reach]
) -> Bounds:
    """The bounds of a population whose bias and sources act once: see `one_way`."""
    signed = {i.name: may_be_negative(i) for i in network.inputs}
    shape = shapes.summed_shape(network, population)
    up, down, inside = np.zeros(shape), np.zeros(shape), 0.0
    if population.bias is not None:
        bias = linear.broadcast_parameter(population.bias, shape, network.array).astype(np.float64)
        up, down = up + np.maximum(bias, 0), down + np.maximum(-bias, 0)
    for incoming in population.incoming:
        each = known.get(incoming.source, _UNBOUNDED).each
        above, below, most = sides(network, incoming, each, signed.get(incoming.source, False))
        up, down, inside = up + above, down + below, max(inside, most)
    current = potential = np.maximum(up, down)
    if isinstance(population.neuron, model.Integrator):
        potential = current + _absolute_parameter(network, population, population.neuron.v_init)
    return Bounds(current, potential, inside)


def _largest_potential(
    network: model.Network, population: model.Population, sums: _Sums, steps: int
) -> Array:
    """The largest |potential|, or for pools the largest difference of two counts."""
    neuron = population.neuron
    arrived = np.minimum(sums.total, sums.net + sums.step)
    if isinstance(neuron, model.Integrator):
        return np.asarray(_absolute_parameter(network, population, neuron.v_init) + arrived)
    if not isinstance(neuron, model.IF):
        return np.asarray(2 * arrived)
    start = _absolute_parameter(network, population, neuron.v_init)
    threshold = _absolute_parameter(network, population, neuron.threshold)
    bound = start + threshold + sums.total
    if neuron.reset == "subtract" and neuron.negative_spikes != "leaky":
        sent = _net_spikes(neuron, steps)
        bound = np.minimum(bound, start + threshold * (sent + 1) + sums.net + sums.step)
    if neuron.saturation is not None:
        # What is held, and on top of it what a step brings before it is cut off.
        bound = np.minimum(bound, np.maximum(neuron.saturation, start) + sums.step)
    return np.asarray(bound)


def _spikes(neuron: model.Neuron, sums: _Sums, steps: int) -> Reach:
    """What a population can send."""
    if isinstance(neuron, model.IF):
        return Reach(1.0, _net_spikes(neuron, steps))
    step, total, net = (float(a.max()) for a in (sums.step, sums.total, sums.net))
    if isinstance(neuron, model.RunningMax2d):
        return Reach(step, min(total, net))
    return Reach(step, total)


def _net_spikes(neuron: model.IF, steps: int) -> float:
    """The largest |net count| of an integrate-and-fire neuron."""
    most = steps if neuron.max_spikes is None else min(steps, neuron.max_spikes)
    least = 0 if neuron.negative_spikes == "none" else steps
    if neuron.negative_spikes == "retract" and neuron.min_spikes is not None:
        least = min(steps, -neuron.min_spikes)
    return float(max(most, least))


def _sums(
    network: model.Network,
    population: model.Population,
    reach: Mapping[str, Reach],
    drive: int,
    steps: int,
) -> _Sums:
    inputs = {entry.name for entry in network.inputs}
    shape = shapes.summed_shape(network, population)
    entering, spiking, net = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    inside = 0.0
    if population.bias is not None:
        bias = linear.broadcast_parameter(population.bias, shape, network.array)
        entering += np.abs(bias.astype(np.float64))
    for incoming in population.incoming:
        source = reach.get(incoming.source, _UNBOUNDED)
        value, most = _absolute_chain(network, incoming, source.each)
        inside = max(inside, most)
        if incoming.source in inputs:
            entering += value
        else:
            spiking += value
            net += _absolute_chain(network, incoming, source.net)[0]
    return _Sums(
        step=entering + spiking,
        total=drive * entering + steps * spiking,
        net=drive * entering + net,
        inside=inside,
    )


def _absolute_chain(
    network: model.Network, incoming: model.Incoming, value: float
) -> tuple[Array, float]:
    """A chain with absolute weights on a source of equal values, and the largest on the way."""
    values = np.full((1, *network.source_shape(incoming.source)), value)
    largest = 0.0
    for op in incoming.ops:
        values = linear.apply(_absolute(op), values, lambda ref: np.abs(_wide(network, ref)))
        largest = max(largest, _largest(values))
    return values[0], largest


def _absolute(op: model.Operator) -> model.Operator:
    if isinstance(op, model.Scale) and not isinstance(op.factor, model.Ref):
        return model.Scale(abs(op.factor))
    return op


def _wide(network: model.Network, ref: model.Ref) -> Array:
    return network.array(ref).astype(np.float64)


def _largest(array: Array) -> float:
    return float(np.abs(array.astype(np.float64)).max(initial=0.0))


def _absolute_parameter(
    network: model.Network, population: model.Population, parameter: model.Parameter
) -> Array:
    values = linear.broadcast_parameter(parameter, population.shape, network.array)
    return np.abs(values.astype(np.float64))

"""Integer simulation on floating-point hardware: which element type computes it exactly.

BLAS has no integer product. Sums of integers in a floating-point type are exact, in any order,
while every sum of absolute values stays below 2^24 (float32) or 2^53 (float64). The bound used
here is the largest potential that any neuron could reach. Let D be the number of steps in which
input and bias act, T that of all steps, and I the drive of one step in absolute values. Then

- `|v_init| + threshold + D * I(input, bias) + T * I(spikes)` holds always, and
- `|v_init| + threshold * (n + 1) + D * I(input, bias) + sum of |weight| * N + I` holds where the
  neuron resets by subtraction and sends no more than n net spikes: its potential is what came in
  less threshold times its own net count, and what came in depends on the net counts N alone.

The smaller one counts; the second is what bounds of spikes are good for. Only where it proves too
large, the slow int64 product is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear, model, shapes
from snnc.ir.tensors import Array

_LIMITS = ((2.0**24, np.dtype(np.float32)), (2.0**53, np.dtype(np.float64)))


def require_integers(network: model.Network) -> None:
    """InputError SN508 unless every number that the simulation uses is whole."""
    findings = [d for entry in network.inputs for d in _fractional_input(entry)]
    findings += [d for p in network.populations for d in _fractional(network, p)]
    if findings:
        raise InputError(findings)


def exact_dtype(network: model.Network, inputs: Mapping[str, Array], steps: int) -> np.dtype[Any]:
    """The fastest element type in which all sums of a run of `steps` steps are exact.

    Raises:
        InputError: SN510 if a sum could even leave 64 bits.
    """
    largest = _largest_sum(network, inputs, steps)
    for limit, dtype in _LIMITS:
        if largest < limit:
            return dtype
    if largest < 2.0**62:
        return np.dtype(np.int64)
    raise InputError(
        Diagnostic(
            "SN510",
            f"a potential of up to {largest:.3g} is possible within {steps} time steps; "
            "integer simulation has 64 bits",
            f"network {network.name}",
            "use smaller weights or fewer time steps",
        )
    )


@dataclass(frozen=True, slots=True)
class _Reach:
    """The largest |spike| or |value| of a source in one step, and its largest |net count|."""

    each: float
    net: float


@dataclass(frozen=True, slots=True)
class _Sums:
    """Bounds of a population's summed input, the largest over its neurons.

    `step`: within one step. `total`: of all steps, each in absolute values. `net`: of all steps
    up to any of them. `inside`: the largest value inside the chains.
    """

    step: float
    total: float
    net: float
    inside: float


_UNBOUNDED = _Reach(2.0**100, 2.0**100)
"""What is taken for a loop of pools alone, whose spikes could grow without end."""


def _largest_sum(network: model.Network, inputs: Mapping[str, Array], steps: int) -> float:
    drive = network.schedule.drive(steps) if network.schedule else steps
    reach: dict[str, _Reach] = {}
    for entry in network.inputs:
        drawn = isinstance(entry.coding, model.Poisson)
        each = 1.0 if drawn else _largest(np.asarray(inputs[entry.name]))
        reach[entry.name] = _Reach(each, drive * each)
    largest = max((r.each for r in reach.values()), default=0.0)
    # A loop reads later populations, of which only pools depend on what they read themselves.
    for population in network.populations:
        if isinstance(population.neuron, model.IF):
            reach[population.name] = _Reach(1.0, _net_spikes(population.neuron, steps))
    for population in network.populations:
        if {i.source for i in population.incoming} <= reach.keys():
            sums = _sums(network, population, reach, drive, steps)
            reach[population.name] = _spikes(population.neuron, sums, steps)
    for population in network.populations:
        sums = _sums(network, population, reach, drive, steps)
        bound = _largest_potential(network, population.neuron, sums, steps)
        reach[population.name] = _spikes(population.neuron, sums, steps)
        largest = max(largest, bound, sums.inside)
    return largest


def _largest_potential(
    network: model.Network, neuron: model.Neuron, sums: _Sums, steps: int
) -> float:
    """The largest |potential|, or for pools the largest difference of two counts."""
    arrived = min(sums.total, sums.net + sums.step)
    if isinstance(neuron, model.Integrator):
        return _bound(network, neuron.v_init) + arrived
    if not isinstance(neuron, model.IF):
        return 2 * arrived
    start, threshold = _bound(network, neuron.v_init), _bound(network, neuron.threshold)
    bound = start + threshold + sums.total
    if neuron.reset == "subtract" and neuron.negative_spikes != "leaky":
        sent = _net_spikes(neuron, steps)
        bound = min(bound, start + threshold * (sent + 1) + sums.net + sums.step)
    return bound


def _spikes(neuron: model.Neuron, sums: _Sums, steps: int) -> _Reach:
    """What a population can send."""
    if isinstance(neuron, model.IF):
        return _Reach(1.0, _net_spikes(neuron, steps))
    if isinstance(neuron, model.RunningMax2d):
        return _Reach(sums.step, min(sums.total, sums.net))
    return _Reach(sums.step, sums.total)


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
    reach: Mapping[str, _Reach],
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
        step=float(np.max(entering + spiking)),
        total=float(np.max(drive * entering + steps * spiking)),
        net=float(np.max(drive * entering + net)),
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


def _bound(network: model.Network, parameter: model.Parameter) -> float:
    if isinstance(parameter, model.Ref):
        return _largest(network.array(parameter))
    return abs(float(parameter))


def _fractional_input(entry: model.Input) -> Iterator[Diagnostic]:
    if isinstance(entry.coding, model.Rounded) and not float(entry.coding.step).is_integer():
        yield _not_whole(
            f"values rounded to {entry.coding.step} are fractions", f"input {entry.name}"
        )


def _not_whole(what: str, where: str) -> Diagnostic:
    return Diagnostic(
        "SN508",
        f"integer simulation needs whole numbers; {what}",
        where,
        "quantise the network to stage fixed, or simulate with dtype float32 or float64",
    )


def _fractional(network: model.Network, population: model.Population) -> Iterator[Diagnostic]:
    """A finding for every number of a population that is not whole."""

    def finding(what: str) -> Diagnostic:
        return _not_whole(what, f"population {population.name}")

    for name in dict.fromkeys(_parameters(population)):
        if not _whole(network.array(model.Ref(name))):
            yield finding(f"tensor @{name} holds fractions")
    for incoming in population.incoming:
        for op in incoming.ops:
            if isinstance(op, model.AvgPool2d):
                yield finding("average pooling divides")
            elif isinstance(op, model.Scale) and not _whole_parameter(network, op.factor):
                yield finding(f"a scale of {op.factor} does not keep them")
    for what in _fractional_rule(network, population.neuron):
        yield finding(what)


def _fractional_rule(network: model.Network, neuron: model.Neuron) -> Iterator[str]:
    if isinstance(neuron, model.Integrator) and not _whole_parameter(network, neuron.v_init):
        yield "v_init is a fraction"
    if not isinstance(neuron, model.IF):
        return
    for what in ("threshold", "v_init"):
        parameter = getattr(neuron, what)
        if not _whole_parameter(network, parameter):
            yield f"{what} {parameter} is a fraction"
    if neuron.leak != 1.0:
        yield f"leak {neuron.leak} makes fractions"
    if neuron.negative_spikes == "leaky":
        threshold, slope = (_values(network, p) for p in (neuron.threshold, neuron.slope))
        rises = threshold / np.where(slope > 0, slope, 1.0)
        if not _whole(rises):
            yield "threshold / slope is a fraction"


def _parameters(population: model.Population) -> Iterator[str]:
    """Weights and biases of a population."""
    yield from model.references(population.bias)
    for incoming in population.incoming:
        for op in incoming.ops:
            if not isinstance(op, model.Scale):
                yield from model.references(op)


def _values(network: model.Network, parameter: model.Parameter) -> Array:
    if isinstance(parameter, model.Ref):
        return _wide(network, parameter)
    return np.asarray(float(parameter))


def _whole_parameter(network: model.Network, parameter: model.Parameter) -> bool:
    return _whole(_values(network, parameter))


def _whole(array: Array) -> bool:
    return array.dtype.kind in "iub" or bool((array == np.rint(array)).all())

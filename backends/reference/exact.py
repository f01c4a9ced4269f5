"""Integer simulation on floating-point hardware: which element type computes it exactly.

BLAS has no integer product. Sums of integers in a floating-point type are exact, in any order,
while every sum of absolute values stays below 2^24 (float32) or 2^53 (float64). The bound used
here is the largest potential that any neuron could reach, |v_init| + threshold + T * (|bias| +
sum of |weight| * largest |input|). Only where it proves too large, the slow int64 product is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear, model, shapes
from snnc.ir.tensors import Array

_LIMITS = ((2.0**24, np.dtype(np.float32)), (2.0**53, np.dtype(np.float64)))


def require_integers(network: model.Network) -> None:
    """InputError SN508 unless every number that the simulation uses is whole."""
    findings = [d for p in network.populations for d in _fractional(network, p)]
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


def _largest_sum(network: model.Network, inputs: Mapping[str, Array], steps: int) -> float:
    reach = {name: _largest(np.asarray(array)) for name, array in inputs.items()}
    for entry in network.inputs:
        if isinstance(entry.coding, model.Poisson):
            reach[entry.name] = 1.0
    largest = max(reach.values(), default=0.0)
    for population in network.populations:
        drive, inside = _drive(network, population, reach)
        neuron = population.neuron
        total = steps * drive
        reach[population.name] = drive
        if isinstance(neuron, model.IF):
            total += _bound(network, neuron.v_init) + _bound(network, neuron.threshold)
            reach[population.name] = 1.0
        elif isinstance(neuron, model.Integrator):
            total += _bound(network, neuron.v_init)
        else:
            total = 2 * total
        largest = max(largest, total, inside)
    return largest


def _drive(
    network: model.Network, population: model.Population, reach: Mapping[str, float]
) -> tuple[float, float]:
    """Largest |summed input| of one step, and the largest value inside the chains."""
    total: Array | float = 0.0
    inside = 0.0
    if population.bias is not None:
        shape = shapes.summed_shape(network, population)
        bias = linear.broadcast_parameter(population.bias, shape, network.array)
        total = np.abs(bias.astype(np.float64))
    for incoming in population.incoming:
        shape = network.source_shape(incoming.source)
        value = np.full((1, *shape), reach[incoming.source])
        for op in incoming.ops:
            value = linear.apply(_absolute(op), value, lambda ref: np.abs(_wide(network, ref)))
            inside = max(inside, _largest(value))
        total = total + value[0]
    return float(np.max(total)), inside


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


def _fractional(network: model.Network, population: model.Population) -> Iterator[Diagnostic]:
    """A finding for every number of a population that is not whole."""

    def finding(what: str) -> Diagnostic:
        return Diagnostic(
            "SN508",
            f"integer simulation needs whole numbers; {what}",
            f"population {population.name}",
            "quantise the network to stage fixed, or simulate with dtype float32 or float64",
        )

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

"""Integer simulation on floating-point hardware: which element type computes it exactly.

BLAS has no integer product. Sums of integers in a floating-point type are exact, in any order,
while every sum of some of the terms stays below 2^24 (float32) or 2^53 (float64). The bound used
here is the largest potential that any neuron could reach: see `reach`. Only where it proves too
large, the slow int64 product is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snnc.backends.reference.reach import (
    Reach,
    potential_bounds,
    reach_of_coding,
    reach_of_values,
)
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model
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
    largest = largest_sum(network, inputs, steps)
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


def largest_sum(network: model.Network, inputs: Mapping[str, Array], steps: int) -> float:
    """The largest value that can occur anywhere in a run on these inputs."""
    drive = network.schedule.drive(steps) if network.schedule else steps
    reach: dict[str, Reach] = {}
    for entry in network.inputs:
        drawn = isinstance(entry.coding, model.Poisson)
        if isinstance(entry.coding, model.IntegerSpikeTime):
            reach[entry.name] = reach_of_coding(entry, drive)
        else:
            reach[entry.name] = reach_of_values(1.0 if drawn else inputs[entry.name], drive)
    bounds = potential_bounds(network, reach, steps).values()
    return max(
        *(entry.each for entry in reach.values()),
        *(max(float(bound.potential.max()), bound.inside) for bound in bounds),
    )


def _fractional_input(entry: model.Input) -> Iterator[Diagnostic]:
    coding = entry.coding
    if type(coding) is model.SpikeTime:
        what = f"spike times with a kernel of tau {coding.tau} are worth fractions"
        yield _not_whole(what, f"input {entry.name}")
    if isinstance(coding, model.Graded) or not isinstance(coding, model.Rounded):
        return
    if not float(coding.step).is_integer():
        yield _not_whole(f"values rounded to {coding.step} are fractions", f"input {entry.name}")


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
    if isinstance(neuron, model.TTFS):
        yield f"a kernel of tau {neuron.tau} has fractions"
    if not isinstance(neuron, model.IF):
        return
    for what in ("threshold", "v_init"):
        parameter = getattr(neuron, what)
        if not _whole_parameter(network, parameter):
            yield f"{what} {parameter} is a fraction"
    if neuron.leak not in (0.0, 1.0):
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
        return network.array(parameter).astype(np.float64)
    return np.asarray(float(parameter))


def _whole_parameter(network: model.Network, parameter: model.Parameter) -> bool:
    return _whole(_values(network, parameter))


def _whole(array: Array) -> bool:
    return array.dtype.kind in "iub" or bool((array == np.rint(array)).all())

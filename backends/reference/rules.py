"""From the IR's neurons to the simulator's dynamics: parameters cast, broadcast and laid out."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from snnc.backends.reference.first_spikes import FireOnce, fire_once
from snnc.backends.reference.layout import inner_shape, to_inner
from snnc.backends.reference.neurons import Accumulate, Fire
from snnc.backends.reference.pools import MaxPool
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import linear, model
from snnc.ir.tensors import Array, Shape

Dynamics: TypeAlias = Fire | Accumulate | MaxPool | FireOnce
"""What a population does in a step."""


def build_dynamics(
    network: model.Network, population: model.Population, summed: Shape, dtype: np.dtype[Any]
) -> Dynamics:
    """The dynamics of a population whose summed input has the shape `summed`."""
    neuron, lookup = population.neuron, network.array
    shape = population.shape
    if isinstance(neuron, model.IF):
        return _fire(neuron, shape, lookup, dtype)
    if isinstance(neuron, (model.TTFS, model.IntegerTTFS)):
        return fire_once(network, population, dtype)
    if isinstance(neuron, model.Integrator):
        v_init = _inner_parameter(neuron.v_init, shape, lookup, dtype)
        return Accumulate(inner_shape(shape), v_init)
    if isinstance(neuron, (model.RunningMax2d, model.MaxGate2d)):
        gate = isinstance(neuron, model.MaxGate2d)
        return MaxPool(
            inner_shape(shape),
            summed,
            neuron.kernel,
            neuron.strides,
            neuron.dilations,
            _border(neuron, summed, shape),
            gate,
        )
    raise InputError(
        Diagnostic(
            "SN501",
            f"neuron {type(neuron).__name__} of population {population.name} does not spike",
            f"population {population.name}",
            "run the pass to-spiking first",
        )
    )


def _fire(neuron: model.IF, shape: Shape, lookup: linear.Lookup, dtype: np.dtype[Any]) -> Fire:
    threshold = _inner_parameter(neuron.threshold, shape, lookup, dtype)
    rise, falls = threshold, np.ones((), np.bool_)
    if neuron.negative_spikes == "leaky":
        wide = np.dtype(np.float64)
        slope = _inner_parameter(neuron.slope, shape, lookup, wide)
        falls = np.asarray(slope > 0)
        quotient = _inner_parameter(neuron.threshold, shape, lookup, wide)
        rise = np.asarray(quotient / np.where(falls, slope, 1)).astype(dtype)
    return Fire(
        shape=inner_shape(shape),
        threshold=threshold,
        unit=threshold.ndim == 0 and float(threshold) == 1.0,
        v_init=_inner_parameter(neuron.v_init, shape, lookup, dtype),
        leak=float(neuron.leak),
        reset=neuron.reset,
        negative=neuron.negative_spikes,
        rise=rise,
        falls=falls,
        max_spikes=neuron.max_spikes,
        min_spikes=neuron.min_spikes,
        saturation=neuron.saturation,
    )


def _inner_parameter(
    parameter: model.Parameter, shape: Shape, lookup: linear.Lookup, dtype: np.dtype[Any]
) -> Array:
    """A scalar array, or one value per neuron in the inner layout."""
    array = linear.broadcast_parameter(parameter, shape, lookup).astype(dtype)
    if array.ndim == 0:
        return array
    return np.ascontiguousarray(to_inner(np.broadcast_to(array, shape), len(shape)))


def _border(
    neuron: model.RunningMax2d | model.MaxGate2d, summed: Shape, shape: Shape
) -> tuple[int, int, int, int]:
    """Padding of a pool, extended so that the last window lies inside."""
    ends = []
    for axis in (0, 1):
        span = neuron.dilations[axis] * (neuron.kernel[axis] - 1) + 1
        needed = (shape[axis + 1] - 1) * neuron.strides[axis] + span
        ends.append(max(0, needed - summed[axis + 1] - neuron.pads[axis]))
    return (neuron.pads[0], neuron.pads[1], ends[0], ends[1])

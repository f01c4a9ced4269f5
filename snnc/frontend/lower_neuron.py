"""Activation functions: each makes a population."""

from __future__ import annotations

import numpy as np

from snnc.frontend import values as v
from snnc.frontend.call import Call, without_batch
from snnc.frontend.refusal import Refusal
from snnc.frontend.staircase import parameter
from snnc.frontend.values import Value
from snnc.ir import model as m
from snnc.ir.tensors import Array

_UNBOUNDED = 3.0e38
"""Bounds beyond this are exporters' way to write none (the largest float32 is 3.4e38)."""


def relu(call: Call) -> Value:
    """ONNX Relu; of a value that is never negative it changes nothing."""
    value = call.data()
    if _nonnegative_source(call, value) is not None:
        return value
    return _population(call, m.Relu(), value)


def clip(call: Call) -> Value:
    """ONNX Clip, ReLU6 among them: from 0 to a bound."""
    return _bounded(call, _bound(call, 1, "min"), _bound(call, 2, "max"))


def maximum(call: Call) -> Value:
    """ONNX Max with the constant 0, which is Relu."""
    return _bounded(call, _constant_bound(call), None)


def minimum(call: Call) -> Value:
    """ONNX Min with a constant, after a Relu."""
    return _bounded(call, None, _constant_bound(call))


def leaky_relu(call: Call) -> Value:
    """ONNX LeakyRelu with a slope that is not negative."""
    return _leaky(call, np.array(call.attribute("alpha", 0.01), dtype=np.float64))


def prelu(call: Call) -> Value:
    """ONNX PRelu with constant slopes that are not negative."""
    return _leaky(call, without_batch(call.required(1), call.data()))


def _leaky(call: Call, slope: Array) -> Value:
    if np.any(slope < 0):
        raise Refusal(
            "its slope is negative",
            "retrain with a slope of at least 0 (a negative one is not monotonic)",
        )
    value = call.data()
    found = parameter(call, value, slope, "slope")
    if found == 1.0:
        return value
    return _population(call, m.Relu() if found == 0.0 else m.LeakyRelu(found), value)


def _bound(call: Call, index: int, name: str) -> Array | None:
    """A bound of Clip from its input or, in old opsets, its attribute; None if unbounded."""
    given = call.constant(index)
    bound = call.attribute(name, None) if given is None else given
    return None if bound is None else np.asarray(bound, dtype=np.float64)


def _constant_bound(call: Call) -> Array:
    constants = [i for i, o in enumerate(call.operands) if not isinstance(o, Value)]
    if len(call.operands) != 2 or len(constants) != 1:
        raise Refusal(
            "it compares computed values",
            "use MaxPool, or Relu and subtraction: max(a, b) = b + Relu(a - b)",
        )
    return np.asarray(call.required(constants[0]), dtype=np.float64)


def _bounded(call: Call, low: Array | None, high: Array | None) -> Value:
    """`min(max(x, low), high)` where it is Relu, Clip from 0, or nothing at all."""
    value = call.data(0) if isinstance(call.operand(0), Value) else call.data(1)
    open_below = low is None or bool(np.all(low <= -_UNBOUNDED))
    open_above = high is None or bool(np.all(high >= _UNBOUNDED))
    if open_below and open_above:
        return value
    source = _nonnegative_source(call, value)
    if low is not None and not open_below and not _harmless(low, source is not None):
        raise Refusal(
            "its lower bound is not 0",
            "clip from 0 (ReLU, ReLU6), which is what a spiking neuron can do",
        )
    if open_below and source is None:
        raise Refusal(
            "it bounds a value from above only",
            "clip from 0 too, or apply Relu first",
        )
    if high is None or open_above:
        return value if source is not None else _population(call, m.Relu(), value)
    return _saturating(call, value, without_batch(high, value), source)


def _harmless(low: Array, nonnegative: bool) -> bool:
    """A lower bound of 0, or below 0 where the value is never negative."""
    return bool(np.all(low <= 0)) if nonnegative else not np.any(low)


def _saturating(call: Call, value: Value, high: Array, source: str | None) -> Value:
    if np.any(high <= 0):
        raise Refusal("its upper bound is not positive", "clip to a positive bound")
    neuron = m.Clip(parameter(call, value, high, "high"))
    if source is not None and _reads_alone(call, source):
        call.builder.amend(source, neuron, call.node, call.node.outputs[0])
        return value
    return _population(call, neuron, value)


def _reads_alone(call: Call, source: str) -> bool:
    """Whether the node reads the Relu's own tensor (no view of it), and nothing else does."""
    made = call.builder.made[source]
    read = made.tensor in call.node.inputs and call.consumers(made.tensor) == 1
    return read and isinstance(made.population.neuron, m.Relu)


def _population(call: Call, neuron: m.Neuron, value: Value) -> Value:
    return call.builder.population(neuron, value, call.node.outputs[0], call.node)


def _nonnegative_source(call: Call, value: Value) -> str | None:
    """The population that the value is, if it is one that is never negative."""
    if not v.is_source(value):
        return None
    made = call.builder.made.get(value.terms[0].source)
    neuron = None if made is None else made.population.neuron
    unsigned = isinstance(neuron, m.Quantized) and not neuron.signed
    return value.terms[0].source if unsigned or isinstance(neuron, m.Relu | m.Clip) else None

"""Uniform staircases: quantised activations as one population each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.frontend import values as v
from snnc.frontend.call import Call, without_batch
from snnc.frontend.nodes import Node
from snnc.frontend.refusal import Refusal
from snnc.frontend.values import Value
from snnc.ir import model as m
from snnc.ir.neurons import Ties
from snnc.ir.tensors import Array


@dataclass(frozen=True, slots=True)
class Staircase:
    """`y = step * clip(floor(x / step + shift), lowest, levels)`, the activation of `m.Quantized`.

    Attributes:
        step: Above 0; broadcasts against the value, a batch axis of length 1 may be left out.
        levels: The largest level, above 0.
        lowest: The smallest level, 0 or below it.
        shift: As `step`; 0.5 rounds to the nearest level.
        ties: With "even", `x / step` is rounded to the nearest whole number and exact halves to the
            even one, as ONNX Round and QuantizeLinear do; the shift is 0.5 then.

    Source: Bu et al. 2022, eq. 4 (QCFS); Esser et al. 2020, eq. 1 and 2 (LSQ).
    """

    step: float | Array
    levels: int
    lowest: int = 0
    shift: float | Array = 0.5
    ties: Ties = "up"


def quantized(call: Call, value: Value, staircase: Staircase, nodes: Sequence[Node] = ()) -> Value:
    """The population that applies a staircase to a value; `call.node` is the node it ends in.

    A Relu population that nothing else reads becomes the staircase from level 0 on. `nodes`: all
    nodes of the staircase if there are several, the rounding one first.

    Raises:
        Refusal: it is no staircase through 0, or its constants do not fit the value.
    """
    step, shift = (without_batch(np.asarray(a), value) for a in (staircase.step, staircase.shift))
    if not np.all(step > 0):
        raise Refusal("its step is not positive", "quantise with a step above 0")
    if not staircase.lowest <= 0 < staircase.levels:
        raise Refusal(
            f"its levels run from {staircase.lowest} to {staircase.levels}: they leave out 0, or "
            "there is none above it",
            "quantise to a range that holds 0 and something above it",
        )
    relu = _relu_in_front(call, value) if np.all((shift >= 0) & (shift < 1)) else None
    neuron = m.Quantized(
        parameter(call, value, step, "step"),
        staircase.levels,
        staircase.lowest if relu is None else 0,
        parameter(call, value, shift, "shift"),
        staircase.ties,
    )
    if relu is not None:
        call.builder.amend(relu, neuron, call.node, call.node.outputs[0])
        return value
    return call.builder.population(neuron, value, call.node.outputs[0], call.node, inner=nodes)


def parameter(call: Call, value: Value, outer: Array, name: str) -> m.Parameter:
    """A parameter that broadcasts against the value, in the layout of the terms."""
    full = v.to_inner(value, np.broadcast_to(outer, value.shape))
    return v.parameter(full, call.tensors, f"{call.base}.{name}")


def _relu_in_front(call: Call, value: Value) -> str | None:
    """The Relu population that the value is, if the node reads it itself and nothing else does."""
    made = call.builder.made.get(value.terms[0].source) if v.is_source(value) else None
    if made is None or not isinstance(made.population.neuron, m.Relu):
        return None
    alone = made.tensor in call.node.inputs and call.consumers(made.tensor) == 1
    return made.population.name if alone else None

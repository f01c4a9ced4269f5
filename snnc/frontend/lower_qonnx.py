"""Quantisers of QONNX, Brevitas and FINN: each makes a population, and a constant beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.frontend import values as v
from snnc.frontend.call import Call, without_batch
from snnc.frontend.expand import population_tensor
from snnc.frontend.qonnx_staircase import quantiser_of
from snnc.frontend.staircase import quantized
from snnc.frontend.values import Value


def quantise(call: Call) -> Value:
    """QONNX Quant, IntQuant, BipolarQuant and FINN MultiThreshold: a uniform staircase.

    Where its levels are not whole multiples of its step, as those of BipolarQuant, or are worth
    another amount than its step, the rest is linear and belongs to what reads the population.
    """
    operands = dict(zip(call.node.inputs, call.operands, strict=True))
    constants = {name: a for name, a in operands.items() if isinstance(a, np.ndarray)}
    given = call.operand(0)
    rank = len(given.shape) + 1 if isinstance(given, Value) else 0
    quantiser = quantiser_of(call.node, constants, rank)
    value = call.data()
    if quantiser.plain:
        return quantized(call, value, quantiser.staircase)
    inner = population_tensor(call.node.outputs[0])
    node = replace(call.node, outputs=(inner, *call.node.outputs[1:]))
    result = quantized(replace(call, node=node), value, quantiser.staircase)
    if quantiser.factor is not None:
        factor = without_batch(quantiser.factor, result)
        result = v.scale(result, factor, call.tensors, f"{call.base}.factor")
    if quantiser.offset is not None:
        result = v.shift(result, without_batch(quantiser.offset, result))
    return result

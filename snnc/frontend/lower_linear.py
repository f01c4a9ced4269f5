"""Weighted and affine operators: Conv, ConvTranspose, Gemm, MatMul, BatchNormalization, Add, ..."""

from __future__ import annotations

import functools
import math

import numpy as np

from snnc.frontend import values as v
from snnc.frontend.call import Call, without_batch
from snnc.frontend.nodes import integers
from snnc.frontend.refusal import Refusal
from snnc.frontend.values import Value
from snnc.frontend.windows import Window, read_window, same_padding
from snnc.ir import model as m
from snnc.ir.tensors import Array


def conv(call: Call) -> Value:
    """ONNX Conv in one or two dimensions."""
    value, weight = call.image(), call.required(1)
    window = read_window(call.node, _spatial(value, weight), weight.shape[2:])
    if weight.ndim == 3:
        weight = weight[:, :, None, :]
    op = m.Conv2d(
        call.tensors.add(f"{call.base}.weight", weight, call.node.inputs[1]),
        window.strides,
        window.pads,
        window.dilations,
        int(call.attribute("group", 1)),
    )
    return _finish_image(call, v.extend(value, op, call.tensors), weight.shape[0])


def conv_transpose(call: Call) -> Value:
    """ONNX ConvTranspose in one or two dimensions."""
    value, weight = call.image(), call.required(1)
    spatial = _spatial(value, weight)
    window = read_window(call.node, spatial, weight.shape[2:], transposed=True)
    groups = int(call.attribute("group", 1))
    if weight.ndim == 3:
        weight = weight[:, :, None, :]
    pads, extra = _transposed_pads(call, window, spatial)
    op = m.ConvTranspose2d(
        call.tensors.add(f"{call.base}.weight", weight, call.node.inputs[1]),
        window.strides,
        pads,
        window.dilations,
        extra,
        groups,
    )
    return _finish_image(call, v.extend(value, op, call.tensors), weight.shape[1] * groups)


def _spatial(value: Value, weight: Array) -> tuple[int, ...]:
    if weight.ndim not in (3, 4):
        raise Refusal(f"its weight has {weight.ndim} axes; 3 (1-D) or 4 (2-D) are supported")
    if weight.ndim == 3 and value.shape[1] != 1:
        raise Refusal("its weight is one-dimensional, its input is not")
    return value.shape[-(weight.ndim - 2) :]


def _finish_image(call: Call, value: Value, channels: int) -> Value:
    bias = call.constant(2)
    if bias is not None:
        value = v.shift(value, bias.reshape(channels, 1, 1))
    if len(call.data().shape) == 2:
        return v.view(value, m.Reshape((value.shape[0], value.shape[2])))
    return value


def _transposed_pads(
    call: Call, window: Window, spatial: tuple[int, ...]
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Padding and output padding, also where the output's size is given instead."""
    zeros = (0,) * len(spatial)
    extra = _lifted(integers(call.node, "output_padding", zeros))
    wanted = call.attribute("output_shape", None)
    if wanted is None and window.auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return window.pads, extra
    sizes = _lifted(spatial, one=True)
    if wanted is None:
        target = tuple(n * s for n, s in zip(sizes, window.strides, strict=True))
    else:
        target = _lifted(tuple(int(n) for n in wanted)[-len(spatial) :], one=True)
    pads = [0, 0, 0, 0]
    for axis in (0, 1):
        span = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        total = window.strides[axis] * (sizes[axis] - 1) + extra[axis] + span - target[axis]
        if total < 0:
            raise Refusal("its output_shape is larger than the transposed convolution reaches")
        upper = window.auto_pad == "SAME_UPPER"
        pads[axis], pads[axis + 2] = same_padding(total, upper=upper)
    return (pads[0], pads[1], pads[2], pads[3]), extra


def _lifted(values: tuple[int, ...], one: bool = False) -> tuple[int, int]:
    pair = values if len(values) == 2 else (int(one), *values)
    return pair[0], pair[1]


def gemm(call: Call) -> Value:
    """ONNX Gemm, `alpha * A B + beta * C`, with constant B and C."""
    value, weight = call.data(), call.required(1)
    if call.attribute("transA", 0):
        raise Refusal("transA mixes the samples of a batch", "export the layer without transA")
    if weight.ndim != 2 or len(value.shape) != 1:
        raise Refusal(
            f"it takes vectors; its input has shape {list(value.shape)}",
            "put a Flatten in front of it",
        )
    matrix = weight if call.attribute("transB", 0) else weight.T
    result = _dense(call, value, matrix, call.node.inputs[1])
    alpha, beta = float(call.attribute("alpha", 1.0)), float(call.attribute("beta", 1.0))
    if alpha != 1.0:
        result = v.scale(result, np.array(alpha), call.tensors, f"{call.base}.alpha")
    bias = call.constant(2)
    if bias is not None and beta != 0.0:
        result = v.shift(result, beta * without_batch(bias, result))
    return result


def matmul(call: Call) -> Value:
    """ONNX MatMul with one constant side: a dense layer, or the same one at every position."""
    if isinstance(call.operand(0), Value) and isinstance(call.operand(1), Value):
        raise Refusal(
            "it multiplies two computed tensors, as attention does",
            "replace the attention by convolutions or dense layers",
        )
    if isinstance(call.operand(1), Value):
        return _matmul_left(call)
    value, weight = call.data(), call.required(1)
    weight = weight.reshape(weight.shape[-2:]) if math.prod(weight.shape[:-2]) == 1 else weight
    if weight.ndim != 2:
        raise Refusal(
            f"its weight of shape {list(weight.shape)} differs between positions",
            "use one weight for all positions, as dense layers and convolutions do",
        )
    if len(value.shape) == 1:
        return _dense(call, value, weight.T, call.node.inputs[1])
    rank = len(value.shape)
    front = (rank - 1, *range(rank - 1))
    moved = _pointwise(call, v.view(value, m.Transpose(front)), weight.T, call.node.inputs[1])
    return v.view(moved, m.Transpose((*range(1, rank), 0)))


def _matmul_left(call: Call) -> Value:
    value, weight = call.data(1), call.required(0)
    weight = weight.reshape(weight.shape[-2:]) if math.prod(weight.shape[:-2]) == 1 else weight
    if weight.ndim != 2 or len(value.shape) != 2:
        raise Refusal(
            "its constant left side mixes the samples of a batch",
            "multiply by the constant from the right",
        )
    return _pointwise(call, value, weight, call.node.inputs[0])


def _pointwise(call: Call, value: Value, weight: Array, name: str) -> Value:
    """A matrix applied to the first axis at every position of the others: a 1x1 convolution."""
    rest = value.shape[1:]
    flat = v.view(value, m.Reshape((value.shape[0], 1, math.prod(rest))))
    ref = call.tensors.add(f"{call.base}.weight", weight[:, :, None, None], name)
    moved = v.extend(flat, m.Conv2d(ref), call.tensors)
    return v.view(moved, m.Reshape((weight.shape[0], *rest)))


def _dense(call: Call, value: Value, matrix: Array, name: str) -> Value:
    """A dense layer; a transpose in front of its flattening goes into the weight's columns."""
    if any(isinstance(op, m.Transpose) for op in value.views) and matrix.shape[1] == math.prod(
        value.inner
    ):
        order = np.arange(math.prod(value.inner)).reshape(value.inner)
        place = v.outer_order(value, order)
        permuted = np.empty_like(matrix)
        permuted[:, place] = matrix
        flat = v.view(v.without_views(value), m.Reshape((matrix.shape[1],)))
        ref = call.tensors.add(f"{call.base}.weight", permuted)
        return v.extend(flat, m.Dense(ref), call.tensors)
    ref = call.tensors.add(f"{call.base}.weight", matrix, name)
    return v.extend(value, m.Dense(ref), call.tensors)


def batch_normalization(call: Call) -> Value:
    """ONNX BatchNormalization in inference mode: a factor and a shift per channel."""
    if call.attribute("training_mode", 0):
        raise Refusal("it is in training mode", "export the model with model.eval()")
    value = call.data()
    gamma, beta, mean, variance = (call.required(i).astype(np.float64) for i in range(1, 5))
    epsilon = float(call.attribute("epsilon", 1e-5))
    if np.any(variance + epsilon <= 0):
        raise Refusal("its variance is not positive", "check the training run")
    factor = gamma / np.sqrt(variance + epsilon)
    shape = (-1,) + (1,) * (len(value.shape) - 1)
    scaled = v.scale(value, factor.reshape(shape), call.tensors, f"{call.base}.bn_factor")
    return v.shift(scaled, (beta - mean * factor).reshape(shape))


def add(call: Call) -> Value:
    """ONNX Add and Sum: values and constants of one shape."""
    computed = [i for i, o in enumerate(call.operands) if isinstance(o, Value)]
    total = functools.reduce(_add_values, (call.data(i) for i in computed))
    for index, operand in enumerate(call.operands):
        if operand is not None and index not in computed:
            total = v.shift(total, without_batch(call.required(index), total))
    return total


def _add_values(left: Value, right: Value) -> Value:
    if left.shape != right.shape:
        raise Refusal(
            f"it broadcasts computed values of shapes {list(left.shape)} and {list(right.shape)}",
            "bring both branches to one shape in the model",
        )
    return v.add(left, right)


def subtract(call: Call) -> Value:
    """ONNX Sub: constants on either side, or two values."""
    if isinstance(call.operand(1), Value):
        negative = _negated(call, call.data(1))
        if isinstance(call.operand(0), Value):
            return _add_values(call.data(0), negative)
        return v.shift(negative, without_batch(call.required(0), negative))
    value = call.data(0)
    return v.shift(value, -without_batch(call.required(1), value))


def negate(call: Call) -> Value:
    """ONNX Neg."""
    return _negated(call, call.data())


def _negated(call: Call, value: Value) -> Value:
    return v.scale(value, np.array(-1.0), call.tensors, call.base)


def multiply(call: Call) -> Value:
    """ONNX Mul by a constant."""
    if all(isinstance(o, Value) for o in call.operands):
        raise Refusal(
            "it multiplies two computed tensors, as gates and squeeze-and-excitation do",
            "replace the gate by an operator on one tensor, for example Relu",
        )
    side = 0 if isinstance(call.operand(0), Value) else 1
    value = call.data(side)
    factor = without_batch(call.required(1 - side), value)
    return v.scale(value, factor, call.tensors, f"{call.base}.factor")


def divide(call: Call) -> Value:
    """ONNX Div by a constant."""
    if isinstance(call.operand(1), Value):
        raise Refusal("it divides by a computed tensor", "replace the division in the model")
    value = call.data(0)
    divisor = without_batch(call.required(1), value)
    if np.any(divisor == 0):
        raise Refusal("it divides by zero", "check the constant")
    return v.scale(value, 1.0 / divisor, call.tensors, f"{call.base}.factor")

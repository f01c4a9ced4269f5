"""Shape rules: what every operator and neuron makes of a shape (batch axis left out)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from snnc.ir import model as m
from snnc.ir.tensors import Shape

TensorShape = Callable[[m.Ref], Shape]


class ShapeError(ValueError):
    """An operator or neuron does not fit the shape it is given; the message says why."""


def operator_shape(op: m.Operator, shape: Shape, tensor_shape: TensorShape) -> Shape:
    """The output shape of `op` on an input of `shape`; ShapeError if it does not fit."""
    rule = _RULES.get(type(op))
    if rule is None:
        raise ShapeError(f"{type(op).__name__} is not a linear operator")
    return rule(op, shape, tensor_shape)


def chain_shape(ops: Iterable[m.Operator], shape: Shape, tensor_shape: TensorShape) -> Shape:
    """The output shape of a chain of operators; ShapeError if one does not fit."""
    for op in ops:
        shape = operator_shape(op, shape, tensor_shape)
    return shape


def neuron_shape(neuron: m.Neuron, shape: Shape) -> Shape:
    """The population's shape for a summed input of `shape`; only pooling neurons change it."""
    if isinstance(neuron, m.POOL_NEURONS):
        channels, height, width = image(shape, type(neuron).__name__)
        rows, columns = window_counts((height, width), neuron)
        return (channels, rows, columns)
    return shape


def summed_shape(network: m.Network, population: m.Population) -> Shape:
    """The shape of a population's summed input; ShapeError if its connections disagree."""
    shapes = {
        chain_shape(i.ops, network.source_shape(i.source), lambda r: network.tensors[r.name].shape)
        for i in population.incoming
    }
    if len(shapes) > 1:
        found = " and ".join(str(list(s)) for s in sorted(shapes))
        raise ShapeError(f"connections bring different shapes: {found}")
    return shapes.pop() if shapes else population.shape


def image(shape: Shape, what: str) -> tuple[int, int, int]:
    """`shape` as (channels, height, width); ShapeError naming `what` if it has another rank."""
    if len(shape) != 3:
        raise ShapeError(f"{what} needs an input (C, H, W), not {list(shape)}")
    return shape[0], shape[1], shape[2]


def window_counts(
    size: tuple[int, int], pool: m.AvgPool2d | m.MaxPool2d | m.RunningMax2d | m.MaxGate2d
) -> tuple[int, int]:
    """Rows and columns of windows of a pooling over an image of `size`.

    With `ceil_mode` a window that would start behind the image and its leading padding is left
    out, as onnxruntime and PyTorch do.
    """
    dilations = getattr(pool, "dilations", (1, 1))
    counts = []
    for axis in (0, 1):
        before, after = pool.pads[axis], pool.pads[axis + 2]
        span = dilations[axis] * (pool.kernel[axis] - 1) + 1
        room = size[axis] + before + after - span
        if room < 0:
            raise ShapeError(f"window {list(pool.kernel)} is larger than the image {list(size)}")
        stride = pool.strides[axis]
        count = (math.ceil(room / stride) if pool.ceil_mode else room // stride) + 1
        if pool.ceil_mode and (count - 1) * stride >= size[axis] + before:
            count -= 1
        counts.append(count)
    return counts[0], counts[1]


def _dense(op: m.Dense, shape: Shape, tensor_shape: TensorShape) -> Shape:
    weight = tensor_shape(op.weight)
    if len(weight) != 2 or shape != (weight[1],):
        raise ShapeError(f"dense weight {list(weight)} does not fit an input of {list(shape)}")
    return (weight[0],)


def _conv(op: m.Conv2d, shape: Shape, tensor_shape: TensorShape) -> Shape:
    channels, *size = image(shape, "conv2d")
    weight = tensor_shape(op.weight)
    if len(weight) != 4 or channels != weight[1] * op.groups or weight[0] % op.groups:
        raise ShapeError(
            f"conv2d weight {list(weight)} with groups={op.groups} "
            f"does not fit an input of {list(shape)}"
        )
    sides = []
    for axis in (0, 1):
        span = op.dilations[axis] * (weight[2 + axis] - 1) + 1
        room = size[axis] + op.pads[axis] + op.pads[axis + 2] - span
        if room < 0:
            raise ShapeError(f"conv2d kernel {list(weight[2:])} is larger than {list(shape)}")
        sides.append(room // op.strides[axis] + 1)
    return (weight[0], sides[0], sides[1])


def _conv_transpose(op: m.ConvTranspose2d, shape: Shape, tensor_shape: TensorShape) -> Shape:
    channels, *size = image(shape, "conv_transpose2d")
    weight = tensor_shape(op.weight)
    if len(weight) != 4 or channels != weight[0] or channels % op.groups:
        raise ShapeError(
            f"conv_transpose2d weight {list(weight)} with groups={op.groups} "
            f"does not fit an input of {list(shape)}"
        )
    sides = []
    for axis in (0, 1):
        span = op.dilations[axis] * (weight[2 + axis] - 1) + 1
        pads = op.pads[axis] + op.pads[axis + 2]
        side = op.strides[axis] * (size[axis] - 1) + span + op.output_padding[axis] - pads
        if side < 1:
            raise ShapeError(f"conv_transpose2d leaves nothing of {list(shape)}")
        sides.append(side)
    return (weight[1] * op.groups, sides[0], sides[1])


def _avg_pool(op: m.AvgPool2d, shape: Shape, _: TensorShape) -> Shape:
    channels, height, width = image(shape, "avg_pool2d")
    return (channels, *window_counts((height, width), op))


def _scale(op: m.Scale, shape: Shape, tensor_shape: TensorShape) -> Shape:
    check_parameter(op.factor, shape, tensor_shape, "scale factor")
    return shape


def check_parameter(
    parameter: m.Parameter, shape: Shape, tensor_shape: TensorShape, what: str
) -> None:
    """ShapeError unless a parameter is a number, per channel, or of the full shape."""
    if isinstance(parameter, m.Ref):
        own = tensor_shape(parameter)
        if own not in (shape[:1], shape):
            raise ShapeError(
                f"{what} @{parameter.name} has shape {list(own)}; "
                f"{list(shape[:1])} or {list(shape)} would fit"
            )


def _flatten(_op: m.Flatten, shape: Shape, _: TensorShape) -> Shape:
    return (math.prod(shape),)


def _reshape(op: m.Reshape, shape: Shape, _: TensorShape) -> Shape:
    if math.prod(op.shape) != math.prod(shape):
        raise ShapeError(f"reshape to {list(op.shape)} does not fit {list(shape)}")
    return op.shape


def _transpose(op: m.Transpose, shape: Shape, _: TensorShape) -> Shape:
    if sorted(op.axes) != list(range(len(shape))):
        raise ShapeError(f"transpose axes {list(op.axes)} do not fit {list(shape)}")
    return tuple(shape[axis] for axis in op.axes)


def _axis(axis: int, shape: Shape, what: str) -> None:
    if not 0 <= axis < len(shape):
        raise ShapeError(f"{what} axis {axis} does not exist in {list(shape)}")


def _embed(op: m.Embed, shape: Shape, _: TensorShape) -> Shape:
    _axis(op.axis, shape, "embed")
    if op.offset < 0 or op.offset + shape[op.axis] > op.size:
        raise ShapeError(
            f"embed of {shape[op.axis]} at {op.offset} does not fit into a size of {op.size}"
        )
    return (*shape[: op.axis], op.size, *shape[op.axis + 1 :])


def _slice(op: m.Slice, shape: Shape, _: TensorShape) -> Shape:
    _axis(op.axis, shape, "slice")
    if not 0 <= op.start < op.stop <= shape[op.axis] or op.step < 1:
        raise ShapeError(f"slice {op.start}:{op.stop}:{op.step} does not fit {list(shape)}")
    length = len(range(op.start, op.stop, op.step))
    return (*shape[: op.axis], length, *shape[op.axis + 1 :])


def _pad(op: m.Pad2d, shape: Shape, _: TensorShape) -> Shape:
    channels, height, width = image(shape, "pad2d")
    top, left, bottom, right = op.pads
    return (channels, height + top + bottom, width + left + right)


def _upsample(op: m.Upsample2d, shape: Shape, _: TensorShape) -> Shape:
    channels, height, width = image(shape, "upsample2d")
    return (channels, height * op.factors[0], width * op.factors[1])


_RULES: dict[type, Callable[..., Shape]] = {
    m.Dense: _dense,
    m.Conv2d: _conv,
    m.ConvTranspose2d: _conv_transpose,
    m.AvgPool2d: _avg_pool,
    m.Scale: _scale,
    m.Flatten: _flatten,
    m.Reshape: _reshape,
    m.Transpose: _transpose,
    m.Embed: _embed,
    m.Slice: _slice,
    m.Pad2d: _pad,
    m.Upsample2d: _upsample,
}

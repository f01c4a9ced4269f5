"""Pooling: averages stay linear operators, maxima become populations."""

from __future__ import annotations

import math

from snnc.frontend import values as v
from snnc.frontend.call import Call
from snnc.frontend.refusal import Refusal
from snnc.frontend.values import Value
from snnc.frontend.windows import Window, read_window, some_window_is_padding
from snnc.ir import model as m
from snnc.ir.shapes import neuron_shape, window_counts
from snnc.ir.tensors import Shape


def average_pool(call: Call) -> Value:
    """ONNX AveragePool in one or two dimensions."""
    value = call.image()
    window = read_window(call.node, _spatial(call, value))
    if window.dilations != (1, 1):
        raise Refusal("it is dilated", "use an average pooling without dilation")
    op = m.AvgPool2d(
        window.kernel,
        window.strides,
        window.pads,
        bool(call.attribute("count_include_pad", 0)),
        bool(call.attribute("ceil_mode", 0)),
    )
    if not op.count_include_pad:
        _refuse_padding(window, value, window_counts(_whole(value), op))
    return _as_given(call, v.extend(value, op, call.tensors))


def max_pool(call: Call) -> Value:
    """ONNX MaxPool in one or two dimensions."""
    if len(call.node.outputs) > 1 and call.consumers(call.node.outputs[1]):
        raise Refusal(
            "its output of indices is used",
            "replace MaxUnpool by an upsampling or a transposed convolution",
        )
    value = call.image()
    window = read_window(call.node, _spatial(call, value))
    neuron = m.MaxPool2d(
        window.kernel,
        window.strides,
        window.pads,
        window.dilations,
        bool(call.attribute("ceil_mode", 0)),
    )
    _refuse_padding(window, value, window_counts(_whole(value), neuron))
    return _pooled(call, neuron, value)


def _refuse_padding(window: Window, value: Value, counts: tuple[int, int]) -> None:
    if some_window_is_padding(window, value.shape[1:], counts):
        raise Refusal(
            "one of its windows holds padding only, of which there is no maximum or mean",
            "use less padding, at most half of the kernel",
        )


def global_average_pool(call: Call) -> Value:
    """ONNX GlobalAveragePool."""
    value = call.image()
    op = m.AvgPool2d(_whole(value), _whole(value))
    return _as_given(call, v.extend(value, op, call.tensors))


def global_max_pool(call: Call) -> Value:
    """ONNX GlobalMaxPool."""
    value = call.image()
    return _pooled(call, m.MaxPool2d(_whole(value), _whole(value)), value)


def reduce_mean(call: Call) -> Value:
    """ONNX ReduceMean over all spatial axes, in the layout of the terms."""
    value, shape = _reduced(call)
    op = m.AvgPool2d(_whole(value), _whole(value))
    return v.view(v.extend(value, op, call.tensors), m.Reshape(shape))


def reduce_max(call: Call) -> Value:
    """ONNX ReduceMax over all spatial axes, in the layout of the terms."""
    value, shape = _reduced(call)
    return _pooled(call, m.MaxPool2d(_whole(value), _whole(value)), value, shape)


def _reduced(call: Call) -> tuple[Value, tuple[int, ...]]:
    """The data as an image whose spatial axes are those to reduce, and the result's shape."""
    value = call.data()
    rank = len(value.shape) + 1
    given = call.whole_numbers(1, "axes")
    if not given:
        raise Refusal(
            "it reduces all axes, the batch axis too",
            "reduce the spatial axes only, for example with a global pooling",
        )
    axes = sorted({call.axis(axis, rank) for axis in given})
    keep = bool(call.attribute("keepdims", 1))
    shape = tuple(
        1 if axis in axes else n for axis, n in enumerate(value.shape) if keep or axis not in axes
    )
    rest = [axis for axis in range(len(value.shape)) if axis not in axes]
    moved = v.view(value, m.Transpose((*rest, *axes))) if rest + axes != sorted(axes) else value
    kept = math.prod(value.shape[axis] for axis in rest)
    sizes = [value.shape[axis] for axis in axes]
    image = (kept, 1, sizes[0]) if len(sizes) == 1 else (kept, sizes[0], math.prod(sizes[1:]))
    return v.view(moved, m.Reshape(image)), shape


def _pooled(call: Call, neuron: m.MaxPool2d, value: Value, shape: Shape | None = None) -> Value:
    """A pooling population whose ONNX tensor has `shape` (None: as the population)."""
    flat = v.flush(value)
    if shape is None and len(call.data().shape) == 2:
        channels, _, length = neuron_shape(neuron, flat.shape)
        shape = (channels, length)
    views = () if shape is None else (m.Reshape(shape),)
    return call.builder.population(neuron, flat, call.node.outputs[0], call.node, views)


def _spatial(call: Call, value: Value) -> tuple[int, ...]:
    return value.shape[2:] if len(call.data().shape) == 2 else value.shape[1:]


def _whole(value: Value) -> tuple[int, int]:
    return value.shape[1], value.shape[2]


def _as_given(call: Call, value: Value) -> Value:
    if len(call.data().shape) == 2:
        return v.view(value, m.Reshape((value.shape[0], value.shape[2])))
    return value

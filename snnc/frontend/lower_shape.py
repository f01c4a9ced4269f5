"""Operators that only move elements: Reshape, Transpose, Concat, Slice, Split, Pad, Resize, ..."""

from __future__ import annotations

import math

import numpy as np

from snnc.frontend import values as v
from snnc.frontend.call import SAME_FOR_ALL, Call
from snnc.frontend.refusal import Refusal
from snnc.frontend.resize import whole_factor
from snnc.frontend.values import Value
from snnc.ir import model as m

_FIXED_BATCH = (
    "it moves elements across the batch axis",
    "export with a dynamic batch axis and keep it in front in every reshape and transpose",
)


def identity(call: Call) -> Value:
    """Identity, inference-mode Dropout and casts between floating-point types."""
    return call.data()


def dropout(call: Call) -> Value:
    """Dropout in inference mode."""
    if call.node.inputs[2:] and call.node.inputs[2]:
        mode = call.constant(2)
        if mode is not None and bool(np.any(mode)):
            raise Refusal("it is in training mode", "export the model with model.eval()")
    return call.data()


def cast(call: Call) -> Value:
    """Cast between floating-point types."""
    kind = int(call.attribute("to", 1))
    if kind not in (1, 10, 11, 16):
        raise Refusal(
            "it casts activations to integers",
            "export a model with floating-point activations",
        )
    if kind in (10, 16):
        raise Refusal("it casts activations to 16 bits", "export the model in float32")
    return call.data()


def reshape(call: Call) -> Value:
    """Reshape that leaves the batch axis alone."""
    value = call.data()
    target = [int(n) for n in call.required(1).reshape(-1)]
    if not call.attribute("allowzero", 0):
        whole = (call.batch, *value.shape)
        target = [whole[i] if n == 0 and i < len(whole) else n for i, n in enumerate(target)]
    total = call.batch * math.prod(value.shape)
    if -1 in target:
        rest = -math.prod(target)
        target[target.index(-1)] = total // rest if rest else 0
    if not target or target[0] != call.batch or math.prod(target) != total:
        raise Refusal(*_FIXED_BATCH)
    return v.view(value, m.Reshape(tuple(target[1:])))


def flatten(call: Call) -> Value:
    """Flatten from the first axis behind the batch axis."""
    value = call.data()
    axis = int(call.attribute("axis", 1))
    if axis + (len(value.shape) + 1 if axis < 0 else 0) != 1:
        raise Refusal(*_FIXED_BATCH)
    return v.view(value, m.Reshape((math.prod(value.shape),)))


def squeeze(call: Call) -> Value:
    """Squeeze of axes other than the batch axis."""
    value = call.data()
    rank = len(value.shape) + 1
    given = call.whole_numbers(1, "axes")
    if given is None:
        axes = [axis for axis, n in enumerate(value.shape) if n == 1]
        if call.batch == 1:
            raise Refusal(*_FIXED_BATCH)
    else:
        axes = [call.axis(axis, rank) for axis in given]
    if any(value.shape[axis] != 1 for axis in axes):
        raise Refusal("it removes an axis whose length is not 1")
    return v.view(value, m.Reshape(tuple(n for a, n in enumerate(value.shape) if a not in axes)))


def unsqueeze(call: Call) -> Value:
    """Unsqueeze behind the batch axis."""
    value = call.data()
    given = call.whole_numbers(1, "axes") or ()
    axes = sorted(call.axis(axis, len(value.shape) + 1 + len(given)) for axis in given)
    shape = list(value.shape)
    for axis in axes:
        shape.insert(axis, 1)
    return v.view(value, m.Reshape(tuple(shape)))


def transpose(call: Call) -> Value:
    """Transpose that leaves the batch axis in front."""
    value = call.data()
    rank = len(value.shape) + 1
    permutation = tuple(int(a) for a in call.attribute("perm", tuple(reversed(range(rank)))))
    if sorted(permutation) != list(range(rank)) or permutation[0] != 0:
        raise Refusal(*_FIXED_BATCH)
    return v.view(value, m.Transpose(tuple(axis - 1 for axis in permutation[1:])))


def concat(call: Call) -> Value:
    """Concat along any axis but the batch axis; constants become bias."""
    shapes = [
        o.shape if isinstance(o, Value) else np.shape(o)[1:] for o in call.operands if o is not None
    ]
    axis = call.axis(int(call.attribute("axis", 0)), len(shapes[0]) + 1)
    size = sum(shape[axis] for shape in shapes)
    total: Value | None = None
    offset = 0
    constants: list[tuple[int, int]] = []
    for index, shape in enumerate(shapes):
        if isinstance(call.operand(index), Value):
            part = v.embed(call.data(index), axis, offset, size, call.tensors)
            total = part if total is None else v.add(total, part)
        else:
            constants.append((index, offset))
        offset += shape[axis]
    if total is None:
        raise Refusal("all its inputs are constants")
    for index, offset in constants:
        total = _constant_part(call, total, index, axis, offset)
    return total


def _constant_part(call: Call, total: Value, index: int, axis: int, offset: int) -> Value:
    array = call.required(index)
    if np.any(array != array[:1]):
        raise Refusal(*SAME_FOR_ALL)
    widths = [(0, 0)] * len(total.shape)
    widths[axis] = (offset, total.shape[axis] - offset - array.shape[axis + 1])
    return v.shift(total, np.pad(np.asarray(array[0], dtype=np.float64), widths))


def slice_(call: Call) -> Value:
    """Slice with positive steps along any axis but the batch axis."""
    value = call.data()
    rank = len(value.shape) + 1
    starts = call.whole_numbers(1, "starts") or ()
    ends = call.whole_numbers(2, "ends") or ()
    axes = call.whole_numbers(3, "axes") or tuple(range(len(starts)))
    steps = call.whole_numbers(4, "steps") or (1,) * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if (axis + rank if axis < 0 else axis) == 0 and start == 0 and end >= call.batch:
            continue  # the whole batch
        position = call.axis(axis, rank)
        if step < 1:
            raise Refusal("it reverses an axis (negative step)", "use a positive step")
        first, last, _ = slice(start, end, step).indices(value.shape[position])
        if first >= last:
            raise Refusal("it leaves nothing of its input")
        value = v.cut(value, position, first, last, step, call.tensors)
    return value


def split(call: Call) -> tuple[Value, ...]:
    """Split along any axis but the batch axis."""
    value = call.data()
    axis = call.axis(int(call.attribute("axis", 0)), len(value.shape) + 1)
    length = value.shape[axis]
    sizes = call.whole_numbers(1, "split")
    if sizes is None:
        count = int(call.attribute("num_outputs", len(call.node.outputs)))
        part = -(-length // count)
        sizes = (*((part,) * (count - 1)), length - part * (count - 1))
    if sum(sizes) != length or min(sizes) < 1:
        raise Refusal(f"its parts {list(sizes)} do not make up an axis of {length}")
    stops = np.cumsum(sizes)
    return tuple(
        v.cut(value, axis, int(stop) - size, int(stop), 1, call.tensors)
        for stop, size in zip(stops, sizes, strict=True)
    )


def gather(call: Call) -> Value:
    """Gather of one index or of equally spaced ascending indices."""
    value = call.data()
    indices = call.required(1)
    axis = call.axis(int(call.attribute("axis", 0)), len(value.shape) + 1)
    flat = [int(i) + (value.shape[axis] if i < 0 else 0) for i in indices.reshape(-1)]
    gaps = set(np.diff(flat).tolist()) or {1}
    if indices.ndim > 1 or len(gaps) != 1 or min(gaps) < 1 or not flat:
        raise Refusal(
            "its indices are not equally spaced and ascending",
            "use Slice, or fold the permutation into the next layer's weights",
        )
    part = v.cut(value, axis, flat[0], flat[-1] + 1, int(gaps.pop()), call.tensors)
    if indices.ndim == 1:
        return part
    return v.view(part, m.Reshape((*part.shape[:axis], *part.shape[axis + 1 :])))


def pad(call: Call) -> Value:
    """Pad with zeros."""
    value = call.data()
    rank = len(value.shape) + 1
    if call.attribute("mode", "constant") != "constant":
        raise Refusal(
            f"it pads with mode={call.attribute('mode', '')}",
            "pad with zeros (nn.ZeroPad2d), or retrain with padding_mode='zeros'",
        )
    fill = call.constant(2)
    if fill is not None and fill.size and float(fill.reshape(-1)[0]) != 0.0:
        raise Refusal("it pads with a constant other than 0", "pad with zeros")
    pads = call.whole_numbers(1, "pads") or ()
    axes = call.whole_numbers(3, "axes") or tuple(range(rank))
    widths = [(0, 0)] * len(value.shape)
    for place, axis in enumerate(axes):
        before, after = pads[place], pads[place + len(axes)]
        if (before, after) != (0, 0):
            widths[call.axis(axis, rank)] = (before, after)
    if min(min(w) for w in widths) < 0:
        raise Refusal("it pads by a negative amount", "use a Slice instead")
    return v.padded(value, widths, call.tensors)


def resize(call: Call) -> Value:
    """Resize (or, before opset 10, Upsample) by whole factors with the nearest pixel."""
    value = call.data()
    if call.attribute("mode", "nearest") != "nearest":
        raise Refusal(
            f"it interpolates with mode={call.attribute('mode', '')}",
            "use nearest-neighbour upsampling by a whole factor",
        )
    scales, sizes = call.constant(2), call.whole_numbers(3, "sizes")
    if call.attribute("axes", None) is not None or len(value.shape) != 3:
        raise Refusal(
            "it does not resize the two spatial axes of an image",
            "upsample images (N, C, H, W) over height and width",
        )
    factors = []
    for axis, length in enumerate((call.batch, *value.shape)):
        scale = float(scales[axis]) if scales is not None and scales.size else None
        target = sizes[axis] if sizes else int(np.floor(length * (scale or 1.0)))
        factors.append(whole_factor(call.node.attributes, length, target, scale))
    if factors[:2] != [1, 1]:
        raise Refusal(
            "it resizes the batch or channel axis",
            "upsample over height and width only",
        )
    op = m.Upsample2d((factors[2], factors[3]))
    return value if op.factors == (1, 1) else v.extend(value, op, call.tensors)


def depth_to_space(call: Call) -> Value:
    """DepthToSpace (pixel shuffle) as reshapes and one transpose."""
    value, block = call.data(), int(call.attribute("blocksize", 1))
    if len(value.shape) != 3 or value.shape[0] % (block * block):
        raise Refusal(f"a block size of {block} does not fit its input {list(value.shape)}")
    channels, height, width = value.shape
    depth = channels // (block * block)
    if call.attribute("mode", "DCR") == "CRD":
        split_shape, axes = (depth, block, block, height, width), (0, 3, 1, 4, 2)
    else:
        split_shape, axes = (block, block, depth, height, width), (2, 3, 0, 4, 1)
    value = v.view(v.view(value, m.Reshape(split_shape)), m.Transpose(axes))
    return v.view(value, m.Reshape((depth, height * block, width * block)))

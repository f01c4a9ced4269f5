"""Rules that make one weighted operator of a chain, for targets with one synapse per connection.

All are exact: the folded operator computes what the chain computes, at the borders too. What no
rule can fold is written out as a matrix, see `as_matrix`.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.tensors import Array, Shape
from snnc.ir.windows import pool_divisors
from snnc.passes import scales
from snnc.passes.chains import FUSE_RULES, Chain, Ops, Rule, pools_into_weights, simplify
from snnc.passes.tensors import compress

_VIEWS = (m.Reshape, m.Transpose, m.Embed, m.Slice, m.Pad2d, m.Upsample2d)
_BLOCK = 1 << 24
"""Elements of a value on the way to a matrix that are held at a time."""


def split_factor(chain: Chain) -> tuple[float, Ops]:
    """The product of all scalings by one number, and the other operators.

    One number commutes with every linear operator; kept apart it is not rounded into weights.
    """
    factors = [
        op.factor
        for op in chain.ops
        if isinstance(op, m.Scale) and not isinstance(op.factor, m.Ref)
    ]
    return math.prod(factors), tuple(op for op in chain.ops if not _scalar(op))


def _scalar(op: m.Operator) -> bool:
    return isinstance(op, m.Scale) and not isinstance(op.factor, m.Ref)


def is_single(ops: Ops) -> bool:
    """Whether a chain is `conv2d`, or `dense` with a flatten before or a reshape behind it."""
    kinds = tuple(type(op) for op in ops)
    if kinds and kinds[0] is m.Flatten:
        kinds = kinds[1:]
        return kinds in ((m.Dense,), (m.Dense, m.Reshape))
    return kinds in ((m.Conv2d,), (m.Dense,), (m.Dense, m.Reshape))


def single_operator(chain: Chain, target: Shape, largest: int) -> tuple[Ops, bool] | None:
    """A chain as one weighted operator, a scaling by one number in front where there is any.

    Args:
        chain: what is to be folded.
        target: the shape that it gives.
        largest: the most entries of a matrix that is written out.

    Returns:
        The operators, and whether a matrix was written out; None where neither works.
    """
    factor, ops = split_factor(chain)
    ops = simplify(replace(chain, ops=ops), _RULES)
    more, ops = split_factor(replace(chain, ops=ops))
    written = not is_single(ops)
    if written:
        if math.prod(chain.shape) * math.prod(target) > largest:
            return None
        ops = as_matrix(replace(chain, ops=ops), target)
    front = (m.Scale(factor * more),) if factor * more != 1.0 else ()
    return (*front, *ops), written


def as_matrix(chain: Chain, target: Shape) -> Ops:
    """Any chain as a dense operator between flattened shapes: column i is what neuron i does."""
    size = math.prod(chain.shape)
    weight = np.zeros((math.prod(target), size))
    widest = max(math.prod(shape) for shape in chain.shapes())
    rows = max(1, _BLOCK // widest)
    for start in range(0, size, rows):
        count = min(rows, size - start)
        one = np.zeros((count, size))
        one[np.arange(count), start + np.arange(count)] = 1.0
        value = linear.apply_chain(chain.ops, one.reshape(count, *chain.shape), chain.tensors.array)
        weight[:, start : start + count] = value.reshape(count, -1).T
    dense = m.Dense(chain.tensors.put(f"{chain.owner}.weight", weight))
    before = () if len(chain.shape) == 1 else (m.Flatten(),)
    behind = () if len(target) == 1 else (m.Reshape(target),)
    return (*before, dense, *behind)


# ---- rules -----------------------------------------------------------------------------------


def _flatten(chain: Chain) -> Ops | None:
    """A reshape to a vector is a flatten."""
    for i, op in enumerate(chain.ops):
        if isinstance(op, m.Reshape) and len(op.shape) == 1:
            return (*chain.ops[:i], m.Flatten(), *chain.ops[i + 1 :])
    return None


def _alone(chain: Chain) -> Ops | None:
    """No operator, or factors per neuron: one to one, as a depthwise convolution or a diagonal."""
    shape = chain.shape
    if len(chain.ops) > 1 or (chain.ops and not isinstance(chain.ops[0], m.Scale)):
        return None
    op = chain.ops[0] if chain.ops else None
    factor = chain.factor(op, shape) if isinstance(op, m.Scale) else np.ones(shape)
    channels = compress(factor)
    name = f"{chain.owner}.weight"
    if len(shape) == 3 and channels.ndim == 1:
        weight = chain.tensors.put(name, channels[:, None, None, None])
        return (m.Conv2d(weight, groups=shape[0]),)
    return (m.Dense(chain.tensors.put(name, np.diag(factor))),) if len(shape) == 1 else None


def _before_dense(chain: Chain) -> Ops | None:
    """What a dense operator reads through is moved into its columns."""
    shapes = chain.shapes()
    for i, op in enumerate(chain.ops):
        flat = i + 1 < len(chain.ops) and isinstance(chain.ops[i + 1], m.Flatten)
        j = i + 2 if flat else i + 1
        dense = chain.ops[j] if j < len(chain.ops) else None
        if isinstance(op, (*_VIEWS, m.AvgPool2d)) and isinstance(dense, m.Dense):
            weight = scales.pull_dense_through(op, chain.weight(dense), shapes[i], shapes[i + 1])
            front = () if len(shapes[i]) == 1 else (m.Flatten(),)
            merged = chain.with_weight(dense, weight)
            return (*chain.ops[:i], *front, merged, *chain.ops[j + 1 :])
    return None


def _behind_dense(chain: Chain) -> Ops | None:
    """Views behind a dense operator are moved into its rows."""
    shapes = chain.shapes()
    for i, dense in enumerate(chain.ops[:-1]):
        views = chain.ops[i + 1 :]
        moved = any(not isinstance(op, m.Reshape) for op in views)
        if isinstance(dense, m.Dense) and moved and all(isinstance(v, _VIEWS) for v in views):
            columns = chain.weight(dense).astype(np.float64).T
            value = linear.apply_chain(views, columns, chain.tensors.array)
            merged = chain.with_weight(dense, value.reshape(len(columns), -1).T)
            last = () if len(shapes[-1]) == 1 else (m.Reshape(shapes[-1]),)
            return (*chain.ops[:i], merged, *last)
    return None


def _channels(chain: Chain) -> Ops | None:
    """A cut or an embedding along the channels beside a convolution moves into its weight."""
    shapes = chain.shapes()
    for i, (a, b) in enumerate(zip(chain.ops, chain.ops[1:], strict=False)):
        merged: m.Operator | None = None
        if isinstance(a, m.Embed | m.Slice) and a.axis == 0 and isinstance(b, m.Conv2d):
            full = ungrouped(b, chain.weight(b)).transpose(1, 0, 2, 3)
            back = (shapes[i][0], *full.shape[1:])
            weight = linear.adjoint(a, full[None], back, chain.tensors.array)[0]
            merged = chain.with_weight(replace(b, groups=1), weight.transpose(1, 0, 2, 3))
        elif isinstance(a, m.Conv2d) and isinstance(b, m.Embed | m.Slice) and b.axis == 0:
            full = ungrouped(a, chain.weight(a))
            moved = linear.apply(b, full[None], chain.tensors.array)[0]
            merged = chain.with_weight(replace(a, groups=1), moved)
        if merged is not None:
            return (*chain.ops[:i], merged, *chain.ops[i + 2 :])
    return None


def _pool_as_conv(chain: Chain) -> Ops | None:
    """Average pooling whose windows all count alike is a depthwise convolution."""
    shapes = chain.shapes()
    for i, op in enumerate(chain.ops):
        if isinstance(op, m.AvgPool2d):
            conv = pool_as_conv(op, shapes[i], shapes[i + 1])
            divisors = pool_divisors(op, (shapes[i][1], shapes[i][2]))
            if (divisors == divisors.flat[0]).all():
                weight = np.full((shapes[i][0], 1, *op.kernel), 1.0 / divisors.flat[0])
                return (*chain.ops[:i], chain.with_weight(conv, weight), *chain.ops[i + 1 :])
    return None


def pool_as_conv(op: m.AvgPool2d, shape: Shape, out: Shape) -> m.Conv2d:
    """A depthwise convolution with the windows of a pooling; its weight is still to be given."""
    ends = [
        max(
            0,
            (out[axis + 1] - 1) * op.strides[axis]
            + op.kernel[axis]
            - shape[axis + 1]
            - op.pads[axis],
        )
        for axis in (0, 1)
    ]
    pads = (op.pads[0], op.pads[1], ends[0], ends[1])
    return m.Conv2d(m.Ref("none"), op.strides, pads, groups=shape[0])


def _compose(chain: Chain) -> Ops | None:
    """Two convolutions in a row, the second without padding, as one."""
    for i, (a, b) in enumerate(zip(chain.ops, chain.ops[1:], strict=False)):
        if isinstance(a, m.Conv2d) and isinstance(b, m.Conv2d) and not any(b.pads):
            op, weight = compose_convs(a, chain.weight(a), b, chain.weight(b))
            return (*chain.ops[:i], chain.with_weight(op, weight), *chain.ops[i + 2 :])
    return None


def compose_convs(a: m.Conv2d, first: Array, b: m.Conv2d, second: Array) -> tuple[m.Conv2d, Array]:
    """One convolution for two in a row, of which the second has no padding.

    Every tap of the second lays the first kernel down, moved by the tap's place times the first
    stride. Depthwise on both sides stays depthwise; any other groups are spelt out.
    """
    depthwise = a.groups == b.groups == len(first) == len(second) and first.shape[1] == 1
    one, two = (first, second) if depthwise else (ungrouped(a, first), ungrouped(b, second))
    taps = _dilated(one.astype(np.float64), a.dilations)
    spread = [
        (two.shape[2 + x] - 1) * b.dilations[x] * a.strides[x] + taps.shape[2 + x] for x in (0, 1)
    ]
    total = np.zeros((len(two), one.shape[1], *spread))
    for u in range(two.shape[2]):
        for v in range(two.shape[3]):
            y, x = u * b.dilations[0] * a.strides[0], v * b.dilations[1] * a.strides[1]
            part = total[:, :, y : y + taps.shape[2], x : x + taps.shape[3]]
            if depthwise:
                part += taps * two[:, :, u : u + 1, v : v + 1]
            else:
                part += np.einsum("po,oikl->pikl", two[:, :, u, v], taps)
    strides = (a.strides[0] * b.strides[0], a.strides[1] * b.strides[1])
    merged = replace(a, strides=strides, dilations=(1, 1), groups=a.groups if depthwise else 1)
    return merged, total


def _dilated(weight: Array, dilations: tuple[int, int]) -> Array:
    """A kernel with its dilation spelt out as zero taps."""
    size = [(n - 1) * d + 1 for n, d in zip(weight.shape[2:], dilations, strict=True)]
    spread = np.zeros((*weight.shape[:2], *size))
    spread[:, :, :: dilations[0], :: dilations[1]] = weight
    return spread


def ungrouped(op: m.Conv2d, weight: Array) -> Array:
    """The weight of a grouped convolution for one group, with zeros between the groups."""
    if op.groups == 1:
        return weight.astype(np.float64)
    outs, ins = len(weight) // op.groups, weight.shape[1]
    full = np.zeros((len(weight), ins * op.groups, *weight.shape[2:]))
    for group in range(op.groups):
        rows = slice(group * outs, (group + 1) * outs)
        full[rows, group * ins : (group + 1) * ins] = weight[rows]
    return full


_RULES: tuple[Rule, ...] = (
    _flatten,
    *FUSE_RULES,
    pools_into_weights,
    _alone,
    _before_dense,
    _behind_dense,
    _channels,
    _pool_as_conv,
    _compose,
)

"""Simplifying the operator chain of one connection, exactly.

Rules are tried in turn until none applies. Each looks at one place of the chain and returns the
new chain or None; what they do is visible in the IR and noted by the passes that use them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.shapes import operator_shape
from snnc.ir.tensors import Array, Shape
from snnc.passes import scales
from snnc.passes.tensors import NewTensors, compress, full

Ops = tuple[m.Operator, ...]
Rule = Callable[["Chain"], Ops | None]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain on an input of `shape`; `owner` names new tensors."""

    ops: Ops
    shape: Shape
    owner: str
    tensors: NewTensors

    def shapes(self) -> list[Shape]:
        """The shape before each operator, and the output shape last."""
        result = [self.shape]
        for op in self.ops:
            result.append(operator_shape(op, result[-1], self.tensors.shape))
        return result

    def weight(self, op: scales.Weighted) -> Array:
        """The weight of a weighted operator."""
        return self.tensors.array(op.weight)

    def with_weight(self, op: scales.Weighted, weight: Array) -> m.Operator:
        """The operator with another weight, stored under the owner's name."""
        return replace(op, weight=self.tensors.put(f"{self.owner}.weight", weight))

    def factor(self, op: m.Scale, shape: Shape) -> Array:
        """The factor of a scale as a full map."""
        value = self.tensors.array(op.factor) if isinstance(op.factor, m.Ref) else op.factor
        return full(np.asarray(value), shape)

    def scale(self, factor: Array) -> m.Scale:
        """A scale operator of a full map of factors."""
        return m.Scale(self.tensors.put_parameter(f"{self.owner}.scale", compress(factor)))


def simplify(chain: Chain, rules: Sequence[Rule]) -> Ops:
    """The chain after applying `rules` until none changes it any more."""
    ops = chain.ops
    while True:
        for rule in rules:
            changed = rule(replace(chain, ops=ops))
            if changed is not None:
                ops = changed
                break
        else:
            return ops


def drop_neutral(chain: Chain) -> Ops | None:
    """Leave out operators without effect (scale by 1, reshape to the same shape, ...)."""
    shapes = chain.shapes()
    for i, op in enumerate(chain.ops):
        if _neutral(op, shapes[i]):
            return chain.ops[:i] + chain.ops[i + 1 :]
    return None


def _neutral(op: m.Operator, shape: Shape) -> bool:
    match op:
        case m.Scale(factor):
            return factor == 1.0
        case m.Flatten():
            return len(shape) == 1
        case m.Reshape(target):
            return target == shape
        case m.Transpose(axes):
            return axes == tuple(range(len(axes)))
        case m.Pad2d(pads):
            return not any(pads)
        case m.Embed(axis, offset, size):
            return offset == 0 and size == shape[axis]
        case m.Slice(axis, start, stop, step):
            return (start, stop, step) == (0, shape[axis], 1)
        case m.Upsample2d(factors):
            return factors == (1, 1)
        case m.AvgPool2d():
            return op.kernel == (1, 1) and op.strides == (1, 1) and not any(op.pads)
    return False


def merge_views(chain: Chain) -> Ops | None:
    """One view for two in a row: reshapes, transposes, paddings."""
    for i, (a, b) in enumerate(zip(chain.ops, chain.ops[1:], strict=False)):
        merged: m.Operator | None = None
        match a, b:
            case (m.Reshape() | m.Flatten(), m.Reshape() | m.Flatten()):
                merged = b
            case m.Transpose(first), m.Transpose(second):
                merged = m.Transpose(tuple(first[axis] for axis in second))
            case m.Pad2d(first), m.Pad2d(second):
                t, left, b_, r = (x + y for x, y in zip(first, second, strict=True))
                merged = m.Pad2d((t, left, b_, r))
            case m.Pad2d(first), m.Conv2d():
                t, left, b_, r = (x + y for x, y in zip(first, b.pads, strict=True))
                merged = replace(b, pads=(t, left, b_, r))
        if merged is not None:
            return (*chain.ops[:i], merged, *chain.ops[i + 2 :])
    return None


def merge_scales(chain: Chain) -> Ops | None:
    """One scale for two with only views and averages between them."""
    shapes, ops = chain.shapes(), chain.ops
    for i, scale in enumerate(ops):
        if not isinstance(scale, m.Scale):
            continue
        factor: Array | None = chain.factor(scale, shapes[i])
        for j in range(i + 1, len(ops)):
            op = ops[j]
            if factor is None or isinstance(op, scales.WEIGHTED):
                break
            if isinstance(op, m.Scale):
                product = chain.scale(factor * chain.factor(op, shapes[j]))
                return (*ops[:i], *ops[i + 1 : j], product, *ops[j + 1 :])
            factor = scales.push_right(op, factor)
    return None


def fold_scale(chain: Chain) -> Ops | None:
    """Move a scale into a weight, to the right where possible, else to the left."""
    for i, op in enumerate(chain.ops):
        if isinstance(op, m.Scale):
            changed = _fold_right(chain, i, op) or _fold_left(chain, i, op)
            if changed is not None:
                return changed
    return None


def _fold_right(chain: Chain, i: int, scale: m.Scale) -> Ops | None:
    shapes, ops = chain.shapes(), chain.ops
    factor: Array | None = chain.factor(scale, shapes[i])
    for j in range(i + 1, len(ops)):
        op = ops[j]
        if factor is None:
            return None
        if isinstance(op, scales.WEIGHTED):
            weight = scales.absorb_before(op, chain.weight(op), factor)
            if weight is None:
                return None
            between = ops[i + 1 : j]
            return (*ops[:i], *between, chain.with_weight(op, weight), *ops[j + 1 :])
        factor = scales.push_right(op, factor)
    return None


def _fold_left(chain: Chain, i: int, scale: m.Scale) -> Ops | None:
    shapes, ops = chain.shapes(), chain.ops
    factor: Array | None = chain.factor(scale, shapes[i])
    for j in range(i - 1, -1, -1):
        op = ops[j]
        if factor is None:
            return None
        if isinstance(op, scales.WEIGHTED):
            weight = scales.absorb_behind(op, chain.weight(op), factor)
            if weight is None:
                return None
            between = ops[j + 1 : i]
            return (*ops[:j], chain.with_weight(op, weight), *between, *ops[i + 1 :])
        factor = scales.push_left(op, factor, shapes[j])
    return None


def compose_weights(chain: Chain) -> Ops | None:
    """One weighted operator for two in a row where that needs fewer multiplications."""
    shapes = chain.shapes()
    for i, (a, b) in enumerate(zip(chain.ops, chain.ops[1:], strict=False)):
        if not (isinstance(a, scales.WEIGHTED) and isinstance(b, scales.WEIGHTED)):
            continue
        composed = scales.compose(a, chain.weight(a), b, chain.weight(b))
        if composed is None:
            continue
        op, weight = composed
        merged = chain.with_weight(op, weight)
        separate = linear.macs((a, b), shapes[i], chain.tensors.array)
        if linear.macs((merged,), shapes[i], chain.tensors.array) <= separate:
            return (*chain.ops[:i], merged, *chain.ops[i + 2 :])
    return None


def pools_into_weights(chain: Chain) -> Ops | None:
    """Average pooling folded into the weight behind it, where that is exact."""
    shapes = chain.shapes()
    for i, pool in enumerate(chain.ops[:-1]):
        if not isinstance(pool, m.AvgPool2d):
            continue
        after = chain.ops[i + 1]
        if isinstance(after, m.Conv2d) and _tiles(pool, shapes[i]):
            conv, weight = scales.pool_into_conv(pool, after, chain.weight(after))
            return (*chain.ops[:i], chain.with_weight(conv, weight), *chain.ops[i + 2 :])
        dense = chain.ops[i + 2] if len(chain.ops) > i + 2 else None
        if isinstance(after, m.Flatten) and isinstance(dense, m.Dense):
            weight = scales.pull_dense_through(pool, chain.weight(dense), shapes[i], shapes[i + 1])
            merged = chain.with_weight(dense, weight)
            return (*chain.ops[:i], m.Flatten(), merged, *chain.ops[i + 3 :])
    return None


def _tiles(pool: m.AvgPool2d, shape: Shape) -> bool:
    """Whether the windows lie side by side and cover the whole image."""
    return (
        pool.kernel == pool.strides
        and not any(pool.pads)
        and all(shape[axis + 1] % pool.kernel[axis] == 0 for axis in (0, 1))
    )


def transposed_dense(chain: Chain) -> Ops | None:
    """`Transpose, Flatten, Dense` as `Flatten, Dense` with permuted columns (NHWC exports)."""
    shapes = chain.shapes()
    for i in range(len(chain.ops) - 2):
        view, flat, dense = chain.ops[i : i + 3]
        if (
            isinstance(view, m.Transpose)
            and isinstance(flat, m.Flatten | m.Reshape)
            and isinstance(dense, m.Dense)
        ):
            weight = scales.pull_dense_through(view, chain.weight(dense), shapes[i], shapes[i + 1])
            merged = chain.with_weight(dense, weight)
            return (*chain.ops[:i], m.Flatten(), merged, *chain.ops[i + 3 :])
    return None


SCALE_RULES: tuple[Rule, ...] = (drop_neutral, merge_scales, fold_scale)
FUSE_RULES: tuple[Rule, ...] = (
    drop_neutral,
    merge_views,
    merge_scales,
    fold_scale,
    transposed_dense,
    compose_weights,
)

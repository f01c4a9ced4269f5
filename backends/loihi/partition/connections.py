"""Connections as the partitioner sees them: windows over images, and matrices.

A convolution, a pooling and a one-to-one connection are windows: their reach is a product over the
axes. A dense connection is a matrix, of which only the pattern of non-zero weights matters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.loihi.partition.axes import GroupAxis, WindowAxis
from snnc.backends.loihi.partition.tiles import Shape3, as_image
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir import model as m
from snnc.ir.shapes import image
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True, eq=False)
class WindowConnection:
    """A connection that slides a window; all its weights count as synapses, zeros too.

    `kernel`: weights of one target channel, which a Loihi 2 core holds once.
    """

    source: str
    source_shape: Shape3
    channels: GroupAxis
    rows: WindowAxis
    columns: WindowAxis
    kernel: int
    delay: int


@dataclass(frozen=True, eq=False)
class MatrixConnection:
    """A dense connection. `nonzero` (targets, sources) is None where no weight is zero."""

    source: str
    source_shape: Shape3
    targets: int
    nonzero: Array | None
    delay: int

    @property
    def weights(self) -> int:
        """Weights that are not zero."""
        if self.nonzero is None:
            return self.targets * self.sources
        return int(np.count_nonzero(self.nonzero))

    @property
    def sources(self) -> int:
        """Source neurons."""
        channels, rows, columns = self.source_shape
        return channels * rows * columns


Connection: TypeAlias = WindowConnection | MatrixConnection


def connections_of(network: m.Network, population: m.Population) -> tuple[Connection, ...]:
    """The connections into a population.

    Raises:
        InputError: A chain of operators is none that a core can hold (SN523).
    """
    return tuple(_connection(network, population, i) for i in population.incoming)


def _connection(network: m.Network, population: m.Population, incoming: m.Incoming) -> Connection:
    shape = network.source_shape(incoming.source)
    if isinstance(population.neuron, m.POOL_NEURONS):
        return _pool(population, incoming, shape)
    ops = incoming.ops[:-1] if _is_exponent(incoming.ops[-1:]) else incoming.ops
    if not ops and shape == population.shape:
        return _one_to_one(incoming, shape)
    if len(ops) == 1 and isinstance(ops[0], m.Conv2d):
        weight = network.tensors[ops[0].weight.name].shape
        return _conv(ops[0], weight, incoming, shape, population.shape)
    matrix = [op for op in ops if isinstance(op, m.Dense)]
    if len(matrix) == 1 and all(isinstance(o, (m.Dense, m.Flatten, m.Reshape)) for o in ops):
        nonzero = network.array(matrix[0].weight) != 0
        full = bool(nonzero.all())
        kept = None if full else nonzero
        return MatrixConnection(
            incoming.source, as_image(shape), len(nonzero), kept, incoming.delay
        )
    names = ", ".join(type(op).__name__ for op in incoming.ops) or "nothing"
    message = f"a core cannot hold a connection of {names} from {incoming.source}"
    cure = "one convolution or one matrix, as the target's passes leave it"
    raise InputError(Diagnostic("SN523", message, f"population {population.name}", cure))


def _is_exponent(last: tuple[m.Operator, ...]) -> bool:
    """Whether a chain ends in a power of two, which the weights' format holds."""
    return any(
        isinstance(op, m.Scale)
        and not isinstance(op.factor, m.Ref)
        and op.factor > 0
        and math.frexp(op.factor)[0] == 0.5
        for op in last
    )


def _one_to_one(incoming: m.Incoming, shape: Shape) -> WindowConnection:
    channels, rows, columns = as_image(shape)
    return WindowConnection(
        incoming.source,
        (channels, rows, columns),
        GroupAxis(channels, channels, channels),
        WindowAxis(rows, rows),
        WindowAxis(columns, columns),
        1,
        incoming.delay,
    )


def _conv(
    op: m.Conv2d, weight: Shape, incoming: m.Incoming, shape: Shape, target: Shape
) -> WindowConnection:
    channels, *size = image(shape, "conv2d")
    rows, columns = (
        WindowAxis(
            size[axis],
            target[1 + axis],
            weight[2 + axis],
            op.strides[axis],
            op.pads[axis],
            op.dilations[axis],
        )
        for axis in (0, 1)
    )
    groups = GroupAxis(channels, target[0], op.groups)
    kernel = int(np.prod(weight[1:]))
    where = as_image(shape)
    return WindowConnection(incoming.source, where, groups, rows, columns, kernel, incoming.delay)


def _pool(population: m.Population, incoming: m.Incoming, shape: Shape) -> WindowConnection:
    """A running maximum reads its window as a depthwise convolution does."""
    pool = population.neuron
    assert isinstance(pool, m.POOL_NEURONS)
    channels, *size = image(shape, type(pool).__name__)
    rows, columns = (
        WindowAxis(
            size[axis],
            population.shape[1 + axis],
            pool.kernel[axis],
            pool.strides[axis],
            pool.pads[axis],
            pool.dilations[axis],
        )
        for axis in (0, 1)
    )
    groups = GroupAxis(channels, channels, channels)
    kernel = pool.kernel[0] * pool.kernel[1]
    where = as_image(shape)
    return WindowConnection(incoming.source, where, groups, rows, columns, kernel, incoming.delay)

"""Networks of stage `fixed` with random whole weights, whose cores on TrueNorth are counted.

No network is trained: cores depend on shapes and on which weights there are. Thresholds follow the
mean and spread of what a neuron's inputs amount to, so that spikes reach the last layer and do not
fill it. A population on the host turns pixels into spikes, so that all layers are on the chip. (The
spikes of an input could be negative, and would take twice the axons.) The same arguments give the
same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from snnc.ir import model as m
from snnc.ir.shapes import operator_shape
from snnc.ir.tensors import Array, Shape

WEIGHTS = {"1": (0, 1), "ternary": (-1, 1), "3": (-3, 3), "4": (-7, 7), "5": (-15, 15)}
"""Smallest and largest weight by number of bits, all between them equally likely."""

STEPS = 32
"""Time steps of the schedules."""

LEVELS = 255
"""Of a pixel; it is also the encoders' threshold, so that white is a spike in every step."""


class Builder:
    """Adds layers one after the other; weights come from one seeded generator."""

    def __init__(self, shape: Shape, bits: str, seed: int = 0) -> None:
        self.low, self.high = WEIGHTS[bits]
        self.random = np.random.default_rng(seed)
        self.input = m.Input("image", "f32", shape, m.Graded(1 / LEVELS, LEVELS))
        self.source, self.shape = "image", shape
        self.populations: list[m.Population] = []
        self.arrays: dict[str, Array] = {}
        self._add("encoder", (), LEVELS)

    def conv(
        self, name: str, channels: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1
    ) -> None:
        """A convolution with a square kernel."""
        weight = self._weight(name, (channels, self.shape[0] // groups, kernel, kernel))
        op = m.Conv2d(weight, (stride, stride), (pad,) * 4, groups=groups)
        self._add(name, (op,), self._threshold(self.shape[0] // groups * kernel**2))

    def pool(self, name: str, kernel: int) -> None:
        """An average pooling: a spike for every `kernel * kernel` spikes of a window."""
        channels = self.shape[0]
        self.arrays[f"{name}.weight"] = np.ones((channels, 1, kernel, kernel), np.int8)
        op = m.Conv2d(m.Ref(f"{name}.weight"), (kernel, kernel), groups=channels)
        self._add(name, (op,), kernel**2)

    def dense(self, name: str, size: int) -> None:
        """A layer that reads all neurons of the one before."""
        fan_in = math.prod(self.shape)
        flat = (m.Flatten(),) if len(self.shape) > 1 else ()
        op = m.Dense(self._weight(name, (size, fan_in)))
        self._add(name, (*flat, op), self._threshold(fan_in))

    def network(self, name: str) -> m.Network:
        """What was built; its head counts the spikes of the last layer."""
        return m.Network(
            name=name,
            stage="fixed",
            inputs=(self.input,),
            populations=tuple(self.populations),
            heads=(m.Head("classes", self.source, m.SpikeCount()),),
            schedule=m.Synchronous(STEPS),
        ).with_arrays(self.arrays)

    def _weight(self, name: str, shape: Shape) -> m.Ref:
        drawn = self.random.integers(self.low, self.high + 1, shape, np.int8)
        self.arrays[f"{name}.weight"] = drawn
        return m.Ref(f"{name}.weight")

    def _threshold(self, fan_in: int) -> int:
        """Mean and half the standard deviation of the sum of so many random weights."""
        levels = np.arange(self.low, self.high + 1)
        return max(1, round(levels.mean() * fan_in + levels.std() * math.sqrt(fan_in) / 2))

    def _add(self, name: str, ops: tuple[m.Operator, ...], threshold: int) -> None:
        for op in ops:
            self.shape = operator_shape(op, self.shape, lambda ref: self.arrays[ref.name].shape)
        neuron = m.IF(float(threshold), v_init=float(threshold // 2))
        incoming = (m.Incoming(self.source, ops),)
        self.populations.append(m.Population(name, self.shape, neuron, incoming=incoming))
        self.source = name


def lenet5(bits: str) -> m.Network:
    """6c5, p, 16c5, p, 120, 84, 10 on 28 x 28 pixels. Its second convolution reads 150 inputs."""
    builder = Builder((1, 28, 28), bits)
    builder.conv("conv1", 6, 5)
    builder.pool("pool1", 2)
    builder.conv("conv2", 16, 5)
    builder.pool("pool2", 2)
    for name, size in (("fc1", 120), ("fc2", 84), ("classes", 10)):
        builder.dense(name, size)
    return builder.network(f"lenet5-{bits}")


def strided(bits: str) -> m.Network:
    """8c3s2, 16c3s2g2, 32c3s2g4, 64, 10 on 28 x 28 pixels: no neuron reads more than 128 inputs."""
    builder = Builder((1, 28, 28), bits)
    builder.conv("conv1", 8, 3, stride=2)
    builder.conv("conv2", 16, 3, stride=2, groups=2)
    builder.conv("conv3", 32, 3, stride=2, groups=4)
    builder.dense("fc1", 64)
    builder.dense("classes", 10)
    return builder.network(f"strided-{bits}")


def mlp(hidden: int, bits: str) -> m.Network:
    """784 pixels, a hidden layer, 10 classes."""
    builder = Builder((784,), bits)
    builder.dense("fc1", hidden)
    builder.dense("classes", 10)
    return builder.network(f"mlp-{hidden}-{bits}")


def grouped(channels: int, bits: str = "4") -> m.Network:
    """Convolutions in groups of four channels on 3 x 32 x 32 pixels: no more than 64 inputs each.

    Between them all channels are mixed. `channels`, a multiple of 4 up to 64, sets the size: cores
    grow with it.
    """
    if channels % 4 or not 4 <= channels <= 64:
        raise ValueError(f"{channels} channels: a multiple of 4 from 4 to 64 is needed")
    groups = channels // 4
    builder = Builder((3, 32, 32), bits)
    builder.conv("conv1", channels, 3, stride=2, pad=1)
    for number, stride in ((2, 1), (3, 1), (4, 2), (5, 2)):
        builder.conv(f"conv{number}", channels, 3, stride, pad=1, groups=groups)
        builder.conv(f"mix{number}", channels, 1)
    builder.conv("conv6", 4 * groups * max(1, 16 // groups), 4, groups=groups)
    builder.dense("classes", 10)
    return builder.network(f"grouped-{channels}-{bits}")


COUNTED: dict[str, Callable[[str], m.Network]] = {
    "LeNet5 (6c5,p,16c5,p,120,84,10)": lenet5,
    "8c3s2,16c3s2g2,32c3s2g4,64,10": strided,
    "MLP 784-128-10": lambda bits: mlp(128, bits),
    "MLP 784-64-10": lambda bits: mlp(64, bits),
}
"""The networks of the table of core counts, by name; each takes a key of `WEIGHTS`."""

GROWTH = (4, 12, 48)
"""Channels of `grouped` for some 380, 990 and 3,940 cores."""

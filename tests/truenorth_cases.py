"""Random integer networks for TrueNorth: every kind of connection, every weight code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.ir import model as m
from snnc.ir.tensors import Array

KINDS = ("dense", "conv", "grouped", "residual", "pooled", "concat", "signed", "late", "exits")
"""What `network` makes."""


@dataclass
class Builder:
    """Populations as they are added, with random weights of some bits.

    `bits`: 1 for {0, 1}, 2 for {-1, 0, 1}, else -(2^(bits-1) - 1) to that.
    """

    rng: np.random.Generator
    bits: int
    steps: int = 12
    reset: m.Reset = "subtract"
    tensors: dict[str, Array] = field(default_factory=dict)
    populations: list[m.Population] = field(default_factory=list)

    def weights(self, name: str, shape: Sequence[int]) -> m.Ref:
        """A random weight tensor; about a third of it is 0."""
        largest = max(1, 2 ** (self.bits - 1) - 1)
        low = 0 if self.bits == 1 else -largest
        values = self.rng.integers(low, largest + 1, tuple(shape))
        values[self.rng.random(tuple(shape)) < 0.2] = 0
        self.tensors[name] = values.astype(np.int8)
        return m.Ref(name)

    def add(
        self, name: str, shape: tuple[int, ...], *incoming: m.Incoming, unit: int = 1
    ) -> m.Population:
        """Integrate-and-fire neurons whose thresholds make them fire now and then."""
        channels = shape[0]
        threshold = self.rng.integers(1, 6, channels) * unit * self.bits + 1
        self.tensors[f"{name}.threshold"] = threshold.astype(np.int32)
        self.tensors[f"{name}.start"] = (threshold // 2).astype(np.int32)
        bias = self.rng.integers(-unit, 2 * unit + 1, channels)
        self.tensors[f"{name}.bias"] = bias.astype(np.int32)
        population = m.Population(
            name=name,
            shape=shape,
            neuron=m.IF(
                threshold=m.Ref(f"{name}.threshold"),
                v_init=m.Ref(f"{name}.start"),
                reset=self.reset,
            ),
            bias=m.Ref(f"{name}.bias"),
            incoming=incoming,
            origin=(f"/{name}",),
        )
        self.populations.append(population)
        return population

    def dense(self, name: str, source: m.Population | m.Input, units: int) -> m.Population:
        """A dense layer on a flattened source."""
        weight = self.weights(f"{name}.weight", (units, math.prod(source.shape)))
        factor = int(self.rng.integers(1, 6))
        ops = (m.Flatten(), m.Dense(weight), m.Scale(float(factor)))
        return self.add(name, (units,), m.Incoming(source.name, ops), unit=factor)

    def conv(
        self,
        name: str,
        source: m.Population | m.Input,
        channels: int,
        *more: m.Incoming,
        groups: int = 1,
        stride: int = 1,
        delay: int = 0,
        factor: int | None = None,
    ) -> m.Population:
        """A 3x3 convolution with a border of zeros; `factor` is what a unit of weight is worth."""
        depth, height, width = source.shape
        weight = self.weights(f"{name}.weight", (channels, depth // groups, 3, 3))
        conv = m.Conv2d(weight, (stride, stride), (1, 1, 1, 1), groups=groups)
        factor = factor or int(self.rng.integers(1, 6))
        shape = (channels, -(-height // stride), -(-width // stride))
        own = m.Incoming(source.name, (conv, m.Scale(float(factor))), delay)
        return self.add(name, shape, own, *more, unit=factor)

    def pool(self, name: str, source: m.Population) -> m.Population:
        """An average pooling that spikes: weight 1, threshold 4."""
        depth, height, width = source.shape
        self.tensors[f"{name}.weight"] = np.ones((depth, 1, 2, 2), np.int8)
        conv = m.Conv2d(m.Ref(f"{name}.weight"), (2, 2), groups=depth)
        population = m.Population(
            name=name,
            shape=(depth, height // 2, width // 2),
            neuron=m.IF(threshold=4.0, v_init=2.0),
            incoming=(m.Incoming(source.name, (conv,)),),
        )
        self.populations.append(population)
        return population

    def network(self, coding: m.Coding, shape: tuple[int, ...], *heads: str) -> m.Network:
        """All of it; the last population is always a head."""
        entry = m.Input("image", "float32", shape, coding)
        names = dict.fromkeys((*heads, self.populations[-1].name))
        empty = m.Network("case", "fixed", (entry,), (), (), schedule=m.Synchronous(self.steps))
        read = tuple(m.Head(f"out{i}", name, m.SpikeCount()) for i, name in enumerate(names))
        whole = replace(empty.with_arrays(self.tensors), heads=read)
        return whole.with_populations(self.populations)


def network(kind: str, bits: int, seed: int, reset: m.Reset = "subtract") -> m.Network:
    """A random network of a kind, of stage fixed, with an input of spikes."""
    rng = np.random.default_rng([seed, bits, KINDS.index(kind)])
    b = Builder(rng, bits, reset=reset)
    shape = (2, 6, 6)
    image = m.Input("image", "float32", shape, m.Poisson(1.0, seed))
    if kind == "dense":
        first = b.dense("fc1", replace(image, shape=(12,)), 30)
        b.dense("fc2", first, 9)
        return b.network(image.coding, (12,))
    _MAKERS[kind](b, image)
    coding = m.Events(1) if kind == "signed" else image.coding
    return b.network(coding, shape, *(("c1",) if kind == "exits" else ()))


def _conv(b: Builder, image: m.Input) -> None:
    b.dense("fc", b.pool("p", b.conv("c1", image, 3, stride=2)), 5)


def _grouped(b: Builder, image: m.Input) -> None:
    first = b.conv("c1", image, 4, groups=2)
    b.conv("c3", b.conv("c2", first, 4, groups=4, stride=2), 4, groups=2, stride=2)


def _residual(b: Builder, image: m.Input) -> None:
    first = b.conv("c1", image, 2)
    second = b.conv("c2", first, 2)
    skip = m.Incoming(first.name, (m.Scale(float(4 * b.bits)),))
    b.conv("c3", second, 2, skip, factor=2)


def _pooled(b: Builder, image: m.Input) -> None:
    b.pool("p2", b.pool("p1", b.conv("c1", image, 3)))


def _concat(b: Builder, image: m.Input) -> None:
    left, right = b.conv("c1", image, 1), b.conv("c2", image, 2)
    weight = b.weights("c3.weight", (2, 3, 3, 3))
    conv = m.Conv2d(weight, (2, 2), (1, 1, 1, 1))
    parts = [
        m.Incoming(source.name, (m.Embed(0, offset, 3), conv))
        for source, offset in ((left, 0), (right, 1))
    ]
    b.add("c3", (2, 3, 3), *parts)


def _late(b: Builder, image: m.Input) -> None:
    """A connection with a delay longer than a neuron's, and one past several layers."""
    first = b.conv("c1", image, 2)
    second = b.conv("c2", first, 2, delay=17)
    skip = m.Incoming(first.name, (m.Scale(9.0),), 34)
    b.conv("c3", second, 2, skip, delay=1, factor=3)
    b.steps = 40


_MAKERS = {
    "conv": _conv,
    "grouped": _grouped,
    "residual": _residual,
    "pooled": _pooled,
    "concat": _concat,
    "signed": _conv,
    "late": _late,
    "exits": _grouped,
}


def samples(network: m.Network, count: int, seed: int) -> Array:
    """Inputs of a network from `network`: values of 0 to 1, or frames of -1, 0 and 1."""
    rng = np.random.default_rng(seed)
    shape = network.inputs[0].shape
    if isinstance(network.inputs[0].coding, m.Events):
        assert network.schedule is not None
        frames = rng.integers(-1, 2, (network.schedule.steps, count, *shape))
        return frames.astype(np.float32)
    return rng.random((count, *shape)).astype(np.float32) * 0.7

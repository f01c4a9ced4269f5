"""Small networks of stage `fixed` for the tests of laying out, and chips with smaller limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snnc.backends.loihi.chips import Chip, load_chip
from snnc.ir import model as m
from snnc.ir.shapes import chain_shape, neuron_shape

HARD = m.IF(threshold=64.0, reset="zero")
SOFT = m.IF(threshold=64.0, reset="subtract")
Shape = tuple[int, ...]


def chip(name: str = "loihi1", **limits: Any) -> Chip:
    """A chip with some of its limits changed."""
    return replace(load_chip(name), **limits)


@dataclass
class Maker:
    """Adds populations one after the other; weights are ones unless they are given."""

    inputs: tuple[m.Input, ...] = (m.Input("image", "f32", (1, 4, 4), m.Events()),)
    populations: list[m.Population] = field(default_factory=list)
    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def tensor(self, array: np.ndarray[Any, Any]) -> m.Ref:
        name = f"t{len(self.arrays)}"
        self.arrays[name] = array
        return m.Ref(name)

    def shape(self, name: str) -> Shape:
        return next(s.shape for s in (*self.inputs, *self.populations) if s.name == name)

    def conv(self, shape: Shape, **options: Any) -> m.Conv2d:
        return m.Conv2d(self.tensor(np.ones(shape, np.int8)), **options)

    def dense(self, weight: np.ndarray[Any, Any]) -> m.Dense:
        return m.Dense(self.tensor(weight.astype(np.int8)))

    def add(
        self,
        name: str,
        *reads: tuple[str, tuple[m.Operator, ...]],
        neuron: m.Neuron = HARD,
        bias: m.Ref | None = None,
    ) -> str:
        """A population that sums what it reads: pairs of a source and a chain of operators."""
        source, ops = reads[0]
        summed = chain_shape(ops, self.shape(source), lambda ref: self.arrays[ref.name].shape)
        incoming = tuple(m.Incoming(source, ops) for source, ops in reads)
        shape = neuron_shape(neuron, summed)
        self.populations.append(m.Population(name, shape, neuron, bias, incoming=incoming))
        return name

    def network(self) -> m.Network:
        last = self.populations[-1]
        readout = m.Membrane() if isinstance(last.neuron, m.Integrator) else m.SpikeCount()
        network = m.Network(
            name="net",
            stage="fixed",
            inputs=self.inputs,
            populations=tuple(self.populations),
            heads=(m.Head("out", last.name, readout),),
            schedule=m.Synchronous(8),
        )
        used = m.referenced_tensors(network)
        return network.with_arrays({name: self.arrays[name] for name in used})


def vector(size: int, outs: int, neuron: m.Neuron = HARD) -> m.Network:
    """One dense layer of `outs` neurons on `size` inputs, all weights one."""
    maker = Maker((m.Input("x", "f32", (size,), m.Events()),))
    maker.add("fc", ("x", (maker.dense(np.ones((outs, size))),)), neuron=neuron)
    return maker.network()


def random_network(seed: int) -> m.Network:
    """A chain with a branch: convolutions of all kinds, a pool, one to one, sparse matrices."""
    random = np.random.default_rng(seed)
    channels, kind = int(random.choice([1, 2, 4])), (HARD, SOFT)[random.integers(2)]
    size = (int(random.integers(4, 8)), int(random.integers(4, 8)))
    maker = Maker((m.Input("image", "f32", (channels, *size), m.Events()),))
    source = "image"
    for number in range(int(random.integers(1, 4))):
        op = random_conv(maker, source, random)
        source = maker.add(f"c{number}", (source, (op,)), neuron=kind)
    if random.integers(2) and min(maker.shape(source)[1:]) > 1:
        pool = m.RunningMax2d((2, 2), (1, 2), ceil_mode=True)
        source = maker.add("pool", (source, ()), neuron=pool)
    if random.integers(2):
        channels = maker.shape(source)[0]
        depthwise = maker.conv((channels, 1, 1, 1), groups=channels)
        other = (HARD, SOFT)[random.integers(2)]
        source = maker.add("sum", (source, ()), (source, (depthwise,)), neuron=other)
    if random.integers(2):
        flat = math.prod(maker.shape(source))
        weight = random.integers(-1, 2, (12, flat)) * random.integers(0, 2, (12, flat))
        chain = (m.Flatten(), maker.dense(weight), m.Reshape((3, 2, 2)))
        source = maker.add("square", (source, chain), neuron=kind)
    last = maker.dense(np.ones((5, math.prod(maker.shape(source)))))
    maker.add("out", (source, (m.Flatten(), last)), neuron=m.Integrator())
    return maker.network()


def random_conv(maker: Maker, source: str, random: np.random.Generator) -> m.Conv2d:
    """Any kernel, stride, padding, dilation and groups that leave an image."""
    channels, *size = maker.shape(source)
    groups = int(random.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    outs = groups * int(random.integers(1, 3))
    kernel = [int(random.integers(1, 4)) for _ in size]
    dilations = [int(random.integers(1, 3)) for _ in size]
    pads = [int(n) for n in random.integers(0, 3, 4)]
    for axis in (0, 1):
        span = dilations[axis] * (kernel[axis] - 1) + 1
        pads[axis] += max(0, span - size[axis] - pads[axis] - pads[axis + 2])
    strides = [int(random.integers(1, 3)) for _ in size]
    return maker.conv(
        (outs, channels // groups, *kernel),
        strides=tuple(strides),
        pads=tuple(pads),
        dilations=tuple(dilations),
        groups=groups,
    )

"""Small integer networks of stage fixed, between them all that target loihi takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.latency import starts_of
from snnc.ir.tensors import Array, Shape
from snnc.ir.verify import check
from snnc.passes.add_latency import AddLatency
from snnc.passes.base import Context

GRADED = m.Graded(1 / 15, 15, 0)


class Builder:
    """Adds populations one after the other; weights are int8, thresholds whole."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays: dict[str, Array] = {}
        self.inputs: list[m.Input] = []
        self.populations: list[m.Population] = []
        self.heads: list[m.Head] = []
        self.policy: m.ExitPolicy | None = None

    def tensor(self, shape: Shape, low: int, high: int, dtype: type = np.int8) -> m.Ref:
        name = f"t{len(self.arrays)}"
        self.arrays[name] = self.rng.integers(low, high + 1, shape).astype(dtype)
        return m.Ref(name)

    def weight(self, *shape: int, low: int = -80, high: int = 80) -> m.Ref:
        return self.tensor(shape, low, high)

    def input(self, name: str, shape: Shape, coding: m.Coding = GRADED) -> str:
        self.inputs.append(m.Input(name, "f32", shape, coding))
        return name

    def conv(self, out: int, each: int, kernel: tuple[int, int], *rest: object) -> m.Conv2d:
        return m.Conv2d(self.weight(out, each, *kernel), *rest)  # type: ignore[arg-type]

    def dense(self, out: int, size: int) -> m.Dense:
        return m.Dense(self.weight(out, size))

    def add(
        self,
        name: str,
        neuron: m.Neuron,
        *incoming: m.Incoming,
        bias: int = 0,
        scale: float = 0.5,
    ) -> str:
        first = incoming[0]
        shape = shapes.chain_shape(
            first.ops, self.shape(first.source), lambda r: self.arrays[r.name].shape
        )
        tensor = self.tensor(shape[:1], -bias, 2 * bias, np.int32) if bias else None
        own = shapes.neuron_shape(neuron, shape)
        origin = (f"/{name}/Conv", f"/{name}/Relu")
        self.populations.append(
            m.Population(name, own, neuron, tensor, scale, origin, tuple(incoming))
        )
        return name

    def out(self, source: str, classes: int = 4, name: str = "out") -> str:
        shape = self.shape(source)
        flat = (m.Flatten(),) if len(shape) > 1 else ()
        dense = self.dense(classes, int(np.prod(shape)))
        self.add(name, m.Integrator(3.0), m.Incoming(source, (*flat, dense)), bias=9)
        self.heads.append(m.Head(f"head.{name}", name, m.Membrane(("Softmax",))))
        return name

    def shape(self, source: str) -> Shape:
        return next(s.shape for s in (*self.inputs, *self.populations) if s.name == source)

    def network(self, name: str, steps: int, window: int | None = None) -> m.Network:
        schedule = m.Synchronous(steps) if window is None else m.Gated(steps, window)
        made = m.Network(
            name,
            "fixed",
            tuple(self.inputs),
            tuple(self.populations),
            tuple(self.heads),
            schedule=schedule,
            exit=self.policy,
        ).with_arrays(self.arrays)
        made = AddLatency().run(made, Context())
        check(made)
        assert starts_of(made) is not None
        return made


def via(source: str, *ops: m.Operator, delay: int = 0) -> m.Incoming:
    return m.Incoming(source, ops, delay)


def lenet(b: Builder) -> m.Network:
    """Convolutions with stride, a running maximum, a dense layer; graded input."""
    x = b.input("image", (2, 9, 8))
    first = b.conv(4, 2, (3, 3), (1, 1), (1, 1, 1, 1))
    b.add("conv1", m.IF(900.0, v_init=450.0), via(x, first), bias=60)
    b.add("pool1", m.RunningMax2d((2, 2), (2, 2)), via("conv1"))
    second = b.conv(6, 4, (3, 2), (2, 1), (0, 0, 0, 0))
    b.add("conv2", m.IF(120.0, v_init=60.0), via("pool1", second), bias=9)
    b.add("fc1", m.IF(200.0), via("conv2", m.Flatten(), b.dense(9, 18)))
    b.out("fc1")
    return b.network("lenet", 14)


def convolutions(b: Builder) -> m.Network:
    """Strides, dilations, pads that differ at the two ends, groups, exponents, odd names."""
    x = b.input("x.0", (4, 9, 8))
    first = b.conv(6, 2, (3, 2), (1, 2), (0, 2, 1, 1), (2, 1), 2)
    b.add("if", m.IF(b.tensor((6,), 500, 900, np.int32)), via(x, first), bias=40)
    second = b.conv(4, 6, (2, 3), (2, 1), (2, 3, 1, 0), (1, 2))
    full = m.IF(b.tensor((4, 4, 4), 300, 900, np.int32), v_init=b.tensor((4,), 0, 9, np.int32))
    b.add("run", full, via("if", second, m.Scale(4.0)))
    third = b.conv(4, 4, (2, 2), (1, 1), (0, 1, 3, 0), (3, 3))
    b.add("a-b", m.IF(90.0), via("run", third, m.Scale(2.0)), via(x, b.conv(4, 4, (3, 3), (2, 4))))
    b.out("a-b")
    return b.network("a 'quoted' \"name\"", 10)


def depthwise(b: Builder) -> m.Network:
    """More groups than Lava's Conv counts."""
    x = b.input("x", (130, 3, 3))
    first = b.conv(130, 1, (2, 2), (1, 1), (1, 0, 0, 1), (1, 1), 130)
    b.add("many", m.IF(400.0), via(x, first))
    b.add("few", m.IF(300.0), via("many", b.conv(4, 130, (2, 2))))
    b.out("few")
    return b.network("depthwise", 6)


def residual(b: Builder) -> m.Network:
    """A skip that waits, one-to-one and with an exponent, a slow connection, and a loop."""
    x = b.input("x", (2, 6, 6))
    b.add("stem", m.IF(500.0), via(x, b.conv(3, 2, (3, 3), (1, 1), (1, 1, 1, 1))), bias=20)
    b.add(
        "body",
        m.IF(120.0, saturation=150.0),
        via("stem", b.conv(3, 3, (3, 3), (1, 1), (1, 1, 1, 1))),
    )
    more = b.conv(3, 3, (1, 1))
    b.add("sum", m.IF(60.0), via("body", more), via("stem", m.Scale(32.0)), via("stem", delay=2))
    slow = m.IF(2.0, negative_spikes="retract", saturation=9.0)
    b.add("late", slow, via("sum", delay=3), via("body"))
    flat = via("late", m.Flatten(), b.dense(5, 108))
    b.add("loop", m.IF(99.0), flat, via("loop", b.dense(5, 5), delay=1), via("loop", delay=3))
    b.out("loop")
    return b.network("residual", 16)


def matrices(b: Builder) -> m.Network:
    """A chain written out as a matrix of mostly zeros onto an image, and a vector input."""
    x = b.input("x", (5,), m.Graded(0.25, 7, -8, 0.5, "even"))
    b.add("grown", m.IF(60.0), via(x, b.dense(4 * 8 * 8, 5), m.Reshape((4, 8, 8))))
    pool = np.zeros((4, 4, 4, 4, 8, 8), np.int8)
    for c, i, j in np.ndindex(4, 4, 4):
        pool[c, i, j, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = [[7, -3], [1, 6]]
    b.arrays["pool"] = pool.reshape(64, 256)
    ops = (m.Flatten(), m.Dense(m.Ref("pool")), m.Reshape((4, 4, 4)), m.Scale(2.0))
    b.add("pooled", m.IF(13.0), via("grown", *ops))
    ones = m.Dense(b.tensor((36, 64), 0, 9))
    b.add("positive", m.IF(220.0), via("pooled", m.Flatten(), ones), bias=3)
    b.add(
        "negative",
        m.IF(9.0),
        via("pooled", m.Flatten(), m.Dense(b.tensor((6, 64), -9, 0))),
        bias=300,
    )
    b.out("positive")
    b.out("negative", 1, "sign")
    return b.network("matrices", 10)


def qffs(b: Builder) -> m.Network:
    """Spikes taken back, counts held to bounds, gated input, overlapping pools."""
    x = b.input("x", (2, 8, 8))
    unsigned = m.IF(300.0, v_init=150.0, negative_spikes="retract", max_spikes=7, min_spikes=0)
    b.add("a", unsigned, via(x, b.conv(4, 2, (3, 3), (1, 1), (1, 1, 1, 1))), bias=50)
    b.add("pool", m.RunningMax2d((3, 3), (2, 2), (1, 0, 1, 1), (1, 1), True), via("a"))
    signed = m.IF(90.0, v_init=45.0, negative_spikes="retract", max_spikes=3, min_spikes=-3)
    b.add("c", signed, via("pool", b.conv(4, 4, (3, 3), (1, 1), (1, 1, 1, 1))), bias=50)
    b.add("free", m.IF(120.0, negative_spikes="retract"), via("c", b.conv(3, 4, (2, 2))))
    b.out("free")
    return b.network("qffs", 20, 7)


def hard(b: Builder) -> m.Network:
    """Reset to zero, also by negative spikes; heads of every read-out."""
    x = b.input("x", (12,))
    b.add("a", m.IF(200.0, reset="zero", saturation=260.0), via(x, b.dense(10, 12)), bias=30)
    taking = m.IF(80.0, reset="zero", negative_spikes="retract", max_spikes=5)
    b.add("b", taking, via("a", b.dense(8, 10)), scale=0.1)
    b.heads.append(m.Head("count", "b", m.SpikeCount()))
    b.heads.append(m.Head("first", "a", m.FirstSpike()))
    b.heads.append(m.Head("potential", "b", m.Membrane(("Relu",))))
    b.out("b")
    return b.network("hard", 14)


def events(b: Builder) -> m.Network:
    """Frames of events, of values other than 0 and 1, and a second input."""
    x = b.input("x", (2, 5, 5), m.Events(2))
    y = b.input("y", (4,), m.Poisson(1.0, 3))
    b.add("a", m.IF(90.0), via(x, b.conv(3, 2, (3, 3))))
    mixed = via(y, b.dense(27, 4), m.Reshape((3, 3, 3)))
    b.add("b", m.IF(70.0), via("a", b.conv(3, 3, (3, 3), (1, 1), (1, 1, 1, 1))), mixed, via("a"))
    b.out("b")
    return b.network("events", 10)


def poisson(b: Builder) -> m.Network:
    """Drawn spikes of both signs, in a window."""
    x = b.input("x", (2, 5, 5), m.Poisson(1.5, 7))
    b.add("a", m.IF(70.0, negative_spikes="retract", max_spikes=9), via(x, b.conv(3, 2, (3, 3))))
    b.out("a")
    return b.network("poisson", 10, 7)


def heads(b: Builder) -> m.Network:
    """Three heads at different depths."""
    x = b.input("x", (2, 6, 6))
    b.add("a", m.IF(400.0), via(x, b.conv(4, 2, (3, 3))), bias=40)
    b.out("a", 3, "early")
    b.add("b", m.IF(100.0), via("a", b.conv(4, 4, (2, 2))))
    counted = m.IF(200.0, v_init=100.0)
    b.add("middle", counted, via("b", m.Flatten(), b.dense(3, 36)), scale=0.3)
    b.heads.append(m.Head("counts", "middle", m.SpikeCount(("Relu",))))
    b.add("c", m.IF(100.0), via("b", b.conv(4, 4, (2, 2))))
    b.out("c", 3, "deep")
    return b.network("heads", 20)


def gated_heads(b: Builder) -> m.Network:
    """Two heads of a network that comes to rest."""
    x = b.input("x", (2, 6, 6))
    taking = {"negative_spikes": "retract", "max_spikes": 5, "min_spikes": 0}
    b.add("a", m.IF(400.0, v_init=200.0, **taking), via(x, b.conv(4, 2, (3, 3))), bias=40)
    b.out("a", 3, "early")
    b.add("pool", m.RunningMax2d((2, 2), (2, 2)), via("a"))
    b.add("b", m.IF(90.0, v_init=45.0, **taking), via("pool", b.conv(4, 4, (2, 2))))
    b.out("b", 3, "deep")
    return b.network("gated_heads", 20, 5)


NETWORKS: dict[str, Callable[[Builder], m.Network]] = {
    f.__name__: f
    for f in (
        lenet,
        convolutions,
        depthwise,
        residual,
        matrices,
        qffs,
        hard,
        events,
        poisson,
        heads,
        gated_heads,
    )
}


def inputs_for(network: m.Network, samples: int, seed: int = 5) -> dict[str, Array]:
    """Random samples as the network takes them: floats, of events whole frames."""
    rng = np.random.default_rng(seed)
    assert network.schedule is not None
    drive = network.schedule.drive(network.schedule.steps)
    found: dict[str, Array] = {}
    for entry in network.inputs:
        if isinstance(entry.coding, m.Events):
            found[entry.name] = rng.integers(-1, 3, (drive, samples, *entry.shape)).astype(np.int32)
        else:
            low = -1.0 if isinstance(entry.coding, m.Poisson | m.SpikeTime) else 0.0
            found[entry.name] = rng.uniform(low, 1, (samples, *entry.shape)).astype(np.float32)
    return found


def build(name: str, seed: int = 0) -> m.Network:
    return NETWORKS[name](Builder(seed))


def with_exit(network: m.Network, policy: m.ExitPolicy) -> m.Network:
    return replace(network, exit=policy)

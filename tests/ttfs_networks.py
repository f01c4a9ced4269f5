"""Small random networks of spike times that between them use all that schedules of phases allow.

Convolutions (grouped too), dense layers, pools, a residual sum, a concatenation, an average pool,
signed inputs and analog ones, both roundings, a kernel of its own for every layer; in whole
numbers with tables instead of kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.tensors import Array, Shape
from snnc.passes.ttfs_windows import scheduled

INPUTS: dict[str, Shape] = {"x": (2, 6, 5), "y": (4,)}


@dataclass
class _Maker:
    rng: np.random.Generator
    whole: bool
    window: int
    unit: int
    arrays: dict[str, Array] = field(default_factory=dict)
    populations: list[m.Population] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=lambda: dict(INPUTS))

    def tensor(self, shape: Shape, most: float = 2.0) -> m.Ref:
        """Weights, a few more of them above zero than below."""
        name = f"t{len(self.arrays)}"
        fan_in = max(1, int(np.prod(shape[1:])))
        values = self.rng.uniform(-0.8, 1.0, shape) * most / np.sqrt(fan_in)
        self.arrays[name] = np.rint(8 * values).astype(np.int16) if self.whole else values
        return m.Ref(name)

    def table(self, name: str, values: Array) -> m.Ref:
        self.arrays[name] = values.astype(np.int64)
        return m.Ref(name)

    def kernel(self, name: str, channels: int) -> m.Neuron:
        steps = int(self.rng.integers(max(2, self.window - 3), self.window + 1))
        if not self.whole:
            tau, delay, top = (float(self.rng.uniform(*r)) for r in ((2, 5), (-1, 1), (0.7, 1.4)))
            rounding: m.Rounding = "round" if self.rng.integers(2) else "ceil"
            return m.TTFS(tau, steps, delay, top, rounding)
        falling = np.sort(self.rng.integers(0, 60, steps))[::-1] * self.unit
        shape = (steps, channels) if self.rng.integers(2) else (steps,)
        thresholds = np.sort(self.rng.integers(1, 600, shape), axis=0)[::-1] * self.unit
        return m.IntegerTTFS(
            self.table(f"{name}.values", falling), self.table(f"{name}.thresholds", thresholds)
        )

    def add(self, name: str, neuron: m.Neuron | None, *incoming: m.Incoming) -> str:
        """`neuron` None takes a kernel of its own."""
        first = incoming[0]
        shape = shapes.chain_shape(
            first.ops, self.shapes[first.source], lambda ref: self.arrays[ref.name].shape
        )
        pool = isinstance(neuron, m.RunningMax2d)
        bias = None if pool or self.rng.integers(3) == 0 else self.tensor(shape[:1], 0.5)
        neuron = self.kernel(name, shape[0]) if neuron is None else neuron
        self.shapes[name] = shapes.neuron_shape(neuron, shape)
        scale = 1.0 if pool else float(self.rng.uniform(0.5, 2))
        self.populations.append(
            m.Population(name, self.shapes[name], neuron, bias, scale, (), incoming)
        )
        return name

    def dense(self, source: str, width: int) -> m.Incoming:
        size = int(np.prod(self.shapes[source]))
        return m.Incoming(source, (m.Flatten(), m.Dense(self.tensor((width, size)))))

    def conv(self, channels: int, kernel: int = 3, groups: int = 1) -> m.Conv2d:
        weight = self.tensor((channels, 4 // groups, kernel, kernel))
        pad = kernel // 2
        return m.Conv2d(weight, pads=(pad,) * 4, groups=groups)


def network(seed: int, *, whole: bool = False, early: int = 0, unit: int = 1) -> m.Network:
    """The network of a seed; `early` steps of early firing, whole kernels in so many units."""
    rng = np.random.default_rng([seed, whole])
    window = int(rng.integers(5, 11))
    maker = _Maker(rng, whole, window, unit)
    first = m.Conv2d(maker.tensor((4, 2, 3, 3)), pads=(1, 1, 1, 1))
    a = maker.add("a", None, m.Incoming("x", (first,)))
    pools = (
        m.RunningMax2d((2, 2), (2, 2)),
        m.RunningMax2d((3, 2), (2, 1), (1, 0, 1, 1)),
        m.RunningMax2d((2, 3), (2, 2), ceil_mode=True),
        m.RunningMax2d((2, 2), (1, 1), dilations=(2, 2)),
    )
    p = maker.add("p", pools[seed % 4], m.Incoming(a))
    b = maker.add("b", None, m.Incoming(a, (maker.conv(4, groups=2),)))
    skip = m.Scale(3.0 if whole else 0.7)
    c = maker.add("c", None, m.Incoming(b, (maker.conv(4),)), m.Incoming(a, (skip,)))
    # Of branches that fire in different windows, and compared with one another: one kernel for all.
    shared = maker.populations[-1].neuron
    if isinstance(shared, m.IntegerTTFS):
        shared = replace(shared, thresholds=m.Ref("c.values"))
        maker.arrays["c.values"] = maker.arrays["c.values"] + unit
    d = maker.add("d", shared, m.Incoming(a, (maker.conv(4, 1),)))
    side = (m.Incoming(c, (m.Embed(0, 0, 8),)), m.Incoming(d, (m.Embed(0, 4, 8),)))
    q = maker.add("q", m.RunningMax2d((2, 2), (2, 2)), *side)
    mean: tuple[m.Operator, ...] = () if whole else (m.AvgPool2d((2, 2), (2, 2)),)
    wide = maker.tensor((2, 8, 2, 2))
    joined = [m.Incoming(i.source, (*i.ops, m.Conv2d(wide, strides=(2, 2)), *mean)) for i in side]
    e = maker.add("e", None, *joined)
    y = m.Incoming("y", (m.Dense(maker.tensor((9, 4))),))
    f = maker.add("f", None, *(maker.dense(n, 9) for n in (p, q, e)), y)
    v_init = 2.0 if whole else 0.25
    maker.add("out", m.Integrator(v_init), maker.dense(f, 3), maker.dense(e, 3))
    heads = (
        m.Head("counts", q, m.SpikeCount()),
        m.Head("first", f, m.FirstSpike()),
        m.Head("final", "out", m.Membrane()),
    )
    made = m.Network(
        "timed",
        "fixed" if whole else "snn",
        tuple(_inputs(maker, seed)),
        tuple(maker.populations),
        heads,
        schedule=m.Phased(1, window, (), ()),
    ).with_arrays(maker.arrays)
    return scheduled(made, window, window - early)


def _inputs(maker: _Maker, seed: int) -> list[m.Input]:
    kind = "f64"
    entries = [m.Input("x", kind, INPUTS["x"]), m.Input("y", kind, INPUTS["y"])]
    if seed % 3 == 2:  # x comes as an analog value, y as spikes
        entries.reverse()
    tau, steps = float(maker.rng.uniform(2, 4)), maker.window - 1
    coding = m.SpikeTime(tau, steps, 0.5, 0.9, "ceil" if seed % 2 else "round")
    if maker.whole:
        values = np.sort(maker.rng.integers(1, 40, steps))[::-1] * maker.unit
        fields = (tau, steps, 0.5, 0.9, coding.rounding)
        coding = m.IntegerSpikeTime(*fields, tuple(int(v) for v in values))
    entries[0] = replace(entries[0], coding=coding)
    if maker.whole:
        entries[1] = replace(entries[1], coding=m.Graded(0.05, 20, -20))
    return sorted(entries, key=lambda entry: entry.name)


def samples(count: int, seed: int) -> dict[str, Array]:
    """Values of both signs, some of them beyond what a spike can carry."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.7, (count, *shape)) for name, shape in INPUTS.items()}


def ann_twin(network: m.Network) -> m.Network:
    """The network as its surrogate of stage ann; inputs are what their spikes are worth."""
    populations = []
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, m.RunningMax2d):
            neuron = m.MaxPool2d(
                neuron.kernel, neuron.strides, neuron.pads, neuron.dilations, neuron.ceil_mode
            )
        elif isinstance(neuron, m.Integrator):
            neuron = m.Identity()
        terms = tuple(replace(i, delay=0) for i in population.incoming)
        populations.append(replace(population, neuron=neuron, incoming=terms))
    return replace(
        network,
        stage="ann",
        inputs=tuple(replace(i, coding=m.Direct()) for i in network.inputs),
        populations=tuple(populations),
        heads=(m.Head("final", "out", m.Logits()),),
        schedule=None,
    )

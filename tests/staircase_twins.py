"""Small quantised networks by hand, twice: at stage ann, and as spikes with gated input.

Weights, steps and inputs are dyadic fractions, so that every sum of float64 is exact, even at a
rounding edge, and equality can be demanded. The spiking twin is written down from Li, Ma, Furber
2022 and shares nothing with the compiler's passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.tensors import Array, Shape


@dataclass(frozen=True)
class Twins:
    """The same network at both stages."""

    ann: m.Network
    snn: m.Network
    window: int


@dataclass
class Stairs:
    """What one quantised population counts."""

    step: m.Parameter
    levels: int
    lowest: int
    shift: float


@dataclass
class Layer:
    name: str
    neuron: Stairs | m.MaxPool2d | None
    shape: Shape
    bias: m.Ref | None
    incoming: tuple[m.Incoming, ...]


@dataclass
class Maker:
    """Collects layers; `twins` writes them down at both stages."""

    rng: np.random.Generator
    input_shape: Shape = ()
    layers: list[Layer] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def tensor(self, shape: Shape, spread: int, unit: float) -> m.Ref:
        """Random whole numbers of `unit`, from -spread to spread."""
        name = f"t{len(self.arrays)}"
        self.arrays[name] = self.rng.integers(-spread, spread + 1, shape) * unit
        return m.Ref(name)

    def conv(self, out: int, into: int, size: int = 3) -> m.Conv2d:
        border = size // 2
        return m.Conv2d(
            self.tensor((out, into, size, size), 6, 1 / 8), pads=(border, border, border, border)
        )

    def dense(self, out: int, source: str) -> tuple[m.Operator, ...]:
        shape = self.shape(source)
        weight = m.Dense(self.tensor((out, int(np.prod(shape))), 6, 1 / 8))
        return (m.Flatten(), weight) if len(shape) > 1 else (weight,)

    def shape(self, source: str) -> Shape:
        if source == "x":
            return self.input_shape
        return next(layer.shape for layer in self.layers if layer.name == source)

    def stairs(self, channels: int) -> Stairs:
        """1 to 4 bits, signed or not, one step or one per channel."""
        levels = 2 ** int(self.rng.integers(1, 5)) - 1
        lowest = -int(self.rng.integers(1, levels + 2)) if self.rng.random() < 0.4 else 0
        step: m.Parameter = float(2.0 ** self.rng.integers(-3, 1))
        if self.rng.random() < 0.3:
            ref = m.Ref(f"t{len(self.arrays)}")
            self.arrays[ref.name] = 2.0 ** self.rng.integers(-3, 1, channels)
            step = ref
        return Stairs(step, levels, lowest, float(self.rng.choice([0.5, 0.5, 0.25, 0.0])))

    def add(
        self, name: str, *incoming: m.Incoming, neuron: Stairs | m.MaxPool2d | None = None
    ) -> str:
        """A population: quantised unless `neuron` says otherwise; `out` is the read-out."""
        first = incoming[0]
        shape = shapes.chain_shape(
            first.ops, self.shape(first.source), lambda r: self.arrays[r.name].shape
        )
        bias = None
        if not isinstance(neuron, m.MaxPool2d):
            bias = self.tensor(shape[:1], 8, 1 / 8)
            neuron = neuron or (None if name == "out" else self.stairs(shape[0]))
        else:
            shape = shapes.neuron_shape(neuron, shape)
        self.layers.append(Layer(name, neuron, shape, bias, incoming))
        return name

    def twins(self, name: str) -> Twins:
        """Both networks. The window is as long as the layer with the most levels needs."""
        stairs = [layer.neuron for layer in self.layers if isinstance(layer.neuron, Stairs)]
        window = max(max(s.levels, -s.lowest) for s in stairs)
        scales: dict[str, m.Parameter] = {"x": 1.0}
        ann: list[m.Population] = []
        snn: list[m.Population] = []
        for layer in self.layers:
            ann.append(self._ann(layer))
            scales[layer.name] = self._scale(layer, scales, window)
            snn.append(self._snn(layer, scales))
        entry = (m.Input("x", "f64", self.input_shape),)
        heads = (m.Head("final", "out", m.Logits()),)
        first = m.Network(name, "ann", entry, tuple(ann), heads).with_arrays(self.arrays)
        second = replace(
            first,
            stage="snn",
            heads=(m.Head("final", "out", m.Membrane()),),
            # Far more steps than needed; the simulator stops by itself.
            schedule=m.Gated(8 * (window + len(self.layers)), window),
        )
        return Twins(first.with_populations(ann), second.with_populations(snn), window)

    def _ann(self, layer: Layer) -> m.Population:
        neuron: m.Neuron = m.Identity()
        if isinstance(layer.neuron, Stairs):
            s = layer.neuron
            neuron = m.Quantized(s.step, s.levels, s.lowest, s.shift)
        elif layer.neuron is not None:
            neuron = layer.neuron
        return m.Population(layer.name, layer.shape, neuron, layer.bias, incoming=layer.incoming)

    def _scale(self, layer: Layer, scales: dict[str, m.Parameter], window: int) -> m.Parameter:
        if not isinstance(layer.neuron, Stairs):
            return 1.0 if layer.neuron is None else scales[layer.incoming[0].source]
        step = layer.neuron.step
        if not isinstance(step, m.Ref):
            return window * step
        self.arrays[f"{step.name}.scale"] = window * self.arrays[step.name]
        return m.Ref(f"{step.name}.scale")

    def _snn(self, layer: Layer, scales: dict[str, m.Parameter]) -> m.Population:
        pool = isinstance(layer.neuron, m.MaxPool2d)
        incoming = tuple(
            # A spike weighs the scale of its source; pools pass spikes on as they are.
            i if pool or i.source == "x" else replace(i, ops=(m.Scale(scales[i.source]), *i.ops))
            for i in layer.incoming
        )
        scale = scales[layer.name]
        return m.Population(
            layer.name, layer.shape, self._neuron(layer, scale), layer.bias, scale, (), incoming
        )

    def _neuron(self, layer: Layer, scale: m.Parameter) -> m.Neuron:
        if layer.neuron is None:
            return m.Integrator()
        if isinstance(layer.neuron, m.MaxPool2d):
            p = layer.neuron
            return m.RunningMax2d(p.kernel, p.strides, p.pads, p.dilations, p.ceil_mode)
        s = layer.neuron
        start: m.Parameter = s.shift * scale if isinstance(scale, float) else 0.0
        if isinstance(scale, m.Ref):
            self.arrays[f"{scale.name}.start"] = s.shift * self.arrays[scale.name]
            start = m.Ref(f"{scale.name}.start")
        return m.IF(
            threshold=scale,
            v_init=start,
            negative_spikes="retract",
            max_spikes=s.levels,
            min_spikes=s.lowest,
        )


def via(source: str, *ops: m.Operator) -> m.Incoming:
    return m.Incoming(source, ops)


def mlp(make: Maker) -> None:
    make.input_shape = (6,)
    a = make.add("a", via("x", *make.dense(8, "x")))
    b = make.add("b", via(a, *make.dense(7, a)))
    c = make.add("c", via(b, *make.dense(6, b)), via(a, *make.dense(6, a)))
    make.add("out", via(c, *make.dense(3, c)))


def average(make: Maker) -> None:
    make.input_shape = (2, 8, 6)
    a = make.add("a", via("x", make.conv(3, 2)))
    b = make.add("b", via(a, m.AvgPool2d((2, 2), (2, 2)), make.conv(4, 3)))
    border = m.AvgPool2d((2, 2), (1, 1), (1, 0, 0, 1), count_include_pad=True)
    c = make.add("c", via(b, border, make.conv(3, 4, 1)))
    make.add("out", via(c, *make.dense(3, c)))


def average_flat(make: Maker) -> None:
    make.input_shape = (3, 4, 4)
    a = make.add("a", via("x", make.conv(4, 3)))
    pooled = m.Dense(make.tensor((5, 4), 6, 1 / 8))
    b = make.add("b", via(a, m.AvgPool2d((4, 4), (4, 4)), m.Flatten(), pooled))
    make.add("out", via(b, *make.dense(3, b)))


def residual(make: Maker) -> None:
    make.input_shape = (2, 5, 4)
    a = make.add("a", via("x", make.conv(3, 2)))
    b = make.add("b", via(a, make.conv(3, 3)))
    c = make.add("c", via(b, make.conv(3, 3)), via(a))
    d = make.add("d", via(c, make.conv(3, 3, 1)), via("x", make.conv(3, 2, 1)), via(b))
    make.add("out", via(d, *make.dense(3, d)))


def maximum(make: Maker) -> None:
    make.input_shape = (2, 7, 6)
    a = make.add("a", via("x", make.conv(3, 2)))
    pool = make.add("pool", via(a), neuron=m.MaxPool2d((2, 2), (2, 2)))
    wide = make.add("wide", via(a), neuron=m.MaxPool2d((3, 3), (2, 2), (1, 1, 1, 1)))
    b = make.add("b", via(pool, make.conv(4, 3)))
    c = make.add("c", via(wide, *make.dense(5, wide)), via(b, *make.dense(5, b)))
    make.add("out", via(c, *make.dense(3, c)))


def concat(make: Maker) -> None:
    make.input_shape = (2, 4, 5)
    a = make.add("a", via("x", make.conv(3, 2)))
    b = make.add("b", via("x", make.conv(2, 2, 1)))
    c = make.add("c", via(a, m.Embed(0, 0, 5)), via(b, m.Embed(0, 3, 5)))
    d = make.add("d", via(c, make.conv(4, 5)), via(a, m.Embed(0, 1, 4)))
    make.add("out", via(d, *make.dense(3, d)))


TWINS: dict[str, Callable[[Maker], None]] = {
    f.__name__: f for f in (mlp, average, average_flat, residual, maximum, concat)
}


def twins(name: str, seed: int) -> Twins:
    """The named pair with random numbers."""
    make = Maker(np.random.default_rng(seed))
    TWINS[name](make)
    return make.twins(name)


def samples(pair: Twins, count: int, seed: int) -> Array:
    """Input arrays (count, *shape) float64 on a grid of 1/16."""
    rng = np.random.default_rng(seed)
    return rng.integers(-16, 33, (count, *pair.ann.inputs[0].shape)) / 16

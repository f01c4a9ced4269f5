"""Small random spiking networks that between them use everything the simulator can do.

Weights lie on a grid of 1/64, so that sums are exact in floating point whatever their order, and
an agreement spike for spike can be demanded. With `whole=True` all numbers are integers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.ir import model as m
from snnc.ir import shapes
from snnc.ir.tensors import Array, Shape

CONV = m.Conv2d
HALF = 32
"""Half a threshold, in units of the grid."""


class Builder:
    """Adds populations one after the other; the first argument of most methods is a name."""

    def __init__(self, seed: int, whole: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.unit = 1.0 if whole else 1 / 64
        self.whole = whole
        self.arrays: dict[str, Array] = {}
        self.inputs: list[m.Input] = []
        self.populations: list[m.Population] = []
        self.heads: list[m.Head] = []

    def number(self, value: float) -> float:
        """A number given in units of the grid."""
        return value * self.unit

    def tensor(self, shape: Shape, low: int = -24, high: int = 32) -> m.Ref:
        """Random numbers on the grid, from `low` to `high` units."""
        name = f"t{len(self.arrays)}"
        values = self.rng.integers(low, high + 1, shape) * self.unit
        self.arrays[name] = values.astype(np.int32 if self.whole else np.float64)
        return m.Ref(name)

    def input(self, name: str, shape: Shape, coding: m.Coding | None = None) -> str:
        dtype = "i32" if self.whole else "f64"
        self.inputs.append(m.Input(name, dtype, shape, coding or m.Direct()))
        return name

    def fire(self, **fields: object) -> m.IF:
        """An IF neuron with a threshold of 64 units that starts at half of it."""
        settings: dict[str, object] = {
            "threshold": self.number(64),
            "v_init": self.number(HALF),
            **fields,
        }
        return m.IF(**settings)  # type: ignore[arg-type]

    def add(
        self,
        name: str,
        neuron: m.Neuron,
        *incoming: m.Incoming,
        bias: bool = True,
        scale: m.Parameter = 1.0,
    ) -> str:
        shape = shapes.chain_shape(
            incoming[0].ops, self._shape(incoming[0].source), lambda r: self.arrays[r.name].shape
        )
        tensor = self.tensor(shape[:1], -8, 12) if bias else None
        population = m.Population(
            name, shapes.neuron_shape(neuron, shape), neuron, tensor, scale, (), incoming
        )
        self.populations.append(population)
        return name

    def read(self, source: str, classes: int = 3) -> None:
        """A dense integrator with a membrane head on top of `source`."""
        shape = self._shape(source)
        size = int(np.prod(shape))
        ops: list[m.Operator] = [m.Flatten()] if len(shape) > 1 else []
        ops.append(m.Dense(self.tensor((classes, size))))
        self.add("out", m.Integrator(self.number(3)), m.Incoming(source, tuple(ops)))
        self.heads.append(m.Head("final", "out", m.Membrane()))

    def network(self, name: str, schedule: m.Schedule) -> m.Network:
        network = m.Network(
            name,
            "fixed" if self.whole else "snn",
            tuple(self.inputs),
            tuple(self.populations),
            tuple(self.heads),
            schedule=schedule,
        )
        return network.with_arrays(self.arrays)

    def _shape(self, source: str) -> Shape:
        return next(s.shape for s in (*self.inputs, *self.populations) if s.name == source)


def _via(source: str, *ops: m.Operator, delay: int = 0) -> m.Incoming:
    return m.Incoming(source, ops, delay)


def mlp(b: Builder) -> None:
    x = b.input("x", (7,))
    a = b.add("a", b.fire(), _via(x, m.Dense(b.tensor((9, 7)))))
    c = b.add("c", b.fire(reset="zero"), _via(a, m.Dense(b.tensor((6, 9)))))
    b.heads.append(m.Head("early", a, m.SpikeCount()))
    b.read(c)


def convolutions(b: Builder) -> None:
    x = b.input("x", (2, 7, 6))
    first = CONV(b.tensor((4, 2, 3, 3)), (1, 1), (1, 2, 0, 1))
    a = b.add("a", b.fire(), _via(x, first))
    second = CONV(b.tensor((6, 2, 2, 3)), (2, 1), (1, 0, 2, 1), (1, 2), 2)
    c = b.add("c", b.fire(threshold=b.tensor((6,), 40, 90)), _via(a, second))
    third = CONV(b.tensor((5, 6, 1, 1)))
    d = b.add("d", b.fire(v_init=b.tensor((5,), 0, 40)), _via(c, third))
    b.heads.append(m.Head("early", d, m.SpikeCount()))
    b.read(d)


def depthwise(b: Builder) -> None:
    x = b.input("x", (3, 6, 7))
    one = CONV(b.tensor((3, 1, 3, 3)), (1, 1), (1, 1, 1, 1), groups=3)
    a = b.add("a", b.fire(), _via(x, one))
    two = CONV(b.tensor((6, 1, 3, 2)), (2, 2), (1, 0, 1, 1), groups=3)
    c = b.add("c", b.fire(), _via(a, two))
    three = CONV(b.tensor((6, 1, 2, 2)), (2, 1), (1, 0, 0, 1), (1, 2), 6)
    d = b.add("d", b.fire(), _via(c, three, CONV(b.tensor((4, 6, 1, 1), -4, 5))))
    b.read(d)


def residual(b: Builder) -> None:
    x = b.input("x", (3, 5, 5))
    a = b.add("a", b.fire(), _via(x, CONV(b.tensor((4, 3, 3, 3)), pads=(1, 1, 1, 1))))
    c = b.add("c", b.fire(), _via(a, CONV(b.tensor((4, 4, 3, 3)), pads=(1, 1, 1, 1))))
    skip = m.Scale(b.number(40))
    d = b.add(
        "d", b.fire(), _via(c, CONV(b.tensor((4, 4, 3, 3)), pads=(1, 1, 1, 1))), _via(a, skip)
    )
    e = b.add(
        "e", b.fire(), _via(d), _via(x, CONV(b.tensor((4, 3, 1, 1)))), _via(a, delay=1), bias=False
    )
    b.read(e)


def concat(b: Builder) -> None:
    x = b.input("x", (2, 4, 5))
    a = b.add("a", b.fire(), _via(x, CONV(b.tensor((3, 2, 1, 1)))))
    c = b.add("c", b.fire(), _via(x, CONV(b.tensor((2, 2, 3, 3)), pads=(1, 1, 1, 1))))
    kernel = b.tensor((4, 2, 1, 1))
    d = b.add(
        "d",
        b.fire(threshold=b.number(30)),
        _via(a, m.Scale(b.tensor((3,), 10, 40)), m.Embed(0, 0, 9)),
        _via(c, m.Scale(b.number(25)), m.Embed(0, 3, 9)),
        _via(x, CONV(kernel), m.Embed(0, 5, 9)),
    )
    b.read(b.add("e", b.fire(), _via(d, CONV(b.tensor((3, 9, 2, 2))))))


def running_max(b: Builder) -> None:
    x = b.input("x", (3, 8, 7))
    a = b.add("a", b.fire(), _via(x, CONV(b.tensor((3, 3, 3, 3)), pads=(1, 1, 1, 1))))
    plain = b.add("plain", m.RunningMax2d((2, 2), (2, 2)), _via(a), bias=False)
    overlap = m.RunningMax2d((3, 3), (2, 2), (1, 1, 1, 1))
    wide = b.add("wide", overlap, _via(a), bias=False)
    ceil = m.RunningMax2d((3, 2), (2, 2), (0, 1, 0, 0), (1, 2), ceil_mode=True)
    high = b.add("high", ceil, _via(a), bias=False)
    gate = b.add("gate", m.MaxGate2d((3, 3), (2, 2), (1, 1, 1, 1)), _via(a), bias=False)
    c = b.add(
        "c",
        b.fire(),
        *(
            _via(name, m.Flatten(), m.Dense(b.tensor((6, _size(b, name)))))
            for name in (plain, wide, high, gate)
        ),
    )
    b.read(c)


def signed(b: Builder) -> None:
    x = b.input("x", (2, 5, 4))
    up = CONV(b.tensor((4, 2, 3, 3)), pads=(1, 1, 1, 1))
    slope = 0.25 if b.whole else b.tensor((4,), 4, 32)
    leaky = b.fire(negative_spikes="leaky", slope=slope, v_init=0.0)
    a = b.add("a", leaky, _via(x, up))
    retract = b.fire(negative_spikes="retract", max_spikes=4, min_spikes=-2, v_init=0.0)
    c = b.add("c", retract, _via(a, CONV(b.tensor((5, 4, 2, 2)))))
    d = b.add("d", b.fire(negative_spikes="retract"), _via(c, CONV(b.tensor((4, 5, 1, 1)))))
    held = b.number(80)
    capped = b.fire(max_spikes=2, threshold=b.tensor((4,), 30, 70), saturation=held)
    e = b.add("e", capped, _via(d, CONV(b.tensor((4, 4, 1, 1)))))
    pool = b.add("pool", m.RunningMax2d((2, 2), (1, 1)), _via(c), bias=False)
    zero = b.fire(negative_spikes="leaky", slope=0.5, reset="zero")
    falling = CONV(b.tensor((3, 4, 1, 1), -40, 8))
    f = b.add("f", zero, _via(e, falling), _via(d, CONV(b.tensor((3, 4, 1, 1)))))
    free = b.fire(reset="none", negative_spikes="retract", min_spikes=-3)
    g = b.add("g", free, _via(f, m.Flatten(), m.Dense(b.tensor((5, 36)))))
    h = b.add(
        "h",
        b.fire(),
        _via(g, m.Dense(b.tensor((4, 5)))),
        _via(pool, m.Flatten(), m.Dense(b.tensor((4, 30)))),
    )
    b.read(h)


def delays(b: Builder) -> None:
    x = b.input("x", (2, 5, 5))
    weight = CONV(b.tensor((3, 2, 3, 3)), pads=(1, 1, 1, 1))
    a = b.add("a", b.fire(), _via(x, weight, delay=2))
    late = CONV(b.tensor((3, 3, 3, 3)), pads=(1, 1, 1, 1))
    c = b.add("c", b.fire(), _via(a, late, delay=3), _via(a), _via(x, weight), bias=False)
    d = b.add("d", b.fire(), _via(c, CONV(b.tensor((2, 3, 2, 2))), delay=5))
    b.read(d)


def transposed(b: Builder) -> None:
    x = b.input("x", (4, 3, 4))
    grow = m.ConvTranspose2d(b.tensor((4, 2, 3, 3)), (2, 2), (1, 0, 1, 1), (1, 1), (1, 0), 2)
    a = b.add("a", b.fire(), _via(x, grow))
    wide = m.ConvTranspose2d(b.tensor((4, 3, 2, 2)), (1, 2), (0, 1, 1, 0), (2, 1))
    c = b.add("c", b.fire(), _via(a, wide))
    d = b.add("d", b.fire(), _via(x, m.Upsample2d((2, 3)), CONV(b.tensor((3, 4, 2, 2)))))
    e = b.add(
        "e",
        b.fire(),
        _via(c, m.Flatten(), m.Dense(b.tensor((5, _size(b, c))))),
        _via(d, m.Pad2d((1, 0, 2, 1)), m.Flatten(), m.Dense(b.tensor((5, 8 * 12 * 3)))),
    )
    b.read(e)


def _size(b: Builder, name: str) -> int:
    return int(np.prod(next(p.shape for p in b.populations if p.name == name)))


def views(b: Builder) -> None:
    x = b.input("x", (4, 3, 6))
    a = b.add("a", b.fire(), _via(x, m.Transpose((1, 2, 0)), CONV(b.tensor((4, 3, 1, 1)))))
    part = (m.Slice(0, 1, 4, 2), m.Slice(1, 0, 5), m.Reshape((5, 2, 4)), m.Transpose((2, 0, 1)))
    c = b.add("c", b.fire(), _via(a, *part, CONV(b.tensor((3, 4, 2, 1)))))
    flat = (m.Reshape((8, 12)), m.Transpose((1, 0)), m.Slice(0, 2, 11, 3), m.Flatten())
    d = b.add("d", b.fire(), _via(a, *flat, m.Dense(b.tensor((6, 24)))))
    lines = b.add("lines", b.fire(), _via(a, m.Reshape((8, 12)), m.Scale(b.tensor((8,), 20, 60))))
    e = b.add(
        "e",
        b.fire(),
        _via(c, m.Flatten(), m.Scale(b.tensor((24,), -9, 9)), m.Dense(b.tensor((4, 24), -3, 4))),
        _via(d, m.Dense(b.tensor((4, 6)))),
        _via(lines, m.Flatten(), m.Dense(b.tensor((4, 96)))),
    )
    b.read(e)


def events(b: Builder) -> None:
    x = b.input("x", (2, 4, 4), m.Events())
    y = b.input("y", (5,))
    a = b.add("a", b.fire(), _via(x, CONV(b.tensor((3, 2, 3, 3)), pads=(1, 1, 1, 1)), delay=1))
    c = b.add(
        "c",
        b.fire(),
        _via(a, m.Flatten(), m.Dense(b.tensor((6, 48)))),
        _via(y, m.Dense(b.tensor((6, 5)))),
        _via(x, m.Flatten(), m.Dense(b.tensor((6, 32)))),
    )
    b.read(c)


def pools(b: Builder) -> None:
    """Average pools; divisors that are no powers of two are followed by random thresholds."""
    x = b.input("x", (3, 9, 8))
    a = b.add("a", b.fire(), _via(x, CONV(b.tensor((4, 3, 3, 3)), pads=(1, 1, 1, 1))))
    two = (m.AvgPool2d((2, 2), (2, 2)), CONV(b.tensor((4, 4, 3, 3)), pads=(1, 1, 1, 1)))
    c = b.add("c", b.fire(), _via(a, *two))
    border = m.AvgPool2d((3, 3), (2, 2), (1, 1, 1, 1), count_include_pad=True)
    inside = m.AvgPool2d((3, 2), (2, 2), (1, 0, 1, 1), ceil_mode=True)
    ceil = m.AvgPool2d((3, 3), (3, 3), ceil_mode=True)
    plain = m.AvgPool2d((3, 2), (3, 2))
    for name, pool in {"b1": border, "b2": inside, "b3": ceil, "b4": plain}.items():
        b.add(name, m.IF(0.1 + float(b.rng.random())), _via(a, pool, m.Scale(1.7)), bias=False)
    parts = [_via(c, m.AvgPool2d((4, 4), (4, 4)), m.Flatten(), m.Dense(b.tensor((5, 4))))]
    parts += [
        _via(name, m.Flatten(), m.Dense(b.tensor((5, _size(b, name)))))
        for name in ("b1", "b2", "b3", "b4")
    ]
    b.read(b.add("d", b.fire(), *parts))


def leaking(b: Builder) -> None:
    x = b.input("x", (2, 4, 4))
    a = b.add("a", b.fire(leak=0.875), _via(x, CONV(b.tensor((3, 2, 3, 3)), pads=(1, 1, 1, 1))))
    c = b.add(
        "c", b.fire(leak=0.5, negative_spikes="retract"), _via(a, CONV(b.tensor((3, 3, 2, 2))))
    )
    b.read(c)


def loops(b: Builder) -> None:
    """Recurrence: a population that reads itself, and one that reads a later one."""
    x = b.input("x", (6,))
    back = _via("c", m.Dense(b.tensor((8, 7), -20, 12)), delay=2)
    a = b.add("a", b.fire(), _via(x, m.Dense(b.tensor((8, 6)))), back)
    itself = _via("c", m.Dense(b.tensor((7, 7), -20, 12)), delay=1)
    c = b.add("c", b.fire(), _via(a, m.Dense(b.tensor((7, 8)))), itself)
    d = b.add("d", b.fire(), _via(c, m.Dense(b.tensor((5, 7)))), _via(a, m.Dense(b.tensor((5, 8)))))
    b.read(d)


WHOLE: dict[str, Callable[[Builder], None]] = {
    f.__name__: f
    for f in (
        mlp,
        convolutions,
        depthwise,
        residual,
        concat,
        running_max,
        signed,
        delays,
        transposed,
        views,
        events,
        loops,
    )
}
"""Networks that can be built of integers as well."""

ALL = {**WHOLE, "pools": pools, "leaking": leaking}


def build(
    name: str, seed: int, *, whole: bool = False, steps: int = 10, window: int | None = None
) -> m.Network:
    """The named network with random weights; with `window` its input and biases are gated."""
    builder = Builder(seed, whole)
    ALL[name](builder)
    schedule = m.Synchronous(steps) if window is None else m.Gated(steps, window)
    return builder.network(name, schedule)


def inputs_for(network: m.Network, samples: int, seed: int) -> dict[str, Array]:
    """Random input arrays, on the grid; events are -1, 0 or 1, as long as input acts."""
    rng = np.random.default_rng(seed)
    steps = network.schedule.drive(network.schedule.steps) if network.schedule else 1
    arrays: dict[str, Array] = {}
    for entry in network.inputs:
        if isinstance(entry.coding, m.Events):
            arrays[entry.name] = rng.integers(-1, 2, (steps, samples, *entry.shape)).astype(np.int8)
        elif network.stage == "fixed":
            arrays[entry.name] = rng.integers(-1, 3, (samples, *entry.shape)).astype(np.int64)
        else:
            arrays[entry.name] = rng.integers(-16, 65, (samples, *entry.shape)) / 64
    return arrays


def sources_for(network: m.Network, arrays: dict[str, Array], steps: int) -> dict[str, list[Array]]:
    """The value of every input at every step, as the naive simulator wants it."""
    return {
        i.name: [
            arrays[i.name][t] if isinstance(i.coding, m.Events) else arrays[i.name]
            for t in range(network.schedule.drive(steps) if network.schedule else steps)
        ]
        for i in network.inputs
    }

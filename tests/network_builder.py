"""Builds one random valid network; every choice is a whole number that a `Chooser` gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from exit_builder import add_classifiers, random_exit
from phased_builder import phased_network

from snnc.ir import model as m
from snnc.ir.shapes import neuron_shape, operator_shape

T = TypeVar("T")

NAMES = ("conv", "a.b", "x-", "_", "if", "head", "schedule", "none", "sha256", "via", "population")
ORIGINS = (
    "/conv1/Conv",
    'a "b"',
    "back\\slash",
    "naïve/Ünï",
    "two\nlines",
    "\t",
    "",
    "//",
    "\u2028",
)
FLOATS = (0.1, 0.5, 1.0, 2.0, 1e-05, 1 / 3)
EXTREMES = (1e16, 1.5e300, 5e-324)
LIMIT = 150
"""Elements of a value; operators that would make more are not chosen."""


class Chooser(Protocol):
    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""


class Builder:
    def __init__(self, chooser: Chooser, stage: m.Stage, odd: bool) -> None:
        self.chooser = chooser
        self.stage = stage
        self.odd = odd
        self.delays = odd and stage != "ann"
        self.floats = (*FLOATS, *EXTREMES) if odd else FLOATS
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.inputs: list[m.Input] = []
        self.populations: list[m.Population] = []

    # ---- choices -------------------------------------------------------------------------------

    def integer(self, low: int, high: int) -> int:
        return self.chooser.integer(low, high)

    def pick(self, items: Sequence[T]) -> T:
        return items[self.integer(0, len(items) - 1)]

    def often(self) -> bool:
        return self.integer(0, 3) > 0

    def rarely(self) -> bool:
        return self.integer(0, 3) == 3

    def pair(self, low: int, high: int) -> tuple[int, int]:
        return self.integer(low, high), self.integer(low, high)

    def pads(self, high: int) -> tuple[int, int, int, int]:
        return (*self.pair(0, high), *self.pair(0, high))

    def name(self) -> str:
        taken = {s.name for s in (*self.inputs, *self.populations)}
        name = self.pick(NAMES)
        return name if name not in taken else f"{name}{len(taken)}"

    def tensor(self, shape: tuple[int, ...], kind: str = "weight", low: int = -4) -> m.Ref:
        """A new tensor; values are whole eighths, or whole numbers at stage fixed."""
        name = f"{self.pick(('t', 'conv.', '_-'))}{len(self.arrays)}.{kind}"
        values = np.arange(math.prod(shape)) * self.integer(1, 7) + self.integer(0, 7)
        values = (values % (5 - low) + low).reshape(shape)
        if self.stage == "fixed" and kind != "scale":
            dtype = self.pick((np.int8, np.int16, np.int32, np.int64))
            self.arrays[name] = values.astype(dtype)
        else:
            self.arrays[name] = (values / 8).astype(self.pick((np.float32, np.float64)))
        return m.Ref(name)

    def number(self) -> float:
        return float(self.integer(1, 99)) if self.stage == "fixed" else self.pick(self.floats)

    def parameter(self, shape: tuple[int, ...], kind: str) -> m.Parameter:
        """A positive parameter: one number, per channel or full."""
        if self.often():
            return self.number() if kind != "scale" else self.pick(self.floats)
        return self.tensor(self.pick((shape[:1], shape)), kind, low=1)

    # ---- entities ------------------------------------------------------------------------------

    def network(self) -> m.Network:
        if self.odd and self.stage != "ann" and self.rarely():
            return phased_network(self)
        for _ in range(1 + self.rarely()):
            self.inputs.append(self.input())
        for index in range(self.integer(1, 4)):
            self.populations.append(self.population(index))
        classified = self.stage != "ann" and self.often()
        if classified:
            add_classifiers(self)
        heads = [self.head(p) for p in self.populations if self.rarely() or classified]
        schedule = None if self.stage == "ann" else self.schedule()
        network = m.Network(
            name=self.pick(("net", *ORIGINS)),
            stage=self.stage,
            inputs=tuple(self.inputs),
            populations=tuple(self.populations),
            heads=(*heads, m.Head("final", self.populations[-1].name, self.readout())),
            passes=self.pick(((), ("import{model=x.onnx}",), ("a", 'b{c="d e"}'))),
            schedule=schedule,
        )
        if self.stage != "ann" and self.often():
            network = replace(network, exit=random_exit(self, network))
        # Operators that were refused for their size leave tensors that nobody mentions.
        used = m.referenced_tensors(network)
        return network.with_arrays({name: self.arrays[name] for name in used})

    def schedule(self) -> m.Schedule:
        steps = self.integer(1, 64)
        window = self.integer(1, 9)
        if self.odd and self.rarely():
            return self.pipelined(steps, window)
        return m.Synchronous(steps) if self.often() else m.Gated(steps, window)

    def pipelined(self, steps: int, window: int) -> m.Schedule:
        """A schedule with hop latency; connections get the delays that it needs."""
        starts = dict.fromkeys((i.name for i in self.inputs), 0)
        for population in self.populations:
            own = [i.source for i in population.incoming if i.source in starts]
            starts[population.name] = 1 + max(starts[name] for name in own) + self.rarely()
        for index, population in enumerate(self.populations):
            late = starts[population.name] - 1
            self.populations[index] = replace(
                population,
                incoming=tuple(
                    replace(i, delay=i.delay + late - starts[i.source]) for i in population.incoming
                ),
            )
        found = tuple(starts[p.name] for p in self.populations)
        pipelined = m.Pipelined(steps, found)
        return pipelined if self.often() else m.PipelinedGated(steps, window, found)

    def input(self) -> m.Input:
        shape = (self.integer(1, 4), *self.pair(1, 5)) if self.often() else (self.integer(1, 9),)
        rounded = m.Rounded(self.pick(FLOATS), self.integer(1, 15), -self.integer(0, 8))
        graded = m.Graded(self.pick(FLOATS), self.integer(1, 15), -self.integer(0, 8))
        codings = (m.Direct(), rounded, graded, m.Poisson(self.pick(self.floats), 3), m.Events())
        coding = m.Direct() if self.stage == "ann" else self.pick(codings)
        return m.Input(self.name(), self.pick(("f32", "f64", "u8")), shape, coding)

    def head(self, population: m.Population) -> m.Head:
        name = f"{self.pick(NAMES)}{self.populations.index(population)}"
        return m.Head(name, population.name, self.readout(population))

    def readout(self, population: m.Population | None = None) -> m.Readout:
        host = self.pick(((), ("Softmax",), ("Sigmoid", 'odd "name"'), ("Relu", "Softmax")))
        if self.stage == "ann":
            return m.Logits(host)
        last = self.populations[-1] if population is None else population
        if isinstance(last.neuron, m.Integrator):
            return m.Membrane(host)
        kinds: list[type[m.Readout]] = [m.SpikeCount, m.SpikeCount, m.FirstSpike]
        if isinstance(last.neuron, m.IF):
            kinds.append(m.Membrane)
        return self.pick(kinds)(host)

    def population(self, index: int) -> m.Population:
        name = self.name()
        incoming, shape = self.incoming()
        neuron = self.neuron(shape, [i.source for i in incoming])
        own = neuron_shape(neuron, shape)
        bias = self.tensor(self.pick((shape[:1], shape)), "bias") if self.often() else None
        if self.delays and self.rarely() and isinstance(neuron, m.IF):
            incoming.append(m.Incoming(name, (), self.integer(1, 3)))
        return m.Population(
            name=name,
            shape=own,
            neuron=neuron,
            bias=bias,
            scale=1.0 if self.often() else self.parameter(own, "scale"),
            origin=tuple(self.pick(ORIGINS) for _ in range(self.integer(0, 2))),
            incoming=tuple(incoming),
        )

    # ---- connections ---------------------------------------------------------------------------

    def source(self) -> m.Input | m.Population:
        firing = [p for p in self.populations if not isinstance(p.neuron, m.Integrator)]
        every: list[m.Input | m.Population] = [*firing, *self.inputs]
        return self.pick(every)

    def incoming(self) -> tuple[list[m.Incoming], tuple[int, ...]]:
        """One term, a residual sum of two or a concatenation of two, and the summed shape."""
        source = self.source()
        ops, shape = self.chain(source.shape)
        kind = self.integer(0, 3)
        if kind == 2:
            other = self.source()
            terms = [(source, ops), (other, self.adapter(other.shape, shape))]
        elif kind == 3 and math.prod(shape) * 2 <= LIMIT:
            other = self.source()
            more = (self.integer(1, 2), *shape[1:])
            size = shape[0] + more[0]
            second = (*self.adapter(other.shape, more), m.Embed(0, shape[0], size))
            terms = [(source, (*ops, m.Embed(0, 0, size))), (other, second)]
            shape = (size, *shape[1:])
        else:
            terms = [(source, ops)]
        delays = [self.integer(0, 2) if self.delays else 0 for _ in terms]
        found = [m.Incoming(s.name, o, d) for (s, o), d in zip(terms, delays, strict=True)]
        return found, shape

    def adapter(self, start: tuple[int, ...], end: tuple[int, ...]) -> tuple[m.Operator, ...]:
        """A chain from one shape to another."""
        if start == end:
            return () if self.often() else (m.Scale(self.number()),)
        weight = self.tensor((math.prod(end), math.prod(start)))
        chain: tuple[m.Operator, ...] = (m.Flatten(), m.Dense(weight), m.Reshape(end))
        return chain[:2] if len(end) == 1 else chain

    def chain(self, shape: tuple[int, ...]) -> tuple[tuple[m.Operator, ...], tuple[int, ...]]:
        ops: list[m.Operator] = []
        for _ in range(self.integer(0, 3)):
            makers = _VECTOR if len(shape) == 1 else _IMAGE if len(shape) == 3 else _ANY
            op = self.pick(makers)(self, shape)
            after = operator_shape(op, shape, self.tensor_shape)
            if math.prod(after) <= LIMIT:
                ops.append(op)
                shape = after
        return tuple(ops), shape

    def tensor_shape(self, ref: m.Ref) -> tuple[int, ...]:
        return self.arrays[ref.name].shape

    def conv(self, shape: tuple[int, ...]) -> m.Operator:
        groups = self.pick([g for g in range(1, shape[0] + 1) if shape[0] % g == 0])
        pads, dilations = self.pads(2), self.pair(1, 2)
        kernel = [
            self.integer(1, min(3, (shape[1 + a] + pads[a] + pads[a + 2] - 1) // dilations[a] + 1))
            for a in (0, 1)
        ]
        weight = self.tensor((groups * self.integer(1, 2), shape[0] // groups, *kernel))
        return m.Conv2d(weight, self.pair(1, 3), pads, dilations, groups)

    def conv_transpose(self, shape: tuple[int, ...]) -> m.Operator:
        groups = self.pick([g for g in range(1, shape[0] + 1) if shape[0] % g == 0])
        strides = self.pair(1, 2)
        weight = self.tensor((shape[0], self.integer(1, 2), *self.pair(2, 3)))
        extra = (self.integer(0, strides[0] - 1), self.integer(0, strides[1] - 1))
        dilations = self.pair(1, 2)
        return m.ConvTranspose2d(weight, strides, (0, 0, 1, 0), dilations, extra, groups)

    def avg_pool(self, shape: tuple[int, ...]) -> m.Operator:
        kernel, strides, pads, _, ceil = self.pooling(shape)
        return m.AvgPool2d(kernel, strides, pads, self.rarely(), ceil)

    def pooling(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """Kernel, strides, pads, dilations and ceil_mode; every window has a cell inside."""
        kernel = (self.integer(1, min(3, shape[1])), self.integer(1, min(3, shape[2])))
        pads = self.pads(min(kernel) - 1)
        dilations = (1, 1)
        if not any(pads) and max(kernel) * 2 - 1 <= min(shape[1:]):
            dilations = self.pair(1, 2)
        return kernel, self.pair(1, 3), pads, dilations, self.rarely()

    def scale(self, shape: tuple[int, ...]) -> m.Operator:
        return m.Scale(self.parameter(shape, "factor"))

    def dense(self, shape: tuple[int, ...]) -> m.Operator:
        return m.Dense(self.tensor((self.integer(1, 6), shape[0])))

    def slice(self, shape: tuple[int, ...]) -> m.Operator:
        axis = self.integer(0, len(shape) - 1)
        start = self.integer(0, shape[axis] - 1)
        return m.Slice(axis, start, self.integer(start + 1, shape[axis]), self.integer(1, 3))

    def embed(self, shape: tuple[int, ...]) -> m.Operator:
        axis, offset = self.integer(0, len(shape) - 1), self.integer(0, 2)
        return m.Embed(axis, offset, offset + shape[axis] + self.integer(0, 2))

    def transpose(self, shape: tuple[int, ...]) -> m.Operator:
        turn = self.integer(0, len(shape) - 1)
        axes = list(range(len(shape)))
        return m.Transpose((*axes[turn:], *axes[:turn]))

    def reshape(self, shape: tuple[int, ...]) -> m.Operator:
        total = math.prod(shape)
        return m.Reshape(self.pick(((total, 1, 1), (1, total), shape[::-1], (total,))))

    # ---- neurons -------------------------------------------------------------------------------

    def neuron(self, shape: tuple[int, ...], read: list[str]) -> m.Neuron:
        if self.stage == "ann":
            return self.ann_neuron(shape)
        spikes = all(name in {p.name for p in self.populations} for name in read)
        kind = self.integer(0, 5)
        if kind == 5 and len(shape) == 3 and spikes:
            return self.pick((m.RunningMax2d, m.MaxGate2d))(*self.pooling(shape))
        if kind == 4:
            return m.Integrator(self.parameter(shape, "v_init"))
        return m.IF(
            threshold=self.parameter(shape, "threshold"),
            reset=self.pick(("subtract", "zero", "none")),
            v_init=0.0 if self.often() else self.parameter(shape, "v_init"),
            leak=1.0 if self.often() else self.pick((0.5, 0.9, 1e-05)),
            negative_spikes=self.pick(("none", "retract", "leaky")),
            slope=1.0 if self.often() else self.parameter(shape, "slope"),
            saturation=self.pick((None, 1.7e300)) if self.odd else None,
            max_spikes=self.pick((None, 0, 7)),
            min_spikes=self.pick((None, 0, -7)),
        )

    def ann_neuron(self, shape: tuple[int, ...]) -> m.Neuron:
        kind = self.integer(0, 6 if self.odd else 5)
        if kind == 6:
            tau, threshold = self.pick((4.0, 1 / 0.3)), self.pick(FLOATS)
            rounding: m.Rounding = self.pick(("ceil", "round"))
            return m.TTFS(tau, self.integer(1, 80), self.pick((0.0, -1.5)), threshold, rounding)
        if kind == 5 and len(shape) == 3:
            return m.MaxPool2d(*self.pooling(shape))
        if kind == 4:
            return self.staircase(shape)
        if kind == 3:
            return m.Clip(self.parameter(shape, "high"))
        if kind == 2:
            return m.LeakyRelu(self.parameter(shape, "slope"))
        return m.Identity() if kind == 1 else m.Relu()

    def staircase(self, shape: tuple[int, ...]) -> m.Quantized:
        ties = self.pick(("up", "up", "even"))
        return m.Quantized(
            step=self.parameter(shape, "step"),
            levels=self.integer(1, 15),
            lowest=-self.integer(0, 8),
            shift=0.5 if ties == "even" or self.often() else self.parameter(shape, "shift"),
            ties=ties,
        )


_Maker = Callable[[Builder, tuple[int, ...]], m.Operator]
_ANY: tuple[_Maker, ...] = (
    Builder.scale,
    Builder.slice,
    Builder.embed,
    Builder.transpose,
    Builder.reshape,
    lambda _builder, _shape: m.Flatten(),
)
_VECTOR: tuple[_Maker, ...] = (*_ANY, Builder.dense, Builder.dense, Builder.dense)
_IMAGE: tuple[_Maker, ...] = (
    *_ANY,
    Builder.conv,
    Builder.conv,
    Builder.conv_transpose,
    Builder.avg_pool,
    lambda builder, _shape: m.Pad2d(builder.pads(2)),
    lambda builder, _shape: m.Upsample2d(builder.pair(1, 2)),
)

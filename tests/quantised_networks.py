"""Random small networks with quantised activations, whose spiking form must be exact.

Two families. `dyadic=True`: every weight, bias, step, shift and input is a small whole number over
a power of two, so that nothing is ever rounded: sums lie on rounding edges all the time, and the
spiking network has to decide each one as the staircase does. `dyadic=False`: Gaussian weights and
any window, where a sum within a rounding of an edge may fall on either side (`edge_distance`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.reference.trace import Trace
from snnc.ir import linear
from snnc.ir import model as m
from snnc.ir.interpret import activate, evaluate, levels, summed_input
from snnc.ir.shapes import operator_shape
from snnc.ir.verify import check

IMAGE = (2, 8, 8)
SAMPLES = 6


@dataclass(frozen=True)
class Tap:
    """A value under construction: the population and the operators on the way from it."""

    source: str
    shape: tuple[int, ...]
    ops: tuple[m.Operator, ...] = ()


class Maker:
    """Draws blocks one after another; steps are fitted to the values at the end."""

    def __init__(self, seed: int, dyadic: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.dyadic = dyadic
        self.arrays: dict[str, np.ndarray] = {}
        self.populations: list[m.Population] = []

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def tensor(self, name: str, shape: tuple[int, ...], spread: float) -> m.Ref:
        values = self.rng.normal(0, spread, shape)
        if self.dyadic:
            values = np.clip(np.rint(values * 8), -7, 7) / 8
        self.arrays[name] = values.astype(np.float32)
        return m.Ref(name)

    def weight(self, name: str, shape: tuple[int, ...]) -> m.Ref:
        return self.tensor(f"{name}.weight", shape, 1.2 / np.sqrt(np.prod(shape[1:])))

    def conv(self, name: str, tap: Tap, out: int, groups: int = 1) -> Tap:
        size = 3 if self.chance(0.6) and min(tap.shape[1:]) > 2 else 1
        pad, stride = size // 2, 2 if self.chance(0.25) else 1
        weight = self.weight(name, (out, tap.shape[0] // groups, size, size))
        return self.through(tap, m.Conv2d(weight, (stride, stride), (pad,) * 4, (1, 1), groups))

    def dense(self, name: str, tap: Tap, out: int) -> Tap:
        flat = self.through(tap, m.Flatten()) if len(tap.shape) > 1 else tap
        return self.through(flat, m.Dense(self.weight(name, (out, flat.shape[0]))))

    def norm(self, name: str, tap: Tap) -> Tap:
        """Now and then a batch normalisation's factor behind a weight."""
        if not self.chance(0.3):
            return tap
        factor = self.rng.uniform(0.5, 1.5, tap.shape[0])
        if self.dyadic:
            factor = np.rint(factor * 4) / 4
        self.arrays[f"{name}.bn"] = factor.astype(np.float32)
        return self.through(tap, m.Scale(m.Ref(f"{name}.bn")))

    def through(self, tap: Tap, *ops: m.Operator) -> Tap:
        shape = tap.shape
        for op in ops:
            shape = operator_shape(op, shape, lambda ref: self.arrays[ref.name].shape)
        return Tap(tap.source, shape, (*tap.ops, *ops))

    def add(self, neuron: m.Neuron, *taps: Tap, bias: bool = True, name: str = "") -> Tap:
        """A population that sums the taps."""
        name = name or f"p{len(self.populations)}"
        shape = taps[0].shape
        if isinstance(neuron, m.MaxPool2d):
            shape = operator_shape(_as_average(neuron), shape, lambda ref: ())
        ref = self.tensor(f"{name}.bias", taps[0].shape[:1], 0.3) if bias else None
        incoming = tuple(m.Incoming(tap.source, tap.ops) for tap in taps)
        self.populations.append(
            m.Population(name, shape, neuron, ref, origin=(f"/{name}",), incoming=incoming)
        )
        return Tap(name, shape)

    def staircase(self, channels: int) -> m.Quantized:
        """Levels, shift and rounding; the step of 1 (or per channel) is fitted later."""
        bits = self.integer(1, 4)
        top = self.integer(1, 15) if self.chance(0.2) else 2**bits - 1
        lowest = 0
        if self.chance(0.3):
            lowest = -self.integer(1, 8) if self.chance(0.4) else -top
        step: m.Parameter = 1.0
        if self.chance(0.4):
            name = f"step{len(self.arrays)}"
            self.arrays[name] = np.ones(channels, np.float32)
            step = m.Ref(name)
        if not self.dyadic and self.chance(0.3):
            return m.Quantized(step, top, lowest, 0.5, "even")
        shift: m.Parameter = 0.5
        if self.chance(0.3):
            shift = self.integer(0, 3) / 4
        elif self.chance(0.2):
            name = f"shift{len(self.arrays)}"
            self.arrays[name] = (self.rng.integers(0, 4, channels) / 4).astype(np.float32)
            shift = m.Ref(name)
        return m.Quantized(step, top, lowest, shift)

    def quantised(self, *taps: Tap, bias: bool = True, name: str = "") -> Tap:
        return self.add(self.staircase(taps[0].shape[0]), *taps, bias=bias, name=name)


def _as_average(pool: m.MaxPool2d) -> m.AvgPool2d:
    return m.AvgPool2d(pool.kernel, pool.strides, pool.pads, False, pool.ceil_mode)


# ---- blocks ----------------------------------------------------------------------------------


def _name(make: Maker) -> str:
    return f"w{len(make.arrays)}"


def plain(make: Maker, tap: Tap) -> Tap:
    """A convolution, with or without batch normalisation."""
    name = _name(make)
    return make.quantised(make.norm(name, make.conv(name, tap, make.integer(2, 6))))


def depthwise(make: Maker, tap: Tap) -> Tap:
    """A depthwise and a pointwise convolution."""
    name = _name(make)
    first = make.quantised(make.conv(name, tap, tap.shape[0], tap.shape[0]))
    return plain(make, first)


def residual(make: Maker, tap: Tap) -> Tap:
    """A sum of two branches with steps of their own; now and then it is shared unquantised."""
    name = _name(make)
    inner = make.quantised(make.through(tap, _same(make, f"{name}a", tap.shape[0], 3)))
    back = make.through(inner, _same(make, f"{name}b", tap.shape[0], 3))
    if not make.chance(0.5):
        return make.quantised(back, tap)
    total = make.add(m.Identity(), back, tap)
    one = make.quantised(make.norm(name, total), bias=False)
    return make.quantised(make.through(one, _same(make, f"{name}c", tap.shape[0], 1)), total)


def _same(make: Maker, name: str, channels: int, size: int) -> m.Conv2d:
    """A convolution that keeps the shape."""
    weight = make.weight(name, (channels, channels, size, size))
    return m.Conv2d(weight, pads=(size // 2,) * 4)


def average(make: Maker, tap: Tap) -> Tap:
    """Average pooling in front of a convolution, or alone."""
    if min(tap.shape[1:]) < 2:
        return plain(make, tap)
    if make.dyadic:
        pooled = make.through(tap, m.AvgPool2d((2, 2), (2, 2)))
    else:
        pooled = make.through(tap, m.AvgPool2d((3, 3), (2, 2), (1, 1, 1, 1)))
    return make.quantised(pooled, bias=False) if make.chance(0.3) else plain(make, pooled)


def maximum(make: Maker, tap: Tap) -> Tap:
    """Max pooling of levels, or in front of the quantiser, or with a second quantiser behind."""
    if min(tap.shape[1:]) < 2:
        return plain(make, tap)
    pool = m.MaxPool2d((2, 2), (2, 2))
    if make.chance(0.4):
        pool = m.MaxPool2d((3, 3), (2, 2), (1, 1, 1, 1))
    kind = make.integer(0, 3)
    if kind == 0:
        weight = _same(make, _name(make), tap.shape[0], 3)
        pooled = make.add(pool, make.through(tap, weight))
        return make.quantised(pooled, bias=False)
    if kind == 1:
        weight = _same(make, _name(make), tap.shape[0], 1)
        rectified = make.add(m.Relu(), make.through(tap, weight))
        return make.quantised(make.add(pool, rectified, bias=False), bias=False)
    return make.add(pool, tap, bias=False)


def concat(make: Maker, tap: Tap) -> Tap:
    """Two branches with different steps, joined over channels."""
    name = _name(make)
    left = make.quantised(make.through(tap, _pointwise(make, f"{name}l", 2, tap.shape[0])))
    right = make.quantised(make.through(tap, _pointwise(make, f"{name}r", 3, tap.shape[0])))
    join = _pointwise(make, f"{name}j", make.integer(2, 5), 5)
    return make.quantised(
        make.through(left, m.Embed(0, 0, 5), join), make.through(right, m.Embed(0, 2, 5), join)
    )


def _pointwise(make: Maker, name: str, out: int, into: int) -> m.Conv2d:
    return m.Conv2d(make.weight(name, (out, into, 1, 1)))


BLOCKS: tuple[Callable[[Maker, Tap], Tap], ...] = (
    plain,
    plain,
    depthwise,
    residual,
    average,
    maximum,
    concat,
)


def random_network(seed: int, *, dyadic: bool) -> m.Network:
    """A network of stage ann; with a few it has two outputs, or an input that is quantised."""
    make = Maker(seed, dyadic)
    tap = Tap("image", IMAGE)
    if make.chance(0.3):
        tap = make.quantised(tap, bias=False, name="rounded")
    tap = plain(make, tap)
    heads = []
    for index in range(make.integer(1, 4)):
        tap = BLOCKS[make.integer(0, len(BLOCKS) - 1)](make, tap)
        if index == 0 and make.chance(0.3):
            heads.append(make.add(m.Identity(), make.dense("early", tap, 4), name="early"))
    if make.chance(0.5):
        tap = make.quantised(make.dense("hidden", tap, 12))
    last = make.dense("out", tap, 5)
    kind = make.integer(0, 4)
    neuron: m.Neuron = m.Identity()
    if kind == 0:
        neuron = make.staircase(5)
    elif kind == 1:
        neuron = m.Relu()
    heads.append(make.add(neuron, last, name="out"))
    network = m.Network(
        name=f"random{seed}",
        stage="ann",
        inputs=(m.Input("image", "f32", IMAGE),),
        populations=tuple(make.populations),
        heads=tuple(m.Head(h.source, h.source, m.Logits()) for h in heads),
    )
    fitted = _fitted(network.with_arrays(make.arrays), dyadic)
    check(fitted)
    return fitted


def _fitted(network: m.Network, dyadic: bool) -> m.Network:
    """Steps such that the levels are used: about two standard deviations of the input."""
    values = {"image": inputs(SAMPLES, dyadic=dyadic)}
    for population in network.populations:
        neuron = population.neuron
        if isinstance(neuron, m.Quantized):
            z = summed_input(network, population, values)
            wanted = max(2.0 * np.sqrt((z**2).mean()) / neuron.levels, 2.0**-6)
            if isinstance(neuron.step, m.Ref):
                spread = np.linspace(0.7, 1.3, population.shape[0]) * wanted
                network = network.with_arrays({neuron.step.name: _rounded(spread, dyadic)})
            else:
                step = float(_rounded(np.asarray(wanted), dyadic))
                population = replace(population, neuron=replace(neuron, step=step))
                kept = [population if p.name == population.name else p for p in network.populations]
                network = replace(network, populations=tuple(kept))
        z = summed_input(network, population, values)
        values[population.name] = activate(population.neuron, z, network)
    return network


def _rounded(step: np.ndarray, dyadic: bool) -> np.ndarray:
    """Steps as float32; dyadic ones have three binary digits."""
    if dyadic:
        mantissa, exponent = np.frexp(step)
        step = np.ldexp(np.maximum(np.rint(mantissa * 8), 1.0) / 8, exponent)
    return np.asarray(step).astype(np.float32)


def inputs(count: int, *, dyadic: bool, seed: int = 5) -> np.ndarray:
    """Inputs (count, *IMAGE) between 0 and 1, float64."""
    values = np.random.default_rng(seed).uniform(0, 1, (count, *IMAGE))
    return np.rint(values * 16) / 16 if dyadic else values


# ---- comparing -------------------------------------------------------------------------------


def level_values(network: m.Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """The whole number of steps of every quantised population, by the interpreter."""
    found = {}
    for population, z in _summed(network, x):
        if isinstance(population.neuron, m.Quantized):
            found[population.name] = levels(population.neuron, z, network)
    return found


def edge_distance(network: m.Network, x: np.ndarray) -> float:
    """How far the nearest sum is from a place where its level changes, in steps."""
    nearest = 0.5
    for population, z in _summed(network, x):
        neuron = population.neuron
        if not isinstance(neuron, m.Quantized):
            continue
        step, shift = (
            linear.broadcast_parameter(p, population.shape, network.array)
            for p in (neuron.step, neuron.shift)
        )
        height = z / step + shift
        inside = (height > neuron.lowest - 0.5) & (height < neuron.levels + 1.5)
        gaps = np.abs(height - np.rint(height))[inside]
        nearest = min(nearest, float(gaps.min(initial=0.5)))
    return nearest


def _summed(network: m.Network, x: np.ndarray) -> Iterator[tuple[m.Population, np.ndarray]]:
    values = {"image": x, **evaluate(network, {"image": x})}
    for population in network.populations:
        yield population, summed_input(network, population, values)


def unequal(expected: dict[str, np.ndarray], trace: Trace) -> int:
    """How many spike counts differ from the levels, over the populations that both have."""
    common = set(expected) & set(trace.spike_counts)
    assert common
    return sum(int((expected[n] != trace.spike_counts[n]).sum()) for n in sorted(common))


def logit_error(network: m.Network, x: np.ndarray, spiking: m.Network, trace: Trace) -> float:
    """The largest difference of a read-out from the value of its head."""
    values = evaluate(network, {"image": x}, keep=[h.population for h in network.heads])
    worst = 0.0
    for before, after in zip(network.heads, spiking.heads, strict=True):
        expected = values[before.population].reshape(len(x), -1)
        found = trace.logits(after.name)
        if after.readout.host[:1] == ("Relu",):
            found = np.maximum(found, 0)
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst

"""Small integer networks of spike times, between them all that target loihi takes of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from loihi_networks import GRADED, Builder, via

from snnc.ir import model as m
from snnc.ir.latency import starts_of
from snnc.ir.verify import check
from snnc.passes.add_latency import AddLatency
from snnc.passes.base import Context
from snnc.passes.ttfs_windows import scheduled


class Timed(Builder):
    """Adds populations that fire once; tables fall by `exp(-1 / tau)` a step."""

    window = 8

    def table(self, first: float, tau: float, steps: int) -> np.ndarray:
        falling = first * np.exp(-np.arange(steps) / tau)
        return np.maximum(np.rint(falling), 1).astype(np.int32)

    def spikes(self, name: str, shape: tuple[int, ...], first: int = 40, steps: int = 8) -> str:
        values = tuple(int(v) for v in self.table(first, 3.0, steps))
        return self.input(name, shape, m.IntegerSpikeTime(3.0, steps, 0.0, 1.0, "round", values))

    def once(
        self,
        threshold: float,
        first: int = 40,
        *,
        tau: float = 3.0,
        steps: int = 8,
        channels: int = 0,
    ) -> m.IntegerTTFS:
        """Neurons whose thresholds fall from `threshold` on, `channels` different ones."""
        thresholds = self.table(threshold, tau, steps)
        if channels:
            factor = self.rng.uniform(0.5, 1.5, channels)
            thresholds = np.maximum(np.rint(thresholds[:, None] * factor), 1).astype(np.int32)
        refs = []
        for array in (self.table(first, tau, steps), thresholds):
            name = f"t{len(self.arrays)}"
            self.arrays[name] = array
            refs.append(m.Ref(name))
        return m.IntegerTTFS(*refs)

    def phased(self, name: str, stride: int | None = None) -> m.Network:
        made = m.Network(
            name,
            "fixed",
            tuple(self.inputs),
            tuple(self.populations),
            tuple(self.heads),
            schedule=m.Phased(1, self.window, (), ()),
        ).with_arrays(self.arrays)
        made = scheduled(made, self.window, stride or self.window)
        made = AddLatency().run(made, Context())
        check(made)
        assert starts_of(made) is not None
        return made


def timed_lenet(b: Timed) -> m.Network:
    """Signed spikes, thresholds by channel, a running maximum, a layer of fewer steps."""
    x = b.spikes("image", (2, 9, 8), steps=7)
    first = b.conv(4, 2, (3, 3), (1, 1), (1, 1, 1, 1))
    b.add("conv1", b.once(3000.0, channels=4), via(x, first), bias=400)
    b.add("pool1", m.RunningMax2d((2, 2), (2, 2)), via("conv1"))
    second = b.conv(6, 4, (3, 2), (2, 1), (0, 0, 0, 0))
    b.add("conv2", b.once(3000.0, steps=5), via("pool1", second), bias=300)
    b.add("fc1", b.once(2500.0, 60), via("conv2", m.Flatten(), b.dense(9, 18)), bias=200)
    b.out("fc1")
    return b.phased("timed_lenet")


def timed_residual(b: Timed) -> m.Network:
    """Skips that wait whole windows, kernels that differ where they meet, exponents, analog too."""
    x = b.spikes("x", (2, 6, 6))
    y = b.input("y", (2, 6, 6), GRADED)
    same = ((1, 1), (1, 1, 1, 1))
    b.add("stem", b.once(2500.0), via(x, b.conv(3, 2, (3, 3), *same)), bias=200)
    b.add("body", b.once(2500.0, 25, tau=5.0), via("stem", b.conv(3, 3, (3, 3), *same)))
    skip = via("stem", b.conv(3, 3, (1, 1)), m.Scale(2.0))
    also = via(y, b.conv(3, 2, (3, 3), *same), m.Scale(4.0))
    b.add("sum", b.once(2500.0), via("body", b.conv(3, 3, (1, 1))), skip, also, bias=300)
    late = via(x, m.Flatten(), b.dense(5, 72))
    flat = via("sum", m.Flatten(), b.dense(5, 108))
    b.add("late", b.once(2500.0), flat, late)
    b.out("late")
    return b.phased("timed_residual")


def timed_early(b: Timed) -> m.Network:
    """Early firing; who fires first is read, and a membrane potential at another depth."""
    x = b.spikes("x", (12,))
    b.add("a", b.once(1800.0), via(x, b.dense(20, 12)), bias=300)
    b.out("a", 4, "early")
    b.add("b", b.once(1800.0, channels=10), via("a", b.dense(10, 20)), bias=300)
    b.add("c", b.once(1500.0, channels=4), via("b", b.dense(4, 10)), bias=300)
    b.heads.append(m.Head("first", "c", m.FirstSpike()))
    return b.phased("timed_early", 5)


def timed_analog(b: Timed) -> m.Network:
    """An analog input, which acts once, for layers that begin at different times."""
    x = b.input("x", (2, 6, 6), GRADED)
    b.add("a", b.once(2500.0, channels=4), via(x, b.conv(4, 2, (3, 3))), bias=90)
    b.add("pool", m.RunningMax2d((3, 3), (2, 2), (1, 0, 1, 1), (1, 1), True), via("a"))
    b.add("b", b.once(2500.0), via("pool", b.conv(4, 4, (2, 2))), bias=300)
    b.out("b", 3, "early")
    b.add("c", b.once(2000.0), via("b", m.Flatten(), b.dense(9, 8)), bias=300)
    b.out("c", 3, "deep")
    return b.phased("timed_analog")


TIMED: dict[str, Callable[[Timed], m.Network]] = {
    f.__name__: f for f in (timed_lenet, timed_residual, timed_early, timed_analog)
}


def build_timed(name: str, seed: int = 0) -> m.Network:
    return TIMED[name](Timed(seed))


def timed_policies(network: m.Network) -> dict[str, m.Network]:
    """The network with policies that ask each head in its window, by a name."""
    names = tuple(head.name for head in network.heads)
    margin = m.IntegerMargin(heads=names, limits=(2500, 0), first_step=4)
    made = {"margin": replace(network, exit=margin)}
    if all(isinstance(head.readout, m.Membrane) for head in network.heads):
        row = np.rint(2000 * np.exp(-np.arange(48) / 6)).astype(np.int64)
        row[-1] = 0
        tables = network.with_arrays({"exit.tables": np.stack([row, row])})
        sure = {"shifts": (8, 8), "limits": (2120, 2120), "tables": m.Ref("exit.tables")}
        made["confidence"] = replace(tables, exit=m.IntegerConfidence(heads=names, **sure))
        made["patience"] = replace(network, exit=m.Patience(heads=names, repeats=(7, 3)))
        made["fixed"] = replace(network, exit=m.Fixed(head=names[0], step=10))
    for each in made.values():
        check(each)
    return made

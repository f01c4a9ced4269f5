"""Recorded read-outs for the tests of exits: random ones, and networks whose heads they are of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.exits.recorded import Recorded
from snnc.ir import model as m

NAMES = ("a", "b", "last")


def network(
    heads: int = 1, classes: int = 3, steps: int = 8, window: int | None = None
) -> m.Network:
    """Hidden layers in a row, of 4 neurons each, with a head behind every one; no exit yet."""
    names = NAMES[-heads:]
    populations: list[m.Population] = []
    arrays = {}
    source = "x"
    for name in names:
        for target, shape, neuron in (
            (f"{name}-hidden", (4,), m.IF()),
            (f"{name}-out", (classes,), m.Integrator(0.0)),
        ):
            arrays[f"{target}.w"] = np.ones((*shape, 4), np.float32)
            incoming = (m.Incoming(source, (m.Dense(m.Ref(f"{target}.w")),)),)
            populations.append(m.Population(target, shape, neuron, incoming=incoming))
            source = f"{name}-hidden"
    schedule = m.Synchronous(steps) if window is None else m.Gated(steps, window)
    return m.Network(
        name="recorded",
        stage="snn",
        inputs=(m.Input("x", "f32", (4,)),),
        populations=tuple(populations),
        heads=tuple(m.Head(name, f"{name}-out", m.Membrane()) for name in names),
        schedule=schedule,
    ).with_arrays(arrays)


def counting(heads: int = 2, classes: int = 3, steps: int = 8) -> m.Network:
    """The same with heads that count spikes."""
    whole = network(heads, classes, steps)
    populations = [
        replace(p, neuron=m.IF(), scale=0.5) if p.name.endswith("-out") else p
        for p in whole.populations
    ]
    spiking = tuple(replace(head, readout=m.SpikeCount()) for head in whole.heads)
    return replace(whole, populations=tuple(populations), heads=spiking)


def recorded(
    of: m.Network, samples: int, seed: int = 0, sharpness: float = 1.0, settle: bool = False
) -> Recorded:
    """Membranes that drift towards the right class, deeper heads faster; every class is shown.

    Steps are whole quarters, so that scores of different samples are often equal.
    """
    rng = np.random.default_rng(seed)
    assert of.schedule is not None
    steps, classes = of.schedule.steps, of.population(of.heads[-1].population).shape[0]
    labels = (np.arange(samples) % classes).astype(np.int64)
    right = np.eye(classes)[labels]
    outputs, logits = {}, {}
    for depth, head in enumerate(of.heads, start=1):
        noise = rng.normal(size=(steps, samples, classes))
        drift = sharpness * depth / len(of.heads) * right
        outputs[head.name] = np.rint(4 * np.cumsum(drift + noise, axis=0)) / 4
        logits[head.name] = outputs[head.name][-1] / of.schedule.drive(steps)
    settled = None
    if isinstance(of.schedule, m.Gated) or settle:
        settled = rng.integers(1, steps + 2, samples)
        settled = np.where(settled > steps, -1, settled).astype(np.int64)
    return Recorded(outputs, labels, settled, logits)


def counted(of: m.Network, samples: int, seed: int = 0) -> Recorded:
    """Spike counts times the scale of `counting`, at most one more per step."""
    rng = np.random.default_rng(seed)
    assert of.schedule is not None
    classes = of.population(of.heads[-1].population).shape[0]
    labels = (np.arange(samples) % classes).astype(np.int64)
    rate = 0.3 + 0.4 * np.eye(classes)[labels]
    outputs = {
        head.name: 0.5 * np.cumsum(rng.random((of.schedule.steps, *rate.shape)) < rate, axis=0)
        for head in of.heads
    }
    return Recorded(outputs, labels, None, {n: v[-1] for n, v in outputs.items()})

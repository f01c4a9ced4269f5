"""Random networks under a schedule of phases, for the text form and the verifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from snnc.ir import model as m
from snnc.ir.shapes import neuron_shape
from snnc.passes.ttfs_windows import scheduled

if TYPE_CHECKING:
    from network_builder import Builder


def phased_network(builder: Builder) -> m.Network:
    """A valid network of spike times; branches of all depths meet, through delays."""
    window = builder.integer(2, 40)
    builder.inputs.append(_input(builder, window))
    for _ in range(builder.integer(1, 4)):
        builder.populations.append(_population(builder, window))
    last = builder.populations[-1]
    ops = (m.Flatten(), m.Dense(builder.tensor((3, int(np.prod(last.shape))))))
    out = m.Population(
        builder.name(), (3,), m.Integrator(), None, 1.0, (), (m.Incoming(last.name, ops),)
    )
    network = m.Network(
        name="phased",
        stage=builder.stage,
        inputs=tuple(builder.inputs),
        populations=(*builder.populations, out),
        heads=(
            m.Head("first", last.name, builder.pick((m.FirstSpike, m.SpikeCount))()),
            m.Head("final", out.name, m.Membrane()),
        ),
    )
    network = scheduled(network, window, builder.integer(1, window))
    used = m.referenced_tensors(network)
    network = network.with_arrays({name: builder.arrays[name] for name in used})
    return _pipelined(network) if builder.rarely() else network


def _kernel(builder: Builder, window: int) -> tuple[float, int, float, float, m.Rounding]:
    tau, threshold = builder.pick((4.0, 20.0, 1 / 0.3)), builder.pick((0.1, 1.0, 1 / 3))
    delay = builder.pick((0.0, -1.5, 2.0))
    return tau, builder.integer(1, window), delay, threshold, builder.pick(("ceil", "round"))


def _input(builder: Builder, window: int) -> m.Input:
    shape = (builder.integer(1, 3), *builder.pair(2, 4))
    fields = _kernel(builder, window)
    coding: m.Coding = m.Direct()
    if builder.often():
        coding = m.SpikeTime(*fields)
        if builder.stage == "fixed":
            table = tuple(int(v) for v in _falling(builder, fields[1], 0))
            coding = m.IntegerSpikeTime(*fields, table)
    return m.Input(builder.name(), "f32", shape, coding)


def _falling(
    builder: Builder, steps: int, least: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return least + builder.integer(0, 9) + np.arange(steps)[::-1] * builder.integer(0, 5)


def _population(builder: Builder, window: int) -> m.Population:
    name = builder.name()
    source = builder.pick([*builder.populations, *builder.inputs])
    terms = [m.Incoming(source.name)]
    if isinstance(source, m.Population) and len(source.shape) == 3 and builder.rarely():
        pool = m.RunningMax2d(*builder.pooling(source.shape))
        shape = neuron_shape(pool, source.shape)
        return m.Population(name, shape, pool, incoming=tuple(terms))
    other = builder.pick([*builder.populations, *builder.inputs])
    ops = builder.adapter(other.shape, source.shape)
    terms.append(m.Incoming(other.name, ops))
    neuron: m.Neuron = m.TTFS(*_kernel(builder, window))
    if builder.stage == "fixed":
        neuron = _tables(builder, name, source.shape[0], window)
    bias = builder.tensor(source.shape[:1], "bias") if builder.often() else None
    return m.Population(name, source.shape, neuron, bias, incoming=tuple(terms))


def _tables(builder: Builder, name: str, channels: int, window: int) -> m.IntegerTTFS:
    steps = builder.integer(1, window)
    thresholds = _falling(builder, steps, 1)
    if builder.often():
        thresholds = np.stack([thresholds + c for c in range(channels)], axis=1)
    refs = (f"{name}.values", f"{name}.thresholds")
    builder.arrays |= dict(zip(refs, (_falling(builder, steps, 0), thresholds), strict=True))
    return m.IntegerTTFS(m.Ref(refs[0]), m.Ref(refs[1]))


def _pipelined(network: m.Network) -> m.Network:
    """The same with hop latency, every population a hop behind its latest source."""
    schedule, starts = network.schedule, {i.name: 0 for i in network.inputs}
    assert isinstance(schedule, m.Phased)
    populations = []
    for p in network.populations:
        starts[p.name] = 1 + max(starts[i.source] for i in p.incoming)
        terms = tuple(
            replace(i, delay=i.delay + starts[p.name] - 1 - starts[i.source]) for i in p.incoming
        )
        populations.append(replace(p, incoming=terms))
    found = tuple(starts[p.name] for p in populations)
    windows = (schedule.steps, schedule.window, schedule.integrates, schedule.fires)
    late = m.PipelinedPhased(*windows, found)
    return replace(network, populations=tuple(populations), schedule=late)

"""A sound network under a schedule of phases, and what breaks each of its invariants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from snnc.ir import model as m

KERNEL = m.TTFS(5.0, 20)
TABLES = m.IntegerTTFS(m.Ref("values"), m.Ref("thresholds"))


def phased() -> m.Network:
    """image -> a -> pool p -> c; d = c + a, which waits a window -> out. Windows of 20 steps."""
    conv = m.Conv2d(m.Ref("w"), pads=(1, 1, 1, 1))
    a = m.Population("a", (2, 4, 4), KERNEL, m.Ref("b"), incoming=(m.Incoming("image", (conv,)),))
    pool = m.RunningMax2d((2, 2), (2, 2))
    p = m.Population("p", (2, 2, 2), pool, incoming=(m.Incoming("a"),))
    up = m.Incoming("p", (m.Upsample2d((2, 2)),))
    c = m.Population("c", (2, 4, 4), KERNEL, incoming=(up,))
    d = m.Population("d", (2, 4, 4), KERNEL, incoming=(m.Incoming("c"), m.Incoming("a", (), 20)))
    ops = (m.Flatten(), m.Dense(m.Ref("v")))
    out = m.Population("out", (3,), m.Integrator(), incoming=(m.Incoming("d", ops),))
    network = m.Network(
        name="phases",
        stage="snn",
        inputs=(m.Input("image", "f32", (1, 4, 4), m.SpikeTime(5.0, 20)),),
        populations=(a, p, c, d, out),
        heads=(m.Head("final", "out", m.Membrane()),),
        schedule=m.Phased(80, 20, (0, 20, 20, 40, 60), (20, 20, 40, 60, 80)),
    )
    return network.with_arrays(
        {
            "w": np.ones((2, 1, 3, 3), np.float32),
            "b": np.zeros(2, np.float32),
            "v": np.ones((3, 32), np.float32),
        }
    )


def phased_fixed() -> m.Network:
    """The same at stage fixed, with tables of three steps."""
    network = phased()
    arrays = {name: network.array(m.Ref(name)).astype(np.int8) for name in network.tensors}
    arrays |= {"values": np.array([9, 5, 0]), "thresholds": np.array([[9, 8], [5, 4], [1, 1]])}
    populations = tuple(
        replace(p, neuron=TABLES) if isinstance(p.neuron, m.TTFS) else p
        for p in network.populations
    )
    coding = m.IntegerSpikeTime(5.0, 3, values=(7, 3, 1))
    image = replace(network.inputs[0], coding=coding)
    fixed = replace(network, stage="fixed", inputs=(image,), populations=populations)
    return fixed.with_arrays(arrays)


def _population(network: m.Network, index: int, **changes: Any) -> m.Network:
    populations = list(network.populations)
    populations[index] = replace(populations[index], **changes)
    return replace(network, populations=tuple(populations))


def _kernel(network: m.Network, **changes: Any) -> m.Network:
    return _population(network, 0, neuron=replace(KERNEL, **changes))


def _coding(network: m.Network, coding: m.Coding) -> m.Network:
    return replace(network, inputs=(replace(network.inputs[0], coding=coding),))


def _schedule(network: m.Network, **changes: Any) -> m.Network:
    assert network.schedule is not None
    return replace(network, schedule=replace(network.schedule, **changes))


def _tables(network: m.Network, **tables: Any) -> m.Network:
    return network.with_arrays({name: np.asarray(values) for name, values in tables.items()})


# Stage, what is done to the sound network, the code, and words of its message.
BREAKAGES: list[tuple[str, Callable[[m.Network], m.Network], str, str]] = [
    ("snn", lambda n: replace(n, schedule=m.Synchronous(9)), "SN430", "no neuron has windows"),
    ("snn", lambda n: _population(n, 0, neuron=m.IF()), "SN430", "if stands under a schedule"),
    ("snn", lambda n: _population(n, 1, neuron=m.MaxGate2d((2, 2), (2, 2))), "SN430", "max_gate2d"),
    ("snn", lambda n: _coding(n, m.Poisson()), "SN430", "the coding is poisson"),
    ("snn", lambda n: _coding(n, m.Events()), "SN430", "the coding is events"),
    ("snn", lambda n: _coding(n, m.IntegerSpikeTime(5.0, 1, values=(1,))), "SN430", "stage snn"),
    ("fixed", lambda n: _coding(n, m.SpikeTime(5.0, 3)), "SN430", "no coding of stage fixed"),
    ("snn", lambda n: _kernel(n, tau=0.0), "SN431", "the tau is 0.0"),
    ("snn", lambda n: _kernel(n, threshold=-1.0), "SN431", "the threshold is -1.0"),
    ("snn", lambda n: _kernel(n, delay=float("inf")), "SN431", "the delay is inf"),
    ("snn", lambda n: _kernel(n, steps=0), "SN431", "0 steps"),
    ("snn", lambda n: _kernel(n, steps=2**15), "SN431", "32768 steps"),
    ("snn", lambda n: _kernel(n, tau=0.1), "SN431", "beyond 32-bit floats"),
    ("snn", lambda n: _kernel(n, delay=1000.0), "SN431", "beyond 32-bit floats"),
    ("snn", lambda n: _coding(n, m.SpikeTime(-5.0, 20)), "SN431", "the tau is -5.0"),
    ("fixed", lambda n: _coding(n, m.IntegerSpikeTime(5.0, 3)), "SN431", "0 values for 3 steps"),
    ("fixed", lambda n: _tables(n, values=[9, 5]), "SN432", "values [2] and thresholds [3, 2]"),
    ("fixed", lambda n: _tables(n, thresholds=[[9], [5], [1]]), "SN432", "(steps, 2) fit"),
    ("fixed", lambda n: _tables(n, values=[5, 9, 0]), "SN432", "must fall and not be negative"),
    ("fixed", lambda n: _tables(n, values=[5, 1, -1]), "SN432", "must fall and not be negative"),
    ("fixed", lambda n: _tables(n, thresholds=[3, 1, 0]), "SN432", "must fall and be above 0"),
    ("fixed", lambda n: _tables(n, thresholds=[3, 4, 1]), "SN432", "must fall and be above 0"),
    ("snn", lambda n: _schedule(n, integrates=(0,)), "SN433", "1 numbers of integrates for 5"),
    ("snn", lambda n: _schedule(n, fires=()), "SN433", "0 numbers of fires for 5"),
    ("snn", lambda n: _schedule(n, window=0), "SN433", "a window has at least one step"),
    (
        "snn",
        lambda n: _schedule(n, integrates=(-1, 20, 20, 40, 60)),
        "SN433",
        "starts at 0 or later",
    ),
    ("snn", lambda n: _schedule(n, steps=79), "SN433", "end with step 80, the schedule with 79"),
    ("snn", lambda n: _schedule(n, fires=(20, 21, 40, 60, 80)), "SN433", "passes spikes on"),
    ("snn", lambda n: _schedule(n, fires=(20, 20, 41, 60, 80)), "SN433", "from step 41 on"),
    ("snn", lambda n: _schedule(n, fires=(20, 20, 19, 60, 80)), "SN433", "fires from step 19 on"),
    ("snn", lambda n: _kernel(n, steps=21), "SN433", "it fires in 21 steps, a window has 20"),
    ("snn", lambda n: _coding(n, m.SpikeTime(5.0, 21)), "SN433", "it sends in 21 steps"),
    ("fixed", lambda n: _tables(n, values=[9] * 21, thresholds=[9] * 21), "SN433", "in 21 steps"),
    (
        "snn",
        lambda n: _population(n, 3, incoming=(m.Incoming("c"), m.Incoming("a", (), 19))),
        "SN433",
        "a fires from step 20 on, delayed by 19, and the population integrates from step 40 on",
    ),
    (
        "snn",
        lambda n: _coding(
            _population(n, 0, incoming=(replace(n.populations[0].incoming[0], delay=1),)),
            m.Direct(),
        ),
        "SN433",
        "the analog input image comes through a delay",
    ),
    (
        "snn",
        lambda n: _population(n, 1, bias=m.Ref("b")),
        "SN434",
        "reads spikes, and nothing else",
    ),
    (
        "snn",
        lambda n: _population(n, 1, incoming=(m.Incoming("a", (m.Scale(2.0),)),)),
        "SN434",
        "compares spikes as they are",
    ),
    (
        "snn",
        lambda n: _population(n, 1, incoming=(m.Incoming("a"), m.Incoming("a"))),
        "SN434",
        "two spikes meet in one cell",
    ),
    (
        "snn",
        lambda n: _population(
            _kernel(n, tau=6.0),
            1,
            shape=(4, 2, 2),
            incoming=(
                m.Incoming("a", (m.Embed(0, 0, 4),)),
                m.Incoming("c", (m.Embed(0, 2, 4),), -20),
            ),
        ),
        "SN434",
        "a and c have different kernels",
    ),
    ("snn", lambda n: replace(n, exit=m.Fixed(head="final", step=60)), "SN435", "after step 60"),
]

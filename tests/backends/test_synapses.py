"""Whose synapses a spike is counted for, where layers run in stages."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.reference import Simulator, simulator
from snnc.backends.reference.plan import build_plan
from snnc.backends.reference.spikes import archive_bytes
from snnc.backends.reference.stages import one_stage, plan_stages
from snnc.backends.reference.synapses import fan_outs, synapses
from snnc.ir import model as m
from snnc.ir.decide import Decider

STEPS = 12


def branches(budgets: tuple[int, int]) -> m.Network:
    """x -> a -> b -> out; a -> early, b -> middle: three heads, asked in order of depth.

    `a` also reads itself, and `late`, a layer of the last head alone, reads `a` through a delay.
    """

    def reads(source: str, name: str, delay: int = 0) -> m.Incoming:
        return m.Incoming(source, (m.Dense(m.Ref(name)),), delay)

    populations = (
        m.Population("a", (3,), m.IF(), incoming=(m.Incoming("x"), reads("a", "aa", 1))),
        m.Population("early", (2,), m.Integrator(), incoming=(reads("a", "a2"),)),
        m.Population("b", (3,), m.IF(), incoming=(m.Incoming("a"),)),
        m.Population("middle", (2,), m.Integrator(), incoming=(reads("b", "b2"),)),
        m.Population("late", (3,), m.IF(), incoming=(m.Incoming("a", (), 2), m.Incoming("b"))),
        m.Population("out", (2,), m.Integrator(), incoming=(reads("late", "l2"),)),
    )
    heads = tuple(m.Head(name, name, m.Membrane()) for name in ("early", "middle", "out"))
    policy = m.Margin(
        heads=("early", "middle", "out"),
        alpha=1.0,
        temperatures=(1.0,) * 3,
        thresholds=(1e6,) * 3,
        order="depth",
        budgets=budgets,
    )
    classes = np.array([[1.0, 1, 1], [0, 1, 0]])
    network = m.Network(
        "branches",
        "snn",
        (m.Input("x", "f64", (3,)),),
        populations,
        heads,
        schedule=m.Synchronous(STEPS),
        exit=policy,
    )
    arrays = {"aa": np.diag([0.0, 0.0, 1.0]), "a2": classes, "b2": classes, "l2": classes}
    return network.with_arrays(arrays)


def test_readers_that_run_in_the_same_stages_are_one_group() -> None:
    network = branches((3, 5))
    stages = plan_stages(network, Decider(network), STEPS)
    found = fan_outs(network, synapses(network), stages)
    assert {name: fan_out.readers for name, fan_out in found.items()} == {
        "a": ("a", "early", "b", "late"),
        "b": ("middle", "late"),
        "late": ("out",),
        "early": (),
        "middle": (),
        "out": (),
    }
    assert [name for name, fan_out in found.items() if fan_out.split] == ["a", "b"]
    # Spikes; then the loop of the third neuron, 1 or 2 synapses to the classes, and one each.
    assert found["a"].weights.tolist() == [[1, 0, 1, 1, 1], [1, 0, 2, 1, 1], [1, 1, 1, 1, 1]]


def test_where_all_layers_run_in_every_step_the_fan_out_is_whole() -> None:
    network = branches((3, 5))
    whole = Simulator(network).fan_out()
    found = fan_outs(network, synapses(network), one_stage(network, STEPS))
    for name, fan_out in found.items():
        assert not fan_out.split
        assert len(fan_out.readers) == (0 if name in ("early", "middle", "out") else 1)
        assert fan_out.weights[:, 1:].sum(axis=1).tolist() == whole[name].tolist()


@pytest.mark.parametrize("budgets", [(3, 5), (5, 3), (4, 4), (1, STEPS)])
def test_each_layer_is_sent_what_its_sources_send_while_it_runs(budgets: tuple[int, int]) -> None:
    """Worked by hand: the first and the third neuron fire in every step, the second never.

    Then `early` receives in its budget only, `middle` in its own, all others in all steps; the
    spikes that are still on their way to `late` at the end count, as in a run without exits.
    """
    network = branches(budgets)
    simulator = Simulator(network, dtype="float64", threads=1, block_steps=5)
    x = np.array([[1.0, 0.0, 1.0]])
    trace, full = simulator.run(x), simulator.run(x, exits=False)
    first, second = budgets
    assert trace.updates["early"].tolist() == [2 * first]
    assert trace.updates["middle"].tolist() == [2 * second]
    assert trace.synops["a"].tolist() == [STEPS * (1 + 2 + 2) + 2 * first]
    assert trace.synops["b"].tolist() == [STEPS * 2 + 2 * second]
    assert full.synops["a"].tolist() == [STEPS * (1 + 2 + 2 + 2)]
    assert trace.synops["late"].tolist() == full.synops["late"].tolist()


def test_archives_take_the_bytes_of_the_spikes_that_they_keep() -> None:
    network = branches((3, 5))
    stages = plan_stages(network, Decider(network), STEPS)
    plan = build_plan(network, np.dtype(np.float32))
    assert stages.archived == {"a": 5, "b": 5}
    assert archive_bytes(plan, stages.archived) == 5 * 3 + 5 * 3
    gate = m.Population("b", (3, 1, 1), m.MaxGate2d((1, 1), (1, 1)), incoming=())
    pooled = replace(network, populations=(*network.populations[:2], gate))
    assert archive_bytes(replace(plan, network=pooled), stages.archived) == 5 * 3 + 5 * 3 * 4


def test_a_group_is_so_small_that_its_archives_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide layers and a long first budget: with the bound, a fraction of the memory."""
    network = wide(neurons=2000, budget=60)
    x = np.ones((64, 2000))
    peaks = {}
    for bound in (1 << 20, 1 << 40):
        with monkeypatch.context() as patch:
            patch.setattr(simulator, "_ARCHIVE_BYTES", bound)
            tracemalloc.start()
            try:
                Simulator(network, threads=1).run(x)
                peaks[bound] = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    archives = 64 * 60 * 2000
    assert peaks[1 << 40] > archives
    assert peaks[1 << 20] < archives / 1.5


def wide(neurons: int, budget: int) -> m.Network:
    """One layer that fires in every step, and two heads on it."""
    ops = (m.Dense(m.Ref("w")),)
    a = m.Population("a", (neurons,), m.IF(), incoming=(m.Incoming("x"),))
    names = ("early", "late")
    populations = [
        m.Population(name, (2,), m.Integrator(), incoming=(m.Incoming("a", ops),)) for name in names
    ]
    policy = m.Margin(
        heads=names,
        alpha=1.0,
        temperatures=(1.0, 1.0),
        thresholds=(1e9, 1e9),
        order="depth",
        budgets=(budget,),
    )
    network = m.Network(
        "wide",
        "snn",
        (m.Input("x", "f64", (neurons,)),),
        (a, *populations),
        tuple(m.Head(name, name, m.Membrane()) for name in names),
        schedule=m.Synchronous(budget + 2),
        exit=policy,
    )
    return network.with_arrays({"w": np.ones((2, neurons))})

"""Which layers run in which stage, and whose spikes are kept for later ones."""

from __future__ import annotations

from dataclasses import replace

from snnc.backends.reference.stages import plan_stages
from snnc.ir import model as m
from snnc.ir.decide import Decider


def chain(budgets: tuple[int, ...]) -> m.Network:
    """x -> a -> b -> c with a skip from a to c, and classifiers on a, b and c."""

    def cell(name: str, *sources: str) -> m.Population:
        return m.Population(name, (2,), m.IF(), incoming=tuple(m.Incoming(s) for s in sources))

    populations = (
        cell("a", "x"),
        cell("b", "a"),
        cell("c", "b", "a"),
        cell("ic_a", "a"),
        cell("ic_b", "b"),
        cell("out", "c"),
        cell("unread", "c"),
    )
    names = ("ic_a", "ic_b", "out")
    policy = m.Patience(heads=names, repeats=(2, 2, 2), order="depth", budgets=budgets)
    return m.Network(
        "chain",
        "snn",
        (m.Input("x", "f64", (2,), m.Poisson()),),
        populations,
        tuple(m.Head(name, name, m.SpikeCount()) for name in names),
        schedule=m.Synchronous(20),
        exit=policy,
    )


def test_a_stage_needs_its_head_and_what_that_reads() -> None:
    network = chain((3, 5))
    plan = plan_stages(network, Decider(network), 20)
    assert [stage.limit for stage in plan.stages] == [3, 5, 20]
    assert [stage.asked for stage in plan.stages] == [0, 1, 2]
    assert [stage.last for stage in plan.stages] == [False, False, True]
    assert [sorted(stage.needed) for stage in plan.stages] == [
        ["a", "ic_a", "x"],
        ["a", "b", "ic_b", "x"],
        ["a", "b", "c", "out", "x"],
    ]


def test_spikes_are_kept_where_a_reader_starts_later() -> None:
    """x is read by `a` alone, which never lags behind it."""
    network = chain((3, 5))
    assert plan_stages(network, Decider(network), 20).archived == {"a": 5, "b": 5}


def test_without_a_policy_or_in_order_of_time_there_is_one_stage() -> None:
    network = chain((3, 5))
    names = {"x", *(p.name for p in network.populations)}
    (stage,) = plan_stages(network, None, 20).stages
    assert (stage.needed, stage.limit, stage.asked, stage.last) == (names, 20, None, True)
    policy = m.Patience(heads=("out",), repeats=(2,), last_step=7)
    timed = replace(network, exit=policy)
    plan = plan_stages(timed, Decider(timed), 20)
    assert plan.archived == {}
    assert [(s.needed, s.limit) for s in plan.stages] == [(names, 7)]


def test_a_run_of_fewer_steps_shortens_all_stages() -> None:
    network = chain((3, 15))
    assert [s.limit for s in plan_stages(network, Decider(network), 10).stages] == [3, 10, 10]

"""Exit policies step by step, against a loop over single samples in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import policies as nets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_exits import Told, naive
from random_read_outs import HEADS, SAMPLES, Outputs, currents, trains
from strategies import fuzz

from snnc.ir import model as m
from snnc.ir.decide import Decider
from snnc.ir.verify import verify

# ---- the rule under test ------------------------------------------------------------------------


def decided(network: m.Network, outputs: Outputs, steps: int, rows: Any = None) -> list[Told]:
    """All samples (or `rows`) by `Decider`, which leave when they are sure."""
    decider = Decider(network)
    alive = np.arange(len(next(iter(outputs.values()))[0])) if rows is None else np.asarray(rows)
    asker, told, spent = decider.begin(len(alive)), {}, 0
    deadline = decider.deadline(steps)
    stages: list[tuple[int | None, int]] = [(None, deadline)]
    if decider.budgets:
        stages = list(enumerate((*(min(b, steps) for b in decider.budgets), deadline)))
    for stage, limit in stages:
        for step in range(1, limit + 1):
            now = {name: values[step - 1, alive] for name, values in outputs.items()}
            verdict = asker.ask(step, now, stage)
            for i in np.flatnonzero(verdict.sure):
                told[int(alive[i])] = _told(verdict, i, spent + step)
            alive = alive[~verdict.sure]
            asker.keep(~verdict.sure)
        spent += limit
    now = {name: values[deadline - 1, alive] for name, values in outputs.items()}
    verdict = asker.final(deadline, now)
    told |= {int(row): _told(verdict, i, spent) for i, row in enumerate(alive)}
    return [told[row] for row in sorted(told)]


def _told(verdict: Any, i: int, step: int) -> Told:
    return Told(
        step,
        int(verdict.head[i]),
        int(verdict.answer[i]),
        bool(verdict.sure[i]),
        float(verdict.score[i]),
    )


def network_of(policy: m.ExitPolicy, classes: int = 4, host: tuple[str, ...] = ()) -> m.Network:
    """Three heads that count spikes, worth 0.5 each."""
    network = nets.spiking(classes, HEADS)
    heads = tuple(replace(head, readout=m.SpikeCount(host)) for head in network.heads)
    network = replace(network, heads=heads, exit=policy)
    if isinstance(policy, m.Bayes):
        rng = np.random.default_rng(1)
        tables = {"strength": rng.uniform(0, 4, (len(policy.heads) - 1, nets.STEPS))}
        if isinstance(policy.dispersion, m.Ref):
            tables["phi"] = rng.uniform(0, 1, nets.STEPS)
        network = network.with_arrays(tables)
    if isinstance(policy, m.IntegerMargin | m.IntegerConfidence):
        rows = [[60, 33, 18, 10, 5, 2, 0], [60, 40, 20, 3, 0, 0, 0], [60, 25, 10, 4, 1, 1, 0]]
        network = nets.fixed(network)
        if isinstance(policy, m.IntegerConfidence):
            network = network.with_arrays({"tables": np.array(rows[: len(policy.heads)])})
    assert verify(network) == []
    return network


def scaled(
    kind: Any, limits: tuple[float, ...], heads: tuple[str, ...] = HEADS, **more: Any
) -> Any:
    temperatures = (1.0, 1.5, 0.75)[: len(heads)]
    return kind(
        heads=heads, alpha=1.3, temperatures=temperatures, thresholds=limits[: len(heads)], **more
    )


DEPTH: dict[str, Any] = {"order": "depth", "budgets": (3, 5)}
INTERNAL = ("a", "b")
WHOLE: dict[str, Any] = {"shifts": (0, 1, 0), "tables": m.Ref("tables")}
TABLES = {"strength": m.Ref("strength"), "threshold": 0.83}
POLICIES: dict[str, m.ExitPolicy] = {
    "confidence": scaled(m.Confidence, (0.61, 0.67, 0.73)),
    "margin": scaled(m.Margin, (0.91, 1.13, 1.01)),
    "entropy": scaled(m.Entropy, (0.171, 0.267, 0.31)),
    "patience": m.Patience(heads=HEADS, repeats=(7, 6, 7)),
    "confidence late": scaled(m.Confidence, (0.37, 0.49, 0.61), first_step=3, last_step=6),
    "patience late": m.Patience(heads=HEADS, repeats=(7, 6, 5), first_step=4, last_step=7),
    "confidence depth": scaled(m.Confidence, (0.41, 0.57, 0.81), **DEPTH),
    "margin depth": scaled(m.Margin, (0.91, 1.13, 1.01), **DEPTH),
    "entropy depth": scaled(m.Entropy, (0.061, 0.107, 0.21), first_step=2, last_step=6, **DEPTH),
    "patience depth": m.Patience(heads=HEADS, repeats=(3, 5, 8), first_step=2, **DEPTH),
    "internal heads": scaled(m.Confidence, (0.61, 0.67), INTERNAL),
    "patient internal heads": m.Patience(heads=INTERNAL, repeats=(5, 4)),
    "last head alone": scaled(m.Margin, (1.13,), ("c",)),
    "two of three by depth": scaled(
        m.Entropy, (0.051, 0.14), ("b", "c"), order="depth", budgets=(4,)
    ),
    "fixed": m.Fixed(head="c", step=5),
    "fixed internal": m.Fixed(head="a", step=nets.STEPS),
    "bayes": m.Bayes(heads=HEADS, **TABLES),
    "bayes of two": m.Bayes(heads=("b", "c"), first_step=2, last_step=7, **TABLES),
    "bayes with dispersion": m.Bayes(
        heads=HEADS, dispersion=m.Ref("phi"), strength=m.Ref("strength"), threshold=0.9971
    ),
    "bayes without dispersion": m.Bayes(heads=HEADS, dispersion=0.0, first_step=3, **TABLES),
    "integer margin": m.IntegerMargin(heads=HEADS, limits=(2, 3, 3)),
    "integer margin late": m.IntegerMargin(
        heads=INTERNAL, limits=(2, 3), first_step=3, last_step=6
    ),
    "integer margin depth": m.IntegerMargin(heads=HEADS, limits=(1, 2, 3), **DEPTH),
    "integer confidence": m.IntegerConfidence(heads=HEADS, limits=(98, 100, 72), **WHOLE),
    "integer confidence late": m.IntegerConfidence(
        heads=HEADS, limits=(150, 130, 100), first_step=3, last_step=6, **WHOLE
    ),
    "integer confidence depth": m.IntegerConfidence(
        heads=HEADS, limits=(120, 100, 70), **WHOLE, **DEPTH
    ),
}


def wanted(network: m.Network, outputs: Outputs, steps: int) -> list[Told]:
    return [
        naive(network, {name: values[:, i].tolist() for name, values in outputs.items()}, steps)
        for i in range(SAMPLES)
    ]


def same(found: list[Told], expected: list[Told]) -> bool:
    """Equal, and scores within 1e-9."""
    return len(found) == len(expected) and all(
        replace(a, score=0) == replace(b, score=0) and math.isclose(a.score, b.score, abs_tol=1e-9)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("steps", [nets.STEPS, 4, 12])
def test_decisions_are_those_of_a_loop_over_single_samples(name: str, steps: int) -> None:
    """Also for runs shorter and longer than the schedule, beyond the tables of `bayes`."""
    network = network_of(POLICIES[name])
    for seed in range(3):
        outputs = trains(seed, steps=steps)
        assert same(decided(network, outputs, steps), wanted(network, outputs, steps)), seed


@pytest.mark.parametrize("name", [n for n in POLICIES if "bayes" not in n])
@pytest.mark.parametrize(("classes", "host"), [(4, ()), (1, ()), (4, ("Relu",)), (1, ("Relu",))])
def test_so_are_decisions_on_falling_values_single_values_and_with_a_relu(
    name: str, classes: int, host: tuple[str, ...]
) -> None:
    network = network_of(POLICIES[name], classes, host)
    outputs = currents(5, classes)
    steps = nets.STEPS
    assert same(decided(network, outputs, steps), wanted(network, outputs, steps))


@pytest.mark.parametrize(
    "name", [n for n in POLICIES if "fixed" not in n and n != "bayes without dispersion"]
)
def test_the_policies_of_these_tests_stop_early_at_times_and_at_times_not(name: str) -> None:
    told = [t for seed in range(3) for t in decided(network_of(POLICIES[name]), trains(seed), 8)]
    assert len({t.step for t in told}) > 2
    assert {t.sure for t in told} == {True, False}
    heads = getattr(POLICIES[name], "heads", ())
    assert len({t.head for t in told}) >= (1 if "bayes" in name else min(len(heads), 2))


@pytest.mark.parametrize("name", POLICIES)
def test_the_comparison_sees_another_policy(name: str) -> None:
    """The same loop with every limit a little higher tells something else of some sample."""
    policy = POLICIES[name]
    changes: dict[str, Any] = {"step": 4}
    if isinstance(policy, m.Bayes):
        changes = {"threshold": 0.999, "first_step": policy.first_step + 1}
    elif isinstance(policy, m.Patience):
        changes = {"repeats": tuple(r + 1 for r in policy.repeats)}
    elif isinstance(policy, m.IntegerMargin):
        changes = {"limits": tuple(limit + 1 for limit in policy.limits)}
    elif isinstance(policy, m.IntegerConfidence):
        changes = {"limits": tuple(limit - 10 for limit in policy.limits)}
    elif not isinstance(policy, m.Fixed):
        changes = {"thresholds": tuple(t * 1.3 for t in policy.thresholds)}
    other = network_of(replace(policy, **changes))
    outputs = trains(0)
    assert not same(decided(network_of(policy), outputs, 8), wanted(other, outputs, 8))


# ---- properties ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLICIES)
def test_a_sample_is_judged_alone_whoever_is_with_it(name: str) -> None:
    network, outputs = network_of(POLICIES[name]), trains(2)
    together = decided(network, outputs, 8)
    assert [decided(network, outputs, 8, [row])[0] for row in range(SAMPLES)] == together


@pytest.mark.parametrize("kind", [m.Confidence, m.Margin, m.Entropy])
@pytest.mark.parametrize("more", [{}, DEPTH], ids=["time", "depth"])
@fuzz(25)
@given(
    limits=st.tuples(*[st.floats(-0.1, 1.2)] * 3),
    raised=st.tuples(*[st.floats(0, 0.5)] * 3),
    seed=st.integers(0, 20),
)
def test_a_higher_threshold_never_stops_earlier(
    kind: Any,
    more: dict[str, Any],
    limits: tuple[float, ...],
    raised: tuple[float, ...],
    seed: int,
) -> None:
    higher = tuple(a + b for a, b in zip(limits, raised, strict=True))
    policies = [scaled(kind, thresholds, **more) for thresholds in (limits, higher)]
    low, high = (decided(network_of(policy), trains(seed), 8) for policy in policies)
    assert all(a.step <= b.step for a, b in zip(low, high, strict=True))


@fuzz(25)
@given(st.floats(0.4, 1.0), st.floats(0, 0.5), st.integers(0, 20))
def test_nor_does_a_higher_threshold_of_bayes(limit: float, raised: float, seed: int) -> None:
    policies = [replace(POLICIES["bayes"], threshold=t) for t in (limit, limit + raised)]
    low, high = (decided(network_of(policy), trains(seed), 8) for policy in policies)
    assert all(a.step <= b.step for a, b in zip(low, high, strict=True))


@pytest.mark.parametrize("limit", [1.0, 1.5, float("inf")])
@pytest.mark.parametrize("kind", [m.Confidence, m.Entropy])
@pytest.mark.parametrize("more", [{}, DEPTH], ids=["time", "depth"])
def test_bounded_scores_never_exceed_a_threshold_of_one(
    kind: Any, limit: float, more: dict[str, Any]
) -> None:
    network = network_of(scaled(kind, (limit,) * 3, **more))
    for factor in (1.0, 1e12):
        outputs = {name: values * factor for name, values in trains(0).items()}
        told = decided(network, outputs, 8)
        assert {(t.sure, t.head) for t in told} == {(False, 2)}
        assert [t.answer for t in told] == outputs["c"][7].argmax(axis=-1).tolist()


@pytest.mark.parametrize("limit", [1.0, 1.5, float("inf")])
@pytest.mark.parametrize("dispersion", [0.0, 1.0])
def test_nor_does_the_probability_of_being_ahead(limit: float, dispersion: float) -> None:
    policy = replace(POLICIES["bayes"], threshold=limit, dispersion=dispersion)
    assert not any(t.sure for t in decided(network_of(policy), trains(0), 8))


def test_no_threshold_below_infinity_is_out_of_reach_of_a_margin() -> None:
    network = network_of(scaled(m.Margin, (1e6,) * 3))
    assert not any(t.sure for t in decided(network, trains(0), 8))
    large = {name: values * 1e12 for name, values in trains(0).items()}
    assert any(t.sure for t in decided(network, large, 8))
    never = network_of(scaled(m.Margin, (float("inf"),) * 3))
    assert not any(t.sure for t in decided(never, large, 8))


def test_with_strength_nought_bayes_answers_as_the_last_head_alone() -> None:
    policy = replace(POLICIES["bayes"], threshold=2.0)
    network = network_of(policy).with_arrays({"strength": np.zeros((2, nets.STEPS))})
    for seed in range(5):
        for steps in (1, 3, 8):
            outputs = trains(seed)
            told = [t.answer for t in decided(network, outputs, steps)]
            assert told == outputs["c"][steps - 1].argmax(axis=-1).tolist()


def test_a_threshold_below_every_score_stops_in_the_first_step() -> None:
    for kind in (m.Confidence, m.Margin, m.Entropy):
        told = decided(network_of(scaled(kind, (-0.01,) * 3)), trains(0), 8)
        assert {(t.step, t.head, t.sure) for t in told} == {(1, 0, True)}


def test_equal_values_are_no_reason_to_stop_at_threshold_nought() -> None:
    silent = {name: np.zeros((8, SAMPLES, 4)) for name in HEADS}
    for kind in (m.Margin, m.Entropy):
        assert not any(t.sure for t in decided(network_of(scaled(kind, (0.0,) * 3)), silent, 8))


def test_patience_counts_the_steps_before_the_first_one_that_may_stop() -> None:
    constant = {name: np.tile([0.0, 1.0, 0.0, 0.0], (8, SAMPLES, 1)) for name in HEADS}
    patient = m.Patience(heads=HEADS, repeats=(3, 3, 3))
    assert {t.step for t in decided(network_of(patient), constant, 8)} == {3}
    late = replace(patient, first_step=6)
    assert {t.step for t in decided(network_of(late), constant, 8)} == {6}


def test_patience_starts_again_when_the_answer_changes() -> None:
    answers = [1, 1, 2, 1, 1, 1, 1, 1]
    rows = np.eye(4)[answers][:, None].repeat(SAMPLES, axis=1)
    told = decided(network_of(m.Patience(heads=("c",), repeats=(3,))), {"c": rows}, 8)
    assert {(t.step, t.answer, t.score) for t in told} == {(6, 1, 3.0)}


def test_of_several_sure_heads_the_shallowest_answers() -> None:
    rows = {name: np.tile(4 * np.eye(4)[i], (8, SAMPLES, 1)) for i, name in enumerate(HEADS)}
    assert {(t.head, t.answer) for t in decided(network_of(POLICIES["confidence"]), rows, 8)} == {
        (0, 0)
    }
    rows["a"] = np.zeros_like(rows["a"])
    assert {(t.head, t.answer) for t in decided(network_of(POLICIES["confidence"]), rows, 8)} == {
        (1, 1)
    }


def test_where_nobody_is_sure_a_verdict_is_of_the_head_asked_last() -> None:
    network = network_of(scaled(m.Confidence, (2.0, 2.0, 2.0)))
    now = {name: values[0] for name, values in trains(0).items()}
    verdict = Decider(network).begin(SAMPLES).ask(1, now)
    assert not verdict.sure.any()
    assert (verdict.head == 2).all()
    np.testing.assert_array_equal(verdict.answer, now["c"].argmax(axis=-1))


@pytest.mark.parametrize("name", POLICIES)
def test_verdicts_have_the_types_they_promise(name: str) -> None:
    network = network_of(POLICIES[name])
    decider = Decider(network)
    now = {key: values[0].astype(np.float32) for key, values in trains(0).items()}
    asker = decider.begin(SAMPLES)
    stage = 0 if decider.budgets else None
    for verdict in (asker.ask(1, now, stage), asker.final(1, now)):
        kinds = [verdict.sure, verdict.head, verdict.answer, verdict.score]
        assert [a.dtype for a in kinds] == [np.bool_, np.int64, np.int64, np.float64]
        assert {a.shape for a in kinds} == {(SAMPLES,)}


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_left_is_no_error(name: str) -> None:
    decider = Decider(network_of(POLICIES[name]))
    nobody = {key: values[0, :0] for key, values in trains(0).items()}
    asker = decider.begin(0)
    assert asker.ask(1, nobody, 0 if decider.budgets else None).sure.shape == (0,)
    assert asker.final(1, nobody).answer.shape == (0,)


def test_a_run_that_ends_before_a_fixed_step_is_answered_by_its_head_and_not_sure() -> None:
    told = decided(network_of(m.Fixed(head="a", step=5)), trains(0), 3)
    assert {(t.step, t.head, t.sure) for t in told} == {(3, 0, False)}


@pytest.mark.parametrize(
    ("early", "logits", "time", "depth"),
    [(6, 3, (3, 1), (7, 1)), (3, 3, (3, 0), (3, 0)), (99, 99, (10, 1), (14, 1))],
)
def test_the_example_of_both_orders_in_the_documents(
    early: int, logits: int, time: tuple[int, int], depth: tuple[int, int]
) -> None:
    """Steps in which the heads become sure; step and head of the answer in each order."""
    rows = np.arange(1, 17)[:, None, None] >= np.array([early, logits])
    outputs = {name: np.eye(3)[0] * 9.0 * rows[:, :, i, None] for i, name in enumerate(nets.BOTH)}
    for order, wanted_ in ({}, time), ({"order": "depth", "budgets": (4,)}, depth):
        policy = scaled(m.Margin, (1.0, 1.0), nets.BOTH, last_step=10, **order)
        network = replace(nets.spiking(), schedule=m.Synchronous(32), exit=policy)
        (told,) = decided(network, outputs, 32)
        assert (told.step, told.head) == wanted_


def test_order_depth_asks_one_head_at_a_time() -> None:
    decider = Decider(network_of(POLICIES["confidence depth"]))
    now = {name: values[0] for name, values in trains(0).items()}
    with pytest.raises(ValueError, match="one head at a time"):
        decider.begin(SAMPLES).ask(1, now)
    # A stage needs no read-out of the heads behind it: their layers have not run.
    assert decider.begin(SAMPLES).ask(1, {"a": now["a"]}, 0).head.max() == 0


def test_a_network_without_exit_has_no_decider() -> None:
    with pytest.raises(ValueError, match="no exit policy"):
        Decider(nets.spiking())


def test_heads_are_told_by_their_index_in_the_network() -> None:
    policy = scaled(m.Margin, (-1.0,), ("b",))
    assert {t.head for t in decided(network_of(policy), trains(0), 8)} == {1}

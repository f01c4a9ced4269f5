from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.asked import asked, opinions
from snnc.exits.recorded import Recorded
from snnc.ir import model as m
from snnc.ir.decide import Decider
from snnc.ir.verify import verify

STEPS = 7
RULES = (m.Confidence, m.Margin, m.Entropy)


def executed(network: m.Network, recorded: Recorded, sample: int) -> tuple[int, int, int, bool]:
    """Step, head, answer and whether it is sure, of one sample that is run step by step."""
    decider = Decider(network)
    asker = decider.begin(1)
    rest = int(recorded.rest()[sample])
    deadline = decider.deadline(recorded.steps)
    spent = 0

    def outputs(step: int) -> dict[str, Any]:
        return {n: v[step - 1, sample : sample + 1] for n, v in recorded.outputs.items()}

    limits: list[tuple[int | None, int]] = [(None, min(deadline, rest))]
    if decider.budgets:
        ends = [*decider.budgets, min(deadline, rest)]
        limits = list(enumerate(ends))
    for stage, limit in limits:
        for step in range(1, limit + 1):
            verdict = asker.ask(step, outputs(step), stage)
            if verdict.sure[0]:
                return spent + step, int(verdict.head[0]), int(verdict.answer[0]), True
        spent += limit
    end = min(deadline, rest)
    verdict = asker.final(end, outputs(end))
    return spent, int(verdict.head[0]), int(verdict.answer[0]), False


@st.composite
def cases(draw: Any) -> tuple[m.Network, Recorded]:
    """Random policies with thresholds of their own, on random read-outs."""
    heads = draw(st.integers(1, 3))
    kinds = ("confidence", "margin", "entropy", "patience", "fixed", "bayes")
    kind = draw(st.sampled_from((*kinds, "integer_margin", "integer_confidence")))
    gated = draw(st.booleans()) and kind != "bayes"
    seed = draw(st.integers(0, 10**6))
    classes = draw(st.sampled_from((1, 3))) if kind != "bayes" else 3
    if kind == "bayes":
        network = recordings.counting(max(heads, 2), classes, STEPS)
        recorded = recordings.counted(network, 8, seed)
    else:
        network = recordings.network(heads, classes, STEPS, 3 if gated else None)
        recorded = recordings.recorded(network, 8, seed)
    if kind.startswith("integer"):
        network = whole(network)
    policy, arrays = draw(policies(kind, tuple(head.name for head in network.heads)))
    network = replace(network.with_arrays(arrays), exit=policy)
    assert [d for d in verify(network) if d.severity == "error"] == []
    return network, recorded


def whole(network: m.Network) -> m.Network:
    """The network at stage fixed, whose read-outs are in quarters as those that are recorded."""
    weights = {name: network.array(m.Ref(name)).astype(np.int8) for name in network.tensors}
    populations = tuple(replace(p, scale=0.25) for p in network.populations)
    return replace(network, stage="fixed", populations=populations).with_arrays(weights)


@st.composite
def policies(draw: Any, kind: str, names: tuple[str, ...]) -> tuple[m.ExitPolicy, dict[str, Any]]:
    if kind == "fixed":
        head = draw(st.sampled_from(names))
        return m.Fixed(head=head, step=draw(st.integers(1, STEPS))), {}
    first = draw(st.integers(1, 3))
    last = draw(st.one_of(st.none(), st.integers(first, STEPS)))
    if kind == "bayes":
        strength = np.full((len(names) - 1, STEPS), draw(st.floats(0, 3)))
        ref, threshold = m.Ref("strength"), draw(st.floats(0.5, 1.1))
        return m.Bayes(
            heads=names, strength=ref, threshold=threshold, first_step=first, last_step=last
        ), {"strength": strength}
    asked_names = names
    depth = len(names) > 1 and draw(st.booleans())
    if not depth:
        chosen = draw(st.sets(st.sampled_from(names), min_size=1))
        asked_names = tuple(name for name in names if name in chosen)
    size = len(asked_names)
    common: dict[str, Any] = {"heads": asked_names, "first_step": first, "last_step": last}
    if depth:
        budget = st.integers(1, STEPS)
        common |= {"order": "depth", "budgets": tuple(draw(budget) for _ in range(size - 1))}
    if kind == "patience":
        repeats = tuple(draw(st.integers(1, 5)) for _ in range(size))
        return m.Patience(**common, repeats=repeats), {}
    if kind == "integer_margin":
        limits = tuple(draw(st.integers(-1, 12)) for _ in range(size))
        return m.IntegerMargin(**common, limits=limits), {}
    if kind == "integer_confidence":
        limits = tuple(draw(st.integers(0, 300)) for _ in range(size))
        shifts = tuple(draw(st.integers(0, 2)) for _ in range(size))
        table = m.Ref("tables")
        integer = m.IntegerConfidence(**common, shifts=shifts, tables=table, limits=limits)
        return integer, {"tables": np.array([[100, 81, 50, 31, 7, 2, 0]] * size)}
    rule = dict(zip(("confidence", "margin", "entropy"), RULES, strict=True))[kind]
    limit = st.floats(0, 1) if kind != "margin" else st.floats(0, 3)
    return rule(
        **common,
        alpha=draw(st.floats(0.5, 8)),
        temperatures=tuple(draw(st.floats(0.5, 2)) for _ in range(size)),
        thresholds=tuple(draw(limit) for _ in range(size)),
    ), {}


@settings(deadline=None, max_examples=150)
@given(cases())
def test_rows_stop_each_sample_as_stepwise_execution_does(
    case: tuple[m.Network, Recorded],
) -> None:
    network, recorded = case
    rows = asked(network, recorded)
    stops = rows.stops()
    for sample, row in enumerate(stops):
        step, head, answer, sure = executed(network, recorded, sample)
        found = (rows.step[row, sample], rows.head[row], rows.answer[row, sample])
        assert tuple(int(v) for v in found) == (step, head, answer)
        assert (row < len(rows.head) - 1) == sure


@settings(deadline=None, max_examples=80)
@given(cases())
def test_cost_never_falls_from_row_to_row_and_is_the_step_in_order_of_time(
    case: tuple[m.Network, Recorded],
) -> None:
    network, recorded = case
    rows = asked(network, recorded)
    assert (np.diff(rows.cost, axis=0) >= -1e-12).all()
    assert (np.diff(rows.step, axis=0) >= 0).all()
    if getattr(network.exit, "order", "time") == "time":
        np.testing.assert_array_equal(rows.cost, rows.step)
    else:
        assert (rows.cost <= rows.step + 1e-12).all()


def test_a_changed_read_out_changes_a_stop() -> None:
    """Negative control: one read-out more or less is seen by the comparison with execution."""
    network = recordings.network(steps=STEPS)
    policy = m.Margin(heads=("last",), alpha=1.0, temperatures=(1.0,), thresholds=(4.0,))
    network = replace(network, exit=policy)
    recorded = recordings.recorded(network, 8)
    before = asked(network, recorded).stops()
    late = int(before.argmax())
    assert before[late] > 0
    recorded.outputs["last"][0, late, 0] += 1000
    after = asked(network, recorded).stops()
    assert after[late] == 0
    assert (np.delete(after, late) == np.delete(before, late)).all()


def test_opinions_do_not_depend_on_thresholds() -> None:
    network = recordings.network(heads=2)
    recorded = recordings.recorded(network, 12)
    sharp = m.Confidence(
        heads=("b", "last"), alpha=2.0, temperatures=(1.0, 1.5), thresholds=(0.1, 0.2)
    )
    blunt = replace(sharp, thresholds=(1.0, np.inf))
    first = opinions(replace(network, exit=sharp), recorded)
    second = opinions(replace(network, exit=blunt), recorded)
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.answer, second.answer)


def test_a_threshold_above_every_score_answers_as_the_full_run() -> None:
    network = recordings.network(heads=2)
    recorded = recordings.recorded(network, 12)
    policy = m.Confidence(
        heads=("b", "last"), alpha=2.0, temperatures=(1.0, 1.0), thresholds=(1.0, 1.0)
    )
    rows = asked(replace(network, exit=policy), recorded)
    stops = rows.stops()
    assert (stops == len(rows.head) - 1).all()
    expected = recorded.outputs["last"][-1].argmax(axis=1)
    np.testing.assert_array_equal(rows.answer[-1], expected)
    assert (rows.step[-1] == recorded.steps).all()


def test_a_network_without_an_exit_has_nothing_to_ask() -> None:
    network = recordings.network()
    with pytest.raises(ValueError, match="no exit policy"):
        asked(network, recordings.recorded(network, 4))

"""Exit policies in the IR: their text, their differences, and the invariants SN42x."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import policies as nets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import fuzz, random_network

from snnc.ir import exits
from snnc.ir import model as m
from snnc.ir.diff import diff
from snnc.ir.parse import parse
from snnc.ir.print import exit_line, to_text
from snnc.ir.storage import load, save
from snnc.ir.verify import INVARIANTS, verify

POLICIES = [
    nets.CONFIDENCE,
    nets.MARGIN,
    nets.ENTROPY,
    nets.PATIENCE,
    nets.FIXED,
    nets.BAYES,
    nets.DEPTH,
    nets.INTEGER_MARGIN,
    nets.INTEGER_CONFIDENCE,
]
LINES = [
    (
        'exit = confidence(heads=["early", "final"], first_step=1, last_step=none, order=time, '
        "budgets=[], alpha=4.0, temperatures=[1.0, 2.0], thresholds=[0.6, 0.7])"
    ),
    (
        'exit = margin(heads=["early", "final"], first_step=1, last_step=none, order=time, '
        "budgets=[], alpha=4.0, temperatures=[1.0, 2.0], thresholds=[0.5, 0.25])"
    ),
    (
        'exit = entropy(heads=["early", "final"], first_step=1, last_step=none, order=time, '
        "budgets=[], alpha=4.0, temperatures=[1.0, 2.0], thresholds=[0.2, 0.1])"
    ),
    (
        'exit = patience(heads=["early", "final"], first_step=1, last_step=none, order=time, '
        "budgets=[], repeats=[3, 2])"
    ),
    'exit = fixed(head="final", step=5)',
    (
        'exit = bayes(heads=["early", "final"], strength=@strength, threshold=0.75, '
        "dispersion=1.0, first_step=1, last_step=none)"
    ),
    (
        'exit = confidence(heads=["early", "final"], first_step=1, last_step=none, order=depth, '
        "budgets=[4], alpha=4.0, temperatures=[1.0, 2.0], thresholds=[0.6, 0.7])"
    ),
    (
        'exit = integer_margin(heads=["early", "final"], first_step=1, last_step=none, order=time, '
        "budgets=[], limits=[3, 2])"
    ),
    (
        'exit = integer_confidence(heads=["early", "final"], first_step=1, last_step=none, '
        "order=time, budgets=[], shifts=[0, 1], tables=@tables, limits=[150, 140])"
    ),
]


# ---- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "line"), list(zip(POLICIES, LINES, strict=True)))
def test_the_line_of_a_policy_is_this_one_and_stands_behind_the_schedule(
    policy: m.ExitPolicy, line: str
) -> None:
    network = nets.with_exit(policy)
    assert exit_line(policy) == line
    text = to_text(network)
    assert f"  schedule = synchronous(steps=8)\n  {line}\n}}\n" in text
    assert parse(text) == network
    assert parse(text).exit == policy


def test_the_line_in_the_documents_is_canonical() -> None:
    page = Path(__file__).parents[2] / "docs" / "ir.md"
    (line,) = re.findall(r"^  (exit = .*)$", page.read_text("utf-8"), re.MULTILINE)
    network = nets.spiking(heads=("early", "logits"))
    schedule = "schedule = synchronous(steps=8)"
    read = parse(to_text(network).replace(schedule, f"schedule = synchronous(steps=32)\n  {line}"))
    assert read.exit is not None
    assert exit_line(read.exit) == line
    assert verify(replace(read, store=network.store)) == []


def test_every_policy_is_among_the_golden_lines() -> None:
    assert {type(policy) for policy in POLICIES} == set(get_args(m.ExitPolicy))


def test_a_network_without_exit_has_no_line_for_it() -> None:
    assert "exit =" not in to_text(nets.spiking())
    assert parse(to_text(nets.spiking())).exit is None


def test_infinite_thresholds_are_written_and_read() -> None:
    policy = replace(nets.CONFIDENCE, thresholds=(nets.INF, -nets.INF))
    network = nets.with_exit(policy)
    assert "thresholds=[inf, -inf]" in to_text(network)
    assert parse(to_text(network)).exit == policy


def test_tables_of_an_exit_are_stored_with_the_weights(tmp_path: Any) -> None:
    policy = replace(nets.BAYES, dispersion=m.Ref("phi"))
    network = nets.bayesian(policy, phi=np.linspace(0.5, 1, nets.STEPS))
    save(network, tmp_path / "net.snn")
    again = load(tmp_path / "net.snn")
    assert again == network
    np.testing.assert_array_equal(again.array(m.Ref("phi")), np.linspace(0.5, 1, nets.STEPS))


def test_tables_of_an_exit_stay_when_populations_change() -> None:
    network = nets.bayesian()
    assert "strength" in network.with_populations(network.populations).tensors
    without = replace(network, exit=None)
    assert "strength" not in without.with_populations(without.populations).tensors


# ---- differences -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, nets.FIXED, ['~ exit: none -> fixed(head="final", step=5)']),
        (nets.FIXED, None, ['~ exit: fixed(head="final", step=5) -> none']),
        (nets.FIXED, replace(nets.FIXED, step=6), ["~ exit fixed.step: 5 -> 6"]),
        (
            nets.CONFIDENCE,
            replace(nets.CONFIDENCE, thresholds=(0.6, 0.8), last_step=4),
            [
                "~ exit confidence.last_step: none -> 4",
                "~ exit confidence.thresholds: [0.6, 0.7] -> [0.6, 0.8]",
            ],
        ),
        (nets.CONFIDENCE, nets.CONFIDENCE, []),
    ],
)
def test_a_change_of_the_exit_is_told_by_its_fields(
    before: m.ExitPolicy | None, after: m.ExitPolicy | None, lines: list[str]
) -> None:
    assert diff(nets.with_exit(before), nets.with_exit(after)).lines() == lines


def test_another_strength_is_a_difference_of_tensors() -> None:
    other = nets.bayesian(strength=np.full((1, nets.STEPS), 3.0))
    found = diff(nets.bayesian(), other)
    assert found.lines() == ["~ tensor @strength: f64[1,8], largest difference 2"]


# ---- what a policy says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "asked", "deadline", "budgets"),
    [
        (nets.CONFIDENCE, ("early", "final"), 8, ()),
        (replace(nets.CONFIDENCE, last_step=6), ("early", "final"), 6, ()),
        (nets.DEPTH, ("early", "final"), 8, (4,)),
        (nets.FIXED, ("final",), 5, ()),
        (replace(nets.BAYES, last_step=3), ("early", "final"), 3, ()),
    ],
)
def test_heads_deadline_and_budgets_of_a_policy(
    policy: m.ExitPolicy, asked: tuple[str, ...], deadline: int, budgets: tuple[int, ...]
) -> None:
    assert exits.asked_heads(policy) == asked
    assert exits.deadline(policy, 8) == deadline
    assert exits.budgets(policy) == budgets


def test_a_shorter_run_ends_at_its_own_last_step() -> None:
    assert [exits.deadline(policy, 2) for policy in POLICIES] == [2] * len(POLICIES)


# ---- invariants --------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
def test_the_policies_of_these_tests_have_no_findings(policy: m.ExitPolicy) -> None:
    assert verify(nets.with_exit(policy)) == []


@pytest.mark.parametrize("index", range(len(nets.BREAKAGES)))
def test_a_broken_policy_is_found_by_its_code_and_said_in_words(index: int) -> None:
    breakage, code, words = nets.BREAKAGES[index]
    found = [d for d in verify(breakage(nets.spiking())) if d.code == code]
    assert any(words in d.message for d in found), found
    assert {d.where for d in found} == {"exit"}


def test_every_invariant_of_exits_has_a_breakage() -> None:
    codes = {i.code for i in INVARIANTS if i.code.startswith("SN42")}
    assert codes == {code for _, code, _ in nets.BREAKAGES}


@pytest.mark.parametrize(
    "network",
    [
        nets.with_exit(replace(nets.CONFIDENCE, thresholds=(nets.INF, 2.0))),
        nets.with_exit(replace(nets.BAYES, dispersion=0.0)),
        nets.bayesian(strength=np.zeros((1, nets.STEPS))),
        nets.with_exit(replace(nets.PATIENCE, repeats=(1, 100))),
        nets.with_exit(m.Fixed(head="early", step=nets.STEPS)),
        nets.with_exit(
            m.Entropy(heads=("early",), alpha=1.0, temperatures=(1.0,), thresholds=(0.5,))
        ),
        replace(nets.with_exit(nets.CONFIDENCE), schedule=m.Gated(nets.STEPS, 4)),
        nets.whole(nets.CONFIDENCE),
        nets.whole(nets.PATIENCE),
        nets.with_exit(replace(nets.INTEGER_MARGIN, limits=(-1, 2**53))),
        nets.with_exit(replace(nets.INTEGER_CONFIDENCE, limits=(0, 2**53), shifts=(62, 0))),
        nets.with_exit(replace(nets.INTEGER_CONFIDENCE, order="depth", budgets=(4,))),
        nets.whole(tables=np.array([[1, 0], [2**31 - 1, 0]])),
    ],
)
def test_policies_at_the_ends_of_their_ranges_are_valid(network: m.Network) -> None:
    assert verify(network) == []


def test_a_head_of_one_value_and_one_of_two_tell_the_same_classes_apart() -> None:
    network = nets.spiking(classes=2)
    single = nets.spiking(classes=1)
    mixed = replace(
        network,
        populations=(*network.populations[:2], single.populations[2]),
        exit=nets.CONFIDENCE,
    ).with_arrays({"final.w": np.ones((1, 4), np.float32)})
    assert verify(mixed) == []


def test_the_scale_of_what_an_integer_policy_does_not_read_may_differ_between_classes() -> None:
    """Of a head that is not asked, and of potentials that no scale acts on."""
    scale = np.array([1.0, 1.0, 2.0], np.float32)
    network = nets.whole(m.IntegerMargin(heads=("final",), limits=(3,)), scale=scale)
    early = replace(network.populations[1], scale=m.Ref("scale"))
    populations = (network.populations[0], early, network.populations[2])
    assert verify(replace(network, populations=populations)) == []
    both = replace(network, populations=populations, exit=nets.INTEGER_MARGIN)
    assert {d.code for d in verify(both)} == {"SN428"}
    membranes = tuple(replace(head, readout=m.Membrane()) for head in network.heads)
    assert verify(replace(both, heads=membranes)) == []


def test_an_unknown_head_comes_with_the_nearest_name() -> None:
    (found,) = verify(nets.with_exit(replace(nets.CONFIDENCE, heads=("early", "fnal"))))
    assert found.help == 'did you mean "final"?'


def test_a_missing_table_is_found_once() -> None:
    network = replace(nets.spiking(), exit=nets.BAYES)
    (found,) = verify(network)
    assert (found.code, found.where) == ("SN302", "exit")
    assert "@strength" in found.message


def test_a_table_of_numbers_that_are_none_is_found() -> None:
    strength = np.ones((1, nets.STEPS))
    strength[0, 2] = np.nan
    assert "SN306" in {d.code for d in verify(nets.bayesian(strength=strength))}


@pytest.mark.parametrize("junk", [3, "text", (), (None,), object(), nets.NAN, m.Ref("x"), None])
def test_junk_in_any_field_of_a_policy_is_a_finding_and_no_crash(junk: Any) -> None:
    if junk is not None:
        assert verify(replace(nets.spiking(), exit=junk))
    for policy in POLICIES:
        for field in type(policy).__dataclass_fields__:
            network = nets.with_exit(policy)
            broken = replace(network, exit=replace(policy, **{field: junk}))
            fits = junk == getattr(policy, field) or (field, junk) in [("last_step", None)]
            valid = fits or (field, junk) in [("step", 3), ("first_step", 3), ("last_step", 3)]
            also = (field, junk) in [("alpha", 3), ("threshold", 3), ("dispersion", 3)]
            assert (verify(broken) == []) == (valid or also), (policy, field, junk)


# ---- random networks ---------------------------------------------------------------------------


def test_random_networks_have_every_policy_order_and_read_out() -> None:
    kinds: Counter[object] = Counter()
    for seed in range(400):
        network = random_network(seed, "fixed" if seed % 4 == 3 else "snn", odd=True)
        policy = network.exit
        kinds[type(policy)] += 1
        kinds[getattr(policy, "order", None)] += 1
        kinds["internal"] += policy is not None and network.heads[-1].name not in exits.asked_heads(
            policy
        )
        kinds["table"] += isinstance(getattr(policy, "dispersion", None), m.Ref)
        kinds.update({type(head.readout) for head in network.heads})
    wanted = {*get_args(m.ExitPolicy), type(None), "time", "depth", "internal", "table"}
    wanted |= {m.SpikeCount, m.FirstSpike, m.Membrane}
    assert {kind for kind in wanted if kinds[kind] < 3} == set()


@fuzz(60)
@given(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=4),
    st.floats(min_value=1e-300, allow_infinity=False),
    st.none() | st.integers(1, 10**17),
)
def test_any_numbers_of_a_policy_round_trip(
    thresholds: list[float], alpha: float, last: int | None
) -> None:
    policy = m.Margin(
        heads=tuple(f"h{i}" for i in range(len(thresholds))),
        alpha=alpha,
        temperatures=(1.0,) * len(thresholds),
        thresholds=tuple(thresholds),
        last_step=last,
    )
    network = nets.with_exit(policy)
    assert parse(to_text(network)) == network

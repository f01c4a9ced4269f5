"""Exit policies in whole numbers: what becomes of a policy, how near it stays, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import policies as nets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pass_tools import run_specs
from strategies import fuzz

from snnc.diagnostics import InputError
from snnc.ir import model as m
from snnc.ir.answers import class_values
from snnc.ir.decide import Decider
from snnc.ir.exits import NEVER
from snnc.ir.scores import lead
from snnc.ir.verify import verify
from snnc.passes.base import Context
from snnc.passes.integer_exit import (
    ONE,
    IntegerExit,
    lead_limit,
    probability_error,
    shift_of,
    sum_limit,
    tables_of,
)

UNITS = (1.0, 0.5, 0.1, 1 / 3, 2.0**-12, 7.0)


def network_of(policy: m.ExitPolicy, unit: float = 0.5, classes: int = 3) -> m.Network:
    """Two heads at stage fixed that count spikes, a spike worth `unit`."""
    network = nets.fixed(nets.spiking(classes))
    populations = tuple(replace(p, scale=unit) for p in network.populations)
    return replace(network, populations=populations, exit=policy)


def converted(network: m.Network, **options: Any) -> tuple[m.Network, list[str]]:
    context = Context()
    after = IntegerExit(**options).run(network, context)
    assert [d for d in verify(after) if d.severity == "error"] == []
    return after, context.notes


# ---- what becomes of a policy -------------------------------------------------------------------


def test_a_margin_is_a_lead_in_units_of_the_read_out() -> None:
    policy = replace(nets.MARGIN, first_step=2, last_step=6)
    after, notes = converted(network_of(policy))
    # alpha 4, temperatures 1 and 2, a unit of 0.5: 8 and 16 units; thresholds 0.5 and 0.25.
    assert after.exit == m.IntegerMargin(heads=nets.BOTH, first_step=2, last_step=6, limits=(4, 4))
    assert notes == []


def test_confidence_gets_a_table_of_exponentials_for_each_head() -> None:
    after, notes = converted(network_of(replace(nets.CONFIDENCE, first_step=3)))
    policy = after.exit
    assert isinstance(policy, m.IntegerConfidence)
    assert (policy.heads, policy.first_step, policy.last_step) == (nets.BOTH, 3, None)
    assert policy.shifts == (0, 0)
    # The sum is below 65536 / 0.6 = 109226.67 and below 65536 / 0.7 = 93622.86.
    assert policy.limits == (109227, 93623)
    tables = after.array(policy.tables)
    for row, divisor in zip(tables, (8, 16), strict=True):
        wanted = [round(65536 * math.exp(-k / divisor)) for k in range(tables.shape[1])]
        assert row.tolist() == wanted
    assert tables[:, -1].tolist() == [0, 0]
    assert tables[1, -2] > 0
    (note,) = notes
    assert note.startswith(f"integer-exit: tables of {tables.shape[1]} entries; probabilities are")
    assert float(note.rpartition(" ")[2]) == pytest.approx(2 / 2**17, rel=0.1)


@pytest.mark.parametrize("policy", [nets.PATIENCE, nets.FIXED, nets.INTEGER_MARGIN])
def test_policies_that_compare_no_read_outs_stay(policy: m.ExitPolicy) -> None:
    network = network_of(policy)
    assert converted(network) == (network, [])


def test_without_an_exit_there_is_nothing_to_do_and_a_note() -> None:
    network = network_of(nets.FIXED)
    after, notes = converted(replace(network, exit=None))
    assert after.exit is None
    assert notes == ["integer-exit: the network has no exit policy"]


def test_a_second_run_changes_nothing() -> None:
    once, _ = converted(network_of(nets.CONFIDENCE))
    assert converted(once)[0] == once


def test_the_pass_is_known_by_name_with_its_option() -> None:
    network = network_of(nets.CONFIDENCE)
    after = run_specs(network, "integer-exit{entries=32}", Context())
    assert isinstance(after.exit, m.IntegerConfidence)
    assert after.passes == ("integer-exit{entries=32}",)
    assert after.exit.shifts == (2, 3)
    assert after.array(after.exit.tables).shape[1] <= 32


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (nets.ENTROPY, "entropy has no integer form"),
        (nets.DEPTH, "order=depth"),
        (replace(nets.PATIENCE, order="depth", budgets=(3,)), "order=depth"),
    ],
)
def test_policies_without_an_integer_form_are_refused(policy: m.ExitPolicy, words: str) -> None:
    with pytest.raises(InputError, match=f"SN747.*{words}"):
        converted(network_of(policy))


def test_bayes_is_refused() -> None:
    network = nets.fixed(nets.spiking()).with_arrays({"strength": np.ones((1, nets.STEPS))})
    with pytest.raises(InputError, match=r"SN747.*bayes has no integer form"):
        converted(replace(network, exit=nets.BAYES))


@pytest.mark.parametrize("policy", [nets.MARGIN, nets.CONFIDENCE])
@pytest.mark.parametrize("scale", [[1.0, 1.0, 2.0], [-1.0, -1.0, -1.0]])
def test_heads_that_count_classes_differently_are_refused(policy: Any, scale: Any) -> None:
    network = network_of(policy).with_arrays({"scale": np.array(scale, np.float32)})
    for index in (1, 2):
        populations = list(network.populations)
        populations[index] = replace(populations[index], scale=m.Ref("scale"))
        with pytest.raises(InputError, match=r"SN749.*one unit of different classes differently"):
            converted(replace(network, populations=tuple(populations)))


@pytest.mark.parametrize("entries", [1, 2**16 + 1])
def test_tables_have_a_size(entries: int) -> None:
    with pytest.raises(InputError, match=r"SN721.*entries"):
        converted(network_of(nets.CONFIDENCE), entries=entries)


def test_an_alpha_beyond_all_read_outs_is_refused() -> None:
    with pytest.raises(InputError, match=r"(?s)SN721.*smaller alpha"):
        converted(network_of(replace(nets.CONFIDENCE, alpha=1e300)))


def test_networks_that_still_compute_in_floating_point_are_refused() -> None:
    with pytest.raises(InputError, match=r"SN710.*stage fixed"):
        run_specs(nets.with_exit(nets.CONFIDENCE), "integer-exit", Context())


# ---- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "limit"),
    [(math.inf, NEVER), (-math.inf, -1), (-0.1, -1), (0.0, 0), (0.5, 4), (0.49, 3), (1e300, NEVER)],
)
def test_limits_of_leads(threshold: float, limit: int) -> None:
    assert lead_limit(threshold, Fraction(8)) == limit


@pytest.mark.parametrize(
    ("threshold", "limit"),
    [
        (math.inf, 0),
        (1.0, 0),
        (0.5, 2 * ONE),
        (0.75, 87382),
        (0.0, 4 * ONE + 1),
        (-math.inf, 4 * ONE + 1),
        (1e-300, 4 * ONE + 1),
    ],
)
def test_limits_of_sums(threshold: float, limit: int) -> None:
    assert sum_limit(threshold, 4) == limit


@fuzz(200)
@given(st.floats(0.01, 1.2), st.integers(ONE, 10 * ONE))
def test_a_sum_is_below_its_limit_where_the_probability_is_above_the_threshold(
    threshold: float, total: int
) -> None:
    """In exact arithmetic; equality is not above."""
    assert (total < sum_limit(threshold, 10)) == (Fraction(ONE, total) > Fraction(threshold))


def test_equality_is_not_above() -> None:
    total = np.array([2 * ONE, 2 * ONE - 1])
    assert (total < sum_limit(0.5, 4)).tolist() == [False, True]


@fuzz(60)
@given(st.floats(0.3, 1e9), st.sampled_from((2, 16, 1024)))
def test_the_shift_is_the_smallest_that_lets_a_table_end_in_nothing(
    divisor: float, entries: int
) -> None:
    exact = Fraction(divisor)
    shift = shift_of(exact, entries)
    assert ONE * math.exp(-((entries - 1) << shift) / divisor) < 0.5
    if shift:
        assert ONE * math.exp(-((entries - 1) << (shift - 1)) / divisor) >= 0.5
    row = tables_of([exact], [shift], entries)[0]
    assert len(row) <= entries
    assert (row[0], row[-1]) == (ONE, 0)
    assert (np.diff(row) <= 0).all()


# ---- against the policy in floating point -------------------------------------------------------


def verdicts(network: m.Network, whole: Any) -> Any:
    """What a policy says of whole read-outs (n, K) of both heads."""
    unit = network.populations[1].scale
    outputs = {name: values * unit for name, values in whole.items()}
    return Decider(network).begin(len(whole["early"])).ask(1, outputs)


def read_outs(rng: np.random.Generator, classes: int, spread: float, count: int = 400) -> Any:
    shape = (count, classes)
    return {name: np.rint(rng.normal(0, spread, shape)).astype(np.int64) for name in nets.BOTH}


@fuzz(80)
@given(
    seed=st.integers(0, 10**6),
    unit=st.sampled_from(UNITS),
    classes=st.sampled_from((1, 2, 3, 10)),
    thresholds=st.tuples(st.floats(-0.1, 4), st.floats(-0.1, 4)),
    alpha=st.floats(0.5, 300),
)
def test_the_integer_margin_gives_the_verdicts_of_the_margin(
    seed: int, unit: float, classes: int, thresholds: Any, alpha: float
) -> None:
    """All of them, but where a lead equals the threshold up to the rounding of float64."""
    policy = replace(nets.MARGIN, alpha=alpha, thresholds=thresholds)
    before = network_of(policy, unit, classes)
    after, _ = converted(before)
    whole = read_outs(np.random.default_rng(seed), classes, alpha / unit)
    floats, integers = verdicts(before, whole), verdicts(after, whole)
    leads = [
        lead(class_values(head, whole[head.name])) * unit / (alpha * temperature) - threshold
        for head, temperature, threshold in zip(
            before.heads, policy.temperatures, thresholds, strict=True
        )
    ]
    clear = np.abs(leads).min(axis=0) > 1e-9
    for field in ("sure", "head", "answer"):
        found = [getattr(verdict, field)[clear] for verdict in (floats, integers)]
        np.testing.assert_array_equal(*found)


def test_a_limit_one_lower_gives_other_verdicts() -> None:
    """Negative control of the comparison with the margin."""
    before = network_of(replace(nets.MARGIN, alpha=20.0))
    after, _ = converted(before)
    assert isinstance(after.exit, m.IntegerMargin)
    lower = tuple(limit - 1 for limit in after.exit.limits)
    off = replace(after, exit=replace(after.exit, limits=lower))
    whole = read_outs(np.random.default_rng(0), 3, 40.0)
    assert (verdicts(before, whole).sure == verdicts(after, whole).sure).all()
    assert (verdicts(before, whole).sure != verdicts(off, whole).sure).any()


def exact_probability(whole: Any, divisor: float) -> Any:
    values = whole if whole.shape[1] > 1 else np.concatenate([0 * whole, whole], axis=1)
    return 1 / np.exp((values - values.max(axis=1, keepdims=True)) / divisor).sum(axis=1)


@fuzz(120)
@given(
    seed=st.integers(0, 10**6),
    unit=st.sampled_from(UNITS),
    classes=st.sampled_from((1, 2, 3, 10)),
    threshold=st.floats(0.2, 0.99),
    alpha=st.floats(0.5, 3000),
    entries=st.sampled_from((8, 64, 1024)),
)
def test_integer_confidence_differs_only_where_the_table_cannot_tell(
    seed: int, unit: float, classes: int, threshold: float, alpha: float, entries: int
) -> None:
    """The stated error holds for every probability, and bounds where verdicts differ."""
    heads: dict[str, Any] = {"heads": ("final",), "temperatures": (1.0,)}
    policy = m.Confidence(alpha=alpha, thresholds=(threshold,), **heads)
    before = network_of(policy, unit, classes)
    after, _ = converted(before, entries=entries)
    assert isinstance(after.exit, m.IntegerConfidence)
    whole = read_outs(np.random.default_rng(seed), classes, 1.5 * alpha / unit)
    floats, integers = verdicts(before, whole), verdicts(after, whole)
    np.testing.assert_array_equal(floats.answer, integers.answer)
    divisor = Fraction(alpha) / Fraction(unit)
    error = probability_error(divisor, after.exit.shifts[0], max(classes, 2)) + 1e-9
    probability = exact_probability(whole["final"], float(divisor))
    assert (np.abs(integers.score - probability) <= error).all()
    differs = floats.sure != integers.sure
    assert (np.abs(probability - threshold)[differs] <= error).all()


def test_a_coarse_table_differs_more_than_a_fine_one_states() -> None:
    """Negative control: the stated error of a fine table does not hold for a coarse one."""
    policy = m.Confidence(heads=("final",), alpha=500.0, temperatures=(1.0,), thresholds=(0.6,))
    before = network_of(policy, classes=10)
    whole = read_outs(np.random.default_rng(1), 10, 1500.0)
    probability = exact_probability(whole["final"], 1000.0)
    fine = probability_error(Fraction(1000), shift_of(Fraction(1000), 2**14), 10)
    for entries, wrong in ((2**14, False), (64, True)):
        found = verdicts(converted(before, entries=entries)[0], whole)
        assert (np.abs(found.score - probability).max() > fine + 1e-9) == wrong


def test_the_stated_error_is_nearly_reached() -> None:
    """It is a bound, and no loose one: two classes, with differences just below the next entry."""
    divisor, shift = Fraction(1000), 5
    row = tables_of([divisor], [shift], 1024)[0]
    differences = np.arange(1, 12000)
    told = row[0] / (row[0] + row[np.minimum(differences >> shift, len(row) - 1)])
    exact = 1 / (1 + np.exp(-differences / 1000))
    largest = np.abs(told - exact).max()
    bound = probability_error(divisor, shift, 2)
    assert 0.95 * bound < largest <= bound

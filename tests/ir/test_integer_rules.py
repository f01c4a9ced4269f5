"""Integer exit policies against loops over whole numbers, and against the policies they replace."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import policies as nets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_exits import judged_whole
from strategies import fuzz

from snnc.ir import model as m
from snnc.ir.decide import Decider
from snnc.ir.exits import NEVER
from snnc.ir.integer_rules import table_sum
from snnc.ir.verify import verify

HEADS = ("a", "b", "c")
UNITS = (1.0, 0.5, 0.1, 1 / 3, 7.25, 1e-7, 1e6)
SAMPLES = 6


def network_of(
    policy: m.IntegerMargin | m.IntegerConfidence,
    classes: int,
    unit: float,
    host: tuple[str, ...] = (),
    tables: Any = None,
) -> m.Network:
    """Heads that count spikes, a spike worth `unit`."""
    network = nets.fixed(nets.spiking(classes, HEADS))
    populations = tuple(replace(p, scale=unit) for p in network.populations)
    heads = tuple(replace(head, readout=m.SpikeCount(host)) for head in network.heads)
    network = replace(network, populations=populations, heads=heads, exit=policy)
    if tables is not None:
        network = network.with_arrays({"tables": np.array(tables, np.int64)})
    assert verify(network) == []
    return network


def rows(draw: Any, heads: int) -> list[list[int]]:
    """Tables that fall to 0."""
    length = draw(st.integers(2, 7))
    entries = st.lists(st.integers(0, 2**20), min_size=length - 2, max_size=length - 2)
    found = [sorted(draw(entries), reverse=True) for _ in range(heads)]
    return [[max([*row, 1]) + draw(st.integers(0, 9)), *row, 0] for row in found]


@st.composite
def cases(draw: Any) -> tuple[m.Network, dict[str, Any]]:
    """A network with an integer policy of either kind, and whole read-outs, often equal ones."""
    chosen = draw(st.sets(st.sampled_from(HEADS), min_size=1))
    heads = tuple(name for name in HEADS if name in chosen)
    classes, unit = draw(st.sampled_from((1, 2, 3, 10))), draw(st.sampled_from(UNITS))
    host = draw(st.sampled_from(((), ("Relu",), ("Softmax",))))
    largest = draw(st.sampled_from((3, 40, 2**23, 2**40)))
    policy: m.IntegerMargin | m.IntegerConfidence
    tables = None
    if draw(st.booleans()):
        limit = st.integers(-1, 2 * largest) | st.sampled_from((-1, 0, 1, NEVER))
        policy = m.IntegerMargin(heads=heads, limits=tuple(draw(limit) for _ in heads))
    else:
        tables = rows(draw, len(heads))
        limits = tuple(draw(st.integers(0, 3 * row[0])) for row in tables)
        shifts = tuple(draw(st.integers(0, largest.bit_length())) for _ in heads)
        policy = m.IntegerConfidence(
            heads=heads, shifts=shifts, tables=m.Ref("tables"), limits=limits
        )
    values = st.integers(-largest, largest)
    shape = SAMPLES * classes
    whole = {
        name: np.reshape(draw(st.lists(values, min_size=shape, max_size=shape)), (SAMPLES, classes))
        for name in HEADS
    }
    return network_of(policy, classes, unit, host, tables), whole


def classes_of(network: m.Network, row: Any) -> list[int]:
    """One whole number per class, of one sample's whole read-out."""
    values = [int(v) for v in row]
    if network.heads[0].readout.host[:1] == ("Relu",):
        values = [max(v, 0) for v in values]
    return values if len(values) > 1 else [0, values[0]]


@fuzz(120)
@given(cases())
def test_a_verdict_is_that_of_a_loop_over_whole_numbers(case: Any) -> None:
    """Steps of a first sure head, ties, heads of one neuron and a ReLU of the host included."""
    network, whole = case
    policy = network.exit
    outputs = {
        name: values * network.population(f"{name}_").scale for name, values in whole.items()
    }
    found = Decider(network).begin(SAMPLES).ask(1, outputs)
    for i in range(SAMPLES):
        wanted = None
        for index, name in enumerate(policy.heads):
            values = classes_of(network, whole[name][i])
            score, sure = judged_whole(network, policy, index, values)
            wanted = (sure, HEADS.index(name), values.index(max(values)), score)
            if sure:
                break
        told = (found.sure[i], found.head[i], found.answer[i], found.score[i])
        assert told == wanted


@fuzz(60)
@given(cases())
def test_one_more_unit_changes_the_score(case: Any) -> None:
    """Negative control: read-outs off by one unit are not taken for the same."""
    network, whole = case
    name = network.exit.heads[-1]
    policy = m.IntegerMargin(heads=(name,), limits=(0,))
    network = replace(network, exit=policy)
    unit = network.population(f"{name}_").scale
    now = np.abs(whole[name]) + 1
    more = now.copy()
    more[np.arange(SAMPLES), now.argmax(axis=1)] += 1
    scores = [
        Decider(network).begin(SAMPLES).ask(1, {name: values * unit}).score
        for values in (now, more)
    ]
    np.testing.assert_array_equal(scores[1], scores[0] + 1)


@fuzz(100)
@given(cases())
def test_a_head_is_sure_where_its_score_exceeds_the_limit_of_scores(case: Any) -> None:
    """What the scan over thresholds relies on."""
    network, whole = case
    decider = Decider(network)
    for index, name in enumerate(network.exit.heads):
        outputs = {name: whole[name] * network.population(f"{name}_").scale}
        values = decider.values(index, outputs)
        scores, sure = decider.judge(index, values, np.zeros(SAMPLES))
        np.testing.assert_array_equal(scores > decider.limits()[index], sure)


def test_limits_of_scores_are_probabilities_and_leads() -> None:
    margin = network_of(m.IntegerMargin(heads=HEADS, limits=(-1, 7, NEVER)), 3, 0.5)
    assert Decider(margin).limits() == (-1.0, 7.0, math.inf)
    policy = m.IntegerConfidence(
        heads=HEADS, shifts=(0, 0, 0), tables=m.Ref("tables"), limits=(0, 100, 160)
    )
    found = Decider(network_of(policy, 3, 0.5, (), [[80, 0]] * 3)).limits()
    assert found == (math.inf, 0.8, 0.5)


@pytest.mark.parametrize(
    ("difference", "shift", "weight"),
    [(0, 0, 8), (1, 0, 4), (2, 0, 1), (3, 0, 0), (99, 0, 0), (3, 1, 4), (5, 1, 1), (2**62, 62, 4)],
)
def test_the_column_of_a_difference(difference: int, shift: int, weight: int) -> None:
    values = np.array([difference, 0]) - 17
    assert table_sum(values, shift, np.array([8, 4, 1, 0])) == 8 + weight


def test_integrators_and_potentials_are_read_in_their_own_units() -> None:
    """An integrator's potential is scaled by what it counts as, a neuron's is not."""
    network = nets.fixed(nets.spiking(3, ("a",)))
    head = (m.Head("a", "a_", m.Membrane()),)
    policy = m.IntegerMargin(heads=("a",), limits=(4,))
    for neuron, unit in ((m.Integrator(), 0.25), (m.IF(), 1.0)):
        last = replace(network.populations[1], neuron=neuron, scale=0.25)
        made = replace(network, populations=(network.populations[0], last), heads=head, exit=policy)
        assert verify(made) == []
        outputs = {"a": np.array([[9, 4, -2], [9, 5, -2]]) * unit}
        verdict = Decider(made).begin(2).ask(1, outputs)
        assert verdict.score.tolist() == [5.0, 4.0]
        assert verdict.sure.tolist() == [True, False]

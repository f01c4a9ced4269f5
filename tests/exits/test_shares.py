from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.exits.shares import shares
from snnc.ir import model as m

# Multiply-accumulates of the recorded networks: 16 of a hidden layer, 12 of a head of 3 classes.
LAYERS = {
    "a-hidden": (16, (0, 1, 2)),
    "a-out": (12, (0,)),
    "b-hidden": (16, (1, 2)),
    "b-out": (12, (1,)),
    "last-hidden": (16, (2,)),
    "last-out": (12, (2,)),
}
WHOLE = sum(macs for macs, _ in LAYERS.values())


def run_layers(stage: int, step: int, budgets: tuple[int, ...]) -> float:
    """The cost by definition: every step of every layer that ran, once."""
    ran: set[tuple[str, int]] = set()
    for index, limit in enumerate((*budgets[:stage], step)):
        for name, (_, users) in LAYERS.items():
            if index in users:
                ran |= {(name, t) for t in range(1, limit + 1)}
    return sum(LAYERS[name][0] for name, _ in ran) / WHOLE


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2), st.integers(1, 9), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_each_step_of_each_layer_is_paid_once(
    stage: int, step: int, budgets: tuple[int, int]
) -> None:
    network = recordings.network(heads=3)
    found = shares(network, (0, 1, 2)).cost(stage, np.array([step]), budgets)
    assert found.tolist() == [pytest.approx(run_layers(stage, step, budgets), abs=1e-12)]


def test_shares_of_all_heads_add_up_to_the_network() -> None:
    found = shares(recordings.network(heads=3), (0, 1, 2))
    assert sum(share for _, share in found.groups) == pytest.approx(1.0)
    assert [heads for heads, _ in found.groups] == [(0,), (0, 1, 2), (1,), (1, 2), (2,)]


def test_heads_that_are_not_asked_cost_nothing() -> None:
    found = shares(recordings.network(heads=3), (0, 2))
    assert sum(share for _, share in found.groups) == pytest.approx((WHOLE - 12) / WHOLE)


def test_a_network_without_multiplications_counts_populations() -> None:
    whole = recordings.network(heads=2)
    bare: list[Any] = []
    for population in whole.populations:
        incoming = tuple(replace(i, ops=()) for i in population.incoming)
        bare.append(replace(population, shape=(4,), incoming=incoming))
    found = shares(replace(whole, populations=tuple(bare)), (0, 1))
    assert dict(found.groups) == pytest.approx({(0,): 0.25, (0, 1): 0.25, (1,): 0.5})


def test_layers_in_a_loop_are_found_once() -> None:
    whole = recordings.network(heads=1)
    first, *rest = whole.populations
    loop = replace(first, incoming=(*first.incoming, m.Incoming("last-out", (), delay=1)))
    network = replace(whole, populations=(loop, *rest))
    assert shares(network, (0,)).groups == (((0,), pytest.approx(1.0)),)

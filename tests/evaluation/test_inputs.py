"""How many samples run together, and what the ANN is given."""

from __future__ import annotations

from dataclasses import replace

import nets
import numpy as np
import pytest

from snnc.evaluation.inputs import BATCH, affordable_batch, mean_input, neurons_of, sample_count
from snnc.ir import model as m


def network(size: int, coding: m.Coding | None = None) -> m.Network:
    builder = nets.Builder(seed=1, shape=(2, 3, 3))
    dense = builder.dense("fc", 4, 18)
    builder.add("fc", (4,), m.Identity(), ("image", (m.Flatten(), dense)))
    plain = builder.network("fc")
    inputs = tuple(replace(i, coding=coding or m.Direct()) for i in plain.inputs)
    populations = tuple(replace(p, shape=(size,)) for p in plain.populations)
    return replace(plain, inputs=inputs, populations=populations)


@pytest.mark.parametrize(("size", "batch"), [(10, BATCH), (1 << 20, 32), (1 << 30, 1)])
def test_a_large_network_runs_fewer_samples_together(size: int, batch: int) -> None:
    assert neurons_of(network(size)) == size
    assert affordable_batch(network(size)) == batch


def test_no_more_samples_than_wanted() -> None:
    assert affordable_batch(network(10), 7) == 7


def test_the_ann_is_given_samples_as_they_are_and_the_mean_of_events() -> None:
    x = np.random.default_rng(0).random((6, 5, 2, 3, 3), dtype=np.float32)
    assert sample_count(network(4), x[0]) == 5
    assert mean_input(network(4), x[0]) is not None
    np.testing.assert_array_equal(mean_input(network(4), x[0]), x[0])
    events = network(4, m.Events())
    assert sample_count(events, x) == 5
    np.testing.assert_allclose(mean_input(events, x), x.mean(axis=0))

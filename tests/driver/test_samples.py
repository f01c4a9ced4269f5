"""Data as callers pass it: samples or events, by the coding of the network's input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nets
import numpy as np
import pytest

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import InputError, UsageError
from snnc.driver.samples import ArraySamples, EventSamples, open_inputs
from snnc.ir import model as m

NONE = Preprocessing()
EVENTS = np.random.default_rng(0).integers(-1, 2, (6, 5, 2, 3, 3)).astype(np.int8)


def network(coding: m.Coding) -> m.Network:
    builder = nets.Builder(seed=1, shape=(2, 3, 3))
    dense = builder.dense("fc", 4, 18)
    builder.add("fc", (4,), m.Identity(), ("image", (m.Flatten(), dense)))
    plain = builder.network("fc")
    inputs = tuple(replace(i, coding=coding) for i in plain.inputs)
    return replace(plain, inputs=inputs, schedule=m.Synchronous(6))


def test_a_direct_input_takes_samples() -> None:
    x = np.ones((5, 2, 3, 3), np.float32)
    assert isinstance(open_inputs(network(m.Direct()), x, NONE), ArraySamples)


def test_events_are_cut_by_sample_and_keep_their_time_axis() -> None:
    data = open_inputs(network(m.Events()), (EVENTS, np.arange(5) % 4), NONE)
    assert isinstance(data, EventSamples)
    assert (len(data), data.steps, data.notes) == (5, 6, ())
    batches = list(data.batches(3))
    assert [x.shape for x, _ in batches] == [(6, 3, 2, 3, 3), (6, 2, 2, 3, 3)]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches], axis=1), EVENTS)
    assert [y.tolist() for _, y in batches if y is not None] == [[0, 1, 2], [3, 0]]


def test_steps_choose_the_first_events() -> None:
    data = open_inputs(network(m.Events()), EVENTS, NONE, steps=4)
    np.testing.assert_array_equal(next(data.batches(5))[0], EVENTS[:4])
    with pytest.raises(UsageError, match="SN942"):
        open_inputs(network(m.Events()), EVENTS, NONE, steps=7)


def test_what_does_not_apply_to_events_is_said() -> None:
    data: Any = open_inputs(network(m.Events()), EVENTS[:3], Preprocessing(divide=255.0))
    assert len(data.notes) == 2


@pytest.mark.parametrize(
    "data",
    [
        EVENTS[0],
        EVENTS[..., :2],
        EVENTS.astype(str),
        (EVENTS, np.arange(6)),
        (EVENTS, np.arange(5.0)),
    ],
)
def test_events_that_do_not_fit_are_refused(data: Any) -> None:
    with pytest.raises(InputError, match="SN940"):
        open_inputs(network(m.Events()), data, NONE)


def test_a_data_set_of_samples_is_no_data_set_of_events() -> None:
    samples = ArraySamples(np.ones((5, 2, 3, 3), np.float32))
    with pytest.raises(UsageError, match="holds no events"):
        open_inputs(network(m.Events()), samples, NONE)

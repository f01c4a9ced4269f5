"""From read-outs to classes: ties, single values, a ReLU on the host, and scales of spikes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import policies as nets
import pytest

from snnc.ir import model as m
from snnc.ir.answers import class_count, class_values, classify, read_out_scale, whole

PLAIN = m.Head("h", "p", m.SpikeCount())
RELU = m.Head("h", "p", m.Membrane(("Relu", "Softmax")))
LATE_RELU = m.Head("h", "p", m.Membrane(("Softmax", "Relu")))


@pytest.mark.parametrize(
    ("head", "outputs", "answer"),
    [
        (PLAIN, [1.0, 3.0, 2.0], 1),
        (PLAIN, [2.0, 3.0, 3.0], 1),
        (PLAIN, [0.0, 0.0, 0.0], 0),
        (PLAIN, [-3.0, -2.0, -1.0], 2),
        (RELU, [-3.0, -2.0, -1.0], 0),
        (RELU, [-3.0, -2.0, 1.0], 2),
        (LATE_RELU, [-3.0, -2.0, -1.0], 2),
        (PLAIN, [0.5], 1),
        (PLAIN, [0.0], 0),
        (PLAIN, [-0.0], 0),
        (PLAIN, [-0.5], 0),
        (RELU, [-0.5], 0),
        (RELU, [0.5], 1),
    ],
)
def test_the_largest_value_answers_and_the_first_of_equals(
    head: m.Head, outputs: list[float], answer: int
) -> None:
    found = classify(head, np.array([outputs]))
    assert found.tolist() == [answer]
    assert found.dtype == np.int64


def test_a_single_value_is_a_logit_against_nought() -> None:
    outputs = np.array([[-2.0], [0.0], [3.0]])
    assert class_values(PLAIN, outputs).tolist() == [[0.0, -2.0], [0.0, 0.0], [0.0, 3.0]]
    assert class_values(RELU, outputs).tolist() == [[0.0, 0.0], [0.0, 0.0], [0.0, 3.0]]


def test_values_of_several_classes_are_the_read_outs_themselves() -> None:
    outputs = np.array([[1.0, -2.0]], np.float32)
    assert class_values(PLAIN, outputs) is outputs
    assert class_values(RELU, outputs).tolist() == [[1.0, 0.0]]
    assert outputs.tolist() == [[1.0, -2.0]]


def test_whole_trains_are_classified_at_once() -> None:
    outputs = np.random.default_rng(0).integers(0, 3, (6, 5, 4)).astype(np.float64)
    found = classify(PLAIN, outputs)
    assert found.shape == (6, 5)
    for step, row in np.ndindex(6, 5):
        values = outputs[step, row].tolist()
        assert found[step, row] == values.index(max(values))


@pytest.mark.parametrize(("classes", "count"), [(1, 2), (2, 2), (5, 5)])
def test_a_head_of_one_value_tells_two_classes_apart(classes: int, count: int) -> None:
    network = nets.spiking(classes=classes)
    assert class_count(network, network.heads[0]) == count


@pytest.mark.parametrize(
    ("shape", "scale", "per_neuron"),
    [
        ((3,), 0.5, [0.5, 0.5, 0.5]),
        ((3,), [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        ((2, 1, 2), [1.0, 2.0], [1.0, 1.0, 2.0, 2.0]),
        ((2, 1, 2), [[[1.0, 2.0]], [[3.0, 4.0]]], [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_a_spike_counts_what_the_scale_of_its_channel_says(
    shape: tuple[int, ...], scale: Any, per_neuron: list[float]
) -> None:
    parameter = scale if isinstance(scale, float) else m.Ref("s")
    population = replace(nets.spiking().populations[1], shape=shape, scale=parameter)
    network = nets.spiking().with_arrays({"s": np.asarray(scale, np.float32)})
    found = read_out_scale(network, population)
    assert found.tolist() == per_neuron
    assert found.dtype == np.float64


@pytest.mark.parametrize("unit", [1.0, 0.5, 0.1, 1 / 3, 1e-7, 12345.678, 2.0**-30])
def test_whole_numbers_come_back_from_read_outs_of_any_unit(unit: float) -> None:
    """Up to 2^51, whatever the unit rounds; half a unit more is another number."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(-(2**51), 2**51, (200, 3)) // 2 ** rng.integers(0, 51, (200, 1))
    outputs, units = numbers * unit, np.full(3, unit)
    np.testing.assert_array_equal(whole(outputs, units), numbers)
    assert (whole(outputs + 0.75 * unit, units) != numbers).any(axis=1).mean() > 0.9

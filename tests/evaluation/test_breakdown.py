"""The parts of a layer's error, each provoked alone."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.evaluation.breakdown import (
    ErrorShares,
    ShareSums,
    Time,
    count_bounds,
    largest_rate,
    staircase_of,
)
from snnc.ir import model as m

STEPS = 10


def shares(
    drive: list[float], counts: list[int], activation: list[float], neuron: m.Neuron | None = None
) -> ErrorShares:
    """One layer that reads its input as it is, with a scale of one and a threshold of one."""
    size = len(drive)
    population = m.Population("p", (size,), neuron or m.IF(v_init=0.5), incoming=(m.Incoming("x"),))
    network = m.Network("n", "snn", (m.Input("x", "f32", (size,)),), (population,), ())
    sums = ShareSums(network, population)
    values = {"x": np.array([drive]), "p": np.array([counts]) / STEPS}
    sums.add(values, np.array([activation]), np.ones(size), Time(STEPS, STEPS))
    result = sums.result()
    assert result is not None
    return result


def test_a_rate_on_the_grid_has_no_error() -> None:
    found = shares([0.3, 0.7, -0.4], [3, 7, 0], [0.3, 0.7, 0.0])
    assert found.inherited == found.clipping == found.unevenness == 0.0
    assert found.quantisation == pytest.approx(0.0, abs=1e-12)


def test_an_input_above_the_threshold_is_clipping() -> None:
    found = shares([2.5], [10], [2.5])
    assert found.clipping == pytest.approx(1.5 / 2.5)
    assert found.own == pytest.approx(found.clipping)
    assert found.main_cause == "clipping"


def test_a_rate_between_two_grid_points_is_quantisation() -> None:
    found = shares([0.34], [3], [0.34])
    assert found.quantisation == pytest.approx(0.04 / 0.34)
    assert found.main_cause == "quantisation"
    assert found.unevenness == pytest.approx(0.0, abs=1e-12)


def test_a_spike_too_many_is_unevenness() -> None:
    found = shares([0.3], [4], [0.3])
    assert found.unevenness == pytest.approx(0.1 / 0.3)
    assert found.main_cause == "unevenness"


def test_an_input_that_is_wrong_already_is_inherited() -> None:
    found = shares([0.5], [5], [0.4])
    assert found.inherited == pytest.approx(0.1 / 0.4)
    assert found.own == pytest.approx(0.0, abs=1e-12)


def test_a_leaky_neuron_reports_negative_values_too() -> None:
    neuron = m.IF(negative_spikes="leaky", slope=0.5)
    found = shares([-0.8, 0.5], [-4, 5], [-0.4, 0.5], neuron)
    assert found.own == pytest.approx(0.0, abs=1e-12)
    assert found.inherited == pytest.approx(0.0, abs=1e-12)


def test_a_bound_on_spikes_clips() -> None:
    found = shares([0.8], [4], [0.8], m.IF(v_init=0.5, max_spikes=4))
    assert found.clipping == pytest.approx(0.4 / 0.8)
    assert found.quantisation == pytest.approx(0.0, abs=1e-12)


def quantised_shares(drive: list[float], counts: list[int], activation: list[float]) -> ErrorShares:
    """One layer that comes to rest: steps of 0.2, at most 4 of them, input in 5 of many steps."""
    size = len(drive)
    neuron = m.IF(v_init=0.5, negative_spikes="retract", max_spikes=4, min_spikes=0)
    spiking = m.Population("p", (size,), neuron, incoming=(m.Incoming("x"),))
    rounding = m.Population("p", (size,), m.Quantized(0.2, 4), incoming=(m.Incoming("x"),))
    entry = (m.Input("x", "f32", (size,)),)
    ann = m.Network("n", "ann", entry, (rounding,), ())
    network = m.Network("n", "snn", entry, (spiking,), (), schedule=m.Gated(50, 5))
    sums = ShareSums(network, spiking, staircase_of(ann, "p"))
    values = {"x": np.array([drive]), "p": np.array([counts]) / 5}
    sums.add(values, np.array([activation]), np.ones(size), Time(50, 5))
    result = sums.result()
    assert result is not None
    return result


def test_rounding_and_clipping_as_the_ann_does_are_no_error() -> None:
    found = quantised_shares([0.34, 0.05, 2.0, -1.0], [2, 0, 4, 0], [0.4, 0.0, 0.8, 0.0])
    assert [found.inherited, found.own] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_count_beside_the_level_is_unevenness_also_there() -> None:
    found = quantised_shares([0.34, 0.6], [1, 3], [0.4, 0.6])
    assert found.unevenness == pytest.approx(0.2)
    others = [found.clipping, found.quantisation, found.inherited]
    assert others == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)


def test_a_layer_without_staircase_has_none() -> None:
    ann = m.Network("n", "ann", (), (m.Population("p", (2,), m.Relu()),), ())
    assert staircase_of(ann, "p") is None


def test_a_neuron_may_have_more_or_fewer_spikes_than_driven_steps() -> None:
    signed = m.IF(negative_spikes="retract", max_spikes=9, min_spikes=-2)
    assert count_bounds(signed, 50) == (-2, 9)
    assert count_bounds(signed, 1) == (-1, 1)
    assert count_bounds(m.IF(negative_spikes="leaky"), 6) == (-6, 6)
    assert count_bounds(m.IF(), 6) == (0, 6)
    assert largest_rate(signed, Time(50, 3)) == 3.0

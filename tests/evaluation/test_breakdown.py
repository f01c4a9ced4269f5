"""The parts of a layer's error, each provoked alone."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.evaluation.breakdown import ErrorShares, ShareSums
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
    sums.add(values, np.array([activation]), np.ones(size), STEPS)
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


def test_a_bound_on_spikes_counts_as_part_of_the_grid() -> None:
    found = shares([0.8], [4], [0.8], m.IF(v_init=0.5, max_spikes=4))
    assert found.quantisation == pytest.approx(0.4 / 0.8)

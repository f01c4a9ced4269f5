"""Energy and time on the chip: counts times published constants, told as estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from core_maps import random_map, random_spikes

from snnc.backends.truenorth.energy import (
    SWEEP,
    SWEEP_SYNAPSES,
    ChipCounts,
    Figure,
    counts_of,
    estimates,
    sweep_fit,
)
from snnc.backends.truenorth.placement import placed
from snnc.backends.truenorth.simulate import simulate
from snnc.evaluation.energy import TABLES

COUNTS = ChipCounts(ticks=40, synops=1e6, hops=3000, cores=64)
NEURONS = 2**20


def by_name(counts: ChipCounts) -> dict[str, Figure]:
    return {figure.name: figure for figure in estimates(counts)}


def test_energies_and_times_by_hand() -> None:
    found = by_name(COUNTS)
    assert found["truenorth-synop"].value == pytest.approx(26e6)
    assert found["truenorth-hops"].value == pytest.approx(6900)
    assert found["truenorth-idle"].value == pytest.approx(42e-3 * 40e-3 * 1e12)
    assert found["truenorth-real-time"].value == pytest.approx(0.040)
    assert found["truenorth-fast"].value == pytest.approx(0.008)
    assert {f.unit for f in found.values() if f.quantity == "energy"} == {"pJ"}
    assert {f.unit for f in found.values() if f.quantity == "time"} == {"s"}


def test_the_line_meets_the_measured_loads() -> None:
    baseline, growth = sweep_fit()
    for rate, watts in SWEEP:
        assert baseline + growth * NEURONS * rate * SWEEP_SYNAPSES == pytest.approx(watts, rel=0.01)
    assert 60e-3 < baseline < 68e-3
    assert growth * 1e12 == pytest.approx(2.3, abs=0.1)


def test_the_whole_chip_at_its_typical_load_takes_what_was_measured() -> None:
    """At 20.07 Hz and 128 synapses both models give about 71 mW; at a tenth of it they part."""
    seconds = 1.0
    full = NEURONS * 20.07 * SWEEP_SYNAPSES * seconds
    found = by_name(ChipCounts(ticks=1000, synops=full, hops=0, cores=4096))
    for name in ("truenorth-synop", "truenorth-whole-chip", "truenorth-cores"):
        assert found[name].value * 1e-12 / seconds == pytest.approx(71e-3, rel=0.02)
    found = by_name(ChipCounts(ticks=1000, synops=full / 10, hops=0, cores=4096))
    assert found["truenorth-whole-chip"].value > 8 * found["truenorth-synop"].value


def test_free_cores_are_paid_for_or_not() -> None:
    found = by_name(COUNTS)
    baseline, growth = sweep_fit()
    operations = 1e6 * growth * 1e12
    whole = found["truenorth-whole-chip"].value - operations
    assert whole == pytest.approx(baseline * 0.04 * 1e12)
    assert found["truenorth-cores"].value - operations == pytest.approx(whole * 64 / 4096)


def test_the_first_model_is_that_of_the_reports_on_all_networks() -> None:
    (table,) = (t for t in TABLES if t.name == "truenorth-synop")
    figure = by_name(COUNTS)["truenorth-synop"]
    assert figure.source == table.source
    assert figure.value / COUNTS.synops == table.prices["synop"]


def test_every_figure_says_that_it_is_an_estimate_and_from_where() -> None:
    for figure in estimates(COUNTS):
        told = figure.as_dict()
        assert told["kind"] == "estimate"
        assert {"name", "quantity", "source", "counted", "value", "unit"} < set(told)
        assert "20" in told["source"]  # the year
    names = [figure.name for figure in estimates(COUNTS)]
    assert len(set(names)) == len(names)


def test_counts_are_means_over_the_samples_of_a_run() -> None:
    core_map = random_map(3, cores=9, neurons=40)
    spikes = random_spikes(0, 3, 30, core_map.pins[0].size)
    run = simulate(core_map, {"input": spikes}, 30)
    found = counts_of(core_map, run)
    assert (found.ticks, found.cores) == (30, 9)
    assert found.synops == pytest.approx(np.mean(run.synaptic_operations))
    near = placed(core_map, spikes=run.neuron_spikes)
    nearer = counts_of(near, simulate(near, {"input": spikes}, 30))
    assert nearer.hops < found.hops
    assert replace(nearer, hops=found.hops) == found


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_counts_are_finite_and_not_negative(wrong: float) -> None:
    with pytest.raises(ValueError, match="synops"):
        ChipCounts(ticks=1, synops=wrong, hops=0, cores=1)

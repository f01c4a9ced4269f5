"""Energy estimates equal numbers worked out by hand, and say that they are estimates."""

from __future__ import annotations

import pytest

from snnc.evaluation.energy import TABLES, EnergyEstimate, OperationCounts, estimates

COUNTS = OperationCounts(
    spikes=100.0, synops=1000.0, direct_macs=50.0, updates=640.0, driven=8.0, ann_macs=2000.0
)

BY_HAND = {
    # 50 * 4.6 + 1000 * 0.9; the network itself 2000 * 4.6
    "45nm-cmos": (1130.0, 9200.0),
    # 8 * 50 * 4.6 + 1000 * 0.9
    "45nm-cmos-every-step": (2740.0, 9200.0),
    # 1000 * 26
    "truenorth-synop": (26000.0, None),
    # 100 * 26
    "truenorth-spike": (2600.0, None),
    # 1000 * 23.6 + 100 * 81 + 540 * 52 + 100 * 1.7
    "loihi1": (59950.0, None),
}


def by_name(counts: OperationCounts) -> dict[str, EnergyEstimate]:
    return {estimate.name: estimate for estimate in estimates(counts)}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_table_gives_the_number_worked_out_by_hand(name: str) -> None:
    energy, ann = BY_HAND[name]
    estimate = by_name(COUNTS)[name]
    assert estimate.picojoules == pytest.approx(energy, rel=1e-12)
    assert estimate.ann_picojoules == (None if ann is None else pytest.approx(ann, rel=1e-12))


def test_every_table_is_worked_out_by_hand_above() -> None:
    assert [table.name for table in TABLES] == list(BY_HAND)


@pytest.mark.parametrize(
    ("count", "tables"),
    [
        ("synops", {"45nm-cmos", "45nm-cmos-every-step", "truenorth-synop", "loihi1"}),
        ("spikes", {"truenorth-spike", "loihi1"}),
        ("direct_macs", {"45nm-cmos", "45nm-cmos-every-step"}),
        ("updates", {"loihi1"}),
        ("driven", {"45nm-cmos-every-step"}),
    ],
)
def test_one_more_operation_raises_exactly_the_tables_that_price_it(
    count: str, tables: set[str]
) -> None:
    values = {name: getattr(COUNTS, name) for name in COUNTS.__dataclass_fields__}
    more = by_name(OperationCounts(**{**values, count: values[count] + 1}))
    before = by_name(COUNTS)
    raised = {name for name in before if more[name].picojoules > before[name].picojoules}
    assert raised == tables


def test_every_estimate_names_its_source_and_calls_itself_an_estimate() -> None:
    for estimate in estimates(COUNTS):
        entry = estimate.as_dict()
        assert entry["kind"] == "estimate"
        assert any(year in entry["source"] for year in ("2014", "2018", "2024"))
        assert len(entry["counted"]) > 30


def test_the_figures_of_loihi_1_say_that_they_are_a_model_and_not_re_checked() -> None:
    source = by_name(COUNTS)["loihi1"].source
    assert "a model" in source
    assert "23.6 pJ not re-checked" in source


def test_without_the_original_networks_macs_there_is_no_figure_for_it() -> None:
    counts = OperationCounts(1.0, 1.0, 1.0, 1.0, 1.0)
    assert all(estimate.ann_picojoules is None for estimate in estimates(counts))


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_counts_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="synops"):
        OperationCounts(spikes=1, synops=value, direct_macs=0, updates=0, driven=1)

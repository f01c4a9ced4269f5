"""Rows of the tables about exits: what is compared with what, and in which unit."""

from __future__ import annotations

from typing import Any

from exit_reports import EVALUATION, FOUND

from snnc.evaluation.exit_rows import cost_rows, other_rows, ways, ways_title


def named(found: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {row.name: (row.stopped, row.full, row.saved) for row in cost_rows(found)}


def test_costs_are_told_with_what_is_saved() -> None:
    rows = named(FOUND)
    assert rows["accuracy"] == ("95.00 %", "97.00 %", "")
    assert rows["mean time steps"] == ("2.25", "4.00", "43.8 %")
    assert rows["spikes"] == ("1,200", "2,400", "50.0 %")
    assert rows["synaptic operations"] == ("5,000,000", "20,000,000", "75.0 %")
    assert rows["neuron updates"] == ("0", "0", "")
    assert rows["energy estimate, 45nm-cmos, uJ"] == ("4.5", "18", "75.0 %")
    assert not any("whole network" in name for name in rows)


def test_depth_tells_both_kinds_of_steps() -> None:
    rows = named({**FOUND, "order": "depth", "equivalent_steps": 1.0})
    assert rows["time steps of the whole network that cost as much"] == ("1.00", "4.00", "75.0 %")
    assert "of the whole network" in ways_title({**FOUND, "order": "depth"})
    assert "whole" not in ways_title(FOUND)


def test_without_a_full_length_run_there_is_nothing_to_save() -> None:
    full = dict.fromkeys(("accuracy_full", "steps_full", "spikes_full", "synops_full"))
    energy = {"with": FOUND["energy"]["with"], "without": None}
    rows = named({**FOUND, **full, "updates_full": None, "energy": energy})
    assert rows["spikes"] == ("1,200", "-", "")
    assert rows["energy estimate, 45nm-cmos, uJ"] == ("4.5", "-", "")


def test_ways_give_the_fewest_steps_for_a_loss() -> None:
    rows = {way.drop: way for way in ways(EVALUATION)}
    assert list(rows) == ["2", "1", "0.5", "0.2", "0.1", "0"]
    one = rows["1"]
    assert (one.threshold, one.steps, one.accuracy, one.fixed) == ("0.25", "1.50", "96.00 %", "3")
    assert one.oracle == "1.40"
    half = rows["0.5"]
    assert (half.threshold, half.steps, half.accuracy, half.fixed) == (
        "0.75",
        "2.50",
        "96.51 %",
        "4",
    )
    assert (rows["0"].threshold, rows["0"].steps) == ("none", "4.00")


def test_fixed_steps_of_a_gated_network_tell_their_mean() -> None:
    settled = {"samples": 4, "unsettled": 0, "histogram": {"2": 2, "5": 2}}
    rows = {way.drop: way for way in ways({**EVALUATION, "settled": settled})}
    assert (rows["1"].fixed, rows["0.5"].fixed) == ("3 (2.50)", "4 (3.00)")


def test_a_way_that_does_not_exist_is_a_dash() -> None:
    rows = ways({**EVALUATION, "exit": {**FOUND, "pareto": None, "oracle": FOUND["oracle"][:1]}})
    assert (rows[0].threshold, rows[0].steps, rows[0].accuracy) == ("-", "-", "-")
    assert rows[0].oracle == "-"
    assert rows[0].fixed == "3"


def test_ways_need_the_accuracy_of_the_full_length() -> None:
    assert ways({**EVALUATION, "exit": {**FOUND, "accuracy_full": None}}) == []


def test_a_threshold_of_patience_is_a_number_of_repeats() -> None:
    front = [{"threshold": 2.5, "mean_steps": 3.0, "accuracy": 0.97}]
    rows = ways({**EVALUATION, "exit": {**FOUND, "policy": "patience", "pareto": front}})
    assert rows[-1].threshold == "3"


def test_a_threshold_of_whole_leads_is_a_whole_number() -> None:
    """A lead above 2.5 is one above 2."""
    front = [{"threshold": 2.5, "mean_steps": 3.0, "accuracy": 0.97}]
    rows = ways({**EVALUATION, "exit": {**FOUND, "policy": "integer_margin", "pareto": front}})
    assert rows[-1].threshold == "2"


def test_fixed_steps_stand_beside_the_exits() -> None:
    rows = dict(other_rows(FOUND))
    assert rows["fixed steps as accurate as the exits"] == "3 steps (on average 2.75), 96.00 %"
    assert rows["T*, fewest fixed steps near the best"] == "4 steps, 97.00 %"
    assert rows["calibration error at the exit (ECE)"] == "0.0123"
    none = {**FOUND["fixed"], "step": None}
    rows = dict(other_rows({**FOUND, "fixed": none, "ece": None, "same_answer": None}))
    assert rows["fixed steps as accurate as the exits"] == "no number of steps"
    assert "calibration error at the exit (ECE)" not in rows
    assert "same answer as full length" not in rows
    assert dict(other_rows({**FOUND, "fixed": None, "ece": None, "same_answer": None})) == {
        "answered by a sure head": "90.00 %"
    }

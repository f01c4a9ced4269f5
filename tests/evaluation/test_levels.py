"""What is said of a network with many quantisation levels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import quantised_examples as examples

from snnc.evaluation.levels import level_notes, levels_of, most_levels
from snnc.passes.staircases import depth


def test_levels_are_those_of_the_staircases_and_of_the_neurons_made_of_them() -> None:
    ann = examples.network(levels=7)
    assert most_levels(ann) == 7
    assert most_levels(examples.spiking(ann)) == 7
    assert most_levels(examples.continuous()) == 0


def test_a_network_of_rates_has_the_levels_of_its_ann_unless_a_pass_chose_others() -> None:
    ann = examples.network(levels=7)
    rates = examples.spiking(ann, mode="qcfs")
    assert levels_of(rates, ann) == 7
    assert levels_of(rates, None) == 0
    chosen = replace(rates, passes=("requantize{bits=2}", "map-quantized{mode=qcfs}"))
    assert levels_of(chosen, ann) == 0


def test_depth_counts_populations_on_the_longest_way() -> None:
    assert depth(examples.network()) == 4


def notes(levels: int, mode: str, steps: int) -> str:
    ann = examples.network(levels=levels)
    return " ".join(level_notes(examples.spiking(ann, mode=mode), ann, steps))


@pytest.mark.parametrize("mode", ["qffs", "qcfs"])
def test_few_levels_need_no_word(mode: str) -> None:
    assert notes(15, mode, 1) == ""


def test_too_few_steps_for_many_levels_are_named_with_what_to_do() -> None:
    text = notes(255, "qffs", 32)
    assert "up to 255 levels (8 bits)" in text
    assert "about 259 time steps to be exact and 32 are too few" in text
    assert "requantize{bits=4,layers=all},calibrate-bias" in text


def test_enough_steps_for_many_levels_are_named_as_the_price() -> None:
    assert "a sample takes about 259 time steps" in notes(255, "qffs", 259)


def test_rates_are_compared_with_the_levels() -> None:
    assert "a rate over 32 time steps has 33" in notes(255, "qcfs", 32)

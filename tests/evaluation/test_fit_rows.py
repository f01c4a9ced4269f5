"""Rows and sentences about a fit."""

from __future__ import annotations

import pytest
from fit_examples import FITTING, REFUSED

from snnc.evaluation.fit_rows import (
    COLUMNS,
    finding_lines,
    input_lines,
    layer_rows,
    use,
    verdict,
)


def test_a_row_has_the_numbers_of_the_fullest_core_and_what_binds() -> None:
    (row,) = layer_rows(FITTING["loihi1"])
    assert row.name == "fc"
    assert dict(zip(COLUMNS, row.values, strict=True)) == {
        "cores": "9",
        "neurons": "1,000",
        "tile": "112x1x1",
        "input axons": "1,024",
        "output entries": "0",
        "memory": "120.0 KiB",
    }
    assert row.binds == "synapse memory bytes 94 %"


def test_a_layer_without_a_place_has_no_numbers_but_a_reason() -> None:
    (row,) = layer_rows(REFUSED["loihi1"])
    assert row.values == ("-", "1", "-", "-", "-", "-")
    assert row.binds == "does not fit: input axons per core: 4,097 of 4,096"
    assert finding_lines(REFUSED["loihi1"]) == [
        "fc does not fit: input axons per core: 4,097 of 4,096"
    ]
    assert finding_lines(FITTING["loihi1"]) == []


def test_a_placed_layer_with_a_finding_keeps_its_numbers() -> None:
    finding = {"layer": "fc", "limit": "delay in time steps", "count": 63, "allowed": 62}
    (row,) = layer_rows({**FITTING["loihi1"], "findings": [finding]})
    assert row.values[0] == "9"
    assert row.binds == "does not fit: delay in time steps: 63 of 62"


def test_the_verdict_says_on_how_much_and_by_what_kind_of_limits() -> None:
    assert verdict(FITTING["loihi1"]) == "Loihi 1 (published limits): fits on 1 chip, 9 cores"
    assert verdict(FITTING["loihi2"]).startswith("Loihi 2 (an estimate): fits on 1 chip, ")
    assert verdict(REFUSED["loihi1"]) == (
        "Loihi 1 (published limits): does not fit, because of 1 of 1 layers; those that have a "
        "place take 0 cores"
    )


@pytest.mark.parametrize(("cores", "text"), [(1, "1 chip, 1 core"), (3338, "1 chip, 3,338 cores")])
def test_numbers_agree_with_their_nouns(cores: int, text: str) -> None:
    assert verdict({**FITTING["loihi1"], "cores": cores}).endswith(text)


def test_the_mean_use_leaves_out_what_is_not_public() -> None:
    one, two = use(FITTING["loihi1"]), use(FITTING["loihi2"])
    assert one == (
        "mean use of a core: compartments 10.9 %, input axons 25.0 %, output axon entries 0.0 %, "
        "synapse memory bytes 93.1 %; of its fullest budget 93.1 %"
    )
    assert "input axons" not in two
    assert "compartments" in two


def test_an_input_takes_no_core() -> None:
    (line,) = input_lines(FITTING["loihi1"])
    assert line.startswith("input x: no cores; 9,216 output entries for 1,024 values")

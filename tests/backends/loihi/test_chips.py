"""The descriptions of the chips: complete, with sources, and refused when they are damaged."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from snnc.backends.loihi.chips import CHIP_NAMES, LIMIT_NAMES, OPTIONAL, load_chip, read_chip
from snnc.diagnostics import InputError, UsageError


def description(name: str = "loihi1") -> dict[str, Any]:
    path = resources.files("snnc.backends") / "loihi" / "chips" / f"{name}.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize(
    ("limit", "one", "two"),
    [
        ("cores_per_chip", 128, 120),
        ("compartments_per_core", 1024, 8192),
        ("soft_reset_compartments", 2, 1),
        ("hard_reset_compartments", 1, 1),
        ("input_axons_per_core", 4096, None),
        ("output_entries_per_core", 4096, None),
        ("discrete_entry_cost", 1, 1),
        ("population_entry_cost", 2, 1),
        ("off_chip_entry_cost", 1, 0),
        ("memory_bytes_per_core", 16384 * 8, 192 * 1024),
        ("words_per_axon", 256, None),
        ("synapses_per_entry", 60, None),
        ("prefix_bits", 10, None),
        ("weight_bits", 8, 8),
        ("largest_delay", 62, 62),
        ("thresholds_per_core", 8, None),
        ("graded_spike_bits", 0, 32),
    ],
)
def test_limits_are_those_of_the_sources(limit: str, one: int, two: int | None) -> None:
    assert getattr(load_chip("loihi1"), limit) == one
    assert getattr(load_chip("loihi2"), limit) == two


@pytest.mark.parametrize("name", CHIP_NAMES)
def test_every_limit_has_a_unit_a_source_and_a_kind(name: str) -> None:
    chip = load_chip(name)
    assert sorted(limit.name for limit in chip.limits) == sorted(LIMIT_NAMES)
    assert all(limit.unit and limit.source for limit in chip.limits)
    assert {limit.kind for limit in chip.limits} == {chip.kind}
    assert all(getattr(chip, limit.name) == limit.value for limit in chip.limits)


def test_loihi_1_is_published_and_loihi_2_an_estimate() -> None:
    assert [load_chip(name).kind for name in CHIP_NAMES] == ["published", "estimate"]


def test_an_unknown_limit_is_never_said_to_be_checked() -> None:
    for name in CHIP_NAMES:
        assert not [x.name for x in load_chip(name).limits if x.value is None and x.checked]


def test_the_description_as_json_is_that_of_the_file() -> None:
    found = load_chip("loihi1").as_dict()
    assert json.loads(json.dumps(found)) == found
    data = description()
    assert {x.pop("name"): x for x in found.pop("limits")} == data.pop("limits")
    assert found == data


def test_an_unknown_chip_is_an_error_that_lists_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"SN520.*loihi3") as error:
        load_chip("loihi3")
    assert "loihi1, loihi2" in str(error.value)


def without(data: dict[str, Any], limit: str) -> dict[str, Any]:
    return {**data, "limits": {n: v for n, v in data["limits"].items() if n != limit}}


def with_entry(data: dict[str, Any], limit: str, **changes: Any) -> dict[str, Any]:
    entry = {**data["limits"][limit], **changes}
    return {**data, "limits": {**data["limits"], limit: entry}}


def text_of(data: Any) -> str:
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "no object"),
        (text_of({**description(), "kind": "guess"}), "published, estimate"),
        (text_of({**description(), "limits": []}), "limits an object"),
        (text_of(without(description(), "weight_bits")), "weight_bits"),
        (text_of({**description(), "limits": {**description()["limits"], "x": 1}}), "unknown: x"),
        (text_of(with_entry(description(), "weight_bits", value=1.5)), "1.5"),
        (text_of(with_entry(description(), "weight_bits", value=True)), "True"),
        (text_of(with_entry(description(), "weight_bits", value=None)), "must be known"),
        (text_of(with_entry(description(), "weight_bits", source="")), "a source"),
        (text_of(with_entry(description(), "weight_bits", more=1)), "exactly"),
    ],
)
def test_a_damaged_description_is_refused_with_its_fault(text: str, says: str) -> None:
    with pytest.raises(InputError, match="SN521") as error:
        read_chip(text, "loihi1.json")
    assert says in str(error.value)


def test_only_limits_that_may_be_unknown_may_be_null() -> None:
    for limit in sorted(OPTIONAL):
        assert read_chip(text_of(with_entry(description(), limit, value=None)), "x")

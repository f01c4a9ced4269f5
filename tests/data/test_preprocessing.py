"""Preprocessing is explicit, checked, and survives the manifest."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import UsageError


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing(255.0, (0.1307,), (0.3081,), "NCHW"),
        Preprocessing(1.0, (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616), "NHWC"),
    ],
)
def test_preprocessing_survives_json(preprocessing: Preprocessing) -> None:
    text = json.dumps(preprocessing.as_dict())
    assert Preprocessing.from_dict(json.loads(text)) == preprocessing


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"divide": 0.0}, "--divide"),
        ({"divide": math.nan}, "--divide"),
        ({"mean": (math.inf,)}, "--mean"),
        ({"std": (0.5, 0.0)}, "--std"),
        ({"layout": "HWCN"}, "--layout"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=f"SN811.*{word}"):
        Preprocessing(**settings)


@pytest.mark.parametrize(
    "entry",
    [
        {"scale": 2},
        {"divide": "255"},
        {"divide": True},
        {"mean": 0.5},
        {"std": ["a"]},
        {"layout": 3},
    ],
)
def test_a_manifest_entry_of_the_wrong_kind_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="SN811"):
        Preprocessing.from_dict(entry)


def test_missing_entries_mean_no_preprocessing() -> None:
    assert Preprocessing.from_dict({}) == Preprocessing()
    assert not Preprocessing().changes_values
    assert not Preprocessing(layout="NHWC").changes_values
    assert Preprocessing(divide=2.0).changes_values

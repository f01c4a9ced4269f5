"""The benchmark of few bits and partial sums compares networks that are what it says they are."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmark_runs import ROOT, rows


@pytest.fixture
def accuracy(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SNNC_DATA", str(shared))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("truenorth_accuracy")


def test_two_bits_lose_what_five_do_not(accuracy: Any) -> None:
    bundled = str(accuracy.BUNDLED)
    found = {
        bits: accuracy.measured(
            bundled, f"{accuracy.PASSES},{accuracy.WHOLE % (bits, 'largest')}", 40
        ).accuracy
        for bits in (5, 2)
    }
    assert found[5] > 95
    assert found[2] < 60


def test_more_copies_bring_split_neurons_nearer_to_whole_ones(
    accuracy: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(accuracy, "COPIES", (1, 4))
    accuracy._copies(30)
    output = capsys.readouterr().out.replace("| --- |", "|---|")
    (whole,), (one,), (four,) = (rows(output, name) for name in ("not split", "1", "4"))
    heading = "mean difference of spike counts"
    assert whole[heading] == ""
    assert 0 < float(four[heading]) < 0.5 * float(one[heading])


def test_differences_are_of_neurons_that_both_networks_have(accuracy: Any) -> None:
    class Counted:
        def __init__(self, **counts: list[int]) -> None:
            self.spike_counts = {n: np.array(v, np.int32) for n, v in counts.items()}

    found = accuracy.differences(Counted(a=[5, 2], b=[1]), Counted(a=[3, 3], parts=[9, 9]))
    assert found.tolist() == [2, 1]

"""The benchmark of laying out prints what its README says, on small images."""

from __future__ import annotations

import importlib
import math

import pytest
from benchmark_runs import ROOT, rows, run

from snnc.ir.verify import verify


def test_a_small_mobilenet_fits_on_each_chip() -> None:
    done = run("mobilenet_fit.py", "--size", "32", "--width", "2", data=None)
    assert done.returncode == 0, done.stdout + done.stderr
    (zero, subtract), (two,) = rows(done.stdout, "loihi1"), rows(done.stdout, "loihi2")
    assert [row["reset"] for row in (zero, subtract, two)] == ["zero", "subtract", "subtract"]
    assert all(row["fits"] == "yes" for row in (zero, subtract, two))
    assert [row["kind"] for row in (zero, two)] == ["published", "estimate"]
    cores = [int(row["cores"].replace(",", "")) for row in (zero, subtract, two)]
    assert cores[1] > cores[0] > cores[2]
    assert two["input axons %"] == "-"
    (published,) = rows(done.stdout, "NxTF")
    assert (published["chips"], published["compartments %"]) == ("16", "80.0")


def test_it_fails_where_it_takes_too_long() -> None:
    done = run("mobilenet_fit.py", "--size", "32", "--width", "1", "--limit", "0", data=None)
    assert done.returncode == 1
    assert "longer than 0.0 seconds" in done.stderr


def test_the_network_is_a_mobilenet(monkeypatch: pytest.MonkeyPatch) -> None:
    """28 layers with weights: Howard et al. 2017, table 1, at the image size of NxTF."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    network = importlib.import_module("mobilenet_fit").mobilenet(128, "zero")
    assert verify(network) == []
    layers = [p for p in network.populations if p.name != "pool"]
    assert len(layers) == 28
    weights = sum(math.prod(ref.shape) for name, ref in network.tensors.items() if name != "mean")
    assert weights == pytest.approx(4.2e6, rel=0.02)
    assert 1.6e6 < sum(math.prod(p.shape) for p in layers) < 1.7e6

"""The benchmark of placement prints a row per graph and a column per method."""

from __future__ import annotations

import importlib

import pytest
from benchmark_runs import ROOT, rows, run


def test_placement_prints_hops_beside_those_of_random_places() -> None:
    done = run("placement.py", "--graphs", "layered-81", "random-81", data=None)
    assert done.returncode == 0, done.stdout + done.stderr
    (layers,), (scattered,) = rows(done.stdout, "layered-81"), rows(done.stdout, "random-81")
    assert (layers["cores"], scattered["links"]) == ("81", "20,736")
    hops = {
        name: float(layers[f"{name} hops"]) for name in ("random", "rows", "spectral", "anneal")
    }
    assert hops["anneal"] <= hops["spectral"] < 0.4 * hops["random"]
    assert float(scattered["spectral hops"]) > 1.5 * hops["spectral"]


def test_it_fails_where_the_default_takes_too_long() -> None:
    arguments = ["--graphs", "layered-81", "--methods", "spectral", "--limit", "0"]
    done = run("placement.py", *arguments, data=None)
    assert done.returncode == 1
    assert "longer than 0.0 seconds" in done.stderr


def test_the_graphs_are_layers_of_linked_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    placement = importlib.import_module("placement")
    for name in placement.GRAPHS:
        made = placement.graph(name)
        assert made.shape[0] == int(name.split("-")[1])
        assert made.diagonal().max() == 0
        assert made.sum(axis=1).max() <= placement.LINKS
    inner = placement.layered((4, 4)).toarray()[5]  # the tile in row 1, column 1
    assert inner.nonzero()[0].tolist() == [16 + 4 * y + x for y in range(3) for x in range(3)]

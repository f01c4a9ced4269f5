"""The benchmarks of target c print what their README says."""

from __future__ import annotations

import pytest
from benchmark_runs import rows, run

from snnc.backends.c.build import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def test_the_kernels_of_few_channels_are_measured(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SNNC_CACHE", str(tmp_path))
    done = run("c_kernels.py", "--channels", "8", "--samples", "1", "--rounds", "1", data=None)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout, "8")
    assert [row["rate"] for row in found] == ["0.01", "0.05", "0.10", "0.20", "0.50", "0.10"]
    assert all(float(row["G additions/s"]) >= 0 for row in found)
    assert len(rows(done.stdout, "128")) == 1


def test_tables_are_compared_with_lists(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SNNC_CACHE", str(tmp_path))
    done = run("c_paths.py", "--channels", "16", "--samples", "8", "--rounds", "9", data=None)
    assert done.returncode == 0, done.stderr
    (row,) = rows(done.stdout, "16")
    assert float(row["50 %"]) < float(row["1 %"])
    assert row["rule"] == "from 20 %"

"""The benchmark scripts run and print what their READMEs say, on small parts of the data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(script: str, *arguments: str, data: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "SNNC_DATA"}
    if data is not None:
        environment["SNNC_DATA"] = str(data)
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_accuracy_prints_a_row_per_model_and_number_of_steps(shared):
    done = run("accuracy.py", "--images", "100", "--models", "mnist_mlp", data=shared)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^\| mnist_mlp \| 8 \| (9\d|100)\.\d\d \| (9\d|100)\.\d\d \|", done.stdout, re.MULTILINE
    )


def test_normalization_prints_a_row_per_variant(shared):
    done = run("normalization.py", "mnist_mlp", "--images", "50", "--steps", "4", data=shared)
    assert done.returncode == 0, done.stderr
    assert "MMSE, potential (default)" in done.stdout
    assert "hard reset" in done.stdout


def test_foreign_table_tells_imported_from_refused(shared):
    folder = shared / "models" / "foreign" / "torch27_dynamo_mnist_external"
    done = run("foreign_table.py", str(folder), data=shared)
    assert done.returncode == 0, done.stderr
    assert "1 files: 1 imported" in done.stdout


@pytest.mark.parametrize("script", ["accuracy.py", "normalization.py mnist_mlp"])
def test_without_the_data_the_scripts_say_what_to_set(script):
    done = run(*script.split(), data=None)
    assert done.returncode == 1
    assert "SNNC_DATA" in done.stderr

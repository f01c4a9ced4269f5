"""Running the benchmark scripts and reading the tables that they print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(script: str, *arguments: str, data: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "SNNC_DATA"}
    if data is not None:
        environment["SNNC_DATA"] = str(data)
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(output: str, start: str) -> list[dict[str, str]]:
    """The rows of all tables whose first cell is `start`, by heading."""
    found: list[dict[str, str]] = []
    headings: list[str] = []
    lines = output.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if after.startswith("|---"):
            headings = columns(line)
        elif columns(line)[0] == start:
            found.append(dict(zip(headings, columns(line), strict=True)))
    return found

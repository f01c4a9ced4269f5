"""Runs a RANC simulator, where one is at hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.ranc import read_ranc_output, to_ranc
from snnc.ir.tensors import Array

SIMULATOR = os.environ.get("SNNC_RANC_SIM", "")
needs_ranc = pytest.mark.skipif(
    not SIMULATOR, reason="SNNC_RANC_SIM names no RANC simulator (github.com/UA-RCL/RANC)"
)


def ranc_run(core_map: CoreMap, pins: Array, ticks: int, folder: Path) -> tuple[Array, str]:
    """The output lines that the simulator gives, and what it prints."""
    for name, content in zip(
        ("in.json", "config.json"), to_ranc(core_map, pins, ticks), strict=True
    ):
        (folder / name).write_bytes(content)
    command = [SIMULATOR, "in.json", "out.txt", "config.json", str(ticks + 1), "-r", "1000000"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "out.txt").read_text(encoding="utf-8-sig")
    return read_ranc_output(text, ticks, core_map.outputs), done.stdout

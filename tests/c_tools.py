"""Building and comparing C programs in tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loihi_networks import inputs_for

from snnc.backends.c import build as building
from snnc.backends.c.build import find_compiler
from snnc.backends.c.simulator import CSimulator
from snnc.backends.reference.simulator import Simulator
from snnc.backends.reference.trace import Trace
from snnc.ir import model as m

COMPILER = find_compiler()
FLAGS = building.FLAGS
"""What users' programs are built with."""
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANITIZED = ("-Og", "-DSNN_SMALL", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ELSEWHERE = ("-O0", "-DSNN_NO_VECTORS")
"""Processors without vectors, and byte orders that vectors would not like."""


def simulator(network: m.Network, **options: Any) -> CSimulator:
    """Built quickly, without optimisation."""
    assert COMPILER is not None
    return CSimulator(network, compiler=COMPILER, **{"optimise": "-O0"} | options)


def wrong_simulator(network: m.Network, files: Mapping[str, bytes]) -> CSimulator:
    """With sources that were changed by hand; they need not prove to be the network's."""
    found = simulator(network, files=files)
    found._proof.needed = False
    return found


def compared(network: m.Network, files: Mapping[str, bytes]) -> list[str]:
    """What differs between a program and the simulator, on samples at which everybody fires."""
    x = inputs_for(network, 7)
    names = [p.name for p in network.populations]
    ours = wrong_simulator(network, files).run(x, record=names)
    theirs = Simulator(network, threads=1).run(x, record=names)
    spiking = [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    assert all(int(theirs.spikes[name].sum()) > 0 for name in spiking)
    return differences(ours, theirs)


def quick_builds(patch: pytest.MonkeyPatch, cache: Path) -> None:
    """Programs are built fast, and once for all tests that lead to the same sources."""
    patch.setenv("SNNC_CACHE", str(cache))
    quick = tuple("-O0" if flag == "-O3" else flag for flag in building.FLAGS)
    patch.setattr(building, "FLAGS", (*quick, "-DSNN_SMALL"))


def shared_cache(factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, the same in all of its processes."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "snnc-c-cache"


def differences(ours: Trace, theirs: Trace) -> list[str]:
    """The names of all that differs between two traces."""
    found: list[str] = []
    for field in fields(Trace):
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        if field.name == "exits" and a is not None and b is not None:
            for name in ("step", "head", "answer", "score", "sure", "ran"):
                found += _differing(f"exits.{name}", getattr(a, name), getattr(b, name))
        else:
            found += _differing(field.name, a, b)
    return found


def _differing(name: str, a: Any, b: Any) -> list[str]:
    if isinstance(a, Mapping):
        if a.keys() != b.keys():
            return [f"{name} keys"]
        return [n for key in a for n in _differing(f"{name} {key}", a[key], b[key])]
    if isinstance(a, np.ndarray):
        return [] if a.shape == np.shape(b) and np.array_equal(a, b) else [name]
    return [] if a == b else [name]


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files of a program."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def build(
    folder: Path, *options: str, compiler: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Compile the program in a folder, warnings are errors; None takes the system's compiler."""
    compiler = compiler or COMPILER
    assert compiler is not None
    sources = ("program.c", "weights.c", "main.c")
    command = [compiler, *WARNINGS, *options, "-o", "check", *sources, "-lm"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def check(
    folder: Path, *arguments: str, emulator: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run what `build` made, on an emulator if it is for another processor."""
    command = [*emulator, str(folder / "check"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

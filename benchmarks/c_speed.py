"""Images per second of the C program against onnxruntime and the NumPy simulator, in turns.

    SNNC_DATA=... python benchmarks/c_speed.py [MODEL ...] [--images 500] [--steps 32] [--rounds 5]

For each model, compiled for target c with T time steps, one process measures on the same images and
all cores: the C program, T passes of onnxruntime on the ANN, and (on fewer images) the reference
simulator, whose traces must be equal. `vs onnxruntime` and `vs NumPy` are ratios of rates, medians
over rounds that alternate. A second table has the time to build the program and to take it from the
cache, whole processes of `snnc eval`, and their peak memory. A third one stops samples early, by a
margin with which the mean number of steps halves: `real` is the share of the saved steps that the
time is shorter by. Exits with 1 where traces differ or a bound is missed: 3 times onnxruntime, 10
times NumPy, 80 % of the saving. `--coding ttfs` has the first table alone, of networks of spike
times with windows of T steps, and asks for equal traces only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from models import MODELS, Model

import snnc
from snnc.backends.c.build import built_library, find_compiler
from snnc.backends.c.emit import sources
from snnc.backends.c.proof import differing
from snnc.backends.c.simulator import CSimulator
from snnc.backends.reference import Simulator, Trace
from snnc.driver.samples import open_inputs
from snnc.ir import model as m
from snnc.ir.answers import read_out_unit, whole
from snnc.ir.scores import lead

NAMES = ("mnist_lenet", "cifar10_vgg", "cifar10_resnet8")
CALIBRATION = "train[:200]"
LEAST = {"onnxruntime": 3.0, "NumPy": 10.0}
LEAST_REAL = 0.8
PASSES = 8
"""Passes of onnxruntime that are timed, so that they last long enough; T are counted."""
WATCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command and prints its peak memory. A child begins with the peak of its parent, so that
the parent must be small."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A compiled model, its images as inputs, and its program directory."""

    name: str
    model: Model
    network: m.Network
    folder: Path
    x: Any


def main() -> int:
    """Print the tables as Markdown; 1 if something differs or a bound is missed."""
    options = _options()
    compiler = find_compiler()
    if compiler is None:
        sys.exit("there is no C compiler")
    cores = len(os.sched_getaffinity(0))
    print(f"{options.images} images, T = {options.steps}, {cores} cores, {options.rounds} rounds\n")
    with tempfile.TemporaryDirectory() as place:
        subjects = [_subject(name, Path(place), options) for name in options.models]
        bad = _rates(subjects, compiler, options)
        if options.coding == "ttfs":
            return 1 if bad else 0
        _processes(subjects, compiler, options, Path(place))
        bad += _exits(subjects, compiler, options)
    return 1 if bad else 0


def _subject(name: str, place: Path, options: argparse.Namespace) -> Subject:
    model = MODELS[name]
    compiled = snnc.compile(
        model.path,
        calibration=model.split(CALIBRATION),
        preprocessing=model.preprocessing,
        steps=options.steps,
        target="c",
        coding=options.coding,
    )
    folder = compiled.save(place / name)
    split = model.split(f"test[:{options.images}]")
    data = open_inputs(compiled.network, split, model.preprocessing, None)
    x = np.concatenate([part for part, _ in data.batches(options.images)])
    return Subject(name, model, compiled.network, folder, x)


def _rates(subjects: list[Subject], compiler: str, options: argparse.Namespace) -> int:
    print("| model | C images/s | onnxruntime / T | NumPy | vs onnxruntime | vs NumPy | equal |")
    print("|---|---|---|---|---|---|---|")
    bad = 0
    for s in subjects:
        program, simulator = CSimulator(s.network, compiler=compiler), Simulator(s.network)
        few = s.x[: options.few]
        equal = not options.all or differing(program.run(s.x), simulator.run(s.x)) is None
        equal = equal and differing(program.run(few), simulator.run(few)) is None
        ann = _session(s.model)
        taken = in_turns(
            {
                "C": lambda p=program, x=s.x: p.run(x),  # type: ignore[misc]
                "onnxruntime": lambda a=ann, x=s.x: [a(x) for _ in range(PASSES)],  # type: ignore[misc]
                "NumPy": lambda p=simulator, x=few: p.run(x),  # type: ignore[misc]
            },
            options.rounds,
        )
        rates = {
            "C": [len(s.x) / t for t in taken["C"]],
            "onnxruntime": [len(s.x) * PASSES / t / options.steps for t in taken["onnxruntime"]],
            "NumPy": [len(few) / t for t in taken["NumPy"]],
        }
        ratios = {
            other: statistics.median(a / b for a, b in zip(rates["C"], rates[other], strict=True))
            for other in LEAST
        }
        shown = [f"{statistics.median(rates[w]):,.1f}" for w in ("C", "onnxruntime", "NumPy")]
        least = LEAST if options.coding == "rate" else dict.fromkeys(LEAST, 0.0)
        marks = [f"{ratios[o]:.2f}{'' if ratios[o] >= least[o] else ' missed'}" for o in LEAST]
        line = " | ".join([s.name, *shown, *marks, "yes" if equal else "no"])
        print(f"| {line} |", flush=True)
        bad += not equal or any(ratios[o] < least[o] for o in LEAST)
    return bad


def _session(model: Model) -> Callable[[Any], Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = ort.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})


def in_turns(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round; a first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, piece in work.items():
            start = time.perf_counter()
            piece()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return taken


def _processes(
    subjects: list[Subject], compiler: str, options: argparse.Namespace, place: Path
) -> None:
    print(
        "\n| model | build s | from the cache s | snnc eval, C s | NumPy s | peak MiB, C | NumPy |"
    )
    print("|---|---|---|---|---|---|---|")
    for s in subjects:
        files = sources(s.network)
        times = []
        for _ in range(2):
            start = time.perf_counter()
            built_library(files, compiler, cache=place / "cache")
            times.append(time.perf_counter() - start)
        measured = [_eval(s, engine, options) for engine in ("c", "reference")]
        seconds = [f"{t:.2f}" for t in (*times, *(found[0] for found in measured))]
        memory = [f"{found[1]:.0f}" for found in measured]
        print(f"| {' | '.join([s.name, *seconds, *memory])} |", flush=True)


def _eval(s: Subject, engine: str, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a process that evaluates the images."""
    split = s.model.split(f"test[:{options.images}]")
    command = [sys.executable, "-m", "snnc", "--json", "eval", str(s.folder), "--quiet"]
    command += ["--engine", engine, "--data", split]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *command], check=True, capture_output=True, text=True
    )
    taken = time.perf_counter() - start
    return taken, int(done.stdout) * (1 if sys.platform == "darwin" else 1024) / 2**20


def _exits(subjects: list[Subject], compiler: str, options: argparse.Namespace) -> int:
    print("\n| model | margin | mean steps | share of T | time with exits / without | real |")
    print("|---|---|---|---|---|---|")
    bad = 0
    for s in subjects:
        limit = halving_limit(CSimulator(s.network, compiler=compiler).run(s.x), s.network)
        policy = m.IntegerMargin(heads=(s.network.heads[-1].name,), limits=(limit,))
        program = CSimulator(replace(s.network, exit=policy), compiler=compiler)
        steps = float(program.run(s.x).steps_run.mean()) / options.steps
        taken = in_turns(
            {
                "with": lambda p=program, x=s.x: p.run(x),  # type: ignore[misc]
                "without": lambda p=program, x=s.x: p.run(x, exits=False),  # type: ignore[misc]
            },
            options.rounds,
        )
        pairs = zip(taken["with"], taken["without"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        real = (1 - ratio) / (1 - steps) if steps < 1 else 1.0
        missed = "" if real >= LEAST_REAL else " missed"
        print(
            f"| {s.name} | {limit} | {steps * options.steps:.2f} | {steps:.2f} | {ratio:.2f} "
            f"| {real:.2f}{missed} |",
            flush=True,
        )
        bad += bool(missed)
    return bad


def halving_limit(trace: Trace, network: m.Network) -> int:
    """The smallest margin of the last head with which samples take at least half of the steps."""
    head = network.heads[-1]
    ahead = lead(whole(trace.outputs[head.name], read_out_unit(network, head)))
    low, high = 0, int(ahead.max())
    while low < high:
        middle = (low + high) // 2
        sure = ahead > middle
        sure[-1] = True
        if float(sure.argmax(axis=0).mean() + 1) >= trace.steps / 2:
            high = middle
        else:
            low = middle + 1
    return low


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=list(NAMES))
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--few", type=int, default=40, help="images of the NumPy simulator")
    parser.add_argument("--all", action="store_true", help="compare the traces of all images")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--coding", choices=("rate", "ttfs"), default="rate")
    options = parser.parse_args()
    unknown = sorted(set(options.models) - set(MODELS))
    if unknown:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())

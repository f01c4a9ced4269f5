"""Wall-clock with exits over that without, where exits halve the mean steps.

    SNNC_DATA=... python benchmarks/exit_speed.py [--images 2000] [--models NAME ...] [--rounds 3]

For each model, mapped to spikes with T = 30 steps (mode qcfs), full-length read-outs give the
threshold of `confidence` with which the mean number of steps is at most half of T. Then two things
are timed in turns, with and without exits: the simulator on the same images, part by part in one
process, and the whole command `snnc eval DIR`, each in a process of its own. Exits with 1 where the
mean steps are at most half and a time is above 0.75 of the time without exits.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from curves import compiled_for, first_images, pipeline
from models import QUANTISED, Model
from numpy.typing import NDArray

import snnc
from snnc.backends.reference import Simulator
from snnc.evaluation.evaluate import Samples
from snnc.ir import model as m
from snnc.ir.answers import class_values
from snnc.ir.scores import score

STEPS = 30
WORST = 0.75
NAMES = ("mnist_cnn_qcfs_L4", "cifar10_vgg_qcfs_L4")
_PART = 500


@dataclass(frozen=True, slots=True)
class Measured:
    """One model: what was timed, mean steps, and seconds of each round without and with exits."""

    what: str
    threshold: float
    mean_steps: float
    full: tuple[float, ...]
    exits: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the rounds of the time with exits over that without."""
        pairs = zip(self.exits, self.full, strict=True)
        return statistics.median(shorter / longer for shorter, longer in pairs)

    @property
    def missed(self) -> bool:
        """Whether the steps halve and the time does not follow."""
        return self.mean_steps <= STEPS / 2 and self.ratio > WORST


def main() -> int:
    """Print the table as Markdown; 1 if a bound is missed."""
    options = _options()
    print(f"first {options.images:,} test images, {options.rounds} rounds, T = {STEPS}\n")
    print("| model | timed | threshold | mean steps | share of T | seconds without ", end="")
    print("| with exits | ratio |\n|---|---|---|---|---|---|---|---|")
    missed = 0
    for name in options.models:
        model = QUANTISED[name]
        simulated = measure(model, options.images, options.rounds)
        missed += _print(name, simulated)
        missed += _print(name, measure_command(model, simulated, options.images, options.rounds))
    return 1 if missed else 0


def _print(name: str, found: Measured) -> bool:
    """Print a row; whether it misses its bound."""
    print(
        f"| {name} | {found.what} | {found.threshold:.4f} | {found.mean_steps:.2f} "
        f"| {found.mean_steps / STEPS:.2f} | {statistics.median(found.full):.2f} "
        f"| {statistics.median(found.exits):.2f} "
        f"| {found.ratio:.2f}{' missed' if found.missed else ''} |",
        flush=True,
    )
    return found.missed


def measure(model: Model, images: int, rounds: int) -> Measured:
    """Find the threshold that halves the steps, then measure in turns."""
    network = compiled_for(model, pipeline("qcfs"), STEPS).network
    data = first_images(model, network, images)
    network = with_confidence(network, halving_threshold(network, data))
    simulator = Simulator(network)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    steps = 0
    for _ in range(rounds):
        spent = {True: 0.0, False: 0.0}
        steps = 0
        for x in _parts(data):
            for exits in (False, True):
                start = time.perf_counter()
                trace = simulator.run(x, exits=exits)
                spent[exits] += time.perf_counter() - start
            steps += int(trace.steps_run.sum())
        for exits, value in spent.items():
            seconds[exits].append(value)
    assert isinstance(network.exit, m.Confidence)
    (threshold,) = network.exit.thresholds
    taken = steps / len(data)
    return Measured("simulator", threshold, taken, tuple(seconds[False]), tuple(seconds[True]))


def measure_command(model: Model, simulated: Measured, images: int, rounds: int) -> Measured:
    """Time `snnc eval` on a program directory with the same policy, in turns."""
    rule = f"confidence{{threshold={simulated.threshold},alpha={STEPS},temperature=1}}"
    compiled = snnc.compile(
        model.path,
        steps=STEPS,
        passes=pipeline("qcfs"),
        preprocessing=model.preprocessing,
        exit=rule,
    )
    seconds: dict[str, list[float]] = {"off": [], "run": []}
    with tempfile.TemporaryDirectory() as folder:
        program = compiled.save(Path(folder) / "program")
        command = [sys.executable, "-m", "snnc", "eval", str(program), "--quiet"]
        command += ["--data", model.split(f"test[:{images}]")]
        for _ in range(rounds):
            for mode, spent in seconds.items():
                start = time.perf_counter()
                subprocess.run([*command, "--exits", mode], check=True, stdout=subprocess.DEVNULL)
                spent.append(time.perf_counter() - start)
    times = {"full": tuple(seconds["off"]), "exits": tuple(seconds["run"])}
    return replace(simulated, what="snnc eval", **times)


def with_confidence(network: m.Network, threshold: float) -> m.Network:
    """The network with dynamic confidence on its last head, alpha = T."""
    policy = m.Confidence(
        heads=(network.heads[-1].name,),
        alpha=float(STEPS),
        temperatures=(1.0,),
        thresholds=(threshold,),
    )
    return replace(network, exit=policy)


def halving_threshold(network: m.Network, data: Samples) -> float:
    """The largest threshold, in ten-thousandths, whose mean steps on `data` are at most T / 2."""
    policy = with_confidence(network, 0.0).exit
    assert isinstance(policy, m.Confidence)
    head = network.heads[-1]
    reached = []
    for x in _parts(data):
        outputs = Simulator(network).run(x).outputs[head.name]
        reached.append(score(policy, 1.0, class_values(head, outputs)))
    scores = np.concatenate(reached, axis=1)
    low, high = 0, 10_000
    while low < high:
        middle = (low + high + 1) // 2
        if _mean_steps(scores, middle / 10_000) <= STEPS / 2:
            low = middle
        else:
            high = middle - 1
    return low / 10_000


def _mean_steps(scores: NDArray[np.float64], threshold: float) -> float:
    """Mean steps of samples that stop once their score (T, N) exceeds the threshold."""
    sure = scores > threshold
    sure[-1] = True
    return float(sure.argmax(axis=0).mean() + 1)


def _parts(data: Samples) -> Iterator[NDArray[np.float32]]:
    for given, _ in data.batches(_PART):
        yield np.asarray(given)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--models", nargs="+", choices=sorted(QUANTISED), default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

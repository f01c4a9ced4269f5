"""Accuracy, agreement with the ANN and spikes of quantised networks at T = 1 ... 32, in both modes.

    python benchmarks/quantised.py                          # all models, 10,000 test images each
    python benchmarks/quantised.py --models mnist_cnn_qcfs_L4 --images 500 --modes qffs
    python benchmarks/quantised.py --long                   # 8 bits: up to 512 steps

One simulation per model and mode; each row is its state after T steps. Exits with 1 where a row
misses the bound that BOUNDS states (whole test sets only).
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import numpy as np
from curves import Curves, compiled_for, measure, pipeline
from models import CALIBRATION, QUANTISED, QUANTISED_8_BIT

MODES = ("qffs", "qcfs")
STEPS = (1, 2, 4, 8, 16, 32)
LONG_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_ROUNDING = 1e-9
ALL = QUANTISED | QUANTISED_8_BIT

# beginning of the model's name, mode, T: smallest agreement, or largest drop, in percentage points
BOUNDS = {
    ("mnist_cnn_lsq2", "qffs", 8): ("agreement", 100.0),
    ("brevitas_mnist_lenet_w4a3", "qffs", 16): ("agreement", 100.0),
    ("mnist_cnn_qcfs_L4", "qffs", 8): ("agreement", 100.0),
    ("mnist_cnn_qcfs_L4", "qcfs", 4): ("drop", 1.0),
    ("mnist_cnn_qcfs_L4", "qcfs", 8): ("drop", 0.1),
    ("cifar10_vgg_qcfs_L4", "qffs", 8): ("agreement", 100.0),
    ("cifar10_vgg_qcfs_L4", "qcfs", 8): ("drop", 0.5),
    ("cifar10_vgg_qcfs_L4", "qcfs", 32): ("drop", 0.3),
}


def main() -> int:
    """Print the tables as Markdown; 1 if a bound is missed."""
    options = _options()
    steps = sorted(options.steps or (LONG_STEPS if options.long else STEPS))
    names = options.models or sorted(QUANTISED_8_BIT if options.long else QUANTISED)
    calibration = None if options.calibration == "none" else options.calibration
    print(f"first {options.images:,} test images, calibration {options.calibration}\n")
    print("| model | mode | T | ANN % | SNN % | drop | agreement % | bound ", end="")
    print("| spikes/image | at rest % |\n|---|---|---|---|---|---|---|---|---|---|")
    missed = 0
    rests = []
    for name in names:
        for mode in options.modes:
            begin = time.perf_counter()
            compiled = compiled_for(ALL[name], pipeline(mode), steps[-1], calibration)
            found = measure(compiled, ALL[name], options.images, steps[-1])
            missed += sum(_row(name, mode, step, found) for step in steps)
            rests.append(_rest(name, mode, found, time.perf_counter() - begin))
    print("\n| model | mode | median step of rest | mean | largest | not at rest | seconds |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rests))
    return 1 if missed and options.images >= 10_000 else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--models", nargs="*", choices=sorted(ALL))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--steps", nargs="+", type=int, help="time steps to print")
    parser.add_argument("--long", action="store_true", help="the 8-bit models, up to 512 steps")
    parser.add_argument(
        "--calibration", default="none", help=f"part of the data such as {CALIBRATION}, or none"
    )
    return parser.parse_args()


def _row(name: str, mode: str, step: int, found: Curves) -> bool:
    """Print the state after `step` steps; whether it misses its bound."""
    at = step - 1
    agreement = 100 * found.agree[at] / found.images
    drop = 100 * (found.ann_correct - found.correct[at]) / found.images
    kind, bound = _bound(name, mode, step)
    missed = agreement < bound if kind == "agreement" else drop > bound + _ROUNDING
    settled = found.settled_by(step)
    print(
        f"| {name} | {mode} | {step} | {100 * found.ann_correct / found.images:.2f} "
        f"| {100 * found.correct[at] / found.images:.2f} | {drop:.2f} | {agreement:.2f} "
        f"| {f'{kind} {bound}' if kind else ''}{' missed' if missed else ''} "
        f"| {found.spikes[at] / found.images:,.0f} "
        f"| {'' if settled is None else f'{100 * settled:.2f}'} |",
        flush=True,
    )
    return missed


def _bound(name: str, mode: str, step: int) -> tuple[str, float]:
    for (start, bound_mode, bound_step), stated in BOUNDS.items():
        if name.startswith(start) and (mode, step) == (bound_mode, bound_step):
            return stated
    return "", math.inf


def _rest(name: str, mode: str, found: Curves, seconds: float) -> str:
    """One row on the steps after which images are at rest."""
    done = found.settled[found.settled >= 0]
    figures = "| | | |"
    if len(done):
        figures = f"| {np.median(done):.0f} | {done.mean():.2f} | {done.max()} |"
    open_ones = len(found.settled) - len(done) if len(found.settled) else ""
    return f"| {name} | {mode} {figures} {open_ones} | {seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(main())

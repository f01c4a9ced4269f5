"""Accuracy of a network that was given few activation levels after training.

    python benchmarks/requantize.py                              # mnist_lenet, 10,000 images
    python benchmarks/requantize.py mnist_lenet_qdq8             # 8 bits made fewer
    python benchmarks/requantize.py cifar10_vgg --images 500 --bits 4

`requantize{bits=b}` chooses steps on 500 training images, with and without `calibrate-bias`; one
simulation per row, in both modes. `at rest` is the state of `qffs` once nothing changes any more:
the accuracy of the requantised network itself. Exits with 1 where a row misses the bound that
BOUNDS states (whole test sets only).
"""

from __future__ import annotations

import argparse
import sys

from curves import Curves, compiled_for, measure, pipeline
from models import CALIBRATION, MODELS, QUANTISED_8_BIT

STEPS = (4, 8, 16, 32)
MODES = ("qffs", "qcfs")
ALL = MODELS | QUANTISED_8_BIT
CORRECTIONS = {"none": "", "bias": ",calibrate-bias"}

# model, bits: largest drop in percentage points at 16 steps, in the best row
BOUNDS = {("mnist_lenet", 4): 0.3}


def main() -> int:
    """Print the table as Markdown; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", choices=sorted(ALL), default="mnist_lenet")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--bits", type=int, nargs="+", default=[2, 3, 4])
    options = parser.parse_args()
    print(f"{options.model}, first {options.images:,} test images, accuracy in %\n")
    heads = " | ".join(f"T={step}" for step in STEPS)
    print(f"| bits | correction | mode | {heads} | at rest | by step | spikes/image at T=16 |")
    print("|---|---|---|" + "---|" * (len(STEPS) + 3))
    missed = False
    for bits in options.bits:
        drops = []
        for correction, extra in CORRECTIONS.items():
            layers = " layers=all" if options.model in QUANTISED_8_BIT else ""
            passes = f"requantize{{bits={bits}{layers}}}{extra}"
            for mode in MODES:
                found = _measured(options.model, pipeline(mode, passes), bits, options.images)
                drops.append(100 * (found.ann_correct - found.correct[15]) / found.images)
                print(f"| {bits} | {correction} | {mode} {_cells(found)}", flush=True)
        missed |= min(drops) > BOUNDS.get((options.model, bits), 100.0)
    print(f"\nANN {100 * found.ann_correct / found.images:.2f} %")
    return int(missed and options.images >= 10_000)


def _measured(model: str, passes: str, bits: int, images: int) -> Curves:
    steps = max(STEPS[-1], 4 * 2**bits)
    compiled = compiled_for(ALL[model], passes, steps, CALIBRATION)
    return measure(compiled, ALL[model], images, steps)


def _cells(found: Curves) -> str:
    percent = 100 / found.images
    cells = [f"{percent * found.correct[step - 1]:.2f}" for step in STEPS]
    rest = ["", ""]
    if len(found.settled) and found.settled.min() >= 0:
        rest = [f"{percent * found.correct[-1]:.2f}", str(found.settled.max())]
    cells += [*rest, f"{found.spikes[15] / found.images:,.0f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())

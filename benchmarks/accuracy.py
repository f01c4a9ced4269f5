"""Accuracy of the default pipeline on whole test sets, against stated bounds.

    python benchmarks/accuracy.py                # all rows, 10,000 test images each
    python benchmarks/accuracy.py --images 500 --models mnist_lenet

Every row compiles one model for T steps with 500 training images as calibration set and
simulates the test images. Exits with 1 where a row misses its bound (whole test sets only).
"""

from __future__ import annotations

import argparse
import sys
import time

from models import CALIBRATION, MODELS

import snnc

# model, time steps, largest drop against the ANN in percentage points
ROWS = (
    ("mnist_lenet", 8, 1.2),
    ("mnist_lenet", 16, 0.2),
    ("mnist_lenet", 32, 0.1),
    ("mnist_lenet_dynamo", 8, 1.2),
    ("mnist_lenet_dynamo", 16, 0.2),
    ("mnist_lenet_dynamo", 32, 0.1),
    ("mnist_mlp", 8, 0.3),
    ("mnist_mlp_dynamo", 8, 0.3),
    ("cifar10_vgg", 16, 1.5),
    ("cifar10_vgg", 32, 0.5),
    ("cifar10_vgg", 64, 0.2),
    ("cifar10_vgg_dynamo", 16, 1.5),
    ("cifar10_vgg_dynamo", 32, 0.5),
    ("cifar10_vgg_dynamo", 64, 0.2),
    ("cifar10_resnet8", 32, 1.0),
    ("cifar10_resnet8_dynamo", 32, 1.0),
)


def main() -> int:
    """Print the table as Markdown; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--models", nargs="*", choices=sorted(MODELS), default=sorted(MODELS))
    parser.add_argument("--passes", help="another pipeline")
    options = parser.parse_args()
    print("| model | T | ANN % | SNN % | drop | bound | agreement % | spikes/image | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    missed = 0
    for name, steps, bound in ROWS:
        if name not in options.models:
            continue
        model = MODELS[name]
        begin = time.perf_counter()
        found = snnc.evaluate(
            model.path,
            model.split(f"test[:{options.images}]"),
            calibration=model.split(CALIBRATION),
            steps=steps,
            passes=options.passes,
            preprocessing=model.preprocessing,
        ).as_dict()
        drop = 100 * (found["ann_accuracy"] - found["snn_accuracy"])
        missed += drop > bound and options.images >= 10_000
        print(
            f"| {name} | {steps} | {100 * found['ann_accuracy']:.2f} "
            f"| {100 * found['snn_accuracy']:.2f} | {drop:.2f} | {bound} "
            f"| {100 * found['agreement']:.2f} | {found['spikes_per_sample']:,.0f} "
            f"| {time.perf_counter() - begin:.0f} |",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

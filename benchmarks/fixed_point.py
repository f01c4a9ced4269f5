"""What whole numbers cost on whole test sets: 8-bit weights against the network of fractions.

    python benchmarks/fixed_point.py                # all rows, 10,000 test images each
    python benchmarks/fixed_point.py --images 500 --models mnist_lenet
    python benchmarks/fixed_point.py --ttfs         # one spike per neuron, its time the value

Every row compiles one model for the target loihi (500 training images as calibration set) and
simulates the test images twice: the spiking network of fractions that quantize-weights was given,
and the network of whole numbers that it made. Exits with 1 where a row loses more than its bound
(whole test sets only).
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from models import CALIBRATION, MODELS, MULTI_EXIT, QUANTISED, Model

import snnc
from snnc.backends.reference.simulator import Simulator
from snnc.driver.samples import open_samples
from snnc.evaluation.inputs import affordable_batch
from snnc.evaluation.judge import Judge

MNIST, CIFAR = 0.1, 0.3
"""The most that may be lost, in percentage points."""

# model, time steps (None: chosen by the pass), bound
ROWS: tuple[tuple[str, int | None, float], ...] = (
    ("mnist_lenet", 32, MNIST),
    ("mnist_lenet_dynamo", 32, MNIST),
    ("mnist_mlp", 32, MNIST),
    ("mnist_multi_exit", 32, MNIST),
    ("mnist_cnn_lsq2_float", None, MNIST),
    ("mnist_cnn_lsq2_float_dynamo", None, MNIST),
    ("mnist_cnn_lsq2_qcdq", None, MNIST),
    ("mnist_cnn_lsq2_uint2", None, MNIST),
    ("mnist_cnn_lsq2_uint4", None, MNIST),
    ("mnist_cnn_lsq2_w4a2", None, MNIST),
    ("mnist_cnn_qcfs_L4", None, MNIST),
    ("cifar10_resnet8", 32, CIFAR),
    ("cifar10_resnet8_dynamo", 32, CIFAR),
    ("cifar10_vgg", 32, CIFAR),
    ("cifar10_vgg_dynamo", 32, CIFAR),
    ("cifar10_vgg_qcfs_L4", None, CIFAR),
    ("cifar10_vgg_qcfs_L4_dynamo", None, CIFAR),
)
TTFS: tuple[tuple[str, int | None, float], ...] = (
    ("mnist_lenet", 32, MNIST),
    ("cifar10_resnet8", 80, CIFAR),
    ("cifar10_vgg", 80, CIFAR),
)
"""Rows of time to first spike; the number is that of the steps of a window."""

TTFS_PASSES = "fold-batch-norm,fuse-linear,max-pool,normalize,schedule-ttfs{{window={window}}}"

KNOWN: dict[str, Model] = {**MODELS, **MULTI_EXIT, **QUANTISED}


def measure(model: Model, steps: int | None, images: int, passes: str | None) -> dict[str, float]:
    """Accuracies of both networks, and how often they agree."""
    compiled = snnc.compile(
        model.path,
        calibration=model.split(CALIBRATION),
        preprocessing=model.preprocessing,
        target="loihi",
        steps=steps,
        passes=passes,
    )
    assert compiled.fractions is not None
    networks = (compiled.fractions, compiled.network)
    simulators = [Simulator(network) for network in networks]
    judge = Judge(compiled.network)
    shape = compiled.network.inputs[0].shape
    samples = open_samples(model.split(f"test[:{images}]"), shape, model.preprocessing)
    right, same, spikes = np.zeros(2, np.int64), 0, np.zeros(2)
    for x, labels in samples.batches(affordable_batch(compiled.network)):
        traces = [simulator.run(x, exits=False) for simulator in simulators]
        found = [judge.classify(trace.outputs[judge.head.name][-1]) for trace in traces]
        right += [int((classes == labels).sum()) for classes in found]
        same += int((found[0] == found[1]).sum())
        spikes += [sum(int(n.sum()) for n in trace.spikes.values()) for trace in traces]
    return {
        "steps": compiled.steps,
        "fractions": 100 * right[0] / len(samples),
        "whole": 100 * right[1] / len(samples),
        "agreement": 100 * same / len(samples),
        "spikes": spikes[0] / len(samples),
        "spikes_whole": spikes[1] / len(samples),
    }


def main() -> int:
    """Print the table as Markdown; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    names = [name for name, _, _ in ROWS]
    parser.add_argument("--models", nargs="*", choices=names, default=names)
    parser.add_argument("--passes", help="another pipeline in front of the target's passes")
    parser.add_argument("--ttfs", action="store_true", help="the rows of time to first spike")
    options = parser.parse_args()
    print(
        "| model | T | fractions % | whole numbers % | lost | bound | agreement % "
        "| spikes/image | whole numbers | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    missed = 0
    for name, steps, bound in TTFS if options.ttfs else ROWS:
        if name not in options.models:
            continue
        begin, passes = time.perf_counter(), options.passes
        if options.ttfs:
            passes = passes or TTFS_PASSES.format(window=steps)
        found = measure(KNOWN[name], steps, options.images, passes)
        lost = found["fractions"] - found["whole"]
        missed += lost > bound + 1e-9 and options.images >= 10_000
        print(
            f"| {name} | {found['steps']} | {found['fractions']:.2f} | {found['whole']:.2f} "
            f"| {lost:.2f} | {bound} | {found['agreement']:.2f} | {found['spikes']:,.0f} "
            f"| {found['spikes_whole']:,.0f} | {time.perf_counter() - begin:.0f} |",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

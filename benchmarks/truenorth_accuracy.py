"""What few bits and partial sums of rates cost on target truenorth, on MNIST.

    SNNC_DATA=... python benchmarks/truenorth_accuracy.py [bits] [copies] [--images 1000]

`bits`: accuracy of the bundled LeNet and of `mnist_mlp` in fractions and with weights of 5 to 2
bits, by either rounding of quantize-weights. `copies`: `mnist_mlp` with weights of 4 bits, whole
and with the neurons that do not fit a core split into partial sums of 1 to 8 copies: accuracy, and
by how many spikes the output counts of the same neurons differ. 32 time steps.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import MODELS, Model

import snnc
from snnc.backends.reference import Simulator, Trace
from snnc.driver.samples import open_inputs

STEPS = 32
BITS = (5, 4, 3, 2)
COPIES = (1, 2, 4, 8)
BUNDLED = Path(__file__).resolve().parents[1] / "examples" / "mnist" / "model.onnx"
PASSES = (
    "fold-batch-norm,fuse-linear,max-pool,normalize{method=mmse},to-spiking,calibrate-potential,"
    "spike-heads,encode-inputs"
)
WHOLE = "fold-chains{pools=spike},quantize-weights{target=truenorth bits=%d rounding=%s}"
SPLIT = "split-fan-in{policy=rate copies=%d}"


@dataclass(frozen=True)
class Measured:
    """A simulated network: its accuracy, and what it did."""

    accuracy: float
    trace: Trace


def main() -> int:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], "bits", "copies"], default=[])
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    wanted = options.parts or ("bits", "copies")
    if "bits" in wanted:
        _bits(options.images)
    if "copies" in wanted:
        _copies(options.images)
    return 0


def _bits(images: int) -> None:
    print("| bits | bundled LeNet, mse | largest | mnist_mlp, mse | largest |")
    print("| --- | ---: | ---: | ---: | ---: |")
    paths = (str(BUNDLED), MODELS["mnist_mlp"].path)
    exact = [measured(path, PASSES, images).accuracy for path in paths]
    print(f"| fractions | {exact[0]:.1f} | | {exact[1]:.1f} | |", flush=True)
    for bits in BITS:
        cells = [
            measured(path, f"{PASSES},{WHOLE % (bits, rounding)}", images).accuracy
            for path in paths
            for rounding in ("mse", "largest")
        ]
        print(f"| {bits} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |", flush=True)
    print()


def _copies(images: int) -> None:
    print("| copies | accuracy % | mean difference of spike counts | largest |")
    print("| --- | ---: | ---: | ---: |")
    passes = f"{PASSES},{WHOLE % (4, 'mse')}"
    path = MODELS["mnist_mlp"].path
    whole = measured(path, passes, images)
    print(f"| not split | {whole.accuracy:.1f} | | |", flush=True)
    for copies in COPIES:
        split = measured(path, f"{passes},{SPLIT % copies}", images)
        off = differences(whole.trace, split.trace)
        cells = f"{split.accuracy:.1f} | {off.mean():.2f} | {off.max():.0f}"
        print(f"| {copies} | {cells} |", flush=True)


def measured(path: str, passes: str, images: int) -> Measured:
    """The network that these passes make of a model, on so many test images."""
    model: Model = MODELS["mnist_mlp"]  # the data and how they become inputs
    compiled = snnc.compile(
        path,
        passes=passes,
        calibration=model.split("train[:500]"),
        steps=STEPS,
        preprocessing=model.preprocessing,
    )
    data = open_inputs(
        compiled.network, model.split(f"test[:{images}]"), model.preprocessing, STEPS
    )
    ((x, labels),) = data.batches(images)
    trace = Simulator(compiled.network).run(x)
    answers = trace.outputs[compiled.network.heads[-1].name][-1].argmax(axis=-1)
    return Measured(100 * float((answers == labels).mean()), trace)


def differences(whole: Trace, split: Trace) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """By how many spikes neurons differ that both networks have, all samples."""
    shared = [n for n in whole.spike_counts if n in split.spike_counts]
    pairs = [(whole.spike_counts[n].astype(np.int64), split.spike_counts[n]) for n in shared]
    return np.concatenate([abs(a - b).ravel() for a, b in pairs if a.shape == b.shape])


if __name__ == "__main__":
    sys.exit(main())

"""Accuracy at T = 1 ... 64 for every normalisation and correction: how the default was chosen.

    python benchmarks/normalization.py cifar10_vgg --images 1000

Each cell compiles the model for that number of steps (500 training images as calibration set)
and simulates the first test images. The whole table takes long; `--steps` and `--images` bound it.
"""

from __future__ import annotations

import argparse

from models import CALIBRATION, MODELS

import snnc
from snnc.passes import PREPARATION

VARIANTS = {
    "max, per layer": "normalize{method=max per=layer},to-spiking",
    "max, per channel": "normalize{method=max},to-spiking",
    "99.9 %, per layer": "normalize{per=layer},to-spiking",
    "99.9 %, per channel": "normalize,to-spiking",
    "MMSE, per channel": "normalize{method=mmse},to-spiking",
    "threshold balancing": "normalize{method=balance},to-spiking",
    "99.9 %, v_init=0": "normalize,to-spiking{v_init=0.0}",
    "99.9 %, hard reset": "normalize,to-spiking{reset=zero}",
    "99.9 %, bias": "normalize,to-spiking,calibrate-bias",
    "99.9 %, potential": "normalize,to-spiking,calibrate-potential",
    "MMSE, potential (default)": "normalize{method=mmse},to-spiking,calibrate-potential",
    "MMSE, signed spikes": "normalize{method=mmse},to-spiking{signed=true}",
    "MMSE, signed, potential": (
        "normalize{method=mmse},to-spiking{signed=true},calibrate-potential"
    ),
}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    model = MODELS[options.model]
    heads = " | ".join(f"T={steps}" for steps in options.steps)
    print(f"{options.model}, first {options.images:,} test images, accuracy in %\n")
    print(f"| normalisation | {heads} | spikes/image at T={options.steps[-1]} |")
    print("|---|" + "---|" * (len(options.steps) + 1))
    for label in options.only:
        cells, spikes, ann = [], 0.0, 0.0
        for steps in options.steps:
            found = snnc.evaluate(
                model.path,
                model.split(f"test[:{options.images}]"),
                calibration=model.split(CALIBRATION),
                steps=steps,
                passes=f"{PREPARATION},{VARIANTS[label]}",
                preprocessing=model.preprocessing,
            ).as_dict()
            cells.append(f"{100 * found['snn_accuracy']:.1f}")
            spikes, ann = found["spikes_per_sample"], found["ann_accuracy"]
        print(f"| {label} | {' | '.join(cells)} | {spikes:,.0f} |", flush=True)
    print(f"\nANN {100 * ann:.1f} %")


if __name__ == "__main__":
    main()

"""Dynamic Confidence on quantised networks, against the full length and the best fixed length.

    python benchmarks/dynamic_confidence.py                     # both models and modes
    python benchmarks/dynamic_confidence.py --models mnist_cnn_qcfs_L4 --images 500 --modes qcfs

Policies are fitted on the first half of the test set (held out: no network was trained on it) or,
for comparison, on training images; every figure is taken on the second half, which chooses nothing.
`T*` is the smallest fixed number of steps within 0.1 points of the best. Exits with 1 where a row
fitted on held-out images misses its bound (5,000 images only).
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from curves import pipeline
from models import QUANTISED, Model

import snnc
from snnc.ir import model as m

STEPS = 30
"""The fixed length of the paper's VGG-16."""

HALF = 5_000
SEARCHED = "confidence"
PUBLISHED = f"confidence{{alpha={STEPS},last-step={STEPS},luck=0}}"
RULES = {"searched": SEARCHED, "alpha = T": PUBLISHED}

LARGEST_DROP = {"mnist_cnn_qcfs_L4": 0.1, "cifar10_vgg_qcfs_L4": 0.3}
"""Accepted loss against the full length, in points, when judged on the second half."""

LEAST_SAVING = {"qcfs": {"full": 80.0, "T*": 30.0}, "qffs": {"full": 25.0}}
"""Percent fewer steps than the full length, and than T*, by mode."""

COLUMNS = (
    *("model", "mode", "rule", "fitted on", "ANN %", "full steps", "full %", "T*", "T* %"),
    *("with exits", "%", "drop", "fewer than full", "fewer than T*"),
    *("spikes/neuron: full, exits", "seconds"),
)

# data, network, method | ANN | SNN | steps | steps with exits | fewer
PAPER = """\
| CIFAR-10 VGG-16 QCFS | 92.41 | 92.50 | 30 | 12.69 | 58 % |
| CIFAR-10 VGG-16 QFFS | 92.41 | 92.41 | 6 | 3.17 | 47 % |
| CIFAR-10 ResNet-18 QCFS | 93.79 | 94.27 | 27 | 11.51 | 57 % |
| CIFAR-10 ResNet-18 QFFS | 93.79 | 94.11 | 4 | 2.52 | 37 % |
| ImageNet VGG-16 QCFS | 72.40 | 73.30 | 74 | 49.54 | 33 % |
| ImageNet VGG-16 QFFS | 72.40 | 72.52 | 4 | 2.86 | 29 % |
| ImageNet ResNet-50 QCFS | 72.60 | 70.72 | 128 | 81.81 | 36 % |
| ImageNet ResNet-50 QFFS | 72.60 | 73.17 | 6 | 4.42 | 26 % |"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one fitted policy does on the second half; accuracies in percent.

    `spikes` and `spikes_full`: per neuron and image, of either sign, read-outs left out.
    """

    ann: float
    accuracy: float
    accuracy_full: float
    steps: float
    steps_full: float
    t_star: float
    t_star_accuracy: float
    spikes: float
    spikes_full: float
    rule: str

    @property
    def drop(self) -> float:
        """Points lost against the full length."""
        return self.accuracy_full - self.accuracy

    def fewer(self, than: float) -> float:
        """Percent fewer steps than a number of steps."""
        return 100 * (1 - self.steps / than)


def main() -> int:
    """Print the tables as Markdown; 1 if a bound is missed."""
    options = _options()
    print(f"{options.images:,} images to fit on, {options.images:,} others to measure on\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    missed = 0
    rules: list[str] = []
    for name in options.models:
        for mode in options.modes:
            for rule, data in _fits(options.images):
                begin = time.perf_counter()
                row = _measured(QUANTISED[name], mode, RULES[rule], data, options)
                bad = rule == "searched" and data.startswith("test") and _misses(name, mode, row)
                missed += bad
                _print(name, mode, rule, data, row, bad, time.perf_counter() - begin)
                rules.append(f"- {name}, {mode}, {rule}, {data}: `{row.rule}`")
    print("\nThe policies:\n\n" + "\n".join(rules))
    print("\nThe paper's (Li, Jones, Furber 2023, no loss of accuracy):\n")
    print("| data, network, method | ANN % | SNN % | steps | with exits | fewer |")
    print(f"|---|---|---|---|---|---|\n{PAPER}")
    return 1 if missed and options.images >= HALF else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = sorted(LARGEST_DROP)
    parser.add_argument("--models", nargs="+", choices=names, default=names[::-1])
    parser.add_argument(
        "--modes", nargs="+", choices=sorted(LEAST_SAVING), default=["qcfs", "qffs"]
    )
    parser.add_argument("--images", type=int, default=HALF, help="of each half")
    parser.add_argument("--max-drop", type=float, default=0.0, help="points, for the fit")
    return parser.parse_args()


def _fits(images: int) -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule, f"test[:{images}]"
    yield "searched", f"train[:{images}]"


def _measured(model: Model, mode: str, rule: str, data: str, options: argparse.Namespace) -> Row:
    compiled = snnc.compile(
        model.path,
        steps=STEPS,
        passes=pipeline(mode),
        preprocessing=model.preprocessing,
        exit=rule,
        exit_data=model.split(data),
        max_drop=options.max_drop,
    )
    half = model.split(f"test[{HALF}:{HALF + options.images}]")
    found = compiled.evaluate(half).as_dict()
    exits = found["exit"]
    neurons = sum(
        math.prod(p.shape)
        for p in compiled.network.populations
        if not isinstance(p.neuron, m.Integrator)
    )
    return Row(
        ann=100 * found["ann_accuracy"],
        accuracy=100 * exits["accuracy"],
        accuracy_full=100 * exits["accuracy_full"],
        steps=exits["mean_steps"],
        steps_full=exits["steps_full"],
        t_star=exits["fixed"]["t_star"],
        t_star_accuracy=100 * exits["fixed"]["t_star_accuracy"],
        spikes=exits["spikes_per_sample"] / neurons,
        spikes_full=exits["spikes_full"] / neurons,
        rule=exits["text"],
    )


def _misses(name: str, mode: str, row: Row) -> bool:
    against = {"full": row.steps_full, "T*": row.t_star}
    saved = all(row.fewer(against[k]) >= least for k, least in LEAST_SAVING[mode].items())
    return not saved or row.drop > LARGEST_DROP[name] + 1e-9


def _print(name: str, mode: str, rule: str, data: str, row: Row, bad: bool, seconds: float) -> None:
    print(
        f"| {name} | {mode} | {rule} | {data} | {row.ann:.2f} | {row.steps_full:.2f} "
        f"| {row.accuracy_full:.2f} | {row.t_star} | {row.t_star_accuracy:.2f} "
        f"| {row.steps:.2f}{' missed' if bad else ''} | {row.accuracy:.2f} | {row.drop:.2f} "
        f"| {row.fewer(row.steps_full):.0f} % | {row.fewer(row.t_star):.0f} % "
        f"| {row.spikes_full:.2f}, {row.spikes:.2f} | {seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())

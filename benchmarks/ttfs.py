"""Time to first spike next to rate code: accuracy, latency, spikes and energy estimates.

    python benchmarks/ttfs.py                                # all models, 10,000 test images each
    python benchmarks/ttfs.py --models mnist_lenet --images 500 --part 100 --windows 32

Every row is one network, compiled without training from 500 training images. The two plain rows of
spike times run a whole window at once on `--images` images; early firing and rate code, which need
every step, and pruning run on the first `--part` of them. `lost` is what is lost against
onnxruntime on the same images.

Rate code is the default pipeline, compiled for several numbers of steps. Each row of spike times is
compared with the fewest steps that are not less accurate on the same images (`rate`; the most steps
where none is): `fewer` is its number of spikes over the row's. The energy estimates are relative to
it, too, by the model of Park and Yoon 2021, `E_dyn * spikes / spikes_rate + E_sta * steps /
steps_rate`, with the shares published for TrueNorth (0.4, 0.6) and SpiNNaker (0.64, 0.36). Nothing
was measured on a chip.

Exits with 1 where a bound is missed (whole test sets only).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from models import CALIBRATION, MODELS, Model
from numpy.typing import NDArray

import snnc
from snnc.backends.reference.simulator import Simulator
from snnc.driver.samples import open_samples
from snnc.evaluation.judge import Judge
from snnc.evaluation.normalised_energy import Reference, relative_energy
from snnc.ir import model as m
from snnc.passes import TTFS_PIPELINE

NAMES = ("mnist_lenet", "cifar10_vgg", "cifar10_resnet8")
MNIST = "mnist_lenet"
RATE_STEPS = (4, 8, 16, 32, 48, 64, 96)
PRUNE = (0.2, 1.0, 2.0, 4.0)
"""Points that pruning may cost on the calibration samples, at the longest window."""

MOST_SPIKES, MNIST_LOST, CIFAR_LOST, FEWER = 0.45, 0.2, 1.5, 10.0
"""Bounds: spikes per neuron at a window of 32 (mnist_lenet), points lost there and on CIFAR-10 at a
window of 80, and times fewer spikes than rate code on CIFAR-10 at equal accuracy."""

_BATCH = 200


@dataclass(frozen=True)
class Row:
    """One network's figures. `right`, `ann`: images answered right by it and by onnxruntime."""

    name: str
    code: str
    window: int | None
    steps: int
    right: NDArray[np.bool_]
    ann: NDArray[np.bool_]
    spikes: float
    neurons: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * float(self.right.mean())

    @property
    def lost(self) -> float:
        """Points below onnxruntime on the same images."""
        return 100 * float(self.ann[: len(self.right)].mean()) - self.accuracy

    @property
    def per_neuron(self) -> float:
        """Spikes of an image by neuron that can fire, inputs that send spikes among them."""
        return self.spikes / self.neurons


def spike_times(window: int, *, early: int = 0, prune: float = 0.0, fit: bool = True) -> str:
    """A pipeline to spike times."""
    passes = TTFS_PIPELINE.replace("schedule-ttfs", f"schedule-ttfs{{window={window}}}")
    if not fit:
        passes = passes.replace(",fit-ttfs-kernels", "")
    passes += f",schedule-ttfs{{early_fire={early}}}" if early else ""
    return passes + (f",schedule-ttfs{{prune={prune}}}" if prune else "")


def measure(
    model: Model, code: str, passes: str | None, steps: int | None, window: int | None, images: int
) -> Row:
    """Compile and run one network."""
    begin = time.perf_counter()
    compiled = snnc.compile(
        model.path,
        calibration=model.split(CALIBRATION),
        preprocessing=model.preprocessing,
        passes=passes,
        steps=steps,
    )
    network = compiled.network
    assert network.schedule is not None
    assert compiled.reference is not None
    judge, simulator = Judge(network), Simulator(network)
    shape = network.inputs[0].shape
    samples = open_samples(model.split(f"test[:{images}]"), shape, model.preprocessing)
    right, ann, spikes = [], [], 0
    for x, labels in samples.batches(_BATCH):
        trace = simulator.run(x)
        right.append(judge.classify(trace.outputs[judge.head.name][-1]) == labels)
        ann.append(compiled.reference.logits(x, judge.head.name).argmax(axis=1) == labels)
        spikes += sum(int(sent.sum()) for sent in trace.spikes.values())
    return Row(
        name=model.file,
        code=code,
        window=window,
        steps=network.schedule.steps,
        right=np.concatenate(right),
        ann=np.concatenate(ann),
        spikes=spikes / len(samples),
        neurons=firing_neurons(network),
        seconds=time.perf_counter() - begin,
    )


def firing_neurons(network: m.Network) -> int:
    """Neurons that can fire, and inputs that send spikes; read-outs are left out."""
    sources: list[m.Input | m.Population] = [
        i for i in network.inputs if not isinstance(i.coding, m.Direct)
    ]
    sources += [p for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    return sum(int(np.prod(source.shape)) for source in sources)


def rate_rows(model: Model, goal: float, images: int) -> list[Row]:
    """Rate code at rising numbers of steps, up to the first that reaches an accuracy in percent."""
    rows: list[Row] = []
    for steps in RATE_STEPS:
        rows.append(measure(model, "rate", None, steps, None, images))
        if rows[-1].accuracy >= goal - 1e-9:
            break
    return rows


def peer(row: Row, rates: Sequence[Row]) -> Row:
    """The rate code of fewest steps that is not less accurate on the images of both."""
    count = len(rates[0].right)
    wanted = row.right[:count].mean() - 1e-9
    enough = (rate for rate in rates if rate.right[: len(row.right)].mean() >= wanted)
    return next(enough, rates[-1])


def timed_rows(model: Model, windows: Sequence[int], images: int, part: int) -> Iterator[Row]:
    """All rows of spike times of a model; the curve of pruning at the longest window."""
    for window in windows:
        yield measure(model, "initial", spike_times(window, fit=False), None, window, images)
        yield measure(model, "fitted", spike_times(window), None, window, images)
        for early in (window // 4, window // 2):
            text = spike_times(window, early=early)
            yield measure(model, f"early fire {early}", text, None, window, part)
        for points in PRUNE if window == max(windows) else ():
            text = spike_times(window, prune=points)
            yield measure(model, f"pruned, {points} points", text, None, window, part)


def told(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows, each told on stderr as soon as it is measured: all of them take long."""
    for row in rows:
        text = f"{row.name} {row.code} {row.window}: {row.accuracy:.2f} %, {row.spikes:,.0f} spikes"
        print(f"{text}, {row.seconds:.0f} s", file=sys.stderr, flush=True)
        yield row


HEADER = (
    "| model | code | window | steps | images | accuracy % | lost | spikes/image | spikes/neuron "
    "| rate | fewer | energy TrueNorth | SpiNNaker | seconds |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row, rates: Sequence[Row]) -> str:
    """A row of the table."""
    beside = "| | | | "
    if row.window is not None:
        rate = peer(row, rates)
        beside = f"| T={rate.steps} | {rate.spikes / row.spikes:.1f} "
        reference = Reference("rate code", rate.spikes, rate.steps)
        for found in relative_energy(row.spikes, row.steps, reference):
            beside += f"| {found.energy:.2f} "
    return (
        f"| {row.name} | {row.code} | {row.window or ''} | {row.steps} | {len(row.right)} "
        f"| {row.accuracy:.2f} | {row.lost:.2f} | {row.spikes:,.0f} | {row.per_neuron:.3f} "
        f"{beside}| {row.seconds:.0f} |"
    )


def missed(rows: Sequence[Row], rates: Sequence[Row]) -> list[str]:
    """The bounds that a model's rows miss, in words."""
    found = {(row.code, row.window): row for row in rows}
    if rates[0].name == MNIST:
        row = found["fitted", 32]
        checks = [
            (row.per_neuron <= MOST_SPIKES, f"{row.per_neuron:.3f} spikes per neuron"),
            (row.lost <= MNIST_LOST + 1e-9, f"{row.lost:.2f} points lost at a window of 32"),
        ]
    else:
        row = found["fitted", 80]
        fewer = max(peer(r, rates).spikes / r.spikes for r in rows)
        checks = [
            (row.lost <= CIFAR_LOST + 1e-9, f"{row.lost:.2f} points lost at a window of 80"),
            (fewer >= FEWER, f"at most {fewer:.1f} times fewer spikes than rate code"),
        ]
    return [f"{rates[0].name}: {text}" for fine, text in checks if not fine]


def main() -> int:
    """Print the table as Markdown; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--windows", nargs="*", type=int, default=[32, 80])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=1_000)
    options = parser.parse_args()
    print(HEADER, flush=True)
    broken: list[str] = []
    for name in options.models:
        model, part = MODELS[name], min(options.part, options.images)
        rows = list(told(timed_rows(model, options.windows, options.images, part)))
        goal = max(100 * float(row.right[:part].mean()) for row in rows)
        rates = rate_rows(model, goal, part)
        for row in (*rates, *rows):
            print(line(row, rates), flush=True)
        if options.images >= 10_000 and set(options.windows) >= {32, 80}:
            broken += missed(rows, rates)
    for text in broken:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

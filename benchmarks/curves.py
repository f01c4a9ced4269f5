"""What the studies of quantised networks share: one simulation gives the figures of every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from models import Model
from numpy.typing import NDArray

import snnc
from snnc.driver.samples import open_samples
from snnc.evaluation.evaluate import Samples
from snnc.evaluation.inputs import neurons_of
from snnc.evaluation.judge import Judge
from snnc.evaluation.reference import AnnReference
from snnc.ir import model as m
from snnc.passes import QUANTISED_PREPARATION

_KEPT = 1 << 27
"""Bytes of spikes and counts that one batch may keep: a byte per neuron and time step."""

_BATCH = 200

Ints = NDArray[np.int64]


def pipeline(mode: str, between: str = "") -> str:
    """The passes that make a quantised network spike in `mode`; `between` is run before that."""
    parts = (QUANTISED_PREPARATION, between, f"map-quantized{{mode={mode}}}")
    return ",".join(part for part in parts if part)


def compiled_for(
    model: Model, passes: str, steps: int, calibration: str | None = None
) -> snnc.Compiled:
    """The model compiled for at most `steps` steps, with a part of its data to calibrate on."""
    return snnc.compile(
        model.path,
        calibration=None if calibration is None else model.split(calibration),
        steps=steps,
        passes=passes,
        preprocessing=model.preprocessing,
    )


def first_images(model: Model, network: m.Network, images: int) -> Samples:
    """The first test images with their labels."""
    shape = network.inputs[0].shape
    return open_samples(model.split(f"test[:{images}]"), shape, model.preprocessing)


@dataclass(frozen=True, slots=True)
class Curves:
    """Sums over the images; the arrays have one entry per time step, `[t - 1]` for step t.

    `correct`, `agree`: images answered right, and as the ANN answers them. `spikes`: of all
    neurons up to and with the step. `settled`: the step from which on nothing changes, per image
    (-1: not within the run); empty for a schedule that does not end by itself.
    """

    images: int
    ann_correct: int
    correct: Ints
    agree: Ints
    spikes: Ints
    settled: Ints

    def settled_by(self, step: int) -> float | None:
        """Share of the images that are at rest after `step` steps; None where none ever is."""
        if not len(self.settled):
            return None
        return float(((self.settled >= 0) & (self.settled <= step)).mean())


def measure(compiled: snnc.Compiled, model: Model, images: int, steps: int) -> Curves:
    """Run the first test images for `steps` steps and compare each step with the ANN."""
    network = compiled.network
    ann = compiled.ann_reference()
    if ann is None:
        raise ValueError("the compiled network has no ANN to compare with")
    correct, agree, spikes = (np.zeros(steps, dtype=np.int64) for _ in range(3))
    settled: list[Ints] = []
    count = ann_correct = 0
    firing = [p.name for p in network.populations if not isinstance(p.neuron, m.Integrator)]
    size = _KEPT // (max(steps, 16) * max(1, neurons_of(network)))
    for x, labels in first_images(model, network, images).batches(max(1, min(_BATCH, size))):
        trace = compiled.run(x, steps=steps, record=firing)
        classes, expected = _classes(network, trace.outputs, ann, x)
        correct += (classes == labels).sum(axis=1)
        agree += (classes == expected).sum(axis=1)
        ann_correct += int((expected == labels).sum())
        count += len(x)
        for name in firing:
            spikes += np.cumsum(_fired(trace.rasters[name]))
        if trace.settled is not None:
            settled.append(trace.settled)
    at_rest = np.concatenate(settled) if settled else np.zeros(0, dtype=np.int64)
    return Curves(count, ann_correct, correct, agree, spikes, at_rest)


def _classes(
    network: m.Network, outputs: Mapping[str, NDArray[Any]], ann: AnnReference, x: NDArray[Any]
) -> tuple[Ints, Ints]:
    """Classes of the spiking network after each step (T, n), and those of the ANN (n,)."""
    judge = Judge(network)
    head = judge.head.name
    return judge.classify(outputs[head]), judge.classify(ann.logits(x, head))


def _fired(raster: NDArray[np.int8]) -> Ints:
    """Spikes of either sign in each step of a recorded population (T, n, *shape)."""
    return np.count_nonzero(raster.reshape(len(raster), -1), axis=1)

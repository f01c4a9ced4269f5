"""Labelled samples for passes that train, and the bundled network and images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnc.frontend.importer import import_model
from snnc.ir import model as m
from snnc.passes.base import Context

MNIST = Path(__file__).resolve().parent.parent / "examples" / "mnist"


@dataclass(frozen=True)
class Samples:
    """What `Context.labelled` takes."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.x), size):
            yield self.x[start : start + size], self.y[start : start + size]


def digits(split: str, count: int = 500) -> Samples:
    """The first bundled MNIST images."""
    with np.load(MNIST / "images.npz") as archive:
        x = archive[f"x_{split}"][:count, None].astype(np.float32) / 255
        return Samples(x, archive[f"y_{split}"][:count].astype(np.int64))


def bundled(name: str = "model") -> m.Network:
    """A bundled network of stage ann: `model`, `quantised` or `multi_exit`."""
    return import_model(MNIST / f"{name}.onnx", gate=False).network


def context_with(samples: Samples, network: m.Network, steps: int = 8) -> Context:
    """A context with these samples as labelled calibration data."""
    calibration = {network.inputs[0].name: samples.x[:128]}
    return Context(calibration=calibration, labelled=samples, steps=steps)

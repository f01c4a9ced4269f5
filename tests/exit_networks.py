"""A small network with internal heads whose labels are known, for the driver's tests of exits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import nets
import numpy as np

import snnc
from snnc.ir import model as m
from snnc.ir.interpret import evaluate
from snnc.ir.storage import save

SHAPE = (8,)
CLASSES = 3
STEPS = 16
Data: TypeAlias = "tuple[np.ndarray, np.ndarray]"


def network(*, internal: bool = True, seed: int = 10) -> m.Network:
    """Two hidden layers with ReLUs, each with a head where `internal`, and a last head; stage ann.

    The internal heads are the linear maps nearest to the last one on some samples.
    """
    builder = nets.Builder(seed=seed, shape=SHAPE)
    source, size = "image", SHAPE[0]
    for layer in ("fc1", "fc2"):
        builder.add(layer, (12,), m.Relu(), (source, (builder.dense(layer, 12, size),)), bias=(12,))
        source, size = layer, 12
        dense = builder.dense(f"{layer}.head", CLASSES, 12)
        builder.add(f"{layer}.head", (CLASSES,), m.Identity(), (layer, (dense,)))
    builder.add("fc3", (12,), m.Relu(), ("fc2", (builder.dense("fc3", 12, 12),)), bias=(12,))
    last = builder.dense("last", CLASSES, 12)
    builder.add("last", (CLASSES,), m.Identity(), ("fc3", (last,)), bias=(CLASSES,))
    heads = ("fc1.head", "fc2.head")
    made = builder.network(*heads, "last")
    values = evaluate(made, {"image": inputs(500, seed)})
    for name in heads:
        features = values[name.removesuffix(".head")]
        weight = np.linalg.lstsq(features, values["last"], rcond=None)[0].T
        made = made.with_arrays({f"{name}.weight": np.ascontiguousarray(weight, np.float32)})
    if internal:
        return made
    without = made.with_populations(p for p in made.populations if p.name not in heads)
    return replace(without, heads=made.heads[-1:])


def inputs(samples: int, seed: int) -> np.ndarray:
    """Samples between -1 and 1."""
    x = np.random.default_rng(seed).uniform(-1, 1, (samples, *SHAPE))
    return x.astype(np.float32)


def labelled(ann: m.Network, samples: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and what the last head of the ANN says of them as labels."""
    x = inputs(samples, seed)
    values = evaluate(ann, {"image": x}, keep=["last"])["last"]
    return x, values.argmax(axis=1).astype(np.int64)


def saved(ann: m.Network, folder: Path) -> Path:
    """The network as a file that `snnc.compile` takes."""
    path = folder / "net.snn"
    save(ann, path)
    return path


def compiled(net: Path, data: Data | np.ndarray | None, policy: str, **options: Any) -> Any:
    """A saved network compiled for `STEPS` steps with an exit."""
    return snnc.compile(net, calibration=data, exit=policy, **{"steps": STEPS, **options})
